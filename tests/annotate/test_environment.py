"""The environment is read strictly, and every problem is told by name."""

from pathlib import Path

import pytest

from annotate.environment import ConfigurationError, Environment, read_home_file, write_home_file


def problems(**values: str) -> str:
    env = Environment(values)
    env.flag("DEBUG")
    env.whole("PORT", 8000, least=1, most=65535)
    env.one_of("LOG_LEVEL", ("INFO", "ERROR"), "INFO")
    env.secret("SECRET_KEY")
    return "\n".join(env.problems)


def test_it_works() -> None:
    env = Environment({"DEBUG": "yes", "PORT": " 80 ", "ALLOWED_HOSTS": "a.org, b.org,"})
    assert env.flag("DEBUG") is True
    assert env.whole("PORT", 8000) == 80
    assert env.names("ALLOWED_HOSTS") == ["a.org", "b.org"]
    env.check()


def test_what_is_not_set_or_empty_takes_its_default() -> None:
    env = Environment({"DEBUG": "", "PORT": ""})
    assert env.flag("DEBUG", default=True) is True
    assert env.whole("PORT", 8000) == 8000
    assert env.text("WEB_HOST", "127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "maybe"),
        ("DEBUG", "2"),
        ("PORT", "http"),
        ("PORT", "-1"),
        ("PORT", "70000"),
        ("PORT", "٣"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    assert problems(**{name: value}).startswith(f"{name}: must be")
    assert repr(value) in problems(**{name: value})


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("ALOWED_HOSTS", "ALLOWED_HOSTS"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("SECRETKEY", "SECRET_KEY"),
        ("BROKER_URL_FIEL", "BROKER_URL_FILE"),
    ],
)
def test_a_typo_is_refused_with_what_was_meant(typo: str, meant: str) -> None:
    assert problems(**{typo: "x"}) == f"{typo}: is not a setting. Did you mean {meant}?"


def test_an_unknown_name_with_our_prefix_is_refused() -> None:
    assert problems(ANNOTATE_COLOUR="red") == "ANNOTATE_COLOUR: is not a setting."


@pytest.mark.parametrize(
    "name",
    [
        "PATH",
        "HOME",
        "LANG",
        "WEB_CONCURRENCY",
        "ANNOTATE_SERVICE_HOST",
        "ANNOTATE_PORT_80_TCP_ADDR",
        "POSTGRES_PASSWORD",
    ],
)
def test_other_programs_may_have_their_variables(name: str) -> None:
    assert problems(**{name: "x"}) == ""


def test_all_problems_are_told_at_once() -> None:
    env = Environment({"DEBUG": "maybe", "PORT": "http"})
    env.flag("DEBUG")
    env.whole("PORT", 1)
    with pytest.raises(ConfigurationError, match=r"(?s)DEBUG: .*PORT: "):
        env.check()


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    assert Environment({"SECRET_KEY_FILE": str(tmp_path / "key")}).secret("SECRET_KEY") == "from a file"


def test_a_secret_file_that_is_missing_or_empty_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert "SECRET_KEY_FILE: cannot read" in problems(SECRET_KEY_FILE=str(tmp_path / "none"))
    assert "is empty" in problems(SECRET_KEY_FILE=str(tmp_path / "empty"))


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("one")
    assert "SECRET_KEY: is set and so is SECRET_KEY_FILE" in problems(
        SECRET_KEY="two", SECRET_KEY_FILE=str(tmp_path / "key")
    )


class TestTheHomesOwnFile:
    """What the local start keeps for other commands on the same home."""

    @pytest.fixture
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("ANNOTATE_HOME", str(tmp_path))
        for name in ("DATABASE_URL", "DATABASE_URL_FILE", "SECRET_KEY"):
            monkeypatch.delenv(name, raising=False)
        write_home_file(
            tmp_path, {"DATABASE_URL": "postgresql://a@/a?host=/run/it's here", "SECRET_KEY": "local $HOME"}
        )
        return tmp_path

    def test_it_comes_back_as_it_was(self, home: Path) -> None:
        assert read_home_file(home) == {
            "DATABASE_URL": "postgresql://a@/a?host=/run/it's here",
            "SECRET_KEY": "local $HOME",
        }

    def test_only_its_owner_may_read_it(self, home: Path) -> None:
        assert (home / "env").stat().st_mode & 0o777 == 0o600

    def test_it_is_read_where_no_database_is_named(self, home: Path) -> None:
        assert Environment.read().text("SECRET_KEY") == "local $HOME"

    def test_what_is_set_by_hand_stands(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_KEY", "by hand")
        assert Environment.read().text("SECRET_KEY") == "by hand"

    def test_it_is_left_alone_where_another_database_is_named(
        self, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://production/a")
        assert Environment.read().text("SECRET_KEY") == ""

    def test_a_home_without_it_is_no_problem(self, home: Path) -> None:
        (home / "env").unlink()
        assert Environment.read().text("SECRET_KEY") == ""
