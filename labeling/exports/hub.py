"""Publishing a release on the Hugging Face Hub: its files, in one commit of a dataset repository.

`huggingface_hub` is loaded when something is pushed. It comes with the extra `generate`, which the web process does not
need, so workers and commands push and pages do not.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labeling.errors import DomainError
from labeling.exports.files import KINDS
from labeling.exports.formats import FORMATS

Source = Path | bytes | io.BufferedIOBase
# Called with the path of a file that is up, how many are, and how many there are in all.
Progress = Callable[[str, int, int], None]

_TOKENS = "huggingface.co/settings/tokens"
# The files of a release that hold rows; what an earlier release left there must not be read with the new ones.
_ENDINGS = "|".join(re.escape(kind.ending) for kind in KINDS.values())
_SHARD = re.compile(rf"(?P<format>[a-z0-9-]+)/[^/]+-\d{{5}}\.({_ENDINGS})")
_LONGEST = 300  # characters of what the Hub says that are passed on


class PushFailed(DomainError):
    """The release is not on the Hub. `detail` says why and what to do; it never holds the token."""

    code = "push_failed"


def push(
    files: Mapping[str, Source],
    repo: str,
    token: str,
    *,
    private: bool = True,
    revision: str | None = None,
    message: str = "Publish a release",
    tag: str = "",
    endpoint: str | None = None,
    progress: Progress | None = None,
) -> str:
    """Puts files into the dataset repository `repo` (`owner/name`) and gives the address of the commit.

    `files` maps paths in the repository to local files, bytes, or binary file objects that can seek; local files are
    read a piece at a time. The repository is made if it is missing, private unless told otherwise, and so is the branch
    `revision`. Everything lands in one commit or nothing does. Shards of an earlier release that this one does not have
    are taken out in the same commit; other files stay. `tag` names the commit, so that it can be loaded by that name.
    `endpoint` is the Hub's address, `https://huggingface.co` or what HF_ENDPOINT says without it.

    Raises PushFailed for whatever goes wrong.
    """
    _check(files, repo, token)
    try:
        with _quietly():
            return _push(files, repo, token, private, revision, message, tag, endpoint, progress)
    except PushFailed:
        raise
    except Exception as error:
        said = _said(error, repo, token)
    # Outside of the handler: the Hub's errors hold their requests, and these hold the token.
    raise PushFailed(said)


def _check(files: Mapping[str, Source], repo: str, token: str) -> None:
    """Refuses what no Hub has to be asked about."""
    if not files:
        raise PushFailed("There is no file to push.")
    if not re.fullmatch(r"[\x21-\x7e]+", token):
        raise PushFailed(f"There is no token, or it holds characters that no token has. Make one at {_TOKENS}.")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo, re.ASCII):
        raise PushFailed(f"“{repo}” is no name of a repository. It is OWNER/NAME, such as my-team/haiku.")


def _push(
    files: Mapping[str, Source],
    repo: str,
    token: str,
    private: bool,
    revision: str | None,
    message: str,
    tag: str,
    endpoint: str | None,
    progress: Progress | None,
) -> str:
    hub = _library()
    api = hub.HfApi(endpoint=endpoint, token=token, library_name="annotate")
    here: dict[str, Any] = {"repo_id": repo, "repo_type": "dataset"}
    api.create_repo(**here, private=private, exist_ok=True)
    # A repository that was there keeps the visibility it had.
    if private and not api.repo_info(**here).private:
        raise PushFailed(
            f"“{repo}” is there already and public. Say that the release may be public, or name another repository."
        )
    if revision:
        api.create_branch(**here, branch=revision, exist_ok=True)
    head = api.repo_info(**here, revision=revision).sha
    additions = [hub.CommitOperationAdd(path, source) for path, source in files.items()]
    for done, addition in enumerate(additions, 1):
        # One by one, so that there is something to tell; the commit then finds them there.
        api.preupload_lfs_files(repo, [addition], repo_type="dataset", revision=revision, free_memory=False)
        if progress:
            progress(addition.path_in_repo, done, len(additions))
    there = api.list_repo_files(**here, revision=head)
    removals = [hub.CommitOperationDelete(path) for path in left_behind(there, files)]
    # Of its parent alone: where somebody else was faster, what is there was not looked at.
    commit = api.create_commit(
        **here, operations=[*additions, *removals], commit_message=message, revision=revision, parent_commit=head
    )
    if tag:
        api.create_tag(**here, tag=tag, revision=commit.oid, exist_ok=True)
    return str(commit.commit_url)


def left_behind(there: Iterable[str], files: Iterable[str]) -> list[str]:
    """The shards in a repository that are not among the files of a release."""
    kept = set(files)
    found = ((path, _SHARD.fullmatch(path)) for path in there if path not in kept)
    return sorted(path for path, shard in found if shard and shard["format"] in FORMATS)


def _library() -> Any:
    try:
        import huggingface_hub
    except ImportError:
        raise PushFailed(
            "Pushing needs the library huggingface_hub, which is not installed here: pip install 'annotate[generate]', "
            "or push from a machine that generates."
        ) from None
    return huggingface_hub


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the library's own bars, which a log of a worker has no use for."""
    utils = _library().utils
    if utils.are_progress_bars_disabled():
        yield
        return
    utils.disable_progress_bars()
    try:
        yield
    finally:
        utils.enable_progress_bars()


# --- Errors ---------------------------------------------------------------------------------------------------------


def _said(error: Exception, repo: str, token: str) -> str:
    """What went wrong, in a sentence for people, without the token."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    told = _told(error).replace(token, "…")
    if isinstance(error, HFValidationError):
        return f"“{repo}” is no name of a repository: {told}"
    if isinstance(error, OfflineModeIsEnabled):
        return "The Hub is not asked on this machine, because HF_HUB_OFFLINE is set. Unset it to push."
    if isinstance(error, HfHubHTTPError):
        return _refused(error.response.status_code, told, repo)
    # httpx, or httpx2 in later versions of the library: what has no response has not reached anybody.
    if any(kind.__module__.partition(".")[0].startswith("httpx") for kind in type(error).__mro__):
        return f"The Hub cannot be reached: {told or type(error).__name__}. Nothing was published; push again later."
    if isinstance(error, OSError):
        return f"A file of the release cannot be read: {told}"
    if "README.md" in told:
        return f"The Hub does not take the dataset card: {told}"
    return f"The release was not published ({type(error).__name__}): {told}"


def _told(error: Exception) -> str:
    """What an error says, on one line: of the Hub its own words, where it has some."""
    text = getattr(error, "server_message", None) or str(error)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[:_LONGEST] + "…"


def _refused(status: int, told: str, repo: str) -> str:
    """What the Hub means by a status."""
    known = {
        401: f"The Hub does not know the token, or it has run out. Make another one at {_TOKENS}.",
        403: f"The token may not write to “{repo}”. Give it the right to write at {_TOKENS}, or name a repository of "
        "your own.",
        404: f"The Hub has no dataset “{repo}” that the token can see. Look at the name, and at the token's rights.",
        409: f"“{repo}” was changed by somebody else at the same time. Push again.",
        412: f"“{repo}” was changed by somebody else at the same time. Push again.",
        413: f"The Hub finds this too large: {told}",
        429: "The Hub has been asked too often. Push again in some minutes.",
    }
    if status in known:
        return known[status]
    if status >= 500:
        return f"The Hub has trouble of its own (status {status}). Nothing was published; push again later."
    return f"The Hub does not take this (status {status}): {told}"
