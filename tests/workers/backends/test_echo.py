from typing import Any

import pytest

from tests.workers.backends.asking import WARM, ask, result, results
from workers.backends.base import Config, Failure, GeneratorError, Result, Sampling
from workers.backends.echo import Echo, Options


def test_it_answers_with_the_words_of_the_prompt() -> None:
    made = result(Echo().load(Config("echo")), ask("Why is the sky blue?", Sampling(100), 1))
    assert "“Why is the sky blue?”" in made.text
    assert made.finish_reason == "stop"
    assert made.prompt_tokens == 5
    assert made.completion_tokens == len(made.text.split())


def test_a_hundred_seeds_are_a_hundred_texts() -> None:
    model = Echo().load(Config("echo"))
    assert len({made.text for made in results(model, [ask("Say it.", WARM, seed) for seed in range(100)])}) == 100


def test_it_fails_where_it_is_told_to() -> None:
    model = Echo().load(Config("echo?fail=poison"))
    good, bad = model.generate([ask("Say it."), ask("A poison pill")])
    assert isinstance(good, Result)
    assert bad == Failure("A poison pill", "The prompt holds 'poison', on which this echo was told to fail.")


def test_it_is_broken_where_it_is_told_to_be() -> None:
    with pytest.raises(GeneratorError, match="no such model"):
        Echo().load(Config("echo?broken=no+such+model"))


def test_it_takes_the_time_it_is_told_to_and_beats_meanwhile() -> None:
    beats: list[Any] = []
    made = Echo().load(Config("echo?seconds=0.25")).generate([ask("Say it."), ask("What")], lambda: beats.append(1))
    assert sum(one.seconds for one in made if isinstance(one, Result)) >= 0.25
    assert len(beats) >= 3


def test_its_options_are_read_from_its_name() -> None:
    assert Options.of("echo?fail=a%26b&seconds=2") == Options(fail="a&b", seconds=2)


@pytest.mark.parametrize(
    "model", ["ech", "echo?slow=1", "echo?seconds=soon", "echo?seconds=-1", "echo?seconds=nan", "echo?fail", "echo?=1"]
)
def test_an_option_that_it_does_not_know_is_refused(model: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        Echo().check(Config(model))
    assert list(caught.value.errors) == ["model"]
