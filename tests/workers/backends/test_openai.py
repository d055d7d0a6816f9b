"""The `openai` backend against a real server on this machine: what is sent, and what is made of replies."""

import hashlib
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.workers.backends import openai_given
from tests.workers.backends.asking import GREEDY, WARM, ask, result, results, user
from tests.workers.backends.openai_given import Load
from tests.workers.backends.openai_server import Server
from workers.backends.base import Config, Failure, GeneratorError, Request, Result, Sampling
from workers.backends.openai import OpenAI

server, clock, load = openai_given.server, openai_given.clock, openai_given.load


# --- What is sent, and what comes back --------------------------------------------------------------------------------


def test_it_sends_the_messages_and_the_sampling(server: Server, load: Load) -> None:
    result(load(), Request("1", user("Hi"), Sampling(9, temperature=0.5, top_p=1), 77))
    (call,) = server.calls
    assert call.path == "/v1/chat/completions"
    assert call.body == {
        "model": "toy",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.5,
        "top_p": 1,
        "max_tokens": 9,
        "seed": 77,
    }
    assert "Authorization" not in call.headers


def test_what_is_set_is_sent_and_what_is_off_is_not(server: Server, load: Load) -> None:
    sampling = Sampling(9, min_new_tokens=3, stop=("\n\n", "END"))
    result(load(seed=False, max_tokens_field="max_completion_tokens"), ask("Hi", sampling))
    (call,) = server.calls
    assert call.body["min_tokens"] == 3
    assert call.body["stop"] == ["\n\n", "END"]
    assert call.body["max_completion_tokens"] == 9
    assert not {"seed", "max_tokens", "n"} & call.body.keys()


def test_a_result_says_where_it_came_from(server: Server, load: Load) -> None:
    made = result(load(), ask("Hé", WARM, 5))
    assert made.provenance == {
        "backend": "openai",
        "model": "toy",
        "revision": "",
        "endpoint": "toy",
        "host": f"127.0.0.1:{server.server_port}",
        "versions": {"httpx": httpx.__version__},
        "served_model": "toy-2026-01-01",
        "system_fingerprint": "fp_toy",
        "request_id": "req-1",
        "tries": 1,
        "usage": "reported",
        "prompt_sha256": made.provenance["prompt_sha256"],
        "seed_sent": 5,
        "sampling": WARM.as_json(),
        "seed": 5,
    }
    sent = '[{"role":"user","content":"Hé"}]'.encode()
    assert sent in server.calls[0].raw
    assert made.provenance["prompt_sha256"] == hashlib.sha256(sent).hexdigest()


def test_a_response_costs_what_its_tokens_cost(load: Load) -> None:
    made = result(load(price_in=2, price_out=10), ask("Hi"))
    assert made.cost == pytest.approx((2 * made.prompt_tokens + 10 * made.completion_tokens) / 1_000_000)


def test_tokens_that_the_server_does_not_count_are_estimated(load: Load) -> None:
    for order in ("!no_usage", "!mad_usage"):
        made = result(load(price_out=1), ask(order))
        assert made.provenance["usage"] == "estimated"
        assert 0 < made.completion_tokens <= GREEDY.max_new_tokens
        assert made.prompt_tokens > 0
        assert made.cost > 0
        assert made.provenance["served_model"] == ""


def test_the_shares_of_the_rows_add_up_to_the_time_of_the_batch(server: Server, load: Load) -> None:
    server.behaviour.delay = 0.05
    start = time.perf_counter()
    made = results(load(in_flight=4), [ask(f"Question {number}") for number in range(12)])
    whole = time.perf_counter() - start
    # Twelve of 0.05 s are 0.6 one after the other: shares of the time, not times.
    assert 0.15 <= sum(one.seconds for one in made) <= whole


def test_text_in_parts_is_put_together(load: Load) -> None:
    assert result(load(), ask("!parts")).text == "One two."


def test_json_under_another_content_type_is_still_json(load: Load) -> None:
    assert result(load(), ask("!plain")).text


@pytest.mark.parametrize(("order", "said"), [("!eos", "eos_token"), ("!no_reason", "")])
def test_an_unusual_reason_to_end_is_a_stop_and_is_written_down(load: Load, order: str, said: str) -> None:
    made = result(load(), ask(order))
    assert made.finish_reason == "stop"
    assert made.provenance["finish_reason_said"] == said


# --- Several samples in one call --------------------------------------------------------------------------------------


def samples(texts: Sequence[str], number: int, sampling: Sampling = WARM) -> list[Request]:
    """So many samples of each prompt, side by side as a project plans them."""
    return [
        Request(f"{text}/{sample}", user(text), sampling, 10 * sample) for text in texts for sample in range(number)
    ]


def test_samples_of_a_prompt_are_asked_for_together(server: Server, load: Load) -> None:
    model = load(several=True, in_flight=8, price_in=3, price_out=5)
    made = results(model, samples(["A", "B"], 4))
    assert [one.id for one in made] == [f"{text}/{sample}" for text in "AB" for sample in range(4)]
    assert sorted((call.prompt, call.body["n"]) for call in server.calls) == [("A", 4), ("B", 4)]
    assert len({one.text for one in made}) == 8
    assert [one.provenance["choice"] for one in made] == [0, 1, 2, 3] * 2
    assert {one.provenance["n"] for one in made} == {4}
    assert {one.provenance["usage"] for one in made} == {"shared"}
    # One seed went out for all of them, and each says which.
    assert [one.provenance["seed_sent"] for one in made] == [0] * 8
    assert [one.seed for one in made] == [0, 10, 20, 30] * 2
    # The prompt is read once and paid once; what was written is counted together.
    written = sum(len(one.text.split()) for one in made)
    assert sum(one.completion_tokens for one in made) == written
    assert sum(one.cost for one in made) == pytest.approx((2 * 3 * made[0].prompt_tokens + 5 * written) / 1_000_000)


def test_other_sampling_is_another_call(server: Server, load: Load) -> None:
    results(load(several=True), [*samples(["A"], 2), *samples(["A"], 2, Sampling(5, temperature=0.3))])
    assert sorted(call.body["max_tokens"] for call in server.calls) == [5, 12]


def test_one_call_for_each_is_the_default(server: Server, load: Load) -> None:
    results(load(), samples(["A"], 3))
    assert ["n" in call.body for call in server.calls] == [False] * 3
    assert sorted(call.body["seed"] for call in server.calls) == [0, 10, 20]


def test_what_a_server_leaves_out_is_asked_for_again(server: Server, load: Load) -> None:
    server.behaviour.most_n = 2
    made = results(load(several=True), samples(["A"], 5))
    assert len(made) == len({one.text for one in made}) == 5
    assert [call.body.get("n", 1) for call in server.calls] == [5, 3, 1]


def test_a_server_that_knows_no_n_is_asked_one_by_one(
    server: Server, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    server.behaviour.ignores_n = True
    model = load(several=True, in_flight=4)
    made = results(model, samples(["A", "B", "C"], 4))
    assert len(made) == len({one.text for one in made}) == 12
    assert [call.body["n"] for call in server.calls if "n" in call.body] == [4]  # it is found out once
    assert len(server.calls) == 12
    assert caplog.text.count("ignores n") == 1


def test_more_than_was_asked_for_is_left_aside(server: Server, load: Load) -> None:
    server.behaviour.least_n = 3
    made = results(load(several=True), samples(["A"], 2))
    assert [one.provenance["choice"] for one in made] == [0, 1]
    assert sum(one.completion_tokens for one in made) > sum(len(one.text.split()) for one in made)  # the third was made
    assert len(server.calls) == 1


def test_a_group_whose_reply_is_bad_loses_no_row(load: Load) -> None:
    outcomes = load(several=True).generate([*samples(["!html"], 3), *samples(["B"], 3)])
    assert [type(one) for one in outcomes] == [Failure] * 3 + [Result] * 3
    assert [one.id for one in outcomes][:3] == ["!html/0", "!html/1", "!html/2"]


def test_a_bad_row_in_a_group_fails_alone(load: Load) -> None:
    good = samples(["A"], 3)
    bad = Request("bad", user("A"), WARM, -1)
    outcomes = load(several=True).generate([good[0], bad, *good[1:]])
    assert [type(one) for one in outcomes] == [Result, Failure, Result, Result]


# --- Settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"endpoint": "nowhere"}, "endpoint"),
        ({}, "endpoint"),
        ({"endpoint": "toy", "in_flight": 0}, "in_flight"),
        ({"endpoint": "toy", "in_flight": 513}, "in_flight"),
        ({"endpoint": "toy", "timeout": 0}, "timeout"),
        ({"endpoint": "toy", "retries": 0}, "retries"),
        ({"endpoint": "toy", "retries": 11}, "retries"),
        ({"endpoint": "toy", "price_in": 1e9}, "price_in"),
    ],
)
def test_an_option_that_cannot_be_is_named(server: Server, options: dict[str, Any], field: str) -> None:
    with pytest.raises(GeneratorError) as caught:
        OpenAI().check(Config("toy", options=options))
    assert list(caught.value.errors) == [field]


def test_all_that_is_wrong_is_said_at_once(server: Server) -> None:
    with pytest.raises(GeneratorError) as caught:
        OpenAI().check(Config("toy", revision="main", options={"endpoint": "nowhere", "retries": 0}))
    assert set(caught.value.errors) == {"revision", "endpoint", "retries"}


def test_a_manager_is_told_which_endpoints_there_are(server: Server) -> None:
    with pytest.raises(
        GeneratorError, match=r"Known are: other, toy\. An operator adds others in GENERATION_ENDPOINTS"
    ):
        OpenAI().check(Config("toy", options={"endpoint": "http://169.254.169.254"}))


def test_checking_needs_no_key(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENERATION_KEY_TOY_FILE", "/nowhere/key")  # only workers have it
    OpenAI().check(Config("toy", options={"endpoint": "toy"}))
    with pytest.raises(GeneratorError, match="The file that GENERATION_KEY_TOY_FILE names cannot be read"):
        OpenAI().load(Config("toy", options={"endpoint": "toy"}))


def test_the_web_process_does_without_httpx(server: Server) -> None:
    check = (
        "import sys; from workers.backends import get; from workers.backends.base import Config;"
        "get('openai').check(Config('toy', options={'endpoint': 'toy'}));"
        "sys.exit('httpx' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
