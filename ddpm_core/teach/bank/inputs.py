"""Inputs on which a student's function is compared with the library's: small, fixed, float64."""

import math

import torch
from torch import Tensor, nn

from ...denoiser import Denoiser
from ...prediction import Eps
from ...schedule import Level, linear
from ..judge.function import Case as Case

SCHEDULE = linear()


class TwoModes(nn.Module):
    """E[eps | x_t] for entries of the mixture 0.3 N(-1, 0.1^2) + 0.7 N(1, 0.1^2)."""

    def forward(self, xt: Tensor, t: Tensor) -> Tensor:
        """The best possible estimate of the noise: (B, D).  xt: (B, D); t: (B,)."""
        signal, noise = SCHEDULE.level(t, xt)
        spread = noise**2 + 0.01 * signal**2  # the variance of x_t in each mode
        mode = torch.tanh(signal * xt / spread + 0.5 * math.log(0.7 / 0.3))  # -1 .. 1
        x0 = (noise**2 * mode + 0.01 * signal * xt) / spread
        return (xt - signal * x0) / noise


TWO_MODES = Denoiser(TwoModes(), SCHEDULE, Eps())
TWO_MODES_VARIANCE = 1 - (0.7 - 0.3) ** 2 + 0.01


def one(value: float) -> Tensor:
    """A batch of one number: (1, 1)."""
    return torch.full((1, 1), value, dtype=torch.float64)


def draw(seed: int, *shape: int) -> Tensor:
    """Standard normal numbers from a fixed seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def levels(*times: int) -> Level:
    """The level of a batch (B, 2) with a time each."""
    return SCHEDULE.level(torch.tensor(times), draw(0, len(times), 2))


def steps(names: str, values: tuple[float, ...], noise: str = "") -> list[Case]:
    """Cases for (a, b, s, t) or, with `noise`, (a, b, s, t, noise), on steps from t to t-1.

    names: of a and b, "a b"; values: of a, b and the noise.
    """
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


def training() -> list[Case]:
    """Cases for (denoiser, x0, t, eps) in the world of two modes."""

    def case(text: str, x0: Tensor, times: list[int], eps: Tensor) -> Case:
        return Case(text, (TWO_MODES, x0, torch.tensor(times), eps))

    modes = torch.tensor([[1.0, -1], [1, 1], [-1, 1]], dtype=torch.float64)  # (3, 2)
    return [
        case("t = 500 of linear(1000), x0 = 1, eps = 0.5", one(1), [500], one(0.5)),
        case("t = 100 of linear(1000), x0 = -1, eps = 0.5", one(-1), [100], one(0.5)),
        case("a batch of three at t = 2, 100, 1000 (seeded)", modes, [2, 100, 1000], draw(1, 3, 2)),
    ]
