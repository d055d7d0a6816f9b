"""Requests to addresses that people typed: where they may go, and one POST with an end.

A manager of a project names the address, and the platform stands in a network that the manager may not reach. So the
name is resolved here, the addresses are looked at, and the connection goes to one that was looked at: a name that says
something else a moment later leads nowhere. No redirect is followed, and no proxy of the environment is used.
"""

from __future__ import annotations

import contextlib
import email.utils
import http.client
import io
import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import SplitResult, urlsplit

TIMEOUT = 15.0  # seconds from the first look at the name to the end of the answer's headers
CONNECT_TIMEOUT = 5.0  # for one of several addresses, before the next
MOST_READ = 2000  # bytes of an answer that is no good one, to be shown to people
MOST_TRIED = 4  # addresses of one name

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Addresses that carry an IPv4 address inside, which is where they lead in the end.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
# The last part of a name is no number: that would be an IPv4 address, in one of its spellings.
_HOST = re.compile(r"([a-z0-9_-]+\.)*[a-z_][a-z0-9_-]*\.?")


class Refused(Exception):
    """Nothing may be sent to this address. The message says why, for whoever typed it."""


@dataclass(frozen=True)
class Reach:
    """What may be reached besides public addresses: hosts by name (all ports for None), and networks."""

    hosts: frozenset[tuple[str, int | None]] = frozenset()
    networks: tuple[Network, ...] = ()

    def allows_host(self, host: str, port: int) -> bool:
        """Whether an operator named this host."""
        name = host.lower().rstrip(".")
        return (name, None) in self.hosts or (name, port) in self.hosts

    def allows(self, address: Address) -> bool:
        """Whether an address is public, or in a network that an operator named."""
        inner = _innermost(address)
        return _is_public(inner) or any(one in network for network in self.networks for one in (address, inner))


@dataclass(frozen=True)
class Answer:
    """What came of one request. `status` is None where no HTTP answer came; `words` tells a person what happened.

    `body` is the beginning of what came with it, where it was no good answer. `retry_after` is in seconds.
    """

    status: int | None
    words: str
    seconds: float
    body: str = field(default="", repr=False)
    retry_after: float | None = None

    @property
    def is_good(self) -> bool:
        """Whether the receiver has taken the message: 2xx, and nothing else."""
        return self.status is not None and 200 <= self.status < 300


def read_reach(entries: Iterable[str]) -> Reach:
    """Hosts (`hooks.intranet`, `hooks.intranet:8080`) and networks (`10.1.0.0/16`, `fd00::/8`, `192.168.1.7`).

    Raises ValueError that says what is wrong with which entry.
    """
    hosts: set[tuple[str, int | None]] = set()
    networks: list[Network] = []
    for entry in entries:
        try:
            networks.append(ipaddress.ip_network(entry))
        except ValueError:
            hosts.add(_named_host(entry))
    return Reach(frozenset(hosts), tuple(networks))


def _named_host(entry: str) -> tuple[str, int | None]:
    wrong = ValueError(
        f"{entry!r} is neither a host, such as hooks.intranet or hooks.intranet:8080, nor a network, such as "
        "10.1.0.0/16"
    )
    try:
        parts = urlsplit(f"//{entry}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    # An address with a port, or a network that is none, is no name either.
    if not host or parts.netloc != entry or "@" in entry or not _HOST.fullmatch(host) or port == 0:
        raise wrong
    return host.rstrip("."), port


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to (mapped, 6to4, Teredo, NAT64, compatible), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or address.is_private
        or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local)
    )


def check_url(url: str, reach: Reach) -> SplitResult:
    """The parts of an address that something may be sent to, as far as that can be told without asking for its name.

    Raises Refused.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Refused("This is no web address.") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Refused("An address begins with https:// (or http://) and names a host.")
    if not url.isascii() or any(letter <= " " or letter == "\x7f" for letter in url):
        raise Refused("Letters beyond ASCII and spaces are written as %…, and such names of hosts as xn--….")
    if "@" in parts.netloc:
        raise Refused("The address must hold no name or password. The signature says who sends.")
    if parts.fragment or "\\" in url:
        raise Refused("Nothing behind # is sent, and a backslash is no part of an address.")
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if not reach.allows(address):
            raise Refused(_inside(host))
    return parts


def _inside(host: str) -> str:
    return f"{host} is not a public address. An operator can allow hosts inside the network: WEBHOOKS_TO."


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def post(url: str, headers: Mapping[str, str], body: bytes, reach: Reach, *, timeout: float = TIMEOUT) -> Answer:
    """Sends one request and says what came of it. Raises nothing for whatever the other side does.

    It ends `timeout` seconds from now, however slowly the answer drips; only the look-up of the name has an end of its
    own, the resolver's.
    """
    began = time.monotonic()

    def came(words: str, status: int | None = None, **more: Any) -> Answer:
        return Answer(status=status, words=words, seconds=time.monotonic() - began, **more)

    try:
        parts = check_url(url, reach)
        with _connected(parts, reach, began + timeout) as wire:
            response = _exchange(wire, parts, headers, body)
            text = "" if 200 <= response.status < 300 else _beginning(response)
            return came(
                _status_in_words(response.status),
                response.status,
                body=text,
                retry_after=_retry_after(response.getheader("Retry-After")),
            )
    except Refused as error:
        return came(str(error))
    except TimeoutError:
        return came(f"It did not answer within {timeout:g} seconds.")
    except ssl.SSLCertVerificationError as error:
        return came(f"Its certificate is not good: {error.verify_message}.")
    except ssl.SSLError as error:
        return came(f"TLS failed: {error.reason or 'the connection broke'}.")
    except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
        return came("It closed the connection without an answer.")
    except socket.gaierror as error:
        return came(f"The name of its host is not known ({error.strerror}).")
    except (http.client.HTTPException, ValueError) as error:
        return came(f"What it answered is no HTTP ({type(error).__name__}).")
    except OSError as error:
        return came(f"It cannot be reached: {error.strerror or type(error).__name__}.")


@contextlib.contextmanager
def _connected(parts: SplitResult, reach: Reach, end: float) -> Iterator[_Wire]:
    """A connection to an address of the host that was looked at, with TLS where the address says so."""
    host, port = parts.hostname or "", _port(parts)
    found = _dial(_resolved(host, port, reach), end)
    try:
        if parts.scheme == "https":
            found.settimeout(_left(end))
            found = _tls().wrap_socket(found, server_hostname=host)
        yield _Wire(found, end)
    finally:
        found.close()


def _resolved(host: str, port: int, reach: Reach) -> Sequence[tuple[int, Any]]:
    """The family and address of each that may be reached. Raises Refused where none may."""
    known = reach.allows_host(host, port)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise Refused(f"“{host}” is no name of a host.") from None
    fit = [(one[0], one[4]) for one in found if known or reach.allows(ipaddress.ip_address(one[4][0]))]
    if not fit:
        raise Refused(_inside(host))
    return fit[:MOST_TRIED]


def _dial(addresses: Sequence[tuple[int, Any]], end: float) -> socket.socket:
    problem: OSError = TimeoutError()
    for number, (family, address) in enumerate(addresses, start=1):
        wire = None
        try:
            wire = socket.socket(family, socket.SOCK_STREAM)  # the kernel may have no such family
            left = _left(end)
            wire.settimeout(left if number == len(addresses) else min(left, CONNECT_TIMEOUT))
            wire.connect(address)
        except OSError as error:
            if wire is not None:
                wire.close()
            problem = error
        else:
            return wire
    raise problem


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _left(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Wire(io.RawIOBase):
    """What http.client needs of a socket. Each step ends at the deadline: a timeout of the socket's own would begin
    anew with every byte that drips in.
    """

    def __init__(self, wire: socket.socket, end: float) -> None:
        self._wire, self._end = wire, end

    def sendall(self, data: Any) -> None:
        """Sends everything, or raises TimeoutError."""
        self._wire.settimeout(_left(self._end))
        self._wire.sendall(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.settimeout(_left(self._end))
        return self._wire.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        """The answer, to be read."""
        return io.BufferedReader(self)

    def close(self) -> None:
        """Not here: http.client closes what it has sent on before it reads. `_connected` closes the socket."""


def _exchange(wire: _Wire, parts: SplitResult, headers: Mapping[str, str], body: bytes) -> http.client.HTTPResponse:
    line = http.client.HTTPConnection(parts.hostname or "")
    line.sock = wire  # a connection that has a socket opens none
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    line.request("POST", target, body, {"Host": parts.netloc, "Connection": "close", **headers})
    return line.getresponse()


def _beginning(response: http.client.HTTPResponse) -> str:
    """The first of what it said, for people. One that breaks off, or never ends, says no more than this."""
    try:
        said = response.read(MOST_READ)
    except (OSError, ValueError, http.client.HTTPException):
        return ""
    return said.decode("utf-8", "replace").replace("\0", "")


def _status_in_words(status: int) -> str:
    try:
        words = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        words = str(status)
    return f"{words}: redirects are not followed" if 300 <= status < 400 else words


def _retry_after(value: str | None) -> float | None:
    """Seconds from now, of a header that gives seconds or a date (RFC 9110, 10.2.3); None for none and for nonsense."""
    if not value:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit() and len(value) < 10:
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError, OSError):
        return None
