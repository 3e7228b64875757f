"""What the network's output means: the target it is trained on, and the way from it back to x0.

Each is an affine change of one and the same estimate, given x_t.  s and t are the levels of t-1 and t;
only Mu looks at s.  Arithmetic only, as in `process`.
"""

from typing import Protocol

from torch import Tensor

from .formula import formula
from .process import between, posterior
from .schedule import Level


class Prediction(Protocol):
    """A meaning for the output of a network; x0, eps, xt, out: (B, ...)."""

    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """What the output is compared with in training: (B, ...)."""

    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The estimate of x_0 that an output stands for: (B, ...)."""


class Eps:
    """The noise in x_t.  Ho et al. 2020, eq. 12 to 15."""

    @formula
    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The noise eps: (B, ...)."""
        return eps

    @formula
    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """x_t less its noise, rescaled: (B, ...)."""
        return (xt - t.noise * out) / t.signal


class X0:
    """The clean image itself."""

    @formula
    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The clean image x_0: (B, ...)."""
        return x0

    @formula
    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The output as it is: (B, ...)."""
        return out


class V:
    """The velocity: x_t turned by a right angle in the plane of x_0 and eps.  Salimans & Ho 2022, app. D.

    There signal^2 + noise^2 is 1; here it holds for any level.
    """

    @formula
    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """Signal times noise less noise times signal: (B, ...)."""
        return t.signal * eps - t.noise * x0

    @formula
    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """x_t turned back: (B, ...)."""
        return (t.signal * xt - t.noise * out) / (t.signal**2 + t.noise**2)


class Flow:
    """The velocity of the straight path from data to noise, eps - x_0.  Lipman et al. 2023, for any level."""

    @formula
    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """From data to noise: (B, ...)."""
        return eps - x0

    @formula
    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """x_t without the noise that the velocity implies: (B, ...)."""
        return (xt - t.noise * out) / (t.signal + t.noise)


class Mu:
    """The mean of the posterior of the step t-1 <- t.  Ho et al. 2020, eq. 7 and 8."""

    @formula
    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The posterior mean: (B, ...)."""
        return posterior(x0, xt, s, t).mean

    @formula
    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The posterior mean, solved for x_0: (B, ...)."""
        scale, var = between(s, t)
        return (t.noise**2 * out - scale * s.noise**2 * xt) / (s.signal * var)


class Score:
    """The gradient of log q(x_t | x_0) with respect to x_t.  Song et al. 2021, section 3.3."""

    @formula
    def target(self, x0: Tensor, eps: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """The noise, scaled and turned round: (B, ...)."""
        return -eps / t.noise

    @formula
    def x0(self, out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
        """Tweedie's formula: (B, ...)."""
        return (xt + t.noise**2 * out) / t.signal
