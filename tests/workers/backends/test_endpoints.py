from pathlib import Path

import pytest

from workers.backends.base import GeneratorError
from workers.backends.endpoints import Endpoint, Key, find, key_of, read

SECRET = "sk-1234567890abcdefghij"
TOY = Endpoint("toy", "http://127.0.0.1:1/v1")


def test_an_operator_names_them_with_spaces_or_commas() -> None:
    given = "openai=https://api.openai.com/v1 local=http://vllm:8000/v1/,\n azure=https://x.azure.com/o/gpt?api-version=2024-10-21"
    assert read({"GENERATION_ENDPOINTS": given}) == {
        "openai": Endpoint("openai", "https://api.openai.com/v1"),
        "local": Endpoint("local", "http://vllm:8000/v1"),
        "azure": Endpoint("azure", "https://x.azure.com/o/gpt", "2024-10-21"),
    }


def test_the_address_is_built_from_what_the_operator_gave() -> None:
    assert TOY.url == "http://127.0.0.1:1/v1/chat/completions"
    assert TOY.host == "127.0.0.1:1"
    azure = Endpoint("azure", "https://x.azure.com/o/gpt", "2024-10-21")
    assert azure.url == "https://x.azure.com/o/gpt/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("https://api.openai.com/v1", "entry 1 is not NAME=URL"),
        (f"a=http://a/v1 {SECRET}", "entry 2 is not NAME=URL"),
        (f"https://user:{SECRET}@host/v1?x=1", "entry 1 is not NAME=URL"),
        ("Open-AI=https://api.openai.com/v1", "lower-case letters"),
        ("key_file=http://a/v1", "must not end in _file"),
        ("a=http://a/v1 a=http://b/v1", "it names a twice"),
        ("a=ftp://a/v1", "must begin with http:// or https://"),
        ("a=file:///etc/passwd", "must begin with http:// or https://"),
        ("a=http://", "name a host"),
        ("a=", "must begin with http:// or https://"),
        ("a=http://[::1/v1", "the address of a is not one"),
        ("a=http://host:99999/v1", "the address of a is not one"),
        ("a=http://host:0/v1", "name a host"),
        (f"a=http://user:{SECRET}@host/v1", "a key belongs in GENERATION_KEY_A"),
        (f"a=http://{SECRET}@host/v1", "a key belongs in GENERATION_KEY_A"),
        (f"a=http://host/v1?key={SECRET}", r"nothing but \?api-version"),
        ("a=http://host/v1?api-version=a/b", r"nothing but \?api-version"),
        ("a=http://host/v1?x", "the address of a is not one"),
        ("a=http://host/v1#x", r"nothing but \?api-version"),
        ("a=http://host/v1/chat/completions", "must end before /chat/completions"),
        ("a=http://hóst/v1", "letters that an address must not hold"),
        ("a=http://host/{model}", "letters that an address must not hold"),
    ],
)
def test_what_cannot_be_read_is_said_without_repeating_it(given: str, problem: str) -> None:
    with pytest.raises(GeneratorError, match=problem) as caught:
        read({"GENERATION_ENDPOINTS": given})
    assert list(caught.value.errors) == ["endpoint"]
    assert "GENERATION_ENDPOINTS cannot be read" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_one_is_found_by_its_name_alone() -> None:
    environment = {"GENERATION_ENDPOINTS": "toy=http://127.0.0.1:1/v1 b=http://b/v1"}
    assert find("toy", environment) == TOY
    for name in ("http://127.0.0.1:1/v1", "TOY", ""):
        with pytest.raises(GeneratorError, match="Known are: toy, b"):
            find(name, environment)


def test_where_there_are_none_the_variable_is_named() -> None:
    with pytest.raises(GeneratorError, match="An operator names them in GENERATION_ENDPOINTS"):
        find("toy", {})


def test_a_key_comes_from_its_variable_or_its_file(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f" {SECRET}\n")
    assert key_of(TOY, {"GENERATION_KEY_TOY": SECRET}) == Key(SECRET)
    assert key_of(TOY, {"GENERATION_KEY_TOY_FILE": str(path)}) == Key(SECRET)
    assert key_of(TOY, {"GENERATION_KEY_OTHER": SECRET}) == Key()
    assert Key().headers(TOY) == {}


def test_a_key_that_cannot_be_one_is_refused_without_repeating_it(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_text("\n")
    binary.write_bytes(b"\xff\xfe")
    file = "GENERATION_KEY_TOY_FILE"
    for environment, problem in [
        ({"GENERATION_KEY_TOY": SECRET, file: str(empty)}, "set one of them"),
        ({file: str(empty)}, "is empty"),
        ({file: str(binary)}, "cannot be read"),
        ({file: str(tmp_path)}, "cannot be read"),
        ({"GENERATION_KEY_TOY": f"{SECRET}\r\nX-Admin: 1"}, "that no key has"),
        ({"GENERATION_KEY_TOY": f"{SECRET} {SECRET}"}, "that no key has"),
        ({"GENERATION_KEY_TOY": f"{SECRET}ü"}, "that no key has"),
    ]:
        with pytest.raises(GeneratorError, match=problem) as caught:
            key_of(TOY, environment)
        assert SECRET not in str(caught.value)


def test_a_key_shows_itself_to_nobody() -> None:
    assert SECRET not in repr(Key(SECRET))
    assert SECRET not in f"{Key(SECRET)}"
    assert Key(SECRET).blotted(f"you sent {SECRET}!") == "you sent ********!"
    assert Key().blotted("you sent nothing") == "you sent nothing"
