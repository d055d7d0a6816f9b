import math
from pathlib import Path
from typing import Any

import pytest

from workers.backends.base import (
    LARGEST_SEED,
    Config,
    GeneratorError,
    Request,
    RowError,
    Sampling,
    check_request,
    default_models_folder,
    derive_seed,
)


def test_sampling_reads_json_and_fills_in_the_rest() -> None:
    sampling = Sampling.parse({"max_new_tokens": 64, "temperature": 0})
    assert sampling == Sampling(max_new_tokens=64, temperature=0, top_p=0.95, seed=0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_new_tokens", 0),
        ("max_new_tokens", 32769),
        ("max_new_tokens", 12.0),
        ("max_new_tokens", True),
        ("max_new_tokens", "12"),
        ("temperature", -0.1),
        ("temperature", 0.001),
        ("temperature", 2.1),
        ("temperature", math.nan),
        ("temperature", None),
        ("top_p", 0),
        ("top_p", 1.01),
        ("top_p", math.inf),
        ("seed", -1),
        ("seed", LARGEST_SEED + 1),
        ("seed", 1.5),
    ],
)
def test_sampling_names_the_field_that_is_wrong(field: str, value: Any) -> None:
    with pytest.raises(GeneratorError) as caught:
        Sampling.parse({field: value})
    assert list(caught.value.errors) == [field]
    assert repr(value) in caught.value.errors[field]


def test_sampling_names_every_wrong_field_at_once() -> None:
    with pytest.raises(GeneratorError) as caught:
        Sampling(max_new_tokens=0, top_p=2)
    assert set(caught.value.errors) == {"max_new_tokens", "top_p"}
    assert "max_new_tokens" in str(caught.value)
    assert "top_p" in str(caught.value)


def test_sampling_refuses_a_field_that_it_does_not_know() -> None:
    with pytest.raises(GeneratorError, match=r"temprature: Is not known here\. Known are max_new_tokens, temperature"):
        Sampling.parse({"temprature": 1})


@pytest.mark.parametrize("data", [None, [], "temperature=1"])
def test_sampling_must_be_an_object(data: object) -> None:
    with pytest.raises(GeneratorError, match="Must be an object"):
        Sampling.parse(data)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"model": " "}, "model"),
        ({"model": "m", "options": {"device": "gpu"}}, "device"),
        ({"model": "m", "options": {"device": "cpu:0"}}, "device"),
        ({"model": "m", "options": {"device": "cuda:"}}, "device"),
        ({"model": "m", "options": {"dtype": "int4"}}, "dtype"),
    ],
)
def test_a_config_names_the_field_that_is_wrong(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        Config(**settings)
    assert list(caught.value.errors) == [field]


def test_a_numbered_gpu_is_a_device() -> None:
    assert Config("m", options={"device": "cuda:1"}).device == "cuda:1"


def test_models_are_kept_in_the_home_of_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANNOTATE_HOME", str(tmp_path))
    assert default_models_folder() == tmp_path / "models"
    assert Config("m").models == tmp_path / "models"


def test_models_are_kept_beside_the_code_when_no_home_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANNOTATE_HOME", raising=False)
    assert default_models_folder() == Path.cwd() / ".annotate" / "models"


def test_a_row_gets_the_same_seed_every_time_and_a_json_safe_one() -> None:
    seeds = {derive_seed(7, prompt, sample) for prompt in range(100) for sample in range(10)}
    assert len(seeds) == 1000
    assert all(0 <= seed <= LARGEST_SEED for seed in seeds)
    # Written down: candidates of old generators must be made again from the same seeds.
    assert derive_seed(7, "prompt", 1) == 5328413275342415


def test_a_row_is_named_by_its_parts_and_not_by_their_letters_run_together() -> None:
    assert derive_seed(0, "1", "23") != derive_seed(0, "12", "3")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([], "no messages"),
        (None, "no messages"),
        ("hello", "no messages"),
        ([{"role": "user"}], "Message 1 of the prompt is not an object with role and content"),
        ([{"role": "robot", "content": "x"}], "role 'robot'"),
        ([{"role": "user", "content": None}], "content of message 1 is not text"),
        ([{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}], "ends with a assistant message"),
    ],
)
def test_a_conversation_that_cannot_be_answered_is_refused(messages: Any, reason: str) -> None:
    with pytest.raises(RowError, match=reason):
        check_request(Request("1", messages, Sampling(), 0))


@pytest.mark.parametrize("seed", [-1, LARGEST_SEED + 1, 0.5, None])
def test_a_seed_that_cannot_be_used_is_refused(seed: Any) -> None:
    with pytest.raises(RowError, match="is not a whole number"):
        check_request(Request("1", [{"role": "user", "content": "x"}], Sampling(), seed))
