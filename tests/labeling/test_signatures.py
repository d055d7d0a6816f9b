"""Signatures are those of the Standard Webhooks specification."""

from __future__ import annotations

import base64
import re
import time
from typing import Any

import pytest

from annotate.environment import ROOT
from labeling import signatures
from tests.labeling.receiver import Got

# Published with the reference implementations of the specification.
SECRET, MESSAGE, MOMENT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330
BODY, SIGNATURE = b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_published_example_comes_out() -> None:
    assert signatures.signature(SECRET, MESSAGE, MOMENT, BODY) == SIGNATURE
    assert signatures.headers([SECRET], MESSAGE, MOMENT, BODY) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": str(MOMENT),
        "webhook-signature": SIGNATURE,
    }


def test_the_verification_of_our_tests_knows_the_published_example() -> None:
    headers = {"webhook-id": MESSAGE, "webhook-timestamp": str(MOMENT), "webhook-signature": f"v1a,AAAA {SIGNATURE}"}
    assert Got("/", headers, BODY).is_signed_with(SECRET)
    assert not Got("/", headers, BODY + b" ").is_signed_with(SECRET)
    assert not Got("/", {**headers, "webhook-timestamp": str(MOMENT + 1)}, BODY).is_signed_with(SECRET)
    assert not Got("/", {**headers, "webhook-id": "msg_other"}, BODY).is_signed_with(SECRET)
    assert not Got("/", {**headers, "webhook-signature": SIGNATURE.replace("v1", "v2")}, BODY).is_signed_with(SECRET)


def test_the_receiver_in_the_documentation_verifies() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "webhooks.md").read_text(), re.DOTALL)
    assert len(code.split("\n")) <= 18
    known: dict[str, Any] = {}
    exec(code, known)  # noqa: S102 - our own page
    verify, old, new, now = known["verify"], signatures.new_secret(), signatures.new_secret(), int(time.time())
    headers = signatures.headers([new, old], "msg_1", now, BODY)
    verify(old, headers, BODY)
    verify(new, headers, BODY)
    for secret, given, body in (
        (SECRET, headers, BODY),
        (old, headers, BODY + b" "),
        (old, headers | {"webhook-id": "msg_2"}, BODY),
        (old, headers | {"webhook-timestamp": str(now + 1)}, BODY),
        (old, signatures.headers([old], "msg_1", now - 301, BODY), BODY),
        (old, signatures.headers([old], "msg_1", now + 320, BODY), BODY),
    ):
        with pytest.raises(ValueError, match=r"not signed|too old"):
            verify(secret, given, body)


def test_each_secret_signs() -> None:
    old, new = signatures.new_secret(), signatures.new_secret()
    got = Got("/", signatures.headers([new, old], "msg_1", MOMENT, BODY), BODY)
    assert got.is_signed_with(old)
    assert got.is_signed_with(new)
    assert not got.is_signed_with(SECRET)


def test_a_secret_is_random_and_of_the_length_that_is_asked_for() -> None:
    first, second = signatures.new_secret(), signatures.new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@pytest.mark.parametrize("secret", ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_no base64", "whsec_MfKQ9"])
def test_what_is_no_secret_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|base64|padding|bytes"):
        signatures.signature(secret, MESSAGE, MOMENT, BODY)
