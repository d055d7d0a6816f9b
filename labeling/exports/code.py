"""By which code something was made."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path

from django.conf import settings


@cache
def code() -> dict[str, str]:
    """The version of the platform, and the commit where it runs from a checkout; "" for what is not known."""
    try:
        version = metadata.version("annotate")
    except metadata.PackageNotFoundError:
        version = ""
    return {"version": version, "revision": _revision(Path(settings.BASE_DIR) / ".git")}


def _revision(git: Path) -> str:
    """The commit that a checkout stands at."""
    try:
        if git.is_file():  # a worktree: it says where it keeps its state, and that one where what all share is
            git = (git.parent / git.read_text().partition("gitdir: ")[2].strip()).resolve()
        head = (git / "HEAD").read_text().strip()
        name = head.removeprefix("ref: ")
        if name == head:
            return head
        common = git / "commondir"
        shared = (git / common.read_text().strip()).resolve() if common.exists() else git
        for place in (git / name, shared / name):
            if place.exists():
                return place.read_text().strip()
        packed = (shared / "packed-refs").read_text().splitlines()
        return next((line.split()[0] for line in packed if line.endswith(f" {name}")), "")
    except (OSError, UnicodeDecodeError):
        return ""
