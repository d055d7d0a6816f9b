"""Candidates end to end, beside bare `model.generate` of the same model: `python -m tests.bench.bench_generate`.

A script and not a test: what it prints depends on the machine. It starts PostgreSQL, the broker, beat and a generation
worker, has the demo's prompts answered by the local model (SmolLM2-135M, bfloat16 where the processor is fast at it),
and counts completion tokens a second from the worker's first claim to its last candidate: with the database, the
hygiene checks and Celery in it, without loading the model.

The floor is `model.generate` alone on the same prompts, written in the same chat template, sampled alike, in batches of
the size that is fastest here, sorted by length. Both run twice in turn, and the better of each counts, for a machine is
never quite alone.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from tests.hammer.generation import start_worker, until
from tests.hammer.platform import Platform, running

BUDGET = 0.95
SAMPLING: dict[str, Any] = {"max_new_tokens": 128, "temperature": 0.8, "top_p": 0.95, "seed": 1}
SIZES = (16, 32, 64)


def prompts(number: int) -> list[str]:
    """The demo's own prompts, around and around."""
    from workers.demo import FOLDER

    with (FOLDER / "prompts.jsonl").open(encoding="utf-8") as lines:
        texts = [json.loads(line)["prompt"] for line in lines if '"prompt"' in line]
    return list(islice((text for _ in range(number) for text in texts), number))


def open_model(models: Path) -> tuple[Any, Any]:
    """The local model and its tokenizer, as transformers gives them."""
    import transformers

    from workers.backends import local_model
    from workers.backends.base import Config
    from workers.backends.causal import Causal

    loaded = Causal().load(Config(local_model.NAME, models=models))
    dtype = loaded.describe()["dtype"]
    loaded.close()
    folder = local_model.prepare(models).folder
    auto: Any = transformers.AutoModelForCausalLM
    return auto.from_pretrained(folder, dtype=dtype).eval(), transformers.AutoTokenizer.from_pretrained(folder)


def bare(model: Any, tokenizer: Any, texts: list[str], size: int) -> float:
    """Completion tokens a second of `model.generate`, the token that ends a turn included, padding left out."""
    import torch

    written = [
        tokenizer.apply_chat_template([{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False)
        for text in texts
    ]
    written.sort(key=len)
    tokenizer.padding_side = "left"
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    made, started = 0, time.perf_counter()
    for start in range(0, len(written), size):
        batch = tokenizer(written[start : start + size], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            output = model.generate(
                **batch,
                do_sample=True,
                max_new_tokens=SAMPLING["max_new_tokens"],
                temperature=SAMPLING["temperature"],
                top_p=SAMPLING["top_p"],
                top_k=0,
                pad_token_id=tokenizer.pad_token_id,
            )
        for row in output[:, batch["input_ids"].shape[1] :].tolist():
            ended = next((place for place, token in enumerate(row) if token in ends), len(row) - 1)
            made += ended + 1
    return made / (time.perf_counter() - started)


def whole(platform: Platform, texts: list[str], name: str) -> tuple[float, float]:
    """Tokens a second through Celery and the database, and seconds from the worker's start to its first claim."""
    from django.db.models import Max, Sum

    from labeling.importing.base import parse
    from labeling.models import Candidate
    from labeling.services import imports
    from tests import make
    from workers.backends import local_model
    from workers.models import Generation, GenerationState, Generator
    from workers.services import generators, planning

    project = make.project()
    make.queue(project, form=[{"name": "good", "type": "rate", "per": "candidate"}])
    lines = [parse({"prompt": text, "external_id": f"{name}-{n}"}, n + 1) for n, text in enumerate(texts)]
    imports.import_lines(project, lines, source="jsonl", by=make.manager(project))
    generators.create(
        project, name=name, backend="causal", model=local_model.NAME, sampling=SAMPLING, by=make.manager(project)
    )
    planning.plan_all()
    rows = Generation.objects.filter(generator__project=project)
    started = time.time()
    start_worker(platform, "generation0", GENERATION_BATCH="0")
    until(rows.exclude(state=GenerationState.PENDING).exists, seconds=120)
    claimed = time.time()
    unfinished = (GenerationState.PENDING, GenerationState.RUNNING)
    until(lambda: not rows.filter(state__in=unfinished).exists(), seconds=1800)
    platform.kill("generation0")
    found = rows.filter(state=GenerationState.DONE).aggregate(last=Max("finished_at"))
    tokens = Candidate.objects.filter(prompt__project=project).aggregate(sum=Sum("completion_tokens"))["sum"]
    generator = Generator.objects.get(project=project)
    print(f"  {rows.filter(state='done').count()} candidates, {tokens} tokens kept, {generator.tokens_made} made")
    return generator.tokens_made / (found["last"].timestamp() - claimed), claimed - started


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--models", type=Path, help="Where the converted model is kept; a folder of the run's own.")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="the batches of bare generate to try")
    parser.add_argument("--tokens", type=int, default=SAMPLING["max_new_tokens"], help="at most, of each response")
    given = parser.parse_args()
    SAMPLING["max_new_tokens"] = given.tokens
    with running(workers=1, threads=1) as platform:
        models = given.models or platform.home / "models"
        if given.models:
            (platform.home / "models").symlink_to(given.models.resolve())
        texts = prompts(given.prompts)
        model, tokenizer = open_model(models)
        print(f"SmolLM2-135M, {model.dtype}, {len(texts)} prompts, at most {SAMPLING['max_new_tokens']} new tokens")
        sample = texts[: max(given.sizes)]
        sizes = {size: bare(model, tokenizer, sample, size) for size in given.sizes}
        best = max(sizes, key=lambda size: sizes[size])
        print("bare, tokens/s by batch size:", ", ".join(f"{size}: {speed:.0f}" for size, speed in sizes.items()))
        platform.start("jobs")
        platform.start("beat")
        floors, ends = [], []
        for number in range(given.rounds):
            floors.append(bare(model, tokenizer, texts, best))
            print(f"bare generate, batch {best}: {floors[-1]:.0f} tokens/s")
            speed, first = whole(platform, texts, f"round{number}")
            ends.append(speed)
            print(f"end to end: {speed:.0f} tokens/s; first row claimed {first:.1f} s after the worker's start")
        ratio = max(ends) / max(floors)
        print(f"end to end is {ratio:.2f} of bare generate at its best (at least {BUDGET} is asked)")
        return 0 if ratio >= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
