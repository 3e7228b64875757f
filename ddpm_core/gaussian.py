"""Diagonal Gaussians: the one distribution that a VAE, an HVAE and a DDPM share."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from . import checks


class Gaussian(NamedTuple):
    """N(mean, var I).

    mean: (B, ...); var: a number or a tensor that broadcasts to it.  var = 0 is a point mass.
    """

    mean: Tensor
    var: Tensor | float

    def sample(self, noise: Tensor) -> Tensor:
        """Reparameterised: mean + sqrt(var) * noise, with noise ~ N(0, I) drawn by the caller."""
        return self.mean + self.var**0.5 * noise

    def log_prob(self, x: Tensor) -> Tensor:
        """Log density of x (B, ...) in nats: (B,).  ValueError for a point mass, which has none."""
        _needs_density(self, x)
        square = (x - self.mean) ** 2 / self.var  # (B, ...)
        return per_example(-0.5 * (square + _log(self.var) + math.log(2 * math.pi)))

    def log_mass(self, x: Tensor, levels: int) -> Tensor:
        """Log probability of x (B, ...) in nats: (B,), where x is one of `levels` even steps from -1 to 1.

        Each step owns the half steps around it, the first and the last all that lies beyond, so that the
        probabilities of all steps sum to one.  Ho et al. 2020, eq. 13.
        """
        _needs_density(self, x)
        half = 1 / (checks.whole(levels, "levels", 2) - 1)
        low = ((x - half - self.mean) / self.var**0.5).masked_fill(x < half - 1, -math.inf)  # (B, ...)
        high = ((x + half - self.mean) / self.var**0.5).masked_fill(x > 1 - half, math.inf)
        mirror = low > 0  # log_ndtr is accurate in the lower tail
        low, high = torch.where(mirror, -high, low), torch.where(mirror, -low, high)
        below, upto = torch.special.log_ndtr(low), torch.special.log_ndtr(high)
        return per_example(upto + torch.log(-torch.expm1(below - upto)))

    def kl(self, other: "Gaussian") -> Tensor:
        """KL(self || other) in nats: (B,).  Infinite for a point mass against a density."""
        _needs_density(other, self.mean)
        ratio = self.ratio(other)
        return per_example(0.5 * (self.gap(other) + ratio - 1 - _log(ratio)))

    def ratio(self, other: "Gaussian") -> Tensor | float:
        """The two variances, self over other: one half of `kl`, arithmetic only."""
        return self.var / other.var

    def gap(self, other: "Gaussian") -> Tensor:
        """The squared distance of the means in units of other's variance: the other half of `kl`."""
        return (self.mean - other.mean) ** 2 / other.var


def per_example(x: Tensor) -> Tensor:
    """(B, ...) -> (B,): the sum over everything but the batch."""
    return x.sum(tuple(range(1, x.ndim))) if x.ndim > 1 else x


def _log(v: Tensor | float) -> Tensor | float:
    if isinstance(v, Tensor):
        return v.log()
    return math.log(v) if v > 0 else -math.inf


def _needs_density(g: Gaussian, x: Tensor) -> None:
    """ValueError unless g has a density, and x (B, ...) as many axes as its mean: torch would make (B, B)."""
    if not checks.positive(g.var):
        raise ValueError("a Gaussian with var = 0 is a point mass: it has no density to evaluate")
    if x.ndim != g.mean.ndim and 0 not in (x.ndim, g.mean.ndim):
        raise ValueError(
            f"a point and a mean must have as many axes, got {tuple(x.shape)} and {tuple(g.mean.shape)}"
        )
