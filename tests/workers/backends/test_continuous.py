"""Continuous batching: the very code that runs on a GPU, here on the processor with the tiny model."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workers.backends.asking import GREEDY, ask, result, serve
from tests.workers.backends.test_padded import many
from workers.backends import continuous
from workers.backends.base import Config, Failure, GeneratorError, Outcome, Request, Result, Sampling
from workers.backends.causal import Causal, CausalModel
from workers.backends.picking import pick_on_device

CPU = {"device": "cpu", "dtype": "float32"}


def texts(came: list[Outcome]) -> dict[str, str]:
    """The completions by their requests."""
    assert [one for one in came if isinstance(one, Failure)] == []
    return {one.id: one.text for one in came if isinstance(one, Result)}


def loops() -> list[threading.Thread]:
    """The threads in which continuous batching runs."""
    return [thread for thread in threading.enumerate() if "_run_generation_loop" in thread.name]


@pytest.fixture
def model(tiny_folder: Path) -> Iterator[CausalModel]:
    loaded = Causal().load(Config(str(tiny_folder), options=CPU | {"engine": "continuous"}))
    yield loaded
    assert loops() == []
    loaded.close()


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_it_makes_what_the_padded_batches_make(tiny_folder: Path, tiny: CausalModel, attention: str) -> None:
    options = CPU | {"engine": "continuous", "attention": attention}
    model = Causal().load(Config(str(tiny_folder), options=options, width=8))
    came = serve(model, many(24))
    assert {one.provenance["engine"] for one in came if isinstance(one, Result)} == {"continuous batching"}
    assert texts(came) == texts(serve(tiny, many(24)))
    assert len(set(texts(came).values())) > 12
    inside: Any = model._model
    assert inside.config._attn_implementation == attention  # as it was before


def test_a_seed_makes_the_same_text_alone_and_among_others(model: CausalModel) -> None:
    requests = many(12)
    among = texts(serve(model, requests))
    for request in requests[1:6]:
        assert texts(serve(model, [request])) == {request.id: among[request.id]}


def test_picked_without_waiting_for_the_device_the_texts_are_the_same(
    model: CausalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = texts(serve(model, many(12)))
    monkeypatch.setattr(continuous, "pick", pick_on_device)
    assert texts(serve(model, many(12))) == expected


def test_short_completions_come_out_before_long_ones_and_make_room(tiny_folder: Path) -> None:
    model = Causal().load(Config(str(tiny_folder), options=CPU | {"engine": "continuous"}, width=4))
    requests = [ask("long", Sampling(90, temperature=0)), *[ask(str(n), Sampling(4, temperature=0)) for n in range(20)]]
    assert [one.id for one in serve(model, requests)][-1] == "long"


def test_stop_texts_least_tokens_and_limits_are_each_rows_own(model: CausalModel, tiny: CausalModel) -> None:
    long = result(tiny, ask("What is the answer? " * 3, Sampling(20, temperature=0)))
    stop = long.text[7:10]
    requests = [
        Request("stop", ask("What is the answer? " * 3).messages, Sampling(20, temperature=0, stop=(stop,)), 0),
        Request("least", ask("Say it.").messages, Sampling(40, temperature=1.5, min_new_tokens=30), 7),
        Request("one", ask("Say it.").messages, Sampling(1, temperature=0), 7),
        *many(6),
    ]
    came = {one.id: one for one in serve(model, requests)}
    alone = {one.id: one for one in serve(tiny, requests)}
    for name, one in came.items():
        other = alone[name]
        assert isinstance(one, Result)
        assert isinstance(other, Result)
        assert (one.text, one.finish_reason, one.completion_tokens) == (
            other.text,
            other.finish_reason,
            other.completion_tokens,
        )
    stopped = came["stop"]
    assert isinstance(stopped, Result)
    assert stopped.text == long.text[: long.text.index(stop)]


def test_turns_end_at_the_models_end_tokens_but_not_before_the_least(make_model: Callable[..., Path]) -> None:
    folder = make_model(ends=list(range(2, 200)))
    model = Causal().load(Config(str(folder), options=CPU | {"engine": "continuous"}))
    plain = Causal().load(Config(str(folder), options=CPU))
    requests = [ask(f"W {n}", Sampling(20, temperature=1, min_new_tokens=n), seed=n) for n in range(12)]
    came = serve(model, requests)
    assert texts(came) == texts(serve(plain, requests))
    assert {one.finish_reason for one in came if isinstance(one, Result)} >= {"stop"}
    least = {request.id: request.sampling.min_new_tokens for request in requests}
    assert all(one.completion_tokens >= least[one.id] for one in came if isinstance(one, Result))


def test_rows_that_lose_their_place_for_lack_of_room_go_on_where_they_were(
    model: CausalModel, tiny: CausalModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache holds a few rows at their full length: others are put off, and read again later."""
    from transformers.generation.continuous_batching.offloading_manager import OffloadingManager

    put_off: list[bool] = []
    offload: Any = OffloadingManager.offload_requests

    def watched(self: Any) -> bool:
        put_off.append(offload(self))
        return put_off[-1]

    monkeypatch.setattr(OffloadingManager, "offload_requests", watched)
    monkeypatch.setattr(continuous, "budget", lambda _: 256)
    requests = [ask(f"Say it {n}", Sampling(80, temperature=0.9, top_p=0.95), seed=n) for n in range(8)]
    assert texts(serve(model, requests)) == texts(serve(tiny, requests))
    assert any(put_off)


def test_what_the_heartbeat_raises_leaves_nothing_running(model: CausalModel) -> None:
    came: list[Outcome] = []
    left = [ask("short", Sampling(2)), *[ask(f"long {n}", Sampling(100, temperature=0)) for n in range(8)]]

    def feed(number: int) -> list[Request]:
        some, left[:number] = left[:number], []
        return some

    def stop_after_the_first() -> None:
        if came:
            raise KeyError("told to stop")

    with pytest.raises(KeyError, match="told to stop"):
        model.serve(feed, came.extend, stop_after_the_first)
    assert loops() == []
    assert len(came) < 9
    inside: Any = model._model
    assert inside.config._attn_implementation == "sdpa"
    assert texts(serve(model, [ask("Say it.")]))["Say it."] == result(model, ask("Say it.")).text


def test_a_row_that_breaks_it_fails_alone_and_no_other_is_lost(model: CausalModel, tiny: CausalModel) -> None:
    poison = model._chat.tokenizer("ÿ")["input_ids"][-1]

    def breaks(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        ids = inputs["input_ids"]
        if ids.shape[1] > 1 and (ids == poison).any():
            raise RuntimeError("the poison worked")

    inside: Any = model._model
    inside.register_forward_pre_hook(breaks, with_kwargs=True)
    requests = [*many(10), ask("Bad ÿ"), *[ask(f"more {n}") for n in range(5)]]
    came = serve(model, requests)
    assert [one for one in came if isinstance(one, Failure)] == [
        Failure("Bad ÿ", "The model failed on this row: the poison worked")
    ]
    assert {one.id: one.text for one in came if isinstance(one, Result)} == texts(
        serve(tiny, [request for request in requests if request.id != "Bad ÿ"])
    )


def test_where_it_keeps_breaking_the_padded_batches_take_over(model: CausalModel) -> None:
    inside: Any = model._model

    def breaks(_: Any, __: Any, inputs: dict[str, Any]) -> None:
        if "cache" in inputs:
            raise RuntimeError("no paged cache here")

    inside.register_forward_pre_hook(breaks, with_kwargs=True)
    for _ in range(continuous.MOST_BROKEN + 1):
        came = serve(model, many(6))
        assert {one.provenance["engine"] for one in came if isinstance(one, Result)} == {"padded batches"}
        assert len(came) == 6


def test_a_row_whose_numbers_overflow_fails_alone(model: CausalModel, tiny: CausalModel) -> None:
    poison = model._chat.tokenizer("ÿ")["input_ids"][-1]
    inside: Any = model._model

    def overflow(_: Any, __: Any, inputs: dict[str, Any], output: Any) -> None:
        ids = inputs["input_ids"]
        if "cache" not in inputs:
            output.logits[(ids == poison).any(-1)] = torch.nan
        elif (ids == poison).any():
            lengths = inputs["cu_seq_lens_q"]
            bad = int((ids[0] == poison).nonzero()[0, 0])
            output.logits[0, int((lengths[1:] <= bad).sum())] = torch.nan

    inside.register_forward_hook(overflow, with_kwargs=True)
    came = {one.id: one for one in serve(model, [ask("Say it."), ask("Bad ÿ"), ask("What")])}
    bad = came.pop("Bad ÿ")
    assert isinstance(bad, Failure)
    assert "no usable probabilities" in bad.error
    assert texts(list(came.values())) == texts(serve(tiny, [ask("Say it."), ask("What")]))


def test_a_model_that_cannot_be_served_like_this_is_refused_where_it_was_asked_for(
    make_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import LlamaForCausalLM

    monkeypatch.setattr(LlamaForCausalLM, "_supports_attention_backend", False)
    with pytest.raises(GeneratorError, match="cannot be served by continuous batching") as caught:
        Causal().load(Config(str(make_model()), options=CPU | {"engine": "continuous"}))
    assert list(caught.value.errors) == ["engine"]


def test_generating_a_few_at_once_is_the_padded_batches_work(model: CausalModel) -> None:
    assert result(model, ask("Say it.", GREEDY)).provenance["engine"] == "padded batches"
