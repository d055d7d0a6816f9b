"""Requests to addresses that people typed: where they may go, and that each has an end."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from labeling import outgoing
from labeling.outgoing import Answer, Reach, Refused, read_reach
from tests.labeling.receiver import Receiver

HERE = read_reach(["127.0.0.1"])


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def posted(url: str, reach: Reach = HERE, timeout: float = 5.0) -> Answer:
    return outgoing.post(url, {"X-Own": "1"}, b"{}", reach, timeout=timeout)


def test_it_works(receiver: Receiver) -> None:
    answer = posted(receiver.url("/ok?a=b%20c"))
    assert (answer.status, answer.words, answer.body, answer.is_good) == (200, "200 OK", "", True)
    got = receiver.got[-1]
    assert (got.path, got.raw) == ("/ok?a=b%20c", b"{}")
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert (got.headers["x-own"], got.headers["connection"], got.headers["content-length"]) == ("1", "close", "2")


@pytest.mark.parametrize(
    ("path", "status", "words", "body"),
    [
        ("/status/500", 500, "500 Internal Server Error", "Not now."),
        ("/status/410", 410, "410 Gone", "Not now."),
        ("/status/299", 299, "299", ""),
        ("/status/799", 799, "799", "Not now."),
        ("/redirect", 302, "302 Found: redirects are not followed", ""),
        ("/close", None, "It closed the connection without an answer.", ""),
        ("/garbage", None, "What it answered is no HTTP (BadStatusLine).", ""),
    ],
)
def test_it_says_what_came(receiver: Receiver, path: str, status: int | None, words: str, body: str) -> None:
    before = len(receiver.got)
    answer = posted(receiver.url(path))
    assert (answer.status, answer.words, answer.body) == (status, words, body)
    assert answer.is_good == (status == 299)
    assert len(receiver.got) == before + 1, "a redirect is not followed, and nothing is sent twice"


def test_a_body_without_an_end_is_not_read_to_it(receiver: Receiver) -> None:
    answer = posted(receiver.url("/huge"))
    assert answer.status == 500
    assert len(answer.body) == outgoing.MOST_READ


@pytest.mark.parametrize("path", ["/hang", "/drip"])
def test_it_ends_though_the_answer_does_not(receiver: Receiver, path: str) -> None:
    answer = posted(receiver.url(path), timeout=0.3)
    assert (answer.status, answer.words) == (None, "It did not answer within 0.3 seconds.")


def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        answer = posted(f"http://127.0.0.1:{bound.getsockname()[1]}/")
    assert answer.words == "It cannot be reached: Connection refused."


def test_tls_with_somebody_who_does_not_speak_it(receiver: Receiver) -> None:
    answer = posted(receiver.url().replace("http:", "https:"))
    assert answer.status is None
    assert answer.words.startswith(("TLS failed", "It closed the connection"))


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7), ("", None), ("soon", None), ("-1", None), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)]
)
def test_it_hears_when_to_come_again(header: str, seconds: float | None) -> None:
    assert outgoing._retry_after(header) == seconds


INSIDE = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - binds nothing
    "224.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "::1",
    "::",
    "fe80::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "::10.0.0.1",
    "2001:0:5ef5:79fb:0:0:80ff:fffe",
]


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address: str) -> None:
    assert not Reach().allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_what_is_public_may_be_reached(address: str) -> None:
    assert Reach().allows(ipaddress.ip_address(address))


def resolves_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: found)


def dials(monkeypatch: pytest.MonkeyPatch, dialled: list[Any]) -> None:
    """Nobody answers anywhere; `dialled` is where it was tried."""

    def refuse(self: socket.socket, address: Any) -> None:
        dialled.append(address)
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/ok", "http://localhost:{}/ok", "http://2130706433:{}/ok"])
def test_nothing_is_sent_inside(receiver: Receiver, url: str) -> None:
    before = len(receiver.got)
    answer = posted(url.format(receiver.port), Reach())
    assert answer.status is None
    assert "is not a public address" in answer.words
    assert "WEBHOOKS_TO" in answer.words
    assert len(receiver.got) == before


def test_it_connects_to_the_address_that_was_looked_at(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that says something else with each question: what was checked is what is used."""
    asked: list[str] = []

    def rebinding(host: str, port: int, **kwargs: Any) -> list[Any]:
        asked.append(host)
        address = "93.184.215.14" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    dialled: list[Any] = []
    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    dials(monkeypatch, dialled)
    posted("http://rebinding.example.org/", Reach())
    assert (asked, dialled) == (["rebinding.example.org"], [("93.184.215.14", 80)])


def test_of_several_addresses_those_inside_are_left_out(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    resolves_to(monkeypatch, "127.0.0.1", "10.0.0.1")
    assert "is not a public address" in posted("http://mixed.example.org/", Reach()).words
    dialled: list[Any] = []
    resolves_to(monkeypatch, "10.0.0.1", "93.184.215.14", "127.0.0.1")
    dials(monkeypatch, dialled)
    assert posted("http://mixed.example.org/", Reach()).words == "It cannot be reached: Connection refused."
    assert dialled == [("93.184.215.14", 80)]


def test_an_operator_allows_hosts_and_networks(receiver: Receiver) -> None:
    host, port = f"localhost:{receiver.port}", receiver.port
    for entries in ([host], ["LOCALHOST"], ["localhost."], ["127.0.0.0/8", "::1"]):
        assert posted(f"http://{host}/ok", read_reach(entries)).status == 200, entries
    for entries in ([f"localhost:{port + 1}"], ["localhost.example.org"], ["10.0.0.0/8"]):
        assert posted(f"http://{host}/ok", read_reach(entries)).status is None, entries


@pytest.mark.parametrize(
    "entry", ["*", "*.intranet", "http://a", "a/b", "10.0.0.1/8", "127.0.0.1:80", "[::1]:80", "a:b", "a:0", "u@a", ""]
)
def test_what_names_no_host_and_no_network_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="neither a host"):
        read_reach([entry])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.org/", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("example.org", "begins with https://"),
        ("https://", "begins with https://"),
        ("https://a:99999/", "no web address"),
        ("https://[::1", "no web address"),
        ("https://me:secret@example.org/", "no name or password"),
        ("https://example.org/a b", "spaces"),
        ("https://example.org/\r\nX: 1", "spaces"),
        ("https://exämple.org/", "beyond ASCII"),
        ("https://example.org/#part", "behind #"),
        ("https://example.org\\@127.0.0.1/", "no name or password"),
        ("https://10.0.0.1/", "not a public address"),
        ("https://[::ffff:7f00:1]/", "not a public address"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused_in_words(url: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        outgoing.check_url(url, Reach())


def test_a_name_that_no_resolver_would_be_asked_for() -> None:
    answer = posted(f"http://{'a' * 64}.example.org/", Reach())
    assert "is no name of a host" in answer.words
