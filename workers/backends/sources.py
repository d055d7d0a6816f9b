"""Where a model's files are: the local model, a folder on this machine, or a pinned commit on a hub.

A model is only ever read as data: safetensors and JSON, never a pickle, never code that came with it.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from workers.backends import local_model
from workers.backends.base import Config, GeneratorError

Kind = Literal["local model", "folder", "hub"]

_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
# All that is fetched of a hub model: no pickles (*.bin, *.pt), no code (*.py).
_HUB_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
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

    ``weights_sha256`` is blank for a hub model, whose commit already stands for every byte.
    """

    folder: Path
    kind: Kind
    revision: str
    weights_sha256: str
    note: str = ""


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


def find(config: Config) -> Source:
    """The model's folder, made or fetched first where need be. Raises GeneratorError with one sentence."""
    kind = kind_of(config)
    if kind == "local model":
        prepared = local_model.prepare(config.models)
        return Source(prepared.folder, kind, "", prepared.weights_sha256, prepared.source)
    if kind == "hub":
        folder = _fetch(config.model, config.revision)
        check_folder(folder, config.model)
        return Source(folder, kind, config.revision, "")
    folder = Path(config.model).expanduser()
    return Source(folder, kind, "", _hash(check_folder(folder, config.model)))


def check_folder(folder: Path, name: str) -> list[Path]:
    """The weight files of a model folder, sorted. Raises GeneratorError that says what the folder lacks."""
    if not folder.is_dir():
        raise GeneratorError.of({"model": f"There is no folder {name} on this machine."})
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise GeneratorError.of({"model": f"{name} holds an adapter, not a model. Merge it into its base model first."})
    settings = _json(folder, "config.json", name)
    if settings.get("is_encoder_decoder"):
        raise GeneratorError.of({"model": f"{name} is an encoder-decoder model; this backend runs decoders only."})
    if (folder / "model.safetensors").is_file():
        weights = [folder / "model.safetensors"]
    elif (folder / "model.safetensors.index.json").is_file():
        shards = _json(folder, "model.safetensors.index.json", name).get("weight_map")
        if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
            raise GeneratorError.of({"model": f"{name}: model.safetensors.index.json has no usable weight_map."})
        weights = [folder / shard for shard in sorted(set(shards.values()))]
    elif pickles := sorted(file.name for pattern in ("*.bin", "*.pt", "*.pth") for file in folder.glob(pattern)):
        raise GeneratorError.of(
            {
                "model": f"{name} keeps its weights as a pickle ({pickles[0]}), which can run code when it is opened. "
                "Only safetensors are read: save the model again with save_pretrained()."
            }
        )
    else:
        raise GeneratorError.of({"model": f"{name} has no model.safetensors."})
    if missing := [file.name for file in weights if not file.is_file()]:
        raise GeneratorError.of({"model": f"{name} is not whole: {missing[0]} is missing."})
    return weights


def tokenizer_sha256(folder: Path) -> str:
    """One hash over all the files that a tokenizer is made of, with their names."""
    return _hash([folder / name for name in _TOKENIZER_FILES if (folder / name).is_file()])


def _fetch(name: str, revision: str) -> Path:
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
        return Path(snapshot_download(name, revision=revision, allow_patterns=_HUB_FILES))
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


def _json(folder: Path, file: str, name: str) -> dict[str, object]:
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
