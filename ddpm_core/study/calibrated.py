"""The variance of a reverse step that suits an imperfect network: measured, not assumed."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .. import checks
from ..gaussian import Gaussian
from ..process import between, posterior, q_sample
from ..sampling import Estimator, estimate, randn
from ..schedule import Level


class Calibrated:
    """p(x_s | x_t) with the variance that gives the best bound for this network.

    It is the variance of q(x_s | x_t, x_0), plus the mean squared error of the estimate of x_0 times the
    squared slope of the posterior's mean in x_0.  The error of each number is measured on training data.
    Bao et al. 2022 (Analytic-DPM), theorem 1, has one variance and the exact score; for each number and an
    imperfect network, Bao et al. 2022b (extended Analytic-DPM).

    denoiser: whose errors; x0: data to measure them on, (N, ...); times: at which, all but a final 0.  As a
    `Reverse` it answers for these times alone; `calibrated.step` is the same as a rule for `sample`.
    """

    def __init__(
        self,
        denoiser: Estimator,
        x0: Tensor,
        times: Sequence[int] | Tensor,
        generator: torch.Generator | None = None,
    ):
        x0, self.schedule = checks.data(x0, "x0"), denoiser.schedule
        if not len(x0):
            raise ValueError("x0 is empty: there is nothing to measure errors on")
        self.times = [t for t in checks.descending(times, self.schedule.T) if t]
        self.errors = {self.schedule.at(t): error(denoiser, x0, t, randn(x0, generator)) for t in self.times}

    def __call__(self, x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
        """N(mean of the posterior, its variance + slope^2 * error).  ValueError if t is none of the times."""
        if t not in self.errors:
            known = isinstance(t.signal, float)
            came = [f"t = {k}" for k in range(self.schedule.T + 1) if known and self.schedule.at(k) == t]
            raise ValueError(
                f"errors were measured at {len(self.times)} times from {self.times[0]} to {self.times[-1]}; "
                f"{came[0] if came else 'this level'} is none of them: give `times` with it to Calibrated"
            )
        narrow, slope = posterior(x0, xt, s, t), s.signal * between(s, t)[1] / t.noise**2
        return Gaussian(narrow.mean, narrow.var + slope**2 * self.errors[t])

    def step(self, x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
        """x_s ~ p(x_s | x_t): a rule for `sample`; at s = 0 the mean."""
        p = self(x0, xt, s, t)
        return p.mean if s.noise == 0 else p.sample(noise)


@torch.no_grad()
def error(denoiser: Estimator, x0: Tensor, t: int, eps: Tensor) -> Tensor:
    """The mean squared error of the estimate of x_0 at time t, for each number: (1, ...).

    One pseudo-example with the mean error is added, so that no variance is 0.
    """
    xt = q_sample(x0, eps, denoiser.schedule.at(t))
    square = (estimate(denoiser, xt, t) - x0) ** 2
    return (square.sum(0, keepdim=True) + square.mean()) / (len(x0) + 1)
