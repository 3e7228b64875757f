"""Diagonal Gaussians: the one distribution that a VAE, an HVAE and a DDPM share."""

import math
from typing import NamedTuple

import torch
from torch import Tensor


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
        _needs_density(self.var)
        square = (x - self.mean) ** 2 / self.var  # (B, ...)
        return per_example(-0.5 * (square + _log(self.var) + math.log(2 * math.pi)))

    def kl(self, other: "Gaussian") -> Tensor:
        """KL(self || other) in nats: (B,).  Infinite for a point mass against a density."""
        _needs_density(other.var)
        ratio = self.var / other.var
        gap = (self.mean - other.mean) ** 2 / other.var  # (B, ...)
        return per_example(0.5 * (gap + ratio - 1 - _log(ratio)))


def per_example(x: Tensor) -> Tensor:
    """(B, ...) -> (B,): the sum over everything but the batch."""
    return x.sum(tuple(range(1, x.ndim))) if x.ndim > 1 else x


def _log(v: Tensor | float) -> Tensor | float:
    if isinstance(v, Tensor):
        return v.log()
    return math.log(v) if v > 0 else -math.inf


def _needs_density(var: Tensor | float) -> None:
    if not bool(torch.as_tensor(var > 0).all()):
        raise ValueError("a Gaussian with var = 0 is a point mass: it has no density to evaluate")
