"""How busy generation keeps a GPU: `python -m tests.bench.bench_generate_gpu`.

A script and not a test: what it prints depends on the machine. It builds models of Llama's shape with random weights,
so that nothing is fetched, and has the engine make requests whose prompts and completions are of many lengths, most of
them short and some very long. The same requests go through transformers' `generate` one by one and in static batches.
End tokens are off: each completion is as long as its request says, whichever way it is made, and only those tokens
count. Without a GPU it says so and runs the same code on a very small model, whose figures mean nothing.
"""

from __future__ import annotations

import argparse
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import torch

from workers.backends.base import Sampling
from workers.backends.continuous import Continuous
from workers.backends.decoding import DecoderBatch, Row, Words, is_memory
from workers.backends.padded import Padded, budget, free_memory

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 512,
    },
    "1b": {
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
}
STATIC = (16, 32, 64, 128, 256)
ALONE = 4  # requests that are made one by one


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: the tokens of its prompt, and how many it wants."""

    prompt: list[int]
    new: int


@dataclass(frozen=True, slots=True)
class Load:
    """How many requests there are, and how long they are in the middle (median) and at most."""

    requests: int
    prompt: int
    longest_prompt: int
    new: int
    longest_new: int


def requests(load: Load, words: int, seed: int) -> list[Asked]:
    """Prompts and completions whose lengths are spread as those of real ones are: log-normal, with a long tail."""
    draw = random.Random(seed)

    def length(middle: int, most: int, spread: float) -> int:
        return max(4, min(most, round(middle * draw.lognormvariate(0, spread))))

    return [
        Asked(
            [draw.randrange(words) for _ in range(length(load.prompt, load.longest_prompt, 0.7))],
            length(load.new, load.longest_new, 1.0),
        )
        for _ in range(load.requests)
    ]


def build(shape: str, device: str, attention: str) -> Any:
    """A model of this shape with random weights."""
    from transformers import AutoModelForCausalLM, LlamaConfig

    config: Any = LlamaConfig(max_position_embeddings=8192, rope_theta=500000.0, **SHAPES[shape])
    auto: Any = AutoModelForCausalLM
    asked = {} if attention == "auto" else {"attn_implementation": attention}
    torch.manual_seed(0)
    with torch.device(device):
        model = auto.from_config(config, dtype=torch.bfloat16 if device != "cpu" else torch.float32, **asked)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model.eval()


class Busy:
    """How much of the time the GPU was busy, as its driver says it, asked ten times a second."""

    def __init__(self, device: str) -> None:
        self._seen: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True) if device.startswith("cuda") else None

    def __enter__(self) -> Busy:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            try:
                self._seen.append(torch.cuda.utilization())
            except (ImportError, RuntimeError):  # without nvidia-ml-py there is nobody to ask
                return

    def __str__(self) -> str:
        return f"{sum(self._seen) / len(self._seen):.0f} %" if self._seen else "–"


@contextmanager
def clock(device: str) -> Iterator[list[float]]:
    """Seconds that the block takes, with all that it gave the device to do, put into the list."""
    taken: list[float] = []
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    begun = time.perf_counter()
    yield taken
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    taken.append(time.perf_counter() - begun)


def engine(model: Any, asked: Sequence[Asked], sampling: Callable[[int], Sampling], way: str) -> None:
    """Make the requests as a worker does, fed and taken away in small lots. Raises SystemExit where one was not."""
    words = Words(ends=(), pad=0, read=lambda tokens: "")
    padded = Padded(
        lambda rows: DecoderBatch(model, rows, words),
        words,
        width=128 if model.device.type == "cuda" else 8,
        budget=budget(model),
    )
    rows = [Row(one.prompt, sampling(one.new), seed) for seed, one in enumerate(asked)]
    left, made = list(rows), list[Row]()

    def feed(number: int) -> list[Row]:
        some = left[:number]
        del left[:number]
        return some

    (Continuous(model, words, padded) if way == "continuous" else padded).serve(feed, made.extend)
    if len(made) != len(rows) or any(len(row.tokens) != row.sampling.max_new_tokens for row in rows):
        raise SystemExit(f"not all was made: {next((row.error for row in rows if row.error), 'rows are missing')}")
    if other := {row.made_by["engine"] for row in rows} - {"continuous batching", "padded batches"}:
        raise SystemExit(f"made by {other}")
    if way == "continuous" and any(row.made_by["engine"] != "continuous batching" for row in rows):
        print("  (some rows of the next line fell back to padded batches)")


def static(model: Any, asked: Sequence[Asked], size: int, sampling: Sampling) -> None:
    """Make the requests in batches of this size, each as long as its longest."""
    how: dict[str, Any] = {"do_sample": sampling.temperature > 0, "top_k": 0, "pad_token_id": 0}
    if sampling.temperature > 0:
        how |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
    for start in range(0, len(asked), size):
        some = asked[start : start + size]
        width = max(len(one.prompt) for one in some)
        gaps = [width - len(one.prompt) for one in some]
        ids = [[0] * gap + one.prompt for gap, one in zip(gaps, some, strict=True)]
        mask = [[0] * gap + [1] * (width - gap) for gap in gaps]
        model.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            max_new_tokens=max(one.new for one in some),
            **how,
        )


def bandwidth(device: str) -> float:
    """Bytes a second that the memory moves, measured by copying."""
    size = (2**30 if device.startswith("cuda") else 2**26) // 4
    source = torch.ones(size, device=device)
    target = torch.empty_like(source)
    target.copy_(source)
    with clock(device) as taken:
        for _ in range(10):
            target.copy_(source)
    return 2 * 4 * size * 10 / taken[0]


def line(name: str, tokens: int, seconds: float, busy: object = "–", note: str = "") -> float:
    """Print one line of the table. Returns its tokens a second."""
    rate = tokens / seconds
    print(f"  {name:34} {rate:12,.1f} tokens/s   {seconds:8.1f} s   GPU busy {busy!s:>5}   {note}", flush=True)
    return rate


def measure(shape: str, device: str, load: Load, given: argparse.Namespace) -> None:
    """Print the table of one model."""
    model = build(shape, device, given.attention)
    asked = requests(load, SHAPES[shape]["vocab_size"], given.seed)
    tokens = sum(one.new for one in asked)
    weights = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    print(
        f"\n{shape}: {model.num_parameters() / 1e9:.2f} billion parameters, {model.config._attn_implementation}, "
        f"{len(asked)} requests, {sum(len(one.prompt) for one in asked):,} prompt tokens, {tokens:,} new ones"
    )
    plain = Sampling(temperature=given.temperature, top_p=given.top_p)

    def sampling(new: int) -> Sampling:
        return Sampling(max_new_tokens=new, temperature=given.temperature, top_p=given.top_p)

    rates: dict[str, float] = {}
    for way in ("continuous", "padded"):
        engine(model, asked[:4], sampling, way)  # warm up
        with Busy(device) as busy, clock(device) as taken:
            engine(model, asked, sampling, way)
        rates[way] = line(f"engine, {way}", tokens, taken[0], busy)
        free_memory()
    alone = asked[:ALONE]
    with Busy(device) as busy, clock(device) as taken:
        static(model, alone, 1, plain)
    some = sum(one.new for one in alone)
    rates["alone"] = line("generate, one by one", some, taken[0], busy, f"{ALONE} requests stand for all")
    best = 0.0
    for size in STATIC:
        if size > len(asked):
            break
        try:
            with Busy(device) as busy, clock(device) as taken:
                static(model, asked, size, plain)
        except (RuntimeError, MemoryError) as error:
            if not is_memory(error):
                raise
            print(f"  generate, static batch of {size}: out of memory")
            free_memory()
            break
        best = max(best, line(f"generate, static batch of {size}", tokens, taken[0], busy))
    speed = bandwidth(device)
    for rows in (1, 64, 256):
        print(f"  {f'memory floor at {rows} rows':34} {rows * speed / weights:12,.1f} tokens/s   (weights alone)")
    print(f"  copying {speed / 1e9:,.0f} GB/s, weights {weights / 1e9:.2f} GB")
    for way in ("continuous", "padded"):
        print(
            f"  the engine, {way}, makes {rates[way] / rates['alone']:.1f} times what one by one makes"
            + (f", {rates[way] / best:.2f} times the best static batch" if best else "")
        )


def main() -> None:
    """Measures what the command line asks for."""
    parser = argparse.ArgumentParser(description="Measure how busy generation keeps a GPU.")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--shapes", nargs="+", choices=[*SHAPES], default=["1b", "8b"])
    parser.add_argument("--requests", type=int, default=512)
    parser.add_argument("--attention", default="auto", help="such as sdpa or flash_attention_2")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-p", type=float, default=0.95)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--tiny", action="store_true", help="a very small model, to see that the script runs")
    given = parser.parse_args()
    on_gpu = given.device.startswith("cuda") and torch.cuda.is_available()
    if given.device.startswith("cuda") and not on_gpu:
        print("There is no GPU that torch can use. What follows is a very small model on the processor: its figures")
        print("say that the script runs, and nothing else.")
    device = given.device if on_gpu else "cpu"
    libraries = ("torch", "transformers", "accelerate")
    print(
        torch.cuda.get_device_name(device) if on_gpu else f"processor, {torch.get_num_threads()} threads",
        *(f"{library} {metadata.version(library)}" for library in libraries),
        sep=" · ",
    )
    if given.tiny or not on_gpu:
        measure("tiny", device, Load(min(given.requests, 24), 12, 40, 12, 60), given)
        return
    for shape in given.shapes:
        measure(shape, device, Load(given.requests, 180, 2048, 160, 2048), given)
        free_memory()


if __name__ == "__main__":
    main()
