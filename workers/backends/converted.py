"""Models that are turned once into a folder of safetensors, and kept: those that come as a GGUF file.

A GGUF file is opened in a quarter of a minute to some minutes, the folder made of it in about a second.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workers.backends.base import GeneratorError

logger = logging.getLogger(__name__)

MANIFEST = "converted.json"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A converted model: its folder, the SHA-256 of its weights, and that of the file it was made from."""

    folder: Path
    weights_sha256: str
    source: str
    source_sha256: str


def prepare(
    models: Path, folder_name: str, *, name: str, about: Mapping[str, Any], convert: Callable[[Path], None]
) -> Prepared:
    """The converted model in ``models``, made by ``convert`` first where it is not there yet.

    ``folder_name`` must name the source and the way of converting; ``about`` goes into the manifest and holds
    ``source`` and ``source_sha256``. Several processes may call this at once: one converts, the others wait for it. A
    conversion that was cut short leaves nothing that is taken for a model.
    """
    folder = models / folder_name
    if prepared := read(folder):
        return prepared

    from filelock import FileLock  # here: the web process imports this module and never converts

    try:
        models.mkdir(parents=True, exist_ok=True)
        with FileLock(models / f".{folder_name}.lock"):
            if prepared := read(folder):  # another process made it while this one waited
                return prepared
            for left_over in models.glob(f".{folder_name}-*"):
                if left_over.is_dir():
                    shutil.rmtree(left_over)
            logger.info("Preparing the model %s in %s. This is done once.", name, folder)
            _make(folder, about, convert)
    except OSError as error:
        raise GeneratorError(
            f"The model {name} could not be prepared in {models}: {error}. "
            f"It needs room for the whole model there and the right to write."
        ) from error
    made = read(folder)
    if made is None:
        raise GeneratorError(f"The model {name} was prepared in {folder} but cannot be read back.")
    return made


def read(folder: Path) -> Prepared | None:
    """What is in ``folder``, or None where it is missing or not whole (a full disk, a file taken away)."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if any((folder / name).stat().st_size != file["bytes"] for name, file in manifest["files"].items()):
            return None
        return Prepared(folder, _weights(manifest["files"]), manifest["source"], manifest["source_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def convert_gguf(gguf: Path, folder: Path) -> None:
    """Write a GGUF model to ``folder`` as safetensors with its tokenizer: in bfloat16, or as wide as it was stored."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    source: dict[str, Any] = {"gguf_file": gguf.name, "local_files_only": True, "trust_remote_code": False}
    as_wide: dict[int | None, Any] = {0: torch.float32, 1: torch.float16}
    stored = as_wide.get(_file_type(gguf), torch.bfloat16)
    auto: Any = AutoModelForCausalLM
    model = auto.from_pretrained(gguf.parent, dtype=stored, quantization_config=GgufConfig(dequantize=True), **source)
    # The weights are plain tensors by now, but the model still calls itself quantized and would refuse to be saved.
    model.hf_quantizer = None
    model.is_quantized = False
    if getattr(model.config, "quantization_config", None) is not None:
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer: Any = AutoTokenizer.from_pretrained(gguf.parent, **source)
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(folder)


def _file_type(gguf: Path) -> int | None:
    """What most of the file's tensors are stored as: llama.cpp's number for it, or None where it does not say."""
    from gguf import GGUFReader

    field = GGUFReader(gguf).get_field("general.file_type")
    return None if field is None else int(field.contents())


def _make(folder: Path, about: Mapping[str, Any], convert: Callable[[Path], None]) -> None:
    """Convert beside ``folder`` and move the whole into place, so that it is there complete or not at all."""
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        convert(partial)
        for file in partial.iterdir():
            file.chmod(0o644)
        manifest = {**about, "files": {file.name: _fingerprint(file) for file in sorted(partial.iterdir())}}
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        partial.chmod(0o755)  # mkdtemp makes it for its owner alone; the web and the workers may differ
        if folder.exists():  # not whole, or read would have taken it
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _weights(files: Mapping[str, Any]) -> str:
    """The hash of the weights: of the one file, or over the hashes of several."""
    hashes = {name: file["sha256"] for name, file in sorted(files.items()) if name.endswith(".safetensors")}
    if len(hashes) == 1:
        return str(next(iter(hashes.values())))
    if not hashes:
        raise KeyError("model.safetensors")
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in hashes.items()).encode()).hexdigest()


def _fingerprint(file: Path) -> dict[str, int | str]:
    with file.open("rb") as opened:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
