"""The engine of padded batches: rows come in as others leave."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.workers.backends.asking import GREEDY, ask, result, serve
from workers.backends.base import Config, Failure, Outcome, Request, Result, Sampling
from workers.backends.causal import Causal, CausalModel

QUESTIONS = ["Say it.", "What is the answer? " * 3, "W", "Is it the user, the assistant or the system?"]


def many(number: int) -> list[Request]:
    """Requests of all lengths and settings."""
    return [
        ask(f"{QUESTIONS[n % 4]} {n}", Sampling(2 + 7 * n % 30, temperature=n % 3 * 0.6, top_p=0.9), seed=n)
        for n in range(number)
    ]


def narrow(folder: Path, width: int) -> CausalModel:
    return Causal().load(Config(str(folder), options={"device": "cpu", "dtype": "float32"}, width=width))


def watch(model: CausalModel, look: Callable[[torch.Tensor], None]) -> None:
    inside: Any = model._model
    inside.register_forward_pre_hook(lambda _, __, inputs: look(inputs["input_ids"]), with_kwargs=True)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_rows_that_come_in_while_others_run_make_what_they_make_alone(
    make_model: Callable[..., Path], kind: str
) -> None:
    model = narrow(make_model(kind=kind), 6)
    steps: list[tuple[int, int]] = []
    watch(model, lambda ids: steps.append((ids.shape[0], ids.shape[1])))
    requests = many(30)
    came = {one.id: one for one in serve(model, requests)}
    assert len(came) == 30
    prefills = [rows for rows, columns in steps if columns > 1]
    assert prefills[0] == 6
    assert len(prefills) > 5
    assert max(rows for rows, _ in steps) == 6
    # A place is not left empty while rows wait: in bare batches of 6, short rows would wait for long ones.
    assert sum(1 for rows, columns in steps if columns == 1 and rows >= 5) > len(steps) / 2
    for request in requests:
        made, alone = came[request.id], result(model, request)
        assert isinstance(made, Result)
        assert (made.text, made.completion_tokens) == (alone.text, alone.completion_tokens)


def test_each_row_is_given_out_as_it_ends(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 4)
    requests = [ask("long", Sampling(60, temperature=0)), *[ask(str(n), Sampling(4, temperature=0)) for n in range(9)]]
    assert [one.id for one in serve(model, requests)][-1] == "long"


def test_a_queue_that_has_few_rows_at_first_is_asked_again(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 4)
    lots = [[ask("a")], [], [ask("b"), ask("c")], []]
    came: list[Outcome] = []
    asked: list[int] = []

    def feed(number: int) -> list[Request]:
        asked.append(number)
        return lots.pop(0) if lots else []

    model.serve(feed, came.extend)
    assert [one.id for one in came] == ["a"]
    model.serve(feed, came.extend)
    assert sorted(one.id for one in came) == ["a", "b", "c"]
    assert min(asked) > 0


def test_rows_that_cannot_be_made_are_answered_and_the_others_made(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 4)
    bad = [Request("empty", [], GREEDY, 0), ask("refuse me"), ask("too long " * 60)]
    came = {one.id: one for one in serve(model, [*bad, ask("Say it."), *bad[:1]])}
    assert isinstance(came["Say it."], Result)
    assert all(isinstance(came[request.id], Failure) for request in bad)


def test_a_running_batch_that_runs_out_of_memory_goes_on_in_halves(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 6)
    expected = {one.id: one.text for one in serve(model, many(20)) if isinstance(one, Result)}
    steps: list[int] = []

    def little_memory(ids: torch.Tensor) -> None:
        steps.append(len(ids))
        if len(steps) > 8 and len(ids) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    watch(model, little_memory)
    came = serve(model, many(20))
    assert {one.id: one.text for one in came if isinstance(one, Result)} == expected
    assert len(came) == 20


def test_a_row_that_breaks_a_running_batch_fails_alone(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 6)
    poison = model._chat.tokenizer("ÿ")["input_ids"][-1]

    def breaks(ids: torch.Tensor) -> None:
        if ids.shape[1] > 1 and (ids == poison).any():
            raise RuntimeError("the poison worked")

    watch(model, breaks)
    requests = [*many(11), ask("Bad ÿ"), *many(11)[3:]]
    came = serve(model, requests)
    assert len(came) == len(requests)
    assert [one for one in came if isinstance(one, Failure)] == [
        Failure("Bad ÿ", "The model failed on this row: the poison worked")
    ]


def test_a_batch_stays_within_its_tokens(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 8)
    assert model._padded is not None
    model._padded.budget = 200
    sizes: list[int] = []
    watch(model, lambda ids: sizes.append(len(ids)))
    requests = [ask(f"Say it {n}", Sampling(40, temperature=0)) for n in range(6)]
    assert len(serve(model, requests)) == 6
    assert max(sizes) == 200 // (40 + len(model._chat.encode(requests[0].messages)))


def test_what_the_heartbeat_raises_ends_serving_and_what_was_given_out_stays(tiny_folder: Path) -> None:
    model = narrow(tiny_folder, 4)
    came: list[Outcome] = []
    beats: list[None] = []
    left = many(12)

    def feed(number: int) -> list[Request]:
        some, left[:number] = left[:number], []
        return some

    def stop_later() -> None:
        beats.append(None)
        if len(beats) == 12:
            raise KeyError("told to stop")

    with pytest.raises(KeyError, match="told to stop"):
        model.serve(feed, came.extend, stop_later)
    assert 0 < len(came) < 12
