"""Fetches the few JavaScript libraries that the pages use, and checks them.

    python scripts/vendor.py           fetch from the npm registry, check, unpack, write VENDORED.md
    python scripts/vendor.py --check   only compare the files that are here with VENDORED.md (no network)

The tarballs' SHA-256 below is what makes a fetch trustworthy. To take a new version, change version and hash together.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import sys
import tarfile
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

VENDOR = Path(__file__).resolve().parent.parent / "labeling" / "static" / "labeling" / "vendor"
REGISTRY = "https://registry.npmjs.org"
TIMEOUT = 60  # seconds


@dataclass(frozen=True)
class Package:
    """One npm package: which files of its tarball go where below `vendor/`, and what is changed in them."""

    name: str
    version: str
    licence: str
    sha256: str
    files: dict[str, str]
    why: str
    changes: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    changed: str = ""

    @property
    def address(self) -> str:
        return f"{REGISTRY}/{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"


def only_woff2(css: bytes) -> bytes:
    """KaTeX's style sheet names every font in three formats; every browser that runs these pages reads the first."""
    return re.sub(rb',url\([^)]*\.(?:woff|ttf)\) format\("(?:woff|truetype)"\)', b"", css)


_FONTS = [
    *("AMS-Regular", "Caligraphic-Bold", "Caligraphic-Regular", "Fraktur-Bold", "Fraktur-Regular", "Main-Bold"),
    *("Main-BoldItalic", "Main-Italic", "Main-Regular", "Math-BoldItalic", "Math-Italic", "SansSerif-Bold"),
    *("SansSerif-Italic", "SansSerif-Regular", "Script-Regular", "Size1-Regular", "Size2-Regular", "Size3-Regular"),
    *("Size4-Regular", "Typewriter-Regular"),
]

PACKAGES = [
    Package(
        name="@hotwired/stimulus",
        version="3.2.2",
        licence="MIT",
        sha256="4e42ca7b9348c2ff172f351f035792f0f91a8d29195632a45d5d8ed45d45413b",
        files={"dist/stimulus.js": "stimulus.js", "LICENSE.md": "stimulus.LICENSE.md"},
        why="ties small controllers to the server's HTML",
    ),
    Package(
        name="sortablejs",
        version="1.15.7",
        licence="MIT",
        sha256="66cbfc8fa18860783584fe0c346baf6cbf3399da72d23d21053425ba232abed4",
        files={"Sortable.min.js": "sortable.js", "LICENSE": "sortable.LICENSE"},
        why="dragging with mouse and touch; loaded only where something can be dragged",
    ),
    Package(
        name="katex",
        version="0.19.1",
        licence="MIT",
        sha256="24da5a599eb2fcede2e270b99a6ff48bca816beecc95feeb84e8cccbd1bb34fd",
        files={
            "dist/katex.min.js": "katex/katex.js",
            "dist/katex.min.css": "katex/katex.css",
            "LICENSE": "katex/LICENSE",
            **{f"dist/fonts/KaTeX_{font}.woff2": f"katex/fonts/KaTeX_{font}.woff2" for font in _FONTS},
        },
        why="draws math; loaded only where a text holds some",
        changes={"dist/katex.min.css": only_woff2},
        changed="`katex.css` names the woff2 fonts only",
    ),
    Package(
        name="diff",
        version="9.0.0",
        licence="BSD-3-Clause",
        sha256="b898bf23c95594607576e25ddd4013f1d51ed0e862aaf0732815830c87b3b58f",
        files={
            "libesm/diff/array.js": "diff/array.js",
            "libesm/diff/base.js": "diff/base.js",
            "LICENSE": "diff/LICENSE",
        },
        why="finds what differs between two texts; loaded only when that is first asked for",
    ),
]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fetch(package: Package) -> dict[str, bytes]:
    """The package's files as they go below `vendor/`. Exits with one line when the tarball is not the known one."""
    with urllib.request.urlopen(package.address, timeout=TIMEOUT) as answer:  # noqa: S310 - a fixed https address
        tarball = answer.read()
    if digest(tarball) != package.sha256:
        sys.exit(f"{package.address}: SHA-256 is {digest(tarball)}, expected {package.sha256}. Nothing was changed.")
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
        for source, target in package.files.items():
            member = archive.extractfile(f"package/{source}")
            if member is None:
                sys.exit(f"{package.name} {package.version} holds no {source}.")
            found[target] = package.changes.get(source, bytes)(member.read())
    return found


def describe(files: dict[str, bytes]) -> str:
    """VENDORED.md: what is here, from where, under which licence, with every file's SHA-256."""
    lines = [
        "# Vendored libraries",
        "",
        "Written by `make vendor` (`scripts/vendor.py`), which fetches them from the npm registry and checks them.",
        "",
        "| package | version | licence | what for | changed here | tarball's SHA-256 |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| [{p.name}]({p.address}) | {p.version} | {p.licence} | {p.why} | {p.changed or 'nothing'} | `{p.sha256}` |"
        for p in PACKAGES
    ]
    lines += ["", "| file | SHA-256 |", "|---|---|"]
    lines += [f"| {name} | `{digest(data)}` |" for name, data in sorted(files.items())]
    return "\n".join(lines) + "\n"


def on_disk() -> dict[str, bytes]:
    """The vendored files that are here now, without VENDORED.md."""
    return {
        path.relative_to(VENDOR).as_posix(): path.read_bytes()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Fetch and check the vendored JavaScript libraries.")
    parser.add_argument("--check", action="store_true", help="compare the files here with VENDORED.md; no network")
    if parser.parse_args().check:
        if (VENDOR / "VENDORED.md").read_text() != describe(on_disk()):
            sys.exit("The vendored files are not those that VENDORED.md names. Run `make vendor`.")
        return
    files = {target: data for package in PACKAGES for target, data in fetch(package).items()}
    for name, data in files.items():
        path = VENDOR / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (VENDOR / "VENDORED.md").write_text(describe(files))
    print(f"{len(files)} files in {VENDOR}")


if __name__ == "__main__":
    main()
