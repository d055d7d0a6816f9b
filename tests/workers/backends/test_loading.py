"""Adapters and GGUF files."""

import hashlib
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workers.backends.asking import ask, result, results, serve
from workers.backends.base import Config, GeneratorError, Result, Sampling
from workers.backends.causal import Causal, CausalModel

CPU = {"device": "cpu", "dtype": "float32"}
LONG = Sampling(24, temperature=0)


@pytest.fixture(scope="module")
def adapter_folder(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter of the tiny model that changes what it says."""
    import peft
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("adapter")
    auto: Any = AutoModelForCausalLM
    asked = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by its older names
        model: Any = peft.get_peft_model(auto.from_pretrained(tiny_folder), asked)
    torch.manual_seed(1)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weights, std=0.3)
    model.save_pretrained(folder)
    return folder


def with_adapter(tiny_folder: Path, adapter: Path | str, **options: Any) -> CausalModel:
    return Causal().load(Config(str(tiny_folder), options=CPU | {"adapter": str(adapter)} | options))


def test_an_adapter_changes_what_the_model_says_and_the_provenance_names_it(
    tiny_folder: Path, adapter_folder: Path, tiny: CausalModel
) -> None:
    import peft
    from transformers import AutoModelForCausalLM

    model = with_adapter(tiny_folder, adapter_folder)
    made = result(model, ask("Say it.", LONG))
    assert made.text != result(tiny, ask("Say it.", LONG)).text
    auto: Any = AutoModelForCausalLM
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        theirs: Any = peft.PeftModel.from_pretrained(auto.from_pretrained(tiny_folder), str(adapter_folder)).eval()
    ids = model._chat.encode(ask("Say it.").messages)
    whole = theirs.generate(input_ids=model_ids(ids), max_new_tokens=24, do_sample=False)[0]
    assert made.text == model._chat.tokenizer.decode(whole[len(ids) :], skip_special_tokens=True)
    said = made.provenance["adapter"]
    assert (said["name"], said["revision"], said["merged"]) == (str(adapter_folder), "", True)
    assert len(said["sha256"]) == 64
    assert made.provenance["versions"]["peft"] == peft.__version__
    assert made.provenance["architecture"] == "LlamaForCausalLM"


def model_ids(ids: list[int]) -> Any:
    """The ids as a batch of one."""
    import torch

    return torch.tensor([ids])


def test_continuous_batching_runs_a_model_with_its_adapter(tiny_folder: Path, adapter_folder: Path) -> None:
    plain = with_adapter(tiny_folder, adapter_folder)
    model = with_adapter(tiny_folder, adapter_folder, engine="continuous")
    came = serve(model, [ask("Say it.", LONG)])[0]
    assert isinstance(came, Result)
    assert came.text == result(plain, ask("Say it.", LONG)).text


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lambda folder: (folder / "adapter_model.safetensors").unlink(), "has no adapter_model.safetensors; a pickle"),
        (
            lambda folder: (folder / "adapter_config.json").unlink(),
            "has no adapter_config.json, so it is not an adapter",
        ),
        (lambda folder: (folder / "adapter_config.json").write_text('{"peft_type": "IA3"}'), "is a IA3 adapter"),
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"short"), "is damaged or cut short"),
    ],
    ids=["no weights", "no config", "another kind", "damaged"],
)
def test_an_adapter_that_cannot_be_used_says_why(
    tiny_folder: Path, adapter_folder: Path, tmp_path: Path, harm: Callable[[Path], object], reason: str
) -> None:
    folder = shutil.copytree(adapter_folder, tmp_path / "adapter")
    harm(folder)
    with pytest.raises(GeneratorError, match=reason) as caught:
        with_adapter(tiny_folder, folder)
    assert list(caught.value.errors) == ["adapter"]


def test_an_adapter_of_another_model_does_not_fit(make_model: Callable[..., Path], adapter_folder: Path) -> None:
    with pytest.raises(GeneratorError, match="does not fit this model") as caught:
        with_adapter(make_model(kind="gpt2"), adapter_folder)
    assert list(caught.value.errors) == ["adapter"]


def test_an_adapter_that_is_not_there(tiny_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"There is no folder .*nowhere on this machine"):
        with_adapter(tiny_folder, tmp_path / "nowhere")


def test_an_adapter_alone_is_no_model(adapter_folder: Path) -> None:
    with pytest.raises(GeneratorError, match=r"holds an adapter, not a model\. Name its base model here"):
        Causal().load(Config(str(adapter_folder)))


@pytest.fixture(scope="module")
def gguf_file(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model as llama.cpp would store it, in float32."""
    import json

    import gguf
    from safetensors.numpy import load_file

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    settings = json.loads((tiny_folder / "config.json").read_text())
    words = json.loads((tiny_folder / "tokenizer.json").read_text())["model"]
    weights = load_file(tiny_folder / "model.safetensors")
    heads, kv_heads = settings["num_attention_heads"], settings["num_key_value_heads"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(0)
    writer.add_block_count(settings["num_hidden_layers"])
    writer.add_context_length(settings["max_position_embeddings"])
    writer.add_embedding_length(settings["hidden_size"])
    writer.add_feed_forward_length(settings["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_layer_norm_rms_eps(settings["rms_norm_eps"])
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(settings["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    ordered = sorted(words["vocab"], key=words["vocab"].get)
    writer.add_token_list(ordered)
    writer.add_token_types([3 if word.startswith("<|") else 1 for word in ordered])
    writer.add_token_merges([" ".join(pair) if isinstance(pair, list) else pair for pair in words["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(0)
    writer.add_chat_template((tiny_folder / "chat_template.jinja").read_text())
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, settings["num_hidden_layers"])
    for name, tensor in weights.items():
        if "q_proj" in name or "k_proj" in name:  # llama.cpp turns pairs of numbers where others turn halves
            count = heads if "q_proj" in name else kv_heads
            shape = tensor.shape
            tensor = tensor.reshape(count, 2, shape[0] // count // 2, shape[1]).swapaxes(1, 2).reshape(shape)
        stored = names.get_name(name, try_suffixes=(".weight",))
        assert stored is not None, name
        writer.add_tensor(stored, tensor.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("named", ["by its path", "by its folder and its name"])
def test_a_gguf_file_is_turned_into_a_folder_once_and_says_the_same(
    gguf_file: Path, tiny: CausalModel, tmp_path_factory: pytest.TempPathFactory, named: str
) -> None:
    models = tmp_path_factory.mktemp("models")
    asked = (
        Config(str(gguf_file), models=models, options=CPU)
        if named == "by its path"
        else Config(str(gguf_file.parent), models=models, options=CPU | {"file": gguf_file.name})
    )
    model = Causal().load(asked)
    requests = [ask("Say it.", LONG), ask("What is the answer?", LONG)]
    assert [one.text for one in results(model, requests)] == [one.text for one in results(tiny, requests)]
    made = model.describe()
    assert made["gguf_sha256"] == hashlib.sha256(gguf_file.read_bytes()).hexdigest()
    assert made["source"] == "tiny.gguf"
    assert made["chat_template"] == "model"
    folders = [folder for folder in models.iterdir() if folder.is_dir()]
    assert len(folders) == 1
    before = (folders[0] / "model.safetensors").stat().st_mtime_ns
    assert Causal().load(asked).describe()["weights_sha256"] == made["weights_sha256"]
    assert (folders[0] / "model.safetensors").stat().st_mtime_ns == before


def test_a_gguf_file_that_is_none_or_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "fake.gguf").write_bytes(b"PK\x03\x04")
    with pytest.raises(GeneratorError, match=r"fake\.gguf is not a GGUF file"):
        Causal().load(Config(str(tmp_path / "fake.gguf"), models=tmp_path))
    with pytest.raises(GeneratorError, match=r"There is no file missing\.gguf"):
        Causal().load(Config(str(tmp_path), models=tmp_path, options={"file": "missing.gguf"}))
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00")
    with pytest.raises(GeneratorError, match="cannot be loaded"):
        Causal().load(Config(str(tmp_path / "cut.gguf"), models=tmp_path))
