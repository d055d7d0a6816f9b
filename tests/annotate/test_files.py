"""Where files lie: in the home, unless a bucket is named as a whole."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from annotate import files
from annotate.environment import Environment


def storage(**values: str) -> tuple[dict[str, Any], list[str]]:
    env = Environment(values)
    return files.storage(env), env.problems


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "find_spec", lambda name: object())


def test_without_a_bucket_they_lie_in_the_home() -> None:
    assert storage() == ({"BACKEND": "django.core.files.storage.FileSystemStorage"}, [])


@pytest.mark.usefixtures("_installed")
def test_a_bucket_is_set_up_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hidden\n")
    found, problems = storage(
        FILES_BUCKET="labels",
        FILES_ENDPOINT="https://storage.example.org",
        FILES_REGION="eu",
        FILES_PREFIX="/annotate/",
        FILES_ACCESS_KEY="name",
        FILES_SECRET_KEY_FILE=str(tmp_path / "key"),
    )
    assert problems == []
    assert found["BACKEND"] == "storages.backends.s3.S3Storage"
    options = found["OPTIONS"]
    assert (options["bucket_name"], options["location"], options["region_name"]) == ("labels", "annotate", "eu")
    assert (options["access_key"], options["secret_key"]) == ("name", "hidden")
    assert options["endpoint_url"] == "https://storage.example.org"
    assert options["file_overwrite"] is False


@pytest.mark.usefixtures("_installed")
def test_the_machine_s_own_role_is_enough() -> None:
    found, problems = storage(FILES_BUCKET="labels")
    assert problems == []
    assert (found["OPTIONS"]["access_key"], found["OPTIONS"]["endpoint_url"]) == (None, None)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"FILES_REGION": "eu"}, "FILES_REGION: is set, and FILES_BUCKET is not"),
        ({"FILES_SECRET_KEY": "x"}, "FILES_SECRET_KEY: is set, and FILES_BUCKET is not"),
        ({"FILES_BUCKET": "b", "FILES_ENDPOINT": "storage:9000"}, "FILES_ENDPOINT: must be a whole address"),
        ({"FILES_BUCKET": "b", "FILES_ACCESS_KEY": "x"}, "FILES_ACCESS_KEY: goes with FILES_SECRET_KEY"),
        ({"FILES_BUCKET": "b", "FILES_SECRET_KEY": "x"}, "FILES_ACCESS_KEY: goes with FILES_SECRET_KEY"),
    ],
)
def test_half_a_bucket_is_refused(given: dict[str, str], why: str) -> None:
    _, problems = storage(**given)
    assert [problem.startswith(why) for problem in problems] == [True]


@pytest.mark.skipif(find_spec("storages") is not None, reason="the extra is installed here")
def test_a_bucket_without_its_packages_is_told() -> None:
    _, problems = storage(FILES_BUCKET="labels")
    assert problems == ["FILES_BUCKET: needs the packages of the extra s3: pip install 'annotate[s3]'."]
