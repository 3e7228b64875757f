"""The variational bound, term by term: -log p(x_0) <= L_T + sum of L_{t-1} + L_0, all in nats.

Ho et al. 2020, eq. 5: what the prior misses, what each reverse step misses, and what the decoder, the last
step, says of the data.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from . import checks
from .gaussian import Gaussian
from .prediction import Prediction
from .process import Reverse, posterior, posterior_beta, q_sample
from .sampling import Estimator, estimate, randn
from .schedule import Level, Schedule

Decoder = Callable[[Gaussian, Tensor], Tensor]
Draw = Callable[[], Tensor]


def pixels(levels: int) -> Decoder:
    """The decoder of pictures with `levels` greys from -1 to 1: a probability.  Ho et al. 2020, eq. 13."""
    return partial(Gaussian.log_mass, levels=checks.whole(levels, "levels", 2))


class Term(NamedTuple):
    """L_s for each example: L_T for s = T, the KL of a reverse step that arrives at s, L_0 for s = 0."""

    s: int
    nats: Tensor  # (B,)


def terms(
    denoiser: Estimator,
    x0: Tensor,
    times: Sequence[int] | Tensor | None = None,
    *,
    reverse: Reverse = posterior_beta,
    first: float | None = None,
    decoder: Decoder = Gaussian.log_prob,
    eps: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> Iterator[Term]:
    """The terms of the bound on -log p(x_0), from L_T down to L_0, each from one draw of q(x_t | x_0).

    x0: (B, ...).  times: T..0, all of them if None; with fewer, the bound is that of the shorter chain.
    reverse: p(x_s | x_t) around the estimate of x_0: `posterior_beta` or `posterior`, the two of the paper.
    first: the variance of the last step, for that of `reverse`; `posterior` has 0 there and so no density.
    decoder: `Gaussian.log_prob` for densities, `pixels(256)` for bytes.  eps: noise (B, ...) to use at every
    t; None to draw it afresh from `generator` for each.  TypeError or ValueError for bad input, here and now.
    """
    x0, schedule = checks.data(x0, "x0"), denoiser.schedule
    path = checks.descending(schedule.times() if times is None else times, schedule.T)
    if path[-1] != 0:
        raise ValueError(f"the bound is on the data: times must end at 0, got {path[-1]}")
    if eps is not None:
        checks.same_shape(checks.batch(eps, "eps"), x0, "eps", "x0")
    if first is not None:
        reverse = _ending(reverse, checks.real(first, "first", 0, math.inf))
    if not checks.positive(reverse(x0[:1], x0[:1], schedule.at(0), schedule.at(path[-2])).var):
        raise ValueError(
            f"{getattr(reverse, '__name__', 'reverse')} ends in a point mass, which has no density: "
            "give `first`, the variance of the last step, such as the posterior's one step earlier"
        )
    noise = partial(randn, x0, generator) if eps is None else lambda: eps
    return _terms(denoiser, x0, path, reverse, decoder, noise)


def _ending(reverse: Reverse, first: float) -> Reverse:
    """The same p(x_s | x_t), but for the variance of its last step."""

    def ending(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
        p = reverse(x0, xt, s, t)
        return Gaussian(p.mean, first) if s.noise == 0 else p

    return ending


def _terms(
    denoiser: Estimator, x0: Tensor, path: list[int], reverse: Reverse, decoder: Decoder, noise: Draw
) -> Iterator[Term]:
    end = denoiser.schedule.at(path[0])
    yield Term(path[0], prior(x0, end, 1.0 if denoiser.schedule.preserving else end.noise**2))
    for t, s in pairwise(path):
        now, then = denoiser.schedule.at(t), denoiser.schedule.at(s)
        xt = q_sample(x0, noise(), now)
        xhat = estimate(denoiser, xt, t)
        if s:
            yield Term(s, divergence(x0, xhat, xt, then, now, reverse))
        else:
            yield Term(s, -decoder(reverse(xhat, xt, then, now), x0))


class Bound(NamedTuple):
    """All terms of a bound: times (K,) from T to 0, and terms (B, K) in nats, a column for each time."""

    times: list[int]
    terms: Tensor

    @property
    def total(self) -> Tensor:
        """-ELBO, an upper bound on -log p(x_0): (B,) nats."""
        return self.terms.sum(1)

    @property
    def rate(self) -> Tensor:
        """All but L_0, what it costs to send x_1: (B,) nats.  Ho et al. 2020, section 4.3."""
        return self.terms[:, :-1].sum(1)

    @property
    def distortion(self) -> Tensor:
        """L_0, what it costs to send x_0 to one who has x_1: (B,) nats."""
        return self.terms[:, -1]


def bound(terms: Iterable[Term]) -> Bound:
    """The terms gathered: bound(terms(denoiser, x0))."""
    times, nats = zip(*terms, strict=True)
    return Bound(list(times), torch.stack(nats, 1))


def bound_times(schedule: Schedule, levels: int, steps: int | None = None) -> list[int]:
    """Times for the bound of pictures with `levels` greys: T .. t, 0.

    t is the first time at which the noise's standard deviation reaches half the distance of two greys.
    Steps below it would cost bits for noise that the greys don't have, so the last step jumps from t to 0.
    steps: how many, all of them if None.
    """
    half = 1 / (checks.whole(levels, "levels", 2) - 1)
    start = next((t for t in range(1, schedule.T) if schedule.at(t).noise >= half), schedule.T)
    most = schedule.T - start + 1
    steps = most if steps is None else checks.whole(steps, "steps", 1, most)
    return [round(schedule.T - (schedule.T - start) * k / max(steps - 1, 1)) for k in range(steps)] + [0]


def prior(x0: Tensor, end: Level, var: Tensor | float = 1.0) -> Tensor:
    """L_T, the KL divergence from q(x_T | x_0) to N(0, var I): (B,) nats.  Nothing in it is trained."""
    return Gaussian(end.signal * x0, end.noise**2).kl(Gaussian(torch.zeros_like(x0), var))


def divergence(
    x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level, reverse: Reverse = posterior_beta
) -> Tensor:
    """L_s, from q(x_s | x_t, x_0) to the model's p(x_s | x_t) with its estimate xhat of x_0: (B,) nats."""
    return posterior(x0, xt, s, t).kl(reverse(xhat, xt, s, t))


def weight(prediction: Prediction, s: Level, t: Level, reverse: Reverse = posterior_beta) -> Tensor:
    """The factor of ||target - output||^2 in L_s, by what the output means.  Ho et al. 2020, eq. 12.

    Arithmetic only, so also for symbols.  The way from an output to a mean is affine: its slope is its value
    for an output of 1, less that for 0.
    """
    one, zero = (reverse(prediction.x0(out, 0, s, t), 0, s, t) for out in (1, 0))  # type: ignore[arg-type]
    return (one.mean - zero.mean) ** 2 / (2 * one.var)


def bits_per_dim(nats: Tensor, x0: Tensor) -> Tensor:
    """Nats per example as bits for each number in x0 (B, ...)."""
    return nats / (x0[0].numel() * math.log(2))
