import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from workers.backends import sources
from workers.backends.base import Config, GeneratorError
from workers.backends.sources import check_folder, kind_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("model", "revision", "kind"),
    [
        ("smollm2-135m-instruct", "", "local model"),
        ("/models/mine", "", "folder"),
        ("./mine", "", "folder"),
        ("~/mine", "", "folder"),
        ("owner/model-1.5B", COMMIT, "hub"),
    ],
)
def test_a_name_says_what_kind_of_model_it_is(model: str, revision: str, kind: str) -> None:
    assert kind_of(Config(model, revision=revision)) == kind


@pytest.mark.parametrize("model", ["gpt", "a/b/c", "https://example.org/model", "owner/../model", "owner/", "o w/n"])
def test_a_name_that_is_nothing_is_refused(model: str) -> None:
    with pytest.raises(GeneratorError, match="is none of: the local model smollm2-135m-instruct, a folder"):
        kind_of(Config(model, revision=COMMIT))


@pytest.mark.parametrize("revision", ["", "main", "v1.0", COMMIT[:12], COMMIT.upper()])
def test_a_hub_model_needs_a_whole_commit(revision: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        kind_of(Config("owner/model", revision=revision))
    assert list(caught.value.errors) == ["revision"]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "has no config.json, so it is not a model folder"),
        ({"config.json": "{"}, "config.json cannot be read"),
        ({"config.json": "[]"}, "config.json does not hold an object"),
        ({"config.json": "{}"}, "has no model.safetensors"),
        ({"config.json": '{"is_encoder_decoder": true}'}, "is an encoder-decoder model"),
        ({"adapter_config.json": "{}"}, "holds an adapter, not a model"),
        ({"config.json": "{}", "small.gguf": ""}, "has no model.safetensors, but small.gguf: name that as its file"),
        ({"config.json": "{}", "pytorch_model.bin": ""}, r"as a pickle \(pytorch_model.bin\), which can run code"),
        ({"config.json": "{}", "model.safetensors.index.json": "{}"}, "no usable weight_map"),
        (
            {"config.json": "{}", "model.safetensors.index.json": '{"weight_map": {"w": "model-2.safetensors"}}'},
            "is not whole: model-2.safetensors is missing",
        ),
    ],
)
def test_a_folder_is_told_what_it_lacks(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(GeneratorError, match=reason):
        check_folder(tmp_path, "mine")


def test_shards_are_hashed_together(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "2.safetensors", "b": "1.safetensors", "c": "2.safetensors"}})
    )
    (tmp_path / "1.safetensors").write_text("one")
    (tmp_path / "2.safetensors").write_text("two")
    assert [file.name for file in check_folder(tmp_path, "mine")] == ["1.safetensors", "2.safetensors"]
    before = sources.find(Config(str(tmp_path)))
    (tmp_path / "2.safetensors").write_text("TWO")
    assert sources.find(Config(str(tmp_path))).weights_sha256 != before.weights_sha256


def in_hub_cache(home: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run code offline with a hub cache of its own: the hub's client reads its settings once, when it is imported."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


FIND = f"""
from workers.backends import sources
from workers.backends.base import Config, GeneratorError
try:
    print(sources.find(Config("owner/model", revision="{COMMIT}")))
except GeneratorError as error:
    print(error)
"""


def test_a_hub_model_that_is_not_here_and_no_network(tmp_path: Path) -> None:
    ran = in_hub_cache(tmp_path, FIND)
    assert "owner/model at 0123456789ab is not in this machine's cache" in ran.stdout, ran.stderr


def test_a_hub_model_comes_from_the_cache_by_its_commit(tmp_path: Path, tiny_folder: Path) -> None:
    snapshot = tmp_path / "hub" / "models--owner--model" / "snapshots" / COMMIT
    shutil.copytree(tiny_folder, snapshot)
    ran = in_hub_cache(tmp_path, FIND)
    assert str(snapshot) in ran.stdout, ran.stderr
    assert f"revision='{COMMIT}'" in ran.stdout
