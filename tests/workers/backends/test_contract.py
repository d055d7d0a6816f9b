"""What holds for every backend in the table."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.workers.backends.asking import GREEDY, WARM, ask, result, results, user
from tests.workers.backends.openai_server import Server
from workers.backends import BACKENDS, get
from workers.backends.base import Backend, Config, Failure, GeneratorError, Loaded, Request, Sampling

# A model to try each backend on. A new backend fails here until it has one.
CONFIGS: dict[str, Callable[[Path], Config]] = {
    "causal": lambda tiny_folder: Config(str(tiny_folder), options={"device": "cpu", "dtype": "float32"}),
    "echo": lambda _: Config("echo"),
    "openai": lambda _: Config("toy", options={"endpoint": "toy"}),
    "seq2seq": lambda reader_folder: Config(str(reader_folder), options={"device": "cpu", "dtype": "float32"}),
}
# Backends whose models read one text, the last of the user, and no conversation.
READS_ONE_TEXT = {"seq2seq"}


@pytest.fixture(scope="module", autouse=True)
def toy_endpoint() -> Iterator[None]:
    """What `openai` asks: a server that behaves."""
    with Server() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENERATION_ENDPOINTS", f"toy={server.address}")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    return BACKENDS[request.param]


@pytest.fixture
def config(backend: Backend, tiny_folder: Path, reader_folder: Path) -> Config:
    return CONFIGS[backend.name](reader_folder if backend.name in READS_ONE_TEXT else tiny_folder)


@pytest.fixture
def model(backend: Backend, config: Config) -> Iterator[Loaded]:
    loaded = backend.load(config)
    yield loaded
    loaded.close()


def test_it_stands_in_the_table_under_its_own_name(backend: Backend) -> None:
    assert get(backend.name) is backend
    assert isinstance(backend, Backend)
    assert backend.title


def test_it_checks_a_config_without_loading_it(backend: Backend, config: Config) -> None:
    backend.check(config)
    with pytest.raises(GeneratorError):
        backend.check(Config("no such thing!"))


def test_a_revision_where_there_are_none_is_refused(backend: Backend, config: Config) -> None:
    with pytest.raises(GeneratorError) as caught:
        backend.check(replace(config, revision="main"))
    assert list(caught.value.errors) == ["revision"]


def test_it_answers_every_request_in_their_order(model: Loaded) -> None:
    assert isinstance(model, Loaded)
    made = results(model, [ask("Say it."), ask("What is the answer?"), ask("Say")])
    assert [one.id for one in made] == ["Say it.", "What is the answer?", "Say"]
    assert all(one.text and one.prompt_tokens > 0 and one.completion_tokens > 0 and one.seconds > 0 for one in made)


def test_nothing_asked_is_nothing_made(model: Loaded) -> None:
    assert model.generate([]) == []


def test_the_length_limit_is_each_rows_own(model: Loaded) -> None:
    short, long = results(
        model, [ask("Say it.", Sampling(2, temperature=0)), ask("Say it.", Sampling(5, temperature=0))]
    )
    assert (short.finish_reason, short.completion_tokens) == ("length", 2)
    assert (long.finish_reason, long.completion_tokens) == ("length", 5)
    assert long.text.startswith(short.text)


def test_a_seed_gives_the_same_text_again_and_another_seed_another_one(model: Loaded) -> None:
    first = [one.text for one in results(model, [ask("Say it.", WARM, seed) for seed in range(8)])]
    again = [one.text for one in results(model, [ask("Say it.", WARM, seed) for seed in range(8)])]
    assert first == again
    assert len(set(first)) == 8


def test_a_row_makes_the_same_text_alone_and_among_others(model: Loaded) -> None:
    requests = [ask("Say it.", WARM, 3), ask("What is the answer? " * 3, GREEDY), ask("What", WARM, 4)]
    assert [one.text for one in results(model, requests)] == [result(model, one).text for one in requests]


def test_at_temperature_zero_the_seed_does_not_matter(model: Loaded) -> None:
    assert result(model, ask("Say it.", GREEDY, 1)).text == result(model, ask("Say it.", GREEDY, 2)).text


def test_one_bad_row_fails_alone_and_says_why(model: Loaded) -> None:
    good = ask("Say it.")
    before, bad, after = model.generate([good, Request("bad", [], GREEDY, 0), good])
    assert bad == Failure("bad", "The prompt has no messages.")
    assert before == after or not isinstance(before, Failure)
    assert not isinstance(after, Failure)


def test_it_takes_a_whole_conversation_with_a_system_message(model: Loaded, backend: Backend) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        *user("What?"),
        {"role": "assistant", "content": "This."},
        *user("Say it."),
    ]
    whole = result(model, Request("whole", turns, GREEDY, 0))  # type: ignore[arg-type]
    last = result(model, ask("Say it."))
    if backend.name in READS_ONE_TEXT:
        assert whole.text == last.text
    else:
        assert whole.prompt_tokens > last.prompt_tokens


def test_a_result_carries_its_whole_provenance_as_json(model: Loaded, backend: Backend, config: Config) -> None:
    sampling = Sampling(4, temperature=0.5, top_p=0.9, seed=11)
    made = result(model, ask("Say it.", sampling, seed=12))
    assert json.loads(json.dumps(made.provenance)) == made.provenance
    assert made.provenance["backend"] == backend.name
    assert made.provenance["model"] == config.model
    assert made.provenance["revision"] == ""
    assert made.provenance["versions"]
    assert made.provenance["sampling"] == {"max_new_tokens": 4, "temperature": 0.5, "top_p": 0.9, "seed": 11}
    assert made.seed == made.provenance["seed"] == 12
    assert model.describe().items() <= made.provenance.items()


def test_what_the_heartbeat_raises_ends_the_batch(model: Loaded) -> None:
    class ToldToStopError(RuntimeError):
        pass

    def stop() -> None:
        raise ToldToStopError

    with pytest.raises(ToldToStopError):
        model.generate([ask("Say it."), ask("What")], heartbeat=stop)
    assert result(model, ask("Say it.")).text  # and the model can still be used


def test_it_closes_twice_and_answers_no_more(model: Loaded) -> None:
    model.close()
    model.close()
    with pytest.raises(GeneratorError, match="closed"):
        model.generate([ask("Say it.")])


def test_an_unknown_backend_is_answered_with_those_there_are() -> None:
    with pytest.raises(GeneratorError, match=r"no backend 'magic'\. Known are causal, echo"):
        get("magic")


def test_the_table_can_be_read_without_torch() -> None:
    check = (
        "import sys; import workers.backends; from workers.backends.base import Config;"
        "[backend.check for backend in workers.backends.BACKENDS.values()];"
        "workers.backends.get('causal').check(Config('smollm2-135m-instruct'));"
        "heavy = {'torch', 'transformers', 'tokenizers', 'huggingface_hub', 'numpy', 'httpx', 'django'};"
        "heavy &= sys.modules.keys();"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
