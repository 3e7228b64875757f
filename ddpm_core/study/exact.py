"""Worlds with closed forms: data that are a mixture of Gaussians, and what a sampler makes of them.

One component is a Gaussian; components of variance 0 are a finite set of points, such as a training set.  The
noisy marginals of a mixture are mixtures too, so E[x_0 | x_t], the score and the density have closed forms at
every t.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from .. import checks
from ..gaussian import Gaussian
from ..process import Reverse, posterior_beta
from ..sampling import Rule, ancestral
from ..schedule import Schedule

FAR = 8.5  # standard deviations: the density beyond, against its peak, is below 1e-15


class Mixture:
    """The data distribution sum_k w_k N(m_k, v_k I), and its exact denoiser: mixture(xt, t) = E[x_0 | x_t].

    means: (K, ...), whose dtype is used throughout; var: one number or (K,), 0 for points; weights: (K,),
    positive, scaled to sum to 1, or None for equal ones.  ValueError for anything else.
    """

    def __init__(
        self, schedule: Schedule, means: Tensor, var: Tensor | float = 0.0, weights: Tensor | None = None
    ):
        means = checks.batch(means, "means")
        if not len(means):
            raise ValueError("means is empty: a mixture needs at least one component")
        var = torch.as_tensor(var, dtype=means.dtype, device=means.device)
        var = var.expand(len(means)) if var.ndim == 0 else var
        weights = torch.ones(len(means)) if weights is None else torch.as_tensor(weights)
        for name, x in (("var", var), ("weights", weights)):
            if x.shape != (len(means),):
                raise ValueError(
                    f"{name} must have shape ({len(means)},), one for each mean, got {tuple(x.shape)}"
                )
        if not bool(((var >= 0) & var.isfinite()).all()):
            raise ValueError(f"var must be 0 or more, got {var.tolist()}")
        if not bool(((weights > 0) & weights.isfinite()).all()):
            raise ValueError(f"weights must be positive, got {weights.tolist()}")
        self.schedule, self.means, self.var = schedule, means, var  # (K, ...), (K,)
        self.weights = (weights / weights.sum()).to(means)  # (K,)

    def draw(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n independent data points: (n, ...).  TypeError or ValueError unless n is whole, 1 or more."""
        n = checks.whole(n, "n", 1)
        k = torch.multinomial(self.weights.cpu(), n, replacement=True, generator=generator)
        mean = self.means[k]  # (n, ...)
        noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype).to(mean.device)
        return mean + self._wide(self.var[k].sqrt(), mean) * noise

    def __call__(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """E[x_0 | x_t], the best estimate there is: (B, ...).  xt: (B, ...); t: (B,), or one int."""
        signal, noise, x = self._level(xt, t)
        spread = signal**2 * self.var + noise**2  # (B, K)
        r = self.posterior(xt, t)  # (B, K)
        centre = ((r * noise**2 / spread) @ self.means.flatten(1)).reshape(x.shape)
        gain = (r * signal * self.var / spread).sum(1)  # (B,)
        return (centre + self._wide(gain, x) * x).to(xt.dtype)

    def score(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """The gradient of log q(x_t) with respect to x_t: (B, ...)."""
        signal, noise, x = self._level(xt, t)
        pull = self.posterior(xt, t) / (signal**2 * self.var + noise**2)  # (B, K)
        centre = ((signal * pull) @ self.means.flatten(1)).reshape(x.shape)
        return (centre - self._wide(pull.sum(1), x) * x).to(xt.dtype)

    def log_prob(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """Log of the marginal density q(x_t), in nats: (B,).  At t = 0 it is the density of the data."""
        return self._joint(xt, t).logsumexp(1).to(xt.dtype)

    def posterior(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """The probability that x_t came from each component: (B, K)."""
        return self._joint(xt, t).softmax(1).to(self.means)

    def _joint(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """log w_k + log N(x_t; signal m_k, spread_k I): (B, K)."""
        signal, noise, x = self._level(xt, t)
        if x.device.type != "mps":  # MPS has no float64, which saves `square` from rounding
            signal, noise, x = signal.double(), noise.double(), x.double()
        x, m = x.flatten(1), self.means.flatten(1).to(x)
        spread = signal**2 * self.var + noise**2  # (B, K)
        if not bool((spread > 0).all()):
            raise ValueError(
                "at t = 0 points have no density: ask at t of 1 or more, or give them a variance"
            )
        square = (x**2).sum(1, True) - 2 * signal * (x @ m.T) + signal**2 * (m**2).sum(1)  # (B, K)
        return self.weights.log() - 0.5 * (square / spread + m.shape[1] * (2 * math.pi * spread).log())

    def _level(self, xt: Tensor, t: Tensor | int) -> tuple[Tensor, Tensor, Tensor]:
        x = checks.floating(xt, "xt").to(self.means)
        if x.shape[1:] != self.means.shape[1:]:
            raise ValueError(
                f"xt must be (B, {', '.join(map(str, self.means.shape[1:]))}), got {tuple(x.shape)}"
            )
        t = t if isinstance(t, Tensor) else torch.tensor([checks.whole(t, "t", 0, self.schedule.T)])
        level = self.schedule.level(t, x.flatten(1))
        if len(x) == 1:
            x = x.expand(len(t), *x.shape[1:])
        return *(torch.as_tensor(a).expand(len(x), 1) for a in level), x  # type: ignore[return-value]

    @staticmethod
    def _wide(a: Tensor, like: Tensor) -> Tensor:
        return a.reshape(-1, *(1,) * (like.ndim - 1))


def gaussian(schedule: Schedule, mean: float, std: float) -> Mixture:
    """The one-dimensional world N(mean, std^2), in float64."""
    return Mixture(schedule, torch.tensor([[mean]], dtype=torch.float64), std**2)


def law(world: Mixture, times: Sequence[int] | None = None, rule: Rule = ancestral) -> Gaussian:
    """The exact distribution of what `sample(world, x_T, times, rule)` ends at, for x_T = schedule.start(z),
    z ~ N(0, 1): (1, 1).

    For one Gaussian the estimate is affine in x_t, and a rule is affine in x_t and the noise.  So each step
    maps a Gaussian to a Gaussian, and evaluating it at three points (x_t, noise) gives its coefficients.  The
    effect of a wrong rule shows here to the last digit.  ValueError for a world of more than one Gaussian.
    """
    if world.means.shape != (1, 1):
        raise ValueError(
            "the law of the sampler is a Gaussian only in a world of one Gaussian in one dimension"
        )
    path = checks.descending(world.schedule.times() if times is None else times, world.schedule.T)
    x, noise = torch.tensor([[[0.0], [1.0], [0.0]], [[0.0], [0.0], [1.0]]]).to(world.means)  # (3, 1) each
    start = world.schedule.start(torch.ones(1, 1).to(x))
    mean, var = torch.zeros_like(start), start**2
    for t, s in pairwise(path):
        offset, *rest = rule(world(x, t), x, world.schedule.at(s), world.schedule.at(t), noise)
        slope, kick = (at_one - offset for at_one in rest)
        mean, var = offset + slope * mean, slope**2 * var + kick**2
    return Gaussian(mean, var)


def log_likelihood(
    world: Mixture,
    x0: Tensor,
    times: Sequence[int] | None = None,
    reverse: Reverse = posterior_beta,
    first: float | None = None,
) -> Tensor:
    """log p(x_0) of a sampler that starts as in `law`, x_s ~ reverse(E[x_0 | x_t], x_t, s, t): (B,) nats.

    One dimension, x0: (B, 1); `reverse` and `first`, the variance of the last step, as in `elbo.terms`.  The
    integrals over x_T, ..., x_1 are sums over even grids, each finer than the kernel summed on it; for smooth
    functions they converge faster than any power of the spacing.  About twelve digits are right in a world of
    one Gaussian, four or five with several.  TypeError or ValueError for bad input.
    """
    if world.means.shape[1:] != (1,):
        raise ValueError(f"the grid is one-dimensional, the world has data of {tuple(world.means.shape[1:])}")
    if checks.batch(x0, "x0").shape[1:] != (1,):
        raise ValueError(f"x0 must have shape (B, 1), got {tuple(x0.shape)}")
    path = checks.descending(world.schedule.times() if times is None else times, world.schedule.T)
    if path[-1]:
        raise ValueError(f"times must end at 0, where x_0 is, got {path[-1]}")
    if first is not None:
        checks.real(first, "first", 0, math.inf)
    if not len(x0):
        return x0.double()[:, 0]

    def kernel(x: Tensor, t: int, s: int) -> tuple[Tensor, float]:
        """Mean and standard deviation of p(x_s | x_t) at every x_t."""
        q = reverse(world(x, t), x, world.schedule.at(s), world.schedule.at(t))
        var = float(q.var if s or first is None else first)
        if not var > 0:
            raise ValueError("the last step has variance 0, and so no density: give its variance as `first`")
        return q.mean, var**0.5

    def grid(low: float, high: float, width: float) -> Tensor:
        """Even points (N, 1), close enough together to sum a Gaussian of standard deviation `width`."""
        return torch.linspace(low, high, 2 + int(1.6 * (high - low) / width), dtype=torch.float64)[:, None]

    wide = torch.zeros(1, dtype=torch.float64)
    p = _Mixed(wide, wide, float(world.schedule.start(wide + 1)))
    for t, s in pairwise(path):
        low, high = p.mean.min().item() - FAR * p.sd, p.mean.max().item() + FAR * p.sd
        x = grid(low, high, p.sd)
        log_p, (mean, sd) = p(x), kernel(x, t, s)
        seen = log_p > log_p.max() - FAR**2 / 2
        slope = (mean.diff(dim=0) / x.diff(dim=0)).abs()[seen[1:]].max().item()
        if sd < slope * p.sd:  # as a function of x_t, the kernel is narrower than p's components
            finer = grid(low, high, sd / slope)
            there = seen[((finer - low) / (high - low) * (len(x) - 1)).round().long()[:, 0]]
            x, spacing = finer[there], finer[1] - finer[0]
            log_p, (mean, sd) = p(x), kernel(x, t, s)
        else:
            x, log_p, mean, spacing = x[seen], log_p[seen], mean[seen], x[1] - x[0]
        p = _Mixed(mean[:, 0], log_p + spacing.log(), sd)
    return p(x0.double())


class _Mixed(NamedTuple):
    """The log density log sum_j w_j N(x; mean_j, sd^2).  mean, log_w: (N,)."""

    mean: Tensor
    log_w: Tensor
    sd: float

    def __call__(self, x: Tensor) -> Tensor:
        """x: (B, 1) -> (B,).  A sorted chunk of x sums only the components within FAR standard deviations."""
        x, order = x.sort(0)
        parts = []
        for rows in x.split(64):
            near = (self.mean > rows[0] - FAR * self.sd) & (self.mean < rows[-1] + FAR * self.sd)
            near = near if near.any() else slice(None)
            parts.append((self.log_w[near] - 0.5 * ((rows - self.mean[near]) / self.sd) ** 2).logsumexp(1))
        found = torch.cat(parts) - math.log(self.sd * math.sqrt(2 * math.pi))
        return found[order[:, 0].argsort()]
