"""Static files under names that carry a hash of their content, so that browsers may keep them for ever."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage

# Our own scripts and styles, not what comes from elsewhere with its licence in its comments.
_OURS = re.compile(r"labeling/(?:js|css)/.+\.(?:js|css)")
# Comments that are a whole line (in scripts) stay as empty lines: a browser's errors name the line of the source.
_COMMENTS = {".js": re.compile(r"^[ \t]*//.*$", re.MULTILINE), ".css": re.compile(r"/\*.*?\*/", re.DOTALL)}


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it comes without types
    """Also renames relative ``import … from`` in JavaScript modules, so one entry script brings hashed modules; and
    takes the comments out of what is served, which would be a sixth of the weight of a page.
    """

    support_js_module_import_aggregation = True
    manifest_strict = True

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Django calls it with what was collected, and where each file is to be read that is then hashed."""
        ours = {path: (self, path) for path in paths if not dry_run and _OURS.fullmatch(path)}
        for path in ours:
            _take_comments_out(Path(self.path(path)))
        yield from super().post_process({**paths, **ours}, dry_run, **options)


def _take_comments_out(file: Path) -> None:
    if file.is_symlink():  # collectstatic --link: it is the source itself
        return
    text = file.read_text(encoding="utf-8")
    file.write_text(_COMMENTS[file.suffix].sub("", text), encoding="utf-8")
