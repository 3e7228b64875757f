"""Inputs on which a student's function is held against the library's: small, fixed, float64."""

import torch
from torch import Tensor

from ...schedule import Level, linear
from ..check import Case

SCHEDULE = linear()


def one(value: float) -> Tensor:
    """A batch of one number: (1, 1)."""
    return torch.full((1, 1), value, dtype=torch.float64)


def draw(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers that are always the same."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def levels(*times: int) -> Level:
    """The level of a batch (B, 2) with a time each."""
    return SCHEDULE.level(torch.tensor(times), draw(0, len(times), 2))


def steps(names: str, values: tuple[float, ...], noise: str = "") -> list[Case]:
    """Cases for (a, b, s, t) or, with `noise`, (a, b, s, t, noise), on the steps t-1 <- t."""
    said = ", ".join(f"{n} = {v:g}" for n, v in zip([*names.split(), noise], values, strict=False))

    def case(text: str, data: list[Tensor], s: Level, t: Level) -> Case:
        return Case(text, (*data[:2], s, t, *data[2:]))

    n = 3 if noise else 2
    level = SCHEDULE.level
    return [
        case(f"t = 500 of linear(1000), {said}", [one(v) for v in values], level(499), level(500)),
        case(f"t = 2 of linear(1000), {said}", [one(v) for v in values], level(1), level(2)),
        case(
            "a batch of three at t = 2, 100, 1000 (seeded)",
            [draw(k, 3, 2) for k in range(n)],
            levels(1, 99, 999),
            levels(2, 100, 1000),
        ),
        case(f"the last step, t = 1, {said}", [one(v) for v in values], level(0), level(1)),
    ]
