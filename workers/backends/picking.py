"""Drawing one token for each row out of a model's logits: the arithmetic, without a model."""

import torch

# How many of the likeliest tokens are looked at first for top_p; it grows where they do not hold enough.
NUCLEUS_GUESS = 256


def draws_of(seed: int, count: int) -> torch.Tensor:
    """The random numbers of one row, uniform in [0, 1): the first is for its first token, and so on.

    Drawn on the CPU, so that the same seed draws the same numbers on every device.
    """
    return torch.rand(count, generator=torch.Generator().manual_seed(seed))


def pick(
    logits: torch.Tensor, draws: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """One token for each row: the likeliest where its temperature is 0, else drawn by the row's own number.

    ``logits`` (B, V) float32; ``draws`` (B) uniform in [0, 1); ``temperature`` and ``top_p`` (B).
    Returns the token ids (B) and whether each row's logits were usable (B).
    """
    largest, tokens = logits.max(-1)
    usable = largest.isfinite()  # max hands on a NaN, and is infinite where all are -inf
    for chosen, draw in (
        ((temperature > 0) & (top_p >= 1) & usable, _draw_from_all),
        ((temperature > 0) & (top_p < 1) & usable, _draw_from_nucleus),
    ):
        index = chosen.nonzero()[:, 0]
        if len(index):
            probabilities = (logits[index] / temperature[index, None]).softmax(-1)
            tokens[index] = draw(probabilities, draws[index], top_p[index])
    return tokens, usable


def _draw_from_all(probabilities: torch.Tensor, draws: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    return _invert(probabilities, draws)


def _draw_from_nucleus(probabilities: torch.Tensor, draws: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Draw from the fewest likeliest tokens whose probabilities reach top_p, the one that reaches it included.

    Sorting the whole vocabulary in every step would cost more than the model does; a few hundred tokens
    nearly always hold enough.
    """
    words = probabilities.shape[-1]
    count = min(words, NUCLEUS_GUESS)
    while True:
        values, ids = probabilities.topk(count)
        held = values.cumsum(-1)
        if count == words or bool((held[:, -1] >= top_p).all()):
            break
        count = min(words, count * 8)
    weights = values * (held - values < top_p[:, None])
    # In the order of the vocabulary, not of the probabilities: where two tokens are nearly equal, rounding may
    # swap their ranks, and a draw must not jump with it.
    ids, order = ids.sort(-1)
    return ids.gather(-1, _invert(weights.gather(-1, order), draws)[:, None])[:, 0]


def _invert(weights: torch.Tensor, draws: torch.Tensor) -> torch.Tensor:
    """The index at which the running sum of ``weights`` (B, N) passes ``draws`` (B) of its total."""
    # float64, because 50,000 float32 additions would drift; and a float32 draw below 1 times the total then
    # cannot round up to the total, past the last token.
    sums = weights.double().cumsum(-1)
    return torch.searchsorted(sums, draws.double()[:, None] * sums[:, -1:], right=True)[:, 0]


def pick_on_device(
    logits: torch.Tensor, draws: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """What ``pick`` picks, without the processor ever waiting for the device: a CUDA graph can hold it.

    So it may neither look at a number nor shape anything by one. The nucleus is found by halving: which is the
    largest probability such that the tokens above it hold less than ``top_p``? The bits of a positive float32, read
    as a whole number, rise with it, so that thirty halvings find it exactly.
    """
    largest, likeliest = logits.max(-1)
    usable = largest.isfinite()
    # A row at temperature 0, or with nothing usable, is computed as well and then not taken: 1 keeps it finite.
    divisor = torch.where(temperature > 0, temperature, 1.0)[:, None]
    probabilities = (logits / divisor).softmax(-1)
    low = torch.zeros_like(likeliest, dtype=torch.int32)
    high = probabilities.max(-1).values.view(torch.int32)  # above the likeliest there is nothing: that is enough
    for _ in range(31):
        middle = (low + high) >> 1
        above = torch.where(probabilities > middle.view(torch.float32)[:, None], probabilities, 0.0).sum(-1)
        enough = above < top_p
        low, high = torch.where(enough, low, middle + 1), torch.where(enough, middle, high)
    least = torch.where(top_p < 1, high.view(torch.float32), 0.0)
    weights = torch.where(probabilities >= least[:, None], probabilities, 0.0)
    drawn = _invert(weights, draws).clamp(max=logits.shape[-1] - 1)  # unusable rows point past the last token
    return torch.where((temperature > 0) & usable, drawn, likeliest), usable
