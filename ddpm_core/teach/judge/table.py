"""The tables of linear schedules as plain floats, equal to those of the library."""

import math
from functools import cache
from itertools import accumulate
from operator import mul


class Table:
    """The values of a schedule with these beta_1 .. beta_T, at t = 0..T: tuples of T + 1 floats."""

    def __init__(self, betas: list[float]) -> None:
        self.betas = (0.0, *betas)
        self.alphas = tuple(1 - beta for beta in self.betas)
        self.abar = tuple(accumulate(self.alphas, mul))
        self.snr = (math.inf, *(abar / (1 - abar) for abar in self.abar[1:]))
        steps = zip(betas, self.abar, self.abar[1:], strict=False)
        self.beta_tilde = (0.0, *(beta * (1 - prev) / (1 - abar) for beta, prev, abar in steps))


@cache
def linear_table(T: int = 1000, beta_min: float = 1e-4, beta_max: float = 0.02) -> Table:
    """The table of linear(T, beta_min, beta_max)."""
    rise = (beta_max - beta_min) / max(T - 1, 1)
    return Table([beta_min + k * rise for k in range(T)])
