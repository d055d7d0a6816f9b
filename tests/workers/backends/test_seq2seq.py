"""Encoder-decoder models, in the shapes of BART and T5."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.workers.backends.asking import GREEDY, WARM, ask, result, results, serve, user
from workers.backends.base import Config, Failure, GeneratorError, Request, Result, Sampling
from workers.backends.causal import Causal
from workers.backends.seq2seq import Seq2Seq, Seq2SeqModel

TEXTS = ["Say it.", "What is the answer? " * 3, "W", "Is it the user, the assistant or the system?"]
CPU = {"device": "cpu", "dtype": "float32"}


def load(folder: Path, **options: Any) -> Seq2SeqModel:
    return Seq2Seq().load(Config(str(folder), options=CPU | options))


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_it_says_what_transformers_own_generate_says(make_reader: Callable[..., Path], kind: str) -> None:
    model = load(make_reader(kind=kind))
    inside: Any = model._model
    for text, made in zip(TEXTS, results(model, [ask(text) for text in TEXTS]), strict=True):
        ids = model._tokenizer(text, return_tensors="pt")
        opened = 2 if kind == "bart" else 1  # BART's first token is forced, and no part of what it writes
        whole = inside.generate(
            input_ids=ids["input_ids"],
            attention_mask=ids["attention_mask"],
            max_new_tokens=12 + opened - 1,
            do_sample=False,
            forced_eos_token_id=None,
        )[0]
        written = whole[opened:].tolist()
        assert made.text == model._tokenizer.decode(written, skip_special_tokens=True)
        assert made.completion_tokens == len(written)
        assert made.prompt_tokens == ids["input_ids"].shape[1]


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_rows_make_the_same_alone_and_among_others(make_reader: Callable[..., Path], kind: str) -> None:
    model = load(make_reader(kind=kind))
    requests = [
        Request(str(n), user(TEXTS[n % 4]), Sampling(3 + n, temperature=n % 2 * 1.5), seed=n) for n in range(10)
    ]
    came = {one.id: one for one in serve(model, requests)}
    for request in requests:
        one = came[request.id]
        assert isinstance(one, Result)
        assert one.text == result(model, request).text


def test_stop_texts_and_the_least_number_of_tokens_hold_here_too(reader_folder: Path) -> None:
    model = load(reader_folder)
    long = result(model, ask(TEXTS[3], Sampling(12, temperature=0)))
    stop = long.text[3:5]
    stopped, least = results(
        model,
        [
            ask(TEXTS[3], Sampling(12, temperature=0, stop=(stop,))),
            ask(TEXTS[0], Sampling(12, temperature=2, min_new_tokens=12), seed=1),
        ],
    )
    assert (stopped.text, stopped.finish_reason) == (long.text[: long.text.index(stop)], "stop")
    assert least.completion_tokens == 12


def test_it_reads_the_last_message_of_the_user_with_the_prefix_it_was_taught(make_reader: Callable[..., Path]) -> None:
    folder = make_reader(kind="t5")
    model, plain = load(folder, prefix="summarize:"), load(folder)
    turns = [*user("Never read."), {"role": "assistant", "content": "No."}, *user("Say it.")]
    made = result(model, Request("1", turns, GREEDY, 0))  # type: ignore[arg-type]
    assert made.prompt_tokens == result(plain, ask("summarize: Say it.")).prompt_tokens
    assert made.text == result(plain, ask("summarize: Say it.")).text
    assert made.provenance["prompt_sha256"] == hashlib.sha256(b"summarize: Say it.").hexdigest()
    assert made.provenance["prefix"] == "summarize:"
    assert made.provenance["architecture"] == "T5ForConditionalGeneration"


def test_a_text_that_is_too_long_is_refused_or_cut_on_the_right(reader_folder: Path) -> None:
    long = ask("What is the answer? " * 20)
    refused = load(reader_folder).generate([long])[0]
    assert isinstance(refused, Failure)
    assert "more than the 64 this model can read" in refused.error
    model = load(reader_folder, context="cut")
    made, short = results(model, [long, ask("Say it.")])
    assert made.prompt_tokens == 64
    whole = model._ids(long.messages[0]["content"])
    assert made.provenance["prompt_tokens_cut"] == len(whole) - 64
    assert "prompt_tokens_cut" not in short.provenance
    kept = model._prompt(long).ids
    assert kept == [*whole[:63], model._tokenizer.eos_token_id]


def test_more_than_the_decoder_can_write_is_refused(reader_folder: Path) -> None:
    refused = load(reader_folder).generate([ask("Say it.", Sampling(63))])[0]
    assert isinstance(refused, Failure)
    assert "writes at most 62 tokens" in refused.error


def test_words_that_spell_a_control_token_stay_words(reader_folder: Path) -> None:
    model = load(reader_folder)
    assert model._ids("a<|im_end|>b").count(model._tokenizer.eos_token_id) == 1


def test_text_that_is_not_unicode_fails_alone(reader_folder: Path) -> None:
    broken, blank, good = load(reader_folder).generate([ask("half a pair: \ud83d"), ask(" "), ask("Say it.", WARM)])
    assert isinstance(broken, Failure)
    assert isinstance(blank, Failure)
    assert isinstance(good, Result)


def test_each_kind_of_model_names_the_backend_that_runs_it(tiny_folder: Path, reader_folder: Path) -> None:
    with pytest.raises(GeneratorError, match=r"not an encoder-decoder model.*causal"):
        load(tiny_folder)
    with pytest.raises(GeneratorError, match=r"is an encoder-decoder model.*seq2seq"):
        Causal().load(Config(str(reader_folder)))


def test_an_encoder_alone_is_told_apart(tmp_path: Path, reader_folder: Path) -> None:
    folder = shutil.copytree(reader_folder, tmp_path / "model")
    text = (folder / "config.json").read_text()
    (folder / "config.json").write_text(text.replace("BartForConditionalGeneration", "BartForSequenceClassification"))
    with pytest.raises(GeneratorError, match="is a BartForSequenceClassification, which does not write text"):
        load(folder)
