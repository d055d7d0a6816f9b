"""Where a model's files are: the local model, a folder or a GGUF file on this machine, or a pinned commit on a hub.

A model is only ever read as data: safetensors, GGUF and JSON, never a pickle. Code that came with it is fetched and run
only where an operator allowed that (``Config.may_run_code``).
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.backends import converted, local_model
from workers.backends.base import Config, GeneratorError

Kind = Literal["local model", "folder", "hub"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
# All that is fetched of a hub model: no pickles (*.bin, *.pt), no code (*.py).
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
# Bytes: safetensors allows no longer head, and a file that is none may ask for anything.
_LONGEST_HEAD = 100_000_000
# Counts up whenever a GGUF file is converted otherwise.
_GGUF_RECIPE = 1
_TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tekken.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "vocab.json",
)


@dataclass(frozen=True, slots=True)
class Source:
    """A folder that holds a whole model, with what identifies it in a provenance.

    ``weights_sha256`` is blank for a hub model, whose commit already stands for every byte. ``gguf_sha256`` is of the
    GGUF file that the folder was made from, blank for other models.
    """

    folder: Path
    kind: Kind
    revision: str
    weights_sha256: str
    note: str = ""
    gguf_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A folder that holds a LoRA adapter: its name, the commit of a hub's, and the SHA-256 of its files."""

    name: str
    folder: Path
    revision: str
    sha256: str


def kind_of(config: Config) -> Kind:
    """What the model's name stands for, from the name alone. Raises GeneratorError for one that cannot be."""
    model = config.model
    if model == local_model.NAME:
        kind: Kind = "local model"
    elif model.startswith(("/", "./", "../", "~/")):
        kind = "folder"
    elif _HUB_NAME.fullmatch(model):
        if not _COMMIT.fullmatch(config.revision):
            raise GeneratorError.of(
                {
                    "revision": "A hub model needs the commit to use, 40 characters of 0-9 and a-f, so that every "
                    "candidate comes from the same weights. It stands on the model's page under Files, History."
                }
            )
        return "hub"
    else:
        raise GeneratorError.of(
            {
                "model": f"{model!r} is none of: the local model {local_model.NAME}, a folder on the generation "
                f"worker that begins with / or ./, a hub name such as owner/model."
            }
        )
    if config.revision:
        raise GeneratorError.of({"revision": "Only a hub model has revisions. Leave it blank."})
    return kind


def gguf_of(config: Config) -> str:
    """The name of the GGUF file inside the folder or the hub's repository; blank where the model is no GGUF file.

    Raises GeneratorError for a name that cannot be one.
    """
    asked = str(config.options.get("file") or "")
    if not asked:
        return Path(config.model).name if config.model.endswith(".gguf") else ""
    if config.model.endswith(".gguf") or kind_of(config) == "local model":
        raise GeneratorError.of({"file": "The model is one file already. Leave this blank."})
    if not asked.endswith(".gguf") or "/" in asked or "\\" in asked or asked.startswith("."):
        raise GeneratorError.of({"file": f"{asked!r} is not the name of a GGUF file inside the model's folder."})
    return asked


def adapter_of(config: Config) -> tuple[str, str]:
    """The name and the commit of the adapter, blank where there is none. Raises GeneratorError for what cannot be."""
    asked = str(config.options.get("adapter") or "")
    if not asked or asked.startswith(("/", "./", "../", "~/")):
        return asked, ""
    name, _, commit = asked.partition("@")
    if not _HUB_NAME.fullmatch(name) or not _COMMIT.fullmatch(commit):
        raise GeneratorError.of(
            {
                "adapter": f"{asked!r} is neither a folder on the generation worker that begins with / or ./, nor a "
                "hub name with its whole commit, such as owner/adapter@0123…cdef (40 characters of 0-9 and a-f)."
            }
        )
    return name, commit


def find(config: Config, *, encoder_decoder: bool = False) -> Source:
    """The model's folder, made or fetched first where need be. Raises GeneratorError with one sentence."""
    kind, gguf = kind_of(config), gguf_of(config)
    if kind == "local model":
        prepared = local_model.prepare(config.models)
        return Source(prepared.folder, kind, "", prepared.weights_sha256, prepared.source, prepared.source_sha256)
    if kind == "hub":
        wanted = [gguf] if gguf else [*_HUB_FILES, *(["*.py"] if config.may_run_code else [])]
        folder = _fetch(config.model, config.revision, wanted)
    else:
        folder = Path(config.model).expanduser()
    if gguf:
        file = folder if folder.name == gguf else folder / gguf
        return _from_gguf(file, config, kind)
    weights = check_folder(folder, config.model, encoder_decoder=encoder_decoder)
    return Source(folder, kind, config.revision, "" if kind == "hub" else _hash(weights))


def find_adapter(config: Config) -> Adapter | None:
    """The adapter's folder, fetched first where need be, or None where there is none. Raises GeneratorError."""
    name, commit = adapter_of(config)
    if not name:
        return None
    try:
        folder = _fetch(name, commit, _HUB_FILES) if commit else Path(name).expanduser()
        if not folder.is_dir():
            raise GeneratorError.of({"model": f"There is no folder {name} on this machine."})
        settings = read_json(folder, "adapter_config.json", name)
    except GeneratorError as error:
        said = " ".join(error.errors.values()) or str(error)
        raise GeneratorError.of({"adapter": said.replace("a model folder", "an adapter")}) from error
    if settings.get("peft_type") != "LORA":
        raise GeneratorError.of(
            {"adapter": f"{name} is a {settings.get('peft_type')} adapter; only LORA is known here."}
        )
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file():
        raise GeneratorError.of(
            {
                "adapter": f"{name} has no adapter_model.safetensors; a pickle (adapter_model.bin) is not read, for it "
                "can run code when it is opened."
            }
        )
    check_whole([weights], name, field="adapter")
    return Adapter(name, folder, commit, _hash([folder / "adapter_config.json", weights]))


def check_folder(folder: Path, name: str, *, encoder_decoder: bool = False) -> list[Path]:
    """The weight files of a model folder, sorted. Raises GeneratorError that says what the folder lacks."""
    if not folder.is_dir():
        raise GeneratorError.of({"model": f"There is no folder {name} on this machine."})
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise GeneratorError.of(
            {"model": f"{name} holds an adapter, not a model. Name its base model here, and this as the adapter."}
        )
    settings = read_json(folder, "config.json", name)
    if settings.get("is_encoder_decoder") and not encoder_decoder:
        raise GeneratorError.of(
            {
                "model": f"{name} is an encoder-decoder model; this backend runs decoders only. "
                "The backend seq2seq runs it."
            }
        )
    if (folder / "model.safetensors").is_file():
        weights = [folder / "model.safetensors"]
    elif (folder / "model.safetensors.index.json").is_file():
        shards = read_json(folder, "model.safetensors.index.json", name).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
            raise GeneratorError.of({"model": f"{name}: model.safetensors.index.json has no usable weight_map."})
        weights = [folder / shard for shard in sorted(set(shards.values()))]
    else:
        raise GeneratorError.of({"model": _without_weights(folder, name)})
    if missing := [file.name for file in weights if not file.is_file()]:
        raise GeneratorError.of({"model": f"{name} is not whole: {missing[0]} is missing."})
    return weights


def check_whole(weights: list[Path], name: str, *, field: str = "model") -> None:
    """Raise GeneratorError for a file that is no safetensors, or was cut short: its head says how long it must be."""
    for file in weights:
        try:
            with file.open("rb") as opened:
                size = int.from_bytes(opened.read(8), "little")
                head = json.loads(opened.read(min(size, _LONGEST_HEAD)))
            ends = [entry["data_offsets"][1] for tensor, entry in head.items() if tensor != "__metadata__"]
            whole = 8 + size + max(ends, default=0) == file.stat().st_size
        except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise GeneratorError.of({field: f"{name}: {file.name} is damaged or cut short. Copy it here again."})


def _without_weights(folder: Path, name: str) -> str:
    """What to do about a folder that has no safetensors."""
    if pickles := sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in folder.glob(pattern)):
        return (
            f"{name} keeps its weights as a pickle ({pickles[0]}), which can run code when it is opened. "
            "Only safetensors are read: save the model again with save_pretrained()."
        )
    if files := sorted(file.name for file in folder.glob("*.gguf")):
        return f"{name} has no model.safetensors, but {files[0]}: name that as its file."
    return f"{name} has no model.safetensors."


def _from_gguf(file: Path, config: Config, kind: Kind) -> Source:
    """The folder that a GGUF file is turned into, made the first time it is asked for."""
    if not file.is_file():
        raise GeneratorError.of({"model": f"There is no file {file.name} in {file.parent}."})
    with file.open("rb") as opened:
        if opened.read(4) != b"GGUF":
            raise GeneratorError.of({"model": f"{file.name} is not a GGUF file."})
    sha256 = _hash([file])
    about = {"source": file.name, "source_sha256": sha256, "recipe": _GGUF_RECIPE}
    prepared = converted.prepare(
        config.models,
        f"gguf-{sha256[:20]}-{_GGUF_RECIPE}",
        name=config.model,
        about=about,
        convert=lambda folder: converted.convert_gguf(file, folder),
    )
    return Source(prepared.folder, kind, config.revision, prepared.weights_sha256, file.name, sha256)


def code_sha256(folder: Path) -> str:
    """One hash over all the code that came with a model."""
    return _hash(sorted(folder.glob("*.py")))


def tokenizer_sha256(folder: Path) -> str:
    """One hash over all the files that a tokenizer is made of, with their names."""
    return _hash([folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()])


def _fetch(name: str, revision: str, wanted: list[str]) -> Path:
    """A hub model's files out of the hub's own cache, fetched where they are not there yet.

    ``HF_HUB_OFFLINE``, ``HF_HOME``, ``HF_ENDPOINT`` and ``HF_TOKEN`` are the hub client's to heed.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
    except GatedRepoError as error:  # a kind of RepositoryNotFoundError, so it comes first
        reason = "its owner has not given this token access. Ask for it on the model's page and set HF_TOKEN."
        raise GeneratorError.of({"model": f"{name} cannot be fetched: {reason}"}) from error
    except RepositoryNotFoundError as error:
        raise GeneratorError.of({"model": f"The hub has no model {name}, or HF_TOKEN may not see it."}) from error
    except RevisionNotFoundError as error:
        raise GeneratorError.of({"revision": f"{name} has no commit {revision}."}) from error
    except LocalEntryNotFoundError as error:
        raise GeneratorError.of(
            {
                "model": f"{name} at {revision[:12]} is not in this machine's cache, and the hub cannot be reached "
                "(or HF_HUB_OFFLINE is set). Fetch it where there is a network, or use a folder."
            }
        ) from error
    except Exception as error:  # the network and the disk fail in many ways
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise GeneratorError(f"{name} cannot be fetched from the hub: {first}") from error


def read_json(folder: Path, file: str, name: str) -> dict[str, object]:
    """What a JSON file of a model's folder holds. Raises GeneratorError that names the model."""
    try:
        data = json.loads((folder / file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GeneratorError.of({"model": f"{name} has no {file}, so it is not a model folder."}) from None
    except (OSError, ValueError) as error:
        raise GeneratorError.of({"model": f"{name}: {file} cannot be read: {error}"}) from error
    if not isinstance(data, dict):
        raise GeneratorError.of({"model": f"{name}: {file} does not hold an object."})
    return data


def _hash(files: list[Path]) -> str:
    """The SHA-256 of one file, or over the names and hashes of several."""
    hashes = {}
    for file in files:
        with file.open("rb") as opened:
            hashes[file.name] = hashlib.file_digest(opened, "sha256").hexdigest()
    if len(hashes) == 1:
        return next(iter(hashes.values()))
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in hashes.items()).encode()).hexdigest()
