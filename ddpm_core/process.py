"""The forward process and its exact posterior, for any two times s < t.

Arithmetic only: a sympy symbol goes through these functions as a CUDA tensor does, so the formula that
a lesson proves is the one that runs.
"""

from collections.abc import Callable

from torch import Tensor

from .formula import formula
from .gaussian import Gaussian
from .schedule import Level

Reverse = Callable[[Tensor, Tensor, Level, Level], Gaussian]  # (estimate of x_0, x_t, s, t) -> p(x_s | x_t)


@formula
def q_sample(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    """x_t ~ q(x_t | x_0), from eps ~ N(0, I).  x0, eps: (B, ...).  Ho et al. 2020, eq. 4."""
    return t.signal * x0 + t.noise * eps


def between(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    """Scale and variance of the jump s -> t: sqrt(abar_t / abar_s) and 1 - abar_t / abar_s."""
    scale = t.signal / s.signal
    return scale, t.noise**2 - scale**2 * s.noise**2


@formula
def transition(xs: Tensor, s: Level, t: Level) -> Gaussian:
    """q(x_t | x_s), the kernel of k = t - s steps at once.  xs: (B, ...).  Ho et al. 2020, eq. 2."""
    scale, var = between(s, t)
    return Gaussian(scale * xs, var)


@formula
def posterior(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    """q(x_s | x_t, x_0); at s = 0 the point mass on x0.  x0, xt: (B, ...).  Ho et al. 2020, eq. 6, 7."""
    scale, var = between(s, t)
    ahead, back = s.signal * var / t.noise**2, scale * s.noise**2 / t.noise**2
    return Gaussian(ahead * x0 + back * xt, var * s.noise**2 / t.noise**2)


@formula
def posterior_beta(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    """The posterior's mean with the variance of the jump s -> t: beta_t for s = t-1.  Ho et al. 2020, 3.2."""
    _, var = between(s, t)
    return Gaussian(posterior(x0, xt, s, t).mean, var)
