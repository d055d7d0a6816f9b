"""Licences under which a project's data may be passed on: by the Hugging Face Hub's names, with where they can be read.

A licence that is not among these is the address of its text. A name that stands here once stays: projects hold it.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

MAX_ADDRESS = 500  # characters


class License(NamedTuple):
    """What people call it, and where it can be read."""

    title: str
    url: str


# The names are those of https://huggingface.co/docs/hub/repositories-licenses; those that are made for data come first.
LICENSES: dict[str, License] = {
    "cc0-1.0": License("CC0 1.0 (public domain)", "https://creativecommons.org/publicdomain/zero/1.0/"),
    "cc-by-4.0": License("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
    "cc-by-sa-4.0": License("CC BY-SA 4.0", "https://creativecommons.org/licenses/by-sa/4.0/"),
    "cc-by-nc-4.0": License("CC BY-NC 4.0", "https://creativecommons.org/licenses/by-nc/4.0/"),
    "cc-by-nc-sa-4.0": License("CC BY-NC-SA 4.0", "https://creativecommons.org/licenses/by-nc-sa/4.0/"),
    "cc-by-nd-4.0": License("CC BY-ND 4.0", "https://creativecommons.org/licenses/by-nd/4.0/"),
    "cc-by-nc-nd-4.0": License("CC BY-NC-ND 4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
    "odc-by": License("ODC-BY 1.0", "https://opendatacommons.org/licenses/by/1-0/"),
    "odbl": License("ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/"),
    "pddl": License("PDDL 1.0", "https://opendatacommons.org/licenses/pddl/1-0/"),
    "cdla-permissive-2.0": License("CDLA-Permissive 2.0", "https://cdla.dev/permissive-2-0/"),
    "cdla-sharing-1.0": License("CDLA-Sharing 1.0", "https://cdla.dev/sharing-1-0/"),
    "apache-2.0": License("Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0"),
    "mit": License("MIT", "https://opensource.org/license/mit"),
}
OTHER = "other"

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
# The characters of RFC 3986; no name or password before the host.
_ADDRESS = re.compile(
    rf"https?://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:[/?#][A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*)?"
)


def is_address(text: str) -> bool:
    """Whether a text is the web address of a licence: https or http, a host, and nothing that an address has not."""
    if len(text) > MAX_ADDRESS or not _ADDRESS.fullmatch(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.hostname is not None and (parts.port is None or parts.port > 0)
    except ValueError:  # a port over 65535, brackets that hold no address
        return False


def told(license: str) -> dict[str, str] | None:
    """A project's licence as a release tells it for good: `{name, title, url}`; None where none is named.

    `name` is the Hub's, which is `other` for one that is only an address; that has no title.
    """
    if not license:
        return None
    known = LICENSES.get(license)
    return {"name": license, **known._asdict()} if known else {"name": OTHER, "title": "", "url": license}
