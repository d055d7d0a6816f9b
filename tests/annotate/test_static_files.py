"""Static files are served under hashed names, and everything that they refer to exists."""

import json
import re
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import override_settings

from annotate.static_files import HashedStaticFiles


def collect(root: Path, source: Path | None = None) -> dict[str, str]:
    """Collect into ``root``: the project's files, or those of ``source`` alone. Returns hashed names by plain name."""
    finders = ["django.contrib.staticfiles.finders.FileSystemFinder"] if source else settings.STATICFILES_FINDERS
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": f"{HashedStaticFiles.__module__}.HashedStaticFiles"}}
    with override_settings(
        STATIC_ROOT=str(root),
        STORAGES=storages,
        STATICFILES_DIRS=[str(source)] if source else [],
        STATICFILES_FINDERS=finders,
    ):
        call_command("collectstatic", interactive=False, verbosity=0)
    manifest: dict[str, dict[str, str]] = json.loads((root / "staticfiles.json").read_text())
    return manifest["paths"]


def test_modules_import_each_other_by_hashed_names(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "main.js").write_text('import { start } from "./part.js";\nexport * from "./other.js";\nstart();\n')
    (source / "part.js").write_text("export function start() {}\n")
    (source / "other.js").write_text("export const one = 1;\n")
    names = collect(tmp_path / "root", source)
    main = (tmp_path / "root" / names["main.js"]).read_text()
    assert names["part.js"] in main
    assert names["other.js"] in main
    assert '"./part.js"' not in main


def test_all_files_of_the_project_can_be_hashed(tmp_path: Path) -> None:
    names = collect(tmp_path / "root")
    assert any(name.startswith("admin/") for name in names)
    for plain, hashed in names.items():
        assert (tmp_path / "root" / hashed).is_file(), plain


def test_every_import_of_the_project_is_relative_and_hashed(tmp_path: Path) -> None:
    names = collect(tmp_path / "root")
    hashed = re.compile(r"\.[0-9a-f]{12}\.js$")
    for plain, name in names.items():
        if plain.startswith("admin/") or not plain.endswith(".js"):
            continue
        text = (tmp_path / "root" / name).read_text()
        for target in re.findall(r"""^\s*(?:import|export)\b[^"';]*?["']([^"']+\.js)["']""", text, flags=re.M):
            assert target.startswith("."), f"{plain} imports {target}"
            assert hashed.search(target), f"{plain} imports {target}"


def test_our_scripts_and_styles_are_served_without_their_comments_and_on_the_same_lines(tmp_path: Path) -> None:
    source = tmp_path / "source"
    script = 'const a = "// b"; // c\n  // a comment\nconst url = "http://x";\n'
    for name, text in (
        ("labeling/js/lib/one.js", script),
        ("labeling/css/one.css", "/* a\n comment */\na { color: red; }\n"),
        ("labeling/vendor/one.js", script),
    ):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    names = collect(tmp_path / "root", source)
    served = {plain: (tmp_path / "root" / name).read_text() for plain, name in names.items()}
    assert served["labeling/js/lib/one.js"] == script.replace("  // a comment", "")
    assert served["labeling/css/one.css"] == "\na { color: red; }\n"
    assert served["labeling/vendor/one.js"] == script
    assert (source / "labeling/js/lib/one.js").read_text() == script


def test_no_line_of_a_text_in_a_script_looks_like_a_comment() -> None:
    """Comments are found by their lines: within a text over several lines one would be taken for what it is not."""
    for file in sorted((Path(settings.BASE_DIR) / "labeling/static/labeling/js").rglob("*.js")):
        ticks = 0
        for line in file.read_text().splitlines():
            assert not (line.lstrip().startswith("//") and ticks % 2), f"{file}: {line}"
            ticks += 0 if line.lstrip().startswith("//") else line.count("`")


def test_tests_and_debug_use_plain_names() -> None:
    assert staticfiles_storage.url("admin/css/base.css") == "/static/admin/css/base.css"
