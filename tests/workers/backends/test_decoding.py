"""Drawing tokens: the arithmetic, without a model."""

import pytest
import torch

from workers.backends import picking
from workers.backends.picking import pick, pick_on_device

LOGITS = torch.tensor([1.0, 3.0, -2.0, 2.5, 0.0, 2.4])


def shares(logits: torch.Tensor, temperature: float, top_p: float, draws: int = 4000) -> torch.Tensor:
    """How often each token is picked when the draws are spread evenly over [0, 1)."""
    evenly = (torch.arange(draws) + 0.5) / draws
    tokens, usable = pick(
        logits.repeat(draws, 1), evenly, torch.full((draws,), temperature), torch.full((draws,), top_p)
    )
    assert usable.all()
    return torch.bincount(tokens, minlength=len(logits)) / draws


@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
def test_tokens_are_drawn_as_often_as_they_are_likely(temperature: float) -> None:
    likely = (LOGITS / temperature).softmax(-1)
    assert torch.allclose(shares(LOGITS, temperature, 1.0), likely, atol=1 / 2000)


@pytest.mark.parametrize(("top_p", "kept"), [(0.2, [1]), (0.5, [1, 3]), (0.75, [1, 3, 5]), (0.99, [0, 1, 3, 4, 5])])
def test_top_p_keeps_the_fewest_likeliest_tokens_that_reach_it(top_p: float, kept: list[int]) -> None:
    likely = LOGITS.softmax(-1)
    nucleus = torch.zeros_like(likely)
    nucleus[kept] = likely[kept] / likely[kept].sum()
    assert torch.allclose(shares(LOGITS, 1.0, top_p), nucleus, atol=1 / 2000)


def test_top_p_is_the_same_as_in_transformers() -> None:
    from transformers import TopPLogitsWarper

    logits = torch.randn(50, 400, generator=torch.Generator().manual_seed(1)) * 3
    kept = TopPLogitsWarper(top_p=0.9)(torch.zeros(50, 1, dtype=torch.long), logits).isfinite()
    for row, allowed in zip(logits, kept, strict=True):
        assert not (shares(row, 1.0, 0.9)[~allowed] > 0).any()


def test_top_p_looks_further_where_the_first_few_tokens_do_not_hold_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = torch.linspace(0, 0.1, 200)
    whole = shares(flat, 1.0, 0.9)
    monkeypatch.setattr(picking, "NUCLEUS_GUESS", 4)
    assert torch.equal(shares(flat, 1.0, 0.9), whole)
    assert (whole > 0).sum() > 150


def test_temperature_zero_takes_the_likeliest() -> None:
    assert shares(LOGITS, 0.0, 1.0).tolist() == [0, 1, 0, 0, 0, 0]


def test_each_row_has_its_own_settings() -> None:
    tokens, _ = pick(
        LOGITS.repeat(4, 1),
        torch.tensor([0.999, 0.999, 0.999, 0.0]),
        torch.tensor([0.0, 1.0, 1.0, 1.0]),
        torch.tensor([1.0, 1.0, 0.2, 1.0]),
    )
    assert tokens.tolist() == [1, 5, 1, 0]


def test_a_token_that_cannot_be_is_never_drawn() -> None:
    barred = torch.tensor([-torch.inf, 0.0, -torch.inf, 0.0, -torch.inf])
    edge = 1 - 2**-24  # the largest number that torch.rand gives
    for draw in (0.0, 0.5, edge):
        for top_p in (1.0, 0.99):
            tokens, _ = pick(barred[None], torch.tensor([draw]), torch.tensor([1.0]), torch.tensor([top_p]))
            assert tokens.item() in (1, 3)


@pytest.mark.parametrize("broken", [torch.nan, torch.inf])
def test_numbers_that_mean_nothing_are_noticed_in_their_row_alone(broken: float) -> None:
    logits = LOGITS.repeat(3, 1)
    logits[1, 2] = broken
    logits[2] = -torch.inf
    tokens, usable = pick(logits, torch.full((3,), 0.5), torch.ones(3), torch.tensor([1.0, 1.0, 0.9]))
    assert usable.tolist() == [True, False, False]
    assert tokens[0] == 3


def test_without_waiting_for_the_device_the_same_tokens_are_picked() -> None:
    stream = torch.Generator().manual_seed(5)
    rows = 600
    logits = torch.randn(rows, 300, generator=stream) * torch.linspace(0.1, 6, rows)[:, None]
    logits[::7, 20:] = -torch.inf
    draws = torch.rand(rows, generator=stream)
    temperature = torch.tensor([0.0, 0.7, 1.0, 1.5]).repeat(rows // 4)
    top_p = torch.tensor([1.0, 0.2, 0.9, 0.99, 0.5]).repeat(rows // 5)
    tokens, usable = pick(logits, draws, temperature, top_p)
    same, also_usable = pick_on_device(logits, draws, temperature, top_p)
    assert same.tolist() == tokens.tolist()
    assert usable.all()
    assert also_usable.all()


def test_without_waiting_for_the_device_unusable_rows_are_noticed_too() -> None:
    logits = LOGITS.repeat(4, 1)
    logits[1, 2] = torch.nan
    logits[2] = -torch.inf
    logits[3, 0] = torch.inf
    tokens, usable = pick_on_device(logits, torch.full((4,), 0.5), torch.ones(4), torch.tensor([1.0, 1.0, 0.9, 0.9]))
    assert usable.tolist() == [True, False, False, False]
    assert ((tokens >= 0) & (tokens < len(LOGITS))).all()
