"""Which servers the ``openai`` backend may talk to, and with which keys: an operator says so, in the environment.

``GENERATION_ENDPOINTS="openai=https://api.openai.com/v1 local=http://vllm:8000/v1"`` names them, and
``GENERATION_KEY_OPENAI`` or ``GENERATION_KEY_OPENAI_FILE`` gives one its key. A manager picks an endpoint by its name
alone: so no project can have an address of its own choosing fetched from inside the network, or a key sent to it.

No message here repeats a value of the environment: it may be a key in the wrong place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from workers.backends.base import GeneratorError

ENDPOINTS = "GENERATION_ENDPOINTS"
KEY_PREFIX = "GENERATION_KEY_"
BLOT = "********"

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# Servers that take any key are given words (EMPTY, none), which a response may well hold. Real ones are longer.
_SHORTEST_SECRET = 20


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks the chat completions protocol.

    ``base``         its address up to where ``/chat/completions`` follows, without ``/`` at the end
    ``api_version``  what Azure wants behind a ``?``; blank elsewhere
    """

    name: str
    base: str
    api_version: str = ""

    @property
    def host(self) -> str:
        """Host, and port where it is not the usual one: what may be shown of the address."""
        return urlsplit(self.base).netloc

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"{self.base}/chat/completions" + (f"?api-version={self.api_version}" if self.api_version else "")

    @property
    def key_variable(self) -> str:
        """The variable that an operator sets to give it a key."""
        return f"{KEY_PREFIX}{self.name.upper()}"

    def __str__(self) -> str:
        return f"{self.name} ({self.host})"


@dataclass(frozen=True, slots=True)
class Key:
    """What an endpoint is shown to let us in; blank where it wants nothing. Its repr keeps it."""

    secret: str = field(default="", repr=False)

    def headers(self, endpoint: Endpoint) -> dict[str, str]:
        """The header that carries it: Azure's own where the address is one of Azure's."""
        if not self.secret:
            return {}
        return {"api-key": self.secret} if endpoint.api_version else {"Authorization": f"Bearer {self.secret}"}

    def blotted(self, text: str) -> str:
        """``text`` without the key: servers quote what they were sent."""
        return text.replace(self.secret, BLOT) if self.secret else text

    def is_given_away(self, text: str) -> bool:
        """Whether a response holds the key, so that annotators would read it."""
        return len(self.secret) >= _SHORTEST_SECRET and self.secret in text


def read(environment: Mapping[str, str]) -> dict[str, Endpoint]:
    """The endpoints that the environment names. Raises GeneratorError where it cannot be read."""
    entries = [entry for entry in re.split(r"[\s,]+", environment.get(ENDPOINTS, "")) if entry]
    found: dict[str, Endpoint] = {}
    for number, entry in enumerate(entries, start=1):
        name, equals, url = entry.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise _malformed(
                f"entry {number} is not NAME=URL with a name of lower-case letters, digits and _, "
                "such as local=http://vllm:8000/v1"
            )
        if name.endswith("_file"):  # its key variable would be the key file variable of another
            raise _malformed(f"the name {name} must not end in _file")
        if name in found:
            raise _malformed(f"it names {name} twice")
        found[name] = _endpoint(name, url)
    return found


def find(name: str, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint of this name. Raises GeneratorError that lists those there are."""
    known = read(environment)
    if name in known:
        return known[name]
    if not known:
        raise GeneratorError.of({"endpoint": f"There are none here. An operator names them in {ENDPOINTS}."})
    listed = f"Known are: {', '.join(known)}. An operator adds others in {ENDPOINTS}."
    raise GeneratorError.of({"endpoint": f"There is none named {name!r}. {listed}" if name else f"Name one. {listed}"})


def key_of(endpoint: Endpoint, environment: Mapping[str, str]) -> Key:
    """The endpoint's key, from its variable or the file that its ``_FILE`` variable names; blank where neither is set.

    Raises GeneratorError where it cannot be read or cannot be a key.
    """
    name = endpoint.key_variable
    value, path = environment.get(name, "").strip(), environment.get(f"{name}_FILE", "").strip()
    if value and path:
        raise _bad_key(f"{name} is set and so is {name}_FILE. An operator should set one of them.")
    if path:
        try:
            value = Path(path).read_text("utf-8").strip()
        except (OSError, ValueError) as error:
            raise _bad_key(f"The file that {name}_FILE names cannot be read ({type(error).__name__}).") from None
        if not value:
            raise _bad_key(f"The file that {name}_FILE names is empty.")
    if not all("!" <= letter <= "~" for letter in value):
        raise _bad_key(f"{name} holds something that no key has: a space, a line break or a letter beyond ASCII.")
    return Key(value)


def _endpoint(name: str, url: str) -> Endpoint:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        query = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)) if parts.query else {}
    except ValueError:
        raise _malformed(f"the address of {name} is not one") from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise _malformed(f"the address of {name} must begin with http:// or https:// and name a host")
    if not url.isascii() or any(letter in url for letter in "\"'<>\\^`{|}"):
        raise _malformed(f"the address of {name} holds letters that an address must not hold")
    if "@" in parts.netloc:
        raise _malformed(f"the address of {name} holds a name or password; a key belongs in {KEY_PREFIX}{name.upper()}")
    version = query.pop("api-version", "")
    # Other parameters may be keys, and addresses are shown in logs.
    if query or parts.fragment or not re.fullmatch(r"[\w.-]{0,40}", version, re.ASCII):
        raise _malformed(f"nothing but ?api-version=… may follow the path of {name}")
    path = parts.path.rstrip("/")
    if path.endswith("/chat/completions"):
        raise _malformed(f"the address of {name} must end before /chat/completions, which is added to it")
    return Endpoint(name, f"{parts.scheme}://{parts.netloc}{path}", version)


def _malformed(what: str) -> GeneratorError:
    return GeneratorError.of({"endpoint": f"{ENDPOINTS} cannot be read: {what}. An operator has to correct it."})


def _bad_key(message: str) -> GeneratorError:
    return GeneratorError.of({"endpoint": message})
