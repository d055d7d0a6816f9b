"""What comes out trains: `datasets` loads the file, TRL takes two steps, and the loss lies on what people said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import pandas
import pytest
from django.core.management import call_command

from labeling.importing.base import parse
from labeling.models import Project, User
from labeling.services import prompts
from tests import make
from tests.labeling.exports.answering import answered

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    # The libraries warn of their own affairs.
    pytest.mark.filterwarnings("default"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

REPLIES = [
    "Because blue light scatters most.\n\n1. Sunlight comes in\n2. Blue goes everywhere",
    "日本語で答えます。😀 Ünïcödé \u2028 and a line separator",
    "def f(x):\n\treturn x  # <code> & \"quotes\"",
    "null",
]  # fmt: skip


@pytest.fixture
def project(ann: User) -> Project:
    """Four prompts with answers of every kind; one has a system text and turns before the last question."""
    made = make.project(annotators=[ann], slug="haiku")
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Hi there."},
        {"role": "user", "content": "Question 3?"},
    ]
    asked: list[dict[str, Any]] = [{"prompt": f"Question {number}?"} for number in range(3)] + [{"messages": talk}]
    for number, line in enumerate(asked):
        line["candidates"] = [{"text": f"{REPLIES[number]} (better)"}, {"text": f"{REPLIES[number]} (worse)"}]
    lines = [parse(line, number) for number, line in enumerate(asked, 1)]
    prompts.import_lines(made, lines, source="jsonl", by=make.manager(made))
    write, rank = make.queue(made, slug="write"), make.queue(made, preset="ranking", slug="rank")
    thumbs, compare = make.queue(made, preset="kto", slug="thumbs"), make.queue(made, preset="helpsteer3", slug="pairs")
    for reply in REPLIES:
        make.written(write, ann, reply)
        make.ranked(rank, ann, [[f"{reply} (better)"], [f"{reply} (worse)"]])
        answered(thumbs, ann, thumbs={f"{reply} (better)": 1, f"{reply} (worse)": 0})
    for number, reply in enumerate(REPLIES):
        preference = {"preferred": f"{reply} (better)", "strength": min(3, number + 1)}
        answered(compare, ann, preference=preference, reason={"text": "For a reason."})
    return made


def loaded(project: Project, folder: Path, **given: str) -> tuple[Any, list[dict[str, Any]]]:
    """An export of the command as `datasets` has it, and its lines as they are. Pandas reads the same."""
    out = folder / f"{'-'.join(given.values())}.jsonl"
    call_command("export", project.slug, out=str(out), **given)
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    found = datasets.load_dataset("json", data_files=str(out), split="train", cache_dir=str(folder / "cache"))
    assert [dict(row) for row in found] == lines
    # Told not to guess: it would turn ids into numbers and texts into dates.
    frame = pandas.read_json(out, lines=True, dtype=False, precise_float=True)
    assert frame.to_dict("records") == lines
    return found, lines


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    """Two steps on the processor, nothing saved, nothing reported."""
    return {
        "output_dir": str(folder / "out"),
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "max_length": 1024,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "bf16": False,
        "disable_tqdm": True,
        **more,
    }


def steps_taken(trainer: Any) -> list[float]:
    """Trains, and gives the loss of each step."""
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def learnt(trainer: Any, tokenizer: Any) -> list[str]:
    """The text that carries loss, for each row: what a model is taught to say."""
    texts = []
    for row in trainer.train_dataset:
        batch = trainer.data_collator([row])
        labels = batch["labels"][0]
        texts.append(tokenizer.decode(labels[labels != -100]))
    return texts


@pytest.mark.parametrize("name", ["sft", "prompt-completion"])
def test_demonstrations_train_and_the_loss_is_on_what_was_written(name: str, project: Project, tmp_path: Path) -> None:
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from tests.labeling.exports import tiny

    found, lines = loaded(project, tmp_path, format=name)
    tokenizer = tiny.tokenizer()
    trainer = SFTTrainer(
        model=tiny.model(len(tokenizer)),
        args=SFTConfig(**settings(tmp_path, assistant_only_loss=name == "sft")),
        train_dataset=found,
        processing_class=tokenizer,
    )
    losses = steps_taken(trainer)
    assert len(losses) == 2
    assert all(0 < loss < 20 for loss in losses)
    expected = [f"{reply}<|im_end|>" for reply in REPLIES]
    if name == "sft":
        # In a conversation the earlier turns of the assistant are learnt too.
        expected[3] = f"Hi there.<|im_end|>{expected[3]}"
        assert [line["messages"][-1]["content"] for line in lines] == REPLIES
    assert [text.rstrip("\n") for text in learnt(trainer, tokenizer)] == expected


def test_preferences_train_and_both_sides_are_what_was_ranked(project: Project, tmp_path: Path) -> None:
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    from tests.labeling.exports import tiny

    found, lines = loaded(project, tmp_path, format="preference", queue="rank")
    tokenizer = tiny.tokenizer()
    trainer = DPOTrainer(
        model=tiny.model(len(tokenizer)),
        ref_model=tiny.model(len(tokenizer)),
        args=DPOConfig(**settings(tmp_path)),
        train_dataset=found,
        processing_class=tokenizer,
    )
    losses = steps_taken(trainer)
    assert len(losses) == 2
    # At the start the model prefers neither: log 2. It has to move from there.
    assert losses[0] == pytest.approx(0.693, abs=0.01)
    assert losses[1] != losses[0]
    rows = list(trainer.train_dataset)
    for row, line, reply in zip(rows, lines, REPLIES, strict=True):
        prompt = tokenizer.decode(row["prompt_ids"])
        assert prompt == tokenizer.apply_chat_template(line["prompt"], tokenize=False, add_generation_prompt=True)
        assert prompt.count("Question") == 1, "the prompt stands there once"
        for side, ids in (("better", row["chosen_ids"]), ("worse", row["rejected_ids"])):
            assert tokenizer.decode(ids).rstrip("\n") == f"{reply} ({side})<|im_end|>"


def test_pairs_train_a_reward_model(project: Project, tmp_path: Path) -> None:
    from transformers import LlamaForSequenceClassification
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    from tests.labeling.exports import tiny

    found, lines = loaded(project, tmp_path, format="reward", queue="rank")
    tokenizer = tiny.tokenizer()
    config = tiny.model(len(tokenizer)).config
    config.num_labels = 1
    trainer = RewardTrainer(
        model=LlamaForSequenceClassification(config),
        args=RewardConfig(**settings(tmp_path)),
        train_dataset=found,
        processing_class=tokenizer,
    )
    assert len(steps_taken(trainer)) == 2
    for row, line, reply in zip(list(trainer.train_dataset), lines, REPLIES, strict=True):
        for side, ids, end in (("chosen", row["chosen_ids"], "better"), ("rejected", row["rejected_ids"], "worse")):
            text = tokenizer.decode(ids)
            # The whole conversation, each turn once, and at its end what was ranked.
            assert text.rstrip("\n") == tokenizer.apply_chat_template(line[side], tokenize=False).rstrip("\n")
            assert text.rstrip("\n").endswith(f"<|im_start|>assistant\n{reply} ({end})<|im_end|>")


def test_plain_text_of_pairs_is_whole_to_a_reward_model_though_its_prompt_stands_apart(
    project: Project, tmp_path: Path
) -> None:
    from transformers import LlamaForSequenceClassification
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    from tests.labeling.exports import tiny

    found, _ = loaded(project, tmp_path, format="reward", queue="rank", style="standard")
    tokenizer = tiny.tokenizer()
    config = tiny.model(len(tokenizer)).config
    config.num_labels = 1
    trainer = RewardTrainer(
        model=LlamaForSequenceClassification(config),
        args=RewardConfig(**settings(tmp_path)),
        train_dataset=found,
        processing_class=tokenizer,
    )
    assert len(steps_taken(trainer)) == 2
    for number, (row, reply) in enumerate(zip(list(trainer.train_dataset), REPLIES[:3], strict=True)):
        for ids, end in ((row["chosen_ids"], "better"), (row["rejected_ids"], "worse")):
            assert tokenizer.decode(ids) == f"Question {number}? {reply} ({end})<|im_end|>"


def test_plain_text_trains_and_the_response_begins_with_its_space(project: Project, tmp_path: Path) -> None:
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer
    from trl.trainer.sft_config import SFTConfig
    from trl.trainer.sft_trainer import SFTTrainer

    from tests.labeling.exports import tiny

    tokenizer = tiny.tokenizer()
    replies = REPLIES[:3]  # the fourth prompt has a system text and turns, which no plain text holds
    for name in ("sft", "prompt-completion"):
        found, lines = loaded(project, tmp_path, format=name, style="standard")
        demonstrations = SFTTrainer(
            model=tiny.model(len(tokenizer)),
            args=SFTConfig(**settings(tmp_path)),
            train_dataset=found,
            processing_class=tokenizer,
        )
        assert len(steps_taken(demonstrations)) == 2
        asked = ["" if name == "prompt-completion" else f"Question {number}?" for number in range(3)]
        expected = [f"{question} {reply}<|im_end|>" for question, reply in zip(asked, replies, strict=True)]
        assert learnt(demonstrations, tokenizer) == expected
        assert len(lines) == 3
    found, _ = loaded(project, tmp_path, format="preference", queue="rank", style="standard")
    preferences = DPOTrainer(
        model=tiny.model(len(tokenizer)),
        ref_model=tiny.model(len(tokenizer)),
        args=DPOConfig(**settings(tmp_path)),
        train_dataset=found,
        processing_class=tokenizer,
    )
    losses = steps_taken(preferences)
    assert losses[0] == pytest.approx(0.693, abs=0.01)
    for number, (row, reply) in enumerate(zip(list(preferences.train_dataset), replies, strict=True)):
        assert tokenizer.decode(row["prompt_ids"]) == f"Question {number}?"
        for side, ids in (("better", row["chosen_ids"]), ("worse", row["rejected_ids"])):
            assert tokenizer.decode(ids) == f" {reply} ({side})<|im_end|>"


def test_a_reference_reaches_the_reward_function(project: Project, tmp_path: Path) -> None:
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from tests.labeling.exports import tiny

    found, lines = loaded(project, tmp_path, format="prompts")
    assert [line["reference"] for line in lines] == REPLIES
    tokenizer = tiny.tokenizer()
    told: set[tuple[str, str]] = set()

    def reward(
        prompts: list[Any], completions: list[Any], reference: list[str], reference_source: list[str], **others: Any
    ) -> list[float]:
        told.update(zip((prompt[-1]["content"] for prompt in prompts), reference, strict=True))
        assert set(reference_source) == {"written"}
        return [float(len(completion[0]["content"])) for completion in completions]

    trainer = GRPOTrainer(
        model=tiny.model(len(tokenizer)),
        reward_funcs=reward,
        args=GRPOConfig(
            **{name: value for name, value in settings(tmp_path).items() if name != "max_length"},
            num_generations=2,
            max_completion_length=4,
        ),
        train_dataset=found,
        processing_class=tokenizer,
    )
    trainer.train()
    assert told
    assert told <= {(f"Question {number}?", reply) for number, reply in enumerate(REPLIES)}


def test_a_margin_of_every_row_reaches_the_loss(project: Project, tmp_path: Path) -> None:
    from transformers import LlamaForSequenceClassification
    from trl.trainer.reward_config import RewardConfig
    from trl.trainer.reward_trainer import RewardTrainer

    from tests.labeling.exports import tiny

    tokenizer = tiny.tokenizer()

    def first_loss(**given: str) -> tuple[float, list[float]]:
        found, lines = loaded(project, tmp_path, format="reward", **given)
        config = tiny.model(len(tokenizer)).config
        config.num_labels = 1
        trainer = RewardTrainer(
            model=LlamaForSequenceClassification(config),
            # All four pairs in one step, before anything is learnt.
            args=RewardConfig(**settings(tmp_path, per_device_train_batch_size=8, max_steps=1)),
            train_dataset=found,
            processing_class=tokenizer,
        )
        (loss,) = steps_taken(trainer)
        return loss, [line["margin"] for line in lines]

    plain, without = first_loss(queue="rank")
    wider, margins = first_loss(queue="pairs")
    assert without == [0.0] * 4
    assert margins == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])
    # The same four pairs: only the margins differ, and each makes the loss larger.
    assert wider > plain + 0.2
    mixed, both = first_loss()
    assert sorted(both) == sorted(without + margins)
    assert plain < mixed < wider


def test_labels_train_and_neighbours_share_no_prompt(project: Project, tmp_path: Path) -> None:
    from trl.trainer.kto_config import KTOConfig
    from trl.trainer.kto_trainer import KTOTrainer

    from tests.labeling.exports import tiny

    found, lines = loaded(project, tmp_path, format="kto")
    assert len(lines) == 8
    tokenizer = tiny.tokenizer()
    trainer = KTOTrainer(
        model=tiny.model(len(tokenizer)),
        ref_model=tiny.model(len(tokenizer)),
        args=KTOConfig(**settings(tmp_path, per_device_train_batch_size=4)),
        train_dataset=found,
        processing_class=tokenizer,
    )
    losses = steps_taken(trainer)
    assert len(losses) == 2
    # At the start the model is the one it is compared with: the loss of every row is a half.
    assert losses[0] == pytest.approx(0.5, abs=0.01)
    rows = list(trainer.train_dataset)
    own = {f"{reply} ({side})": side == "better" for reply in REPLIES for side in ("better", "worse")}
    for row, line in zip(rows, lines, strict=True):
        text = tokenizer.decode(row["completion_ids"]).rstrip("\n").removesuffix("<|im_end|>")
        assert text == line["completion"][0]["content"]
        assert row["label"] is own[text]
        prompt = tokenizer.decode(row["prompt_ids"])
        assert prompt == tokenizer.apply_chat_template(line["prompt"], tokenize=False, add_generation_prompt=True)
        # What the trainer sets beside it answers another prompt.
        other = tokenizer.decode(row["KL_completion_ids"]).rstrip("\n").removesuffix("<|im_end|>")
        assert other in own
        assert other.rpartition(" (")[0] != text.rpartition(" (")[0]


def test_prompts_train_and_reach_the_rewards_with_their_metadata(project: Project, tmp_path: Path) -> None:
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    from tests.labeling.exports import tiny

    found, lines = loaded(project, tmp_path, format="prompts")
    tokenizer = tiny.tokenizer()
    rewarded: list[dict[str, Any]] = []
    columns = ("reference", "reference_source", "metadata")

    def reward(prompts: list[Any], completions: list[Any], **others: Any) -> list[float]:
        for prompt, *values in zip(prompts, *(others[name] for name in columns), strict=True):
            rewarded.append({"prompt": prompt, **dict(zip(columns, values, strict=True))})
        return [float(place) for place, _ in enumerate(completions)]

    given = settings(tmp_path, per_device_train_batch_size=4, num_generations=2, max_completion_length=8)
    del given["max_length"]
    trainer = GRPOTrainer(
        model=tiny.model(len(tokenizer)),
        reward_funcs=reward,
        args=GRPOConfig(**given),
        train_dataset=found,
        processing_class=tokenizer,
    )
    asked: list[str] = []
    score = trainer._generate_and_score_completions

    def watched(inputs: Any) -> Any:
        batch = score(inputs)
        for ids, mask in zip(batch["prompt_ids"], batch["prompt_mask"], strict=True):
            asked.append(tokenizer.decode(ids[mask.bool()]))
        # The loss lies on what the model made, and there is something of it in every row.
        assert batch["completion_mask"].sum(dim=1).min() > 0
        return batch

    trainer._generate_and_score_completions = watched  # type: ignore[method-assign]
    assert len(steps_taken(trainer)) == 2
    # Two steps of two prompts each, with two responses: every prompt was asked twice, with its own metadata.
    known = {line["metadata"]["prompt_id"]: line for line in lines}
    assert sorted(row["metadata"]["prompt_id"] for row in rewarded) == sorted([*known, *known])
    for row in rewarded:
        assert row == known[row["metadata"]["prompt_id"]]
    templates = [
        tokenizer.apply_chat_template(line["prompt"], tokenize=False, add_generation_prompt=True) for line in lines
    ]
    assert sorted(asked) == sorted([*templates, *templates])


def test_raw_and_prompts_load(project: Project, tmp_path: Path) -> None:
    raw, lines = loaded(project, tmp_path, format="raw")
    assert len(raw) == len(lines) == 16
    asked, _ = loaded(project, tmp_path, format="prompts")
    assert len(asked) == 4
