"""`make contract`: other trainers load our exports with their own loaders, each in an environment of its own.

They pin versions of torch, transformers and datasets that exclude one another and ours, so they cannot be part of the
tests. An environment takes two to five gigabytes and some minutes; it is made once and kept in `.contract/`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".contract"


@dataclass(frozen=True)
class Trainer:
    """What to install, in this order, and what to take out again. `check` is a module that is run in there."""

    install: tuple[tuple[str, ...], ...]
    check: str
    remove: tuple[str, ...] = ()


# torch comes first and alone: another package asking for it would let pip choose a build that is many times larger.
TRAINERS = {
    "llamafactory": Trainer(
        (("torch==2.13.0",), ("llamafactory==0.9.5",)),
        "tests.contract.with_llamafactory",
        # PyPI's builds of these are made for torch with CUDA, and break the import where it has none.
        remove=("torchvision", "torchaudio"),
    ),
    "axolotl": Trainer((("torch==2.13.0",), ("axolotl==0.19.0",)), "tests.contract.with_axolotl"),
    "torchtune": Trainer(
        # torchtune ended in 2025: torchao before 0.13 and after 0.15 does not import beside it.
        (("torch==2.13.0",), ("torchtune==0.6.1", "torchao>=0.13,<0.16")),
        "tests.contract.with_torchtune",
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make contract", description=__doc__)
    parser.add_argument("trainers", nargs="*", metavar="TRAINER", help=f"of {', '.join(TRAINERS)}; all without it")
    parser.add_argument("--again", action="store_true", help="make the environments anew")
    asked = parser.parse_args()
    unknown = sorted(set(asked.trainers) - set(TRAINERS))
    if unknown:
        parser.error(f"there is no trainer “{unknown[0]}”; choose of {', '.join(TRAINERS)}")
    # Here, because only this environment has Django.
    from tests.contract import samples

    samples.write(HOME / "samples")
    failed = [name for name in asked.trainers or TRAINERS if not loads(name, again=asked.again)]
    for name in asked.trainers or TRAINERS:
        print(f"{name}: {'FAILED' if name in failed else 'loads every export that it is said to'}")
    return 1 if failed else 0


def loads(name: str, *, again: bool) -> bool:
    """Whether a trainer's own loaders read the samples as they are. What is wrong is printed."""
    print(f"== {name}", flush=True)
    python = _environment(name, TRAINERS[name], again=again)
    done = subprocess.run(
        [str(python), "-m", TRAINERS[name].check, str(HOME / "samples")],
        cwd=ROOT,
        env={
            **{key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "LANG", "TMPDIR")},
            # Nothing is looked up on a hub, and nothing of the developer's own caches is read or written.
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(HOME / name / "cache"),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CUDA_VISIBLE_DEVICES": "",
        },
    )
    return done.returncode == 0


def _environment(name: str, trainer: Trainer, *, again: bool) -> Path:
    """The Python of the trainer's environment, which is whole once `ready` stands in it."""
    folder = HOME / name / "venv"
    python, ready = folder / "bin" / "python", folder / "ready"
    wanted = repr(trainer)
    if again or not ready.exists() or ready.read_text("utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
        index = os.environ.get("TORCH_INDEX_URL", "")
        for packages in trainer.install:
            source = ["--index-url", index] if index and packages[0].startswith("torch==") else []
            # The version of torch stays: what comes after must fit it, or fail here and not later.
            subprocess.run([*pip, "install", *source, *packages], check=True)
        if trainer.remove:
            subprocess.run([*pip, "uninstall", "--yes", *trainer.remove], check=True)
        ready.write_text(wanted, "utf-8")
    return python


if __name__ == "__main__":
    sys.exit(main())
