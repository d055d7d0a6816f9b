"""Calls to an endpoint that misbehaves, against a real server on this machine."""

import json
import logging
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.workers.backends import openai_given
from tests.workers.backends.asking import ask, result, results
from tests.workers.backends.openai_given import KEY, Clock, Load, broken, failure
from tests.workers.backends.openai_server import Server
from workers.backends.base import Config, Failure, GeneratorError, Outcome, Result
from workers.backends.calls import Pace
from workers.backends.openai import OpenAI

server, clock, load = openai_given.server, openai_given.clock, openai_given.load


# --- Replies that are none --------------------------------------------------------------------------------------------

# What a row says whose reply was bad, after “The endpoint toy (127.0.0.1:…) ”, and whether it may go better later.
BAD_REPLIES = {
    "!html": "answered with a web page where a JSON object was expected.",
    "!nothing": "answered with nothing where a JSON object was expected.",
    "!broken": "answered with broken JSON where a JSON object was expected.",
    "!deep": "answered with broken JSON where a JSON object was expected.",
    "!list": "answered with JSON of another kind where a JSON object was expected.",
    "!not_utf8": "answered with bytes that are not UTF-8 where a JSON object was expected.",
    "!stream": "answered with text/event-stream where a JSON object was expected.",
    "!packed": "answered with packed bytes that were not asked for.",
    "!huge": "answered with more than 8 MB.",
    "!no_choices": "answered with JSON that has no choices.",
    "!empty": "answered with an empty list of choices.",
    "!error_inside": "answered with an error: The model is busy.",
}


@pytest.mark.parametrize("order", BAD_REPLIES)
def test_a_reply_that_is_none_fails_its_row_alone(server: Server, load: Load, order: str) -> None:
    failed = failure(load(), order)
    assert failed.error == f"The endpoint toy (127.0.0.1:{server.server_port}) {BAD_REPLIES[order]}"
    assert failed.retry
    assert len(server.calls) == 3  # another try at once would be paid for and end likewise


# What a row says whose response holds no text to show, and whether it may go better later.
BAD_CHOICES = {
    "!null": ("The server sent a response without text.", True),
    "!number": ("The server sent a response without text.", True),
    "!no_parts": ("The server sent a response without text.", True),
    "!no_message": ("The server sent a choice without a message.", True),
    "!abort": ("The server broke this response off.", True),
    "!tool": ("The model answered with a call of a tool and no text.", False),
    "!refusal": ("The model refused: I cannot help with that.", False),
    "!filter": ("The server's content filter held this response back.", False),
    "!thinking": (
        "The model used up max_new_tokens before its answer began. One that thinks first needs more.",
        False,
    ),
}


@pytest.mark.parametrize("order", BAD_CHOICES)
def test_a_response_without_text_fails_its_row_and_counts_what_it_cost(load: Load, order: str) -> None:
    failed = failure(load(price_in=1, price_out=1), order)
    assert (failed.error, failed.retry) == BAD_CHOICES[order]
    assert failed.prompt_tokens > 0
    assert failed.completion_tokens > 0
    assert failed.cost == pytest.approx((failed.prompt_tokens + failed.completion_tokens) / 1_000_000)


def test_a_prompt_that_is_too_long_is_said_to_be(load: Load) -> None:
    failed = failure(load(), "!context")
    assert failed.error == (
        "The prompt is too long for the model: This model's maximum context length is 10 tokens. "
        "However, you asked for 12."
    )
    assert not failed.retry


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_is_refused_fails_with_the_servers_own_words(server: Server, load: Load, status: int) -> None:
    failed = failure(load(), f"!status:{status}")
    assert failed.error == (
        f"The endpoint toy (127.0.0.1:{server.server_port}) refused the request (status {status}): "
        f"This server was told to answer with {status}."
    )
    assert not failed.retry
    assert len(server.calls) == 3


def test_a_prompt_that_is_not_unicode_fails_alone(server: Server, load: Load) -> None:
    failed = failure(load(), "half a pair: \ud83d")
    assert "half a character" in failed.error
    assert len(server.calls) == 2


# --- Replies that stop the generator ----------------------------------------------------------------------------------


def test_a_model_that_is_not_there_is_the_models_fault(load: Load) -> None:
    error = broken(load("!no_model"))
    assert list(error.errors) == ["model"]
    assert "does not have the model !no_model: The model `!no_model` does not exist." in str(error)


def test_an_address_without_chat_completions_is_the_endpoints_fault(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENERATION_ENDPOINTS", f"toy={server.address}/v2")
    error = broken(load())
    assert list(error.errors) == ["endpoint"]
    assert "has no chat completions at its address (status 404)" in str(error)


def test_a_setting_that_the_model_does_not_know_is_named(load: Load) -> None:
    error = broken(load(), "!parameter")
    assert list(error.errors) == ["max_tokens_field"]
    assert "Use 'max_completion_tokens' instead." in str(error)


def test_a_redirect_is_not_followed(server: Server, load: Load) -> None:
    error = broken(load(), "!redirect")
    assert "sends us on to another address (status 307), and we do not follow." in str(error)
    assert "sesame" not in str(error)
    assert len(server.calls) == 1


@pytest.mark.parametrize("order", ["!quota", "!status:402"])
def test_an_empty_account_stops_the_generator(server: Server, load: Load, order: str) -> None:
    assert "has no money or quota left for us" in str(broken(load(), order))
    assert len(server.calls) == 1


def test_what_was_made_before_an_error_stays(server: Server, load: Load) -> None:
    model = load(in_flight=1)
    waiting = [ask("One"), ask("Two"), ask("!status:401"), ask("Three")]
    made: list[Outcome] = []
    with pytest.raises(GeneratorError):
        model.serve(lambda most: [waiting.pop(0) for _ in range(min(most, len(waiting)))], made.extend)
    assert [one.id for one in made] == ["One", "Two"]


# --- Keys -------------------------------------------------------------------------------------------------------------


def test_the_key_is_sent_as_a_bearer_token(server: Server, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behaviour.key = KEY
    monkeypatch.setenv("GENERATION_KEY_TOY", KEY)
    result(load(), ask("Hi"))
    assert server.calls[0].headers["Authorization"] == f"Bearer {KEY}"


def test_azure_gets_its_own_header_and_its_version(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.behaviour.key = KEY
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("GENERATION_KEY_TOY_FILE", str(tmp_path / "key"))
    monkeypatch.setenv("GENERATION_ENDPOINTS", f"toy={server.address}/?api-version=2024-10-21")
    result(load(), ask("Hi"))
    (call,) = server.calls
    assert call.path == "/v1/chat/completions?api-version=2024-10-21"
    assert call.headers["api-key"] == KEY
    assert "Authorization" not in call.headers


def test_a_key_that_is_refused_names_its_variable(server: Server, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    server.behaviour.key = "another"
    error = broken(load())
    assert "wants a key, and there is none: an operator sets GENERATION_KEY_TOY" in str(error)
    monkeypatch.setenv("GENERATION_KEY_TOY", KEY)
    error = broken(load())
    assert list(error.errors) == ["endpoint"]
    assert "refuses the key in GENERATION_KEY_TOY (status 401): Incorrect API key provided: ********." in str(error)


def test_the_key_is_nowhere_but_in_its_header(
    server: Server, load: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "httpx")  # which tells of every request, where somebody lets it
    server.behaviour.key = KEY
    monkeypatch.setenv("GENERATION_KEY_TOY", KEY)
    model = load()
    orders = ["Hi", "!tell_key", "!tell_key text", "!tell_key:400", "!tell_key:500", "!html", "!cut", "!status:503"]
    outcomes = model.generate([ask(order) for order in orders])
    assert [type(one) for one in outcomes] == [Result, Result] + [Failure] * 6
    assert "wrote the key that it was sent into its response" in outcomes[2].error  # type: ignore[union-attr]
    shown = [
        repr(outcomes),
        json.dumps([dict(one.provenance) for one in outcomes if isinstance(one, Result)]),
        repr(model),
        json.dumps(model.describe()),
        repr(vars(model)),
        repr(vars(model._caller)),
        caplog.text,
    ]
    server.behaviour.key = "another"
    error = broken(model)
    shown += [str(error), repr(error), repr(error.errors)]
    assert "chat/completions" in caplog.text  # the log has something in it
    # Half of it would be half a leak.
    assert [text for text in shown if KEY[:12] in text] == []
    assert all(call.headers["Authorization"] == f"Bearer {KEY}" for call in server.calls)


# --- Trying again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order",
    ["!status:429:2", "!status:500:2", "!status:503:2", "!status:408:2", "!gateway:x:2", "!cut:x:2", "!hang_up:x:2"],
)
def test_what_passes_is_tried_again_with_longer_and_longer_pauses(
    server: Server, load: Load, clock: Clock, order: str
) -> None:
    made = result(load(), ask(order))
    assert made.provenance["tries"] == 3
    assert clock.slept == [1.0, 2.0]
    assert len(server.calls) == 3


def test_pauses_have_an_end_and_are_not_all_alike() -> None:
    assert Pace(jitter=lambda: 1.0).pause(1000) == 60
    assert len({Pace().pause(1) for _ in range(20)}) > 1
    assert all(0.25 <= Pace().pause(1) <= 0.5 for _ in range(100))


def test_it_comes_back_when_the_server_asked_it_to(load: Load, clock: Clock) -> None:
    assert result(load(), ask("!retry_after:7:1")).provenance["tries"] == 2
    assert clock.slept == [7.0]


def test_it_comes_back_at_the_date_that_the_server_named(load: Load, clock: Clock) -> None:
    result(load(), ask("!retry_at:x:1"))
    assert clock.slept == [7.0]


@pytest.mark.parametrize(("asked", "slept"), [("86400", 60.0), ("0", 1.0), ("-5", 1.0), ("soon", 1.0), ("1e9", 1.0)])
def test_a_server_cannot_ask_for_any_pause_it_likes(load: Load, clock: Clock, asked: str, slept: float) -> None:
    result(load(), ask(f"!retry_after:{asked}:1"))
    assert clock.slept == [slept]


def test_who_is_asked_to_wait_makes_the_others_wait_too(server: Server, load: Load, clock: Clock) -> None:
    results(load(in_flight=1), [ask("!retry_after:7:1"), ask("Two")])
    assert clock.slept == [7.0]
    server.calls.clear()
    # The one behind has a place, and holds back until the time that the first was told.
    model = load(in_flight=1, retries=1)
    turned_away, fine = model.generate([ask("!retry_after:9"), ask("Two")])
    assert isinstance(turned_away, Failure)
    assert isinstance(fine, Result)
    assert clock.slept == [7.0, 9.0]


def test_after_its_tries_a_row_is_put_off(server: Server, load: Load) -> None:
    failed = failure(load(retries=3), "!status:503")
    assert failed.error == (
        f"The endpoint toy (127.0.0.1:{server.server_port}) answered with status 503: "
        "This server was told to answer with 503. It was tried 3 times."
    )
    assert failed.retry
    assert len(server.calls) == 2 + 3


@pytest.mark.parametrize("order", ["!hang", "!trickle"])
def test_a_server_that_does_not_finish_is_left(load: Load, order: str) -> None:
    (failed,) = load(timeout=0.3, retries=2).generate([ask(order)])
    assert isinstance(failed, Failure)
    assert failed.error.endswith("did not answer within 0.3 seconds. It was tried 2 times.")
    assert failed.retry


def test_a_dead_endpoint_fails_every_row_without_spinning(
    server: Server, load: Load, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENERATION_ENDPOINTS", "toy=http://127.0.0.1:1/v1")
    outcomes = load(in_flight=1, retries=1).generate([ask(f"Question {number}") for number in range(6)])
    assert all(isinstance(one, Failure) and one.retry and "cannot be reached" in one.error for one in outcomes)
    # Each row that was given up holds the next one back for longer.
    assert clock.slept == [1.0, 2.0, 4.0, 8.0, 16.0]


def test_a_proxy_that_cannot_be_used_is_not_repeated(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://me:sesame@proxy")
    error = broken(load())
    assert "The proxy that the worker's environment names" in str(error)
    assert "sesame" not in str(error)


def test_certificates_that_cannot_be_read_are_said_at_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nothing.pem"))
    with pytest.raises(GeneratorError, match="SSL_CERT_FILE or SSL_CERT_DIR names cannot be read"):
        OpenAI().load(Config("toy", options={"endpoint": "toy"}))


def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    try:
        subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl makes the certificate, and is not here")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server() as secure:
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        secure.handle_error = lambda *_: None  # type: ignore[method-assign]
        monkeypatch.setenv("GENERATION_ENDPOINTS", f"toy=https://localhost:{secure.server_port}/v1")
        error = broken(load())
        assert "has a certificate that is not trusted here" in str(error)
        assert secure.calls == []
