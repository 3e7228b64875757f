"""From noise to data: one reverse step after another, as a generator of frames.

A rule is a function (x0, xt, s, t, noise) -> x_s on two levels s < t, with x0 the denoiser's estimate; at
s = 0 it returns its mean.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from itertools import pairwise
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

import torch
from torch import Tensor

from . import checks
from .denoiser import Denoiser
from .formula import formula
from .process import posterior, posterior_beta, q_sample
from .schedule import Level, Schedule
from .speed import keep_memory

Rule = Callable[[Tensor, Tensor, Level, Level, Tensor], Tensor]
P = ParamSpec("P")
R = TypeVar("R")


class Frame(NamedTuple):
    """One state of a walk: x_t, and the estimate of x_0 and the noise that led to it (None at the start)."""

    t: int
    xt: Tensor
    x0: Tensor | None
    noise: Tensor | None


class Estimator(Protocol):
    """What can be sampled from: it has a schedule, and answers (x_t, t), t (B,), by an estimate of x_0."""

    @property
    def schedule(self) -> Schedule:
        """The schedule it was made for."""

    def __call__(self, xt: Tensor, t: Tensor) -> Tensor:
        """The estimate of x_0: (B, ...)."""


@formula
def ancestral(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """x_s ~ q(x_s | x_t, x_0): the variance is the posterior's.  Ho et al. 2020, section 3.2."""
    return posterior(x0, xt, s, t).sample(noise)


@formula
def ancestral_beta(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """The same mean, the variance of the forward jump: beta_t for s = t-1.  Ho et al. 2020, section 3.2."""
    before_last = 1 * (s.noise != 0)  # a number, also for symbols
    return posterior_beta(x0, xt, s, t).sample(before_last * noise)


@formula
def ddim(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """Keep the noise that x_t implies, change its level; draws none.  Song et al. 2021 (DDIM), eq. 12."""
    ratio = s.noise / t.noise
    return (s.signal - ratio * t.signal) * x0 + ratio * xt


def keeping(known: Tensor, mask: Tensor, rule: Rule = ancestral) -> Rule:
    """A rule that fills in: where `mask` is true, x_s is a draw of q(x_s | known), elsewhere it is `rule`'s.

    known: x_0 where it is known, (B, ...) or (1, ...), any finite value elsewhere; mask: bool, (B, ...) or
    (1, ...).  Known pixels are redrawn with the step's own noise.  This approximates a sample of
    p(unknown | known), at times poorly: the network sees what is known only through the noise of x_t.
    Song et al. 2021, app. I.2; Lugmayr et al. 2022 (RePaint), eq. 8.  TypeError or ValueError for bad input.
    """
    checks.batch(known, "known")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask must be a tensor of bools, true where x_0 is known, got {checks.brief(mask)}")
    if mask.shape[1:] != known.shape[1:]:
        raise ValueError(f"mask must have the shape of known, {tuple(known.shape)}, got {tuple(mask.shape)}")

    def kept(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
        filled = torch.where(mask, q_sample(known, noise, s), rule(x0, xt, s, t, noise))
        checks.same_shape(filled, xt, "what is filled in", "x_T")
        return filled

    return kept


@formula
def langevin(x: Tensor, score: Tensor, step: float, noise: Tensor) -> Tensor:
    """One step of Langevin dynamics; many small ones sample the distribution whose score is given.

    x, score, noise: (B, ...); step: its size.  x stays at its noise level, unlike with a rule.  Song et al.
    2021, algorithm 5 (the corrector).
    """
    return x + step * score + (2 * step) ** 0.5 * noise


def without_gradients(work: Callable[P, R]) -> Callable[P, R]:
    """Decorator: the function runs without gradients, and afterwards they are on or off as they were before.

    That holds when Ctrl-C interrupts it, too.  `torch.no_grad` can be interrupted just before it switches
    gradients on again; here that is done twice, and one Ctrl-C can cut short only one of the two.
    """

    @wraps(work)
    def quiet(*args: P.args, **kwargs: P.kwargs) -> R:
        if not (before := torch.is_grad_enabled()):
            return work(*args, **kwargs)
        try:
            try:
                torch.set_grad_enabled(False)
                return work(*args, **kwargs)
            finally:
                torch.set_grad_enabled(before)
        finally:
            torch.set_grad_enabled(before)

    return quiet


def sample(
    denoiser: Estimator,
    x_T: Tensor,
    times: Sequence[int] | Tensor | None = None,
    rule: Rule = ancestral,
    generator: torch.Generator | None = None,
) -> Iterator[Frame]:
    """Walk x_T (B, ...) down `times`, and yield a frame for each: len(times) in all, the start among them.

    times: whole, strictly decreasing within T..0; None for all of them, `schedule.times(steps)` for fewer.
    The noise is drawn from `generator` (torch's own if None), on the generator's device.  The first call in
    a program lets it keep the memory that it frees (`speed.keep_memory`).
    TypeError or ValueError for bad input, here and now, not at the first frame.
    """
    checks.batch(x_T, "x_T")
    schedule = denoiser.schedule
    path = schedule.times() if times is None else checks.descending(times, schedule.T)
    keep_memory()
    return _walk(denoiser, x_T, path, rule, generator)


def _walk(
    denoiser: Estimator, x: Tensor, path: list[int], rule: Rule, generator: torch.Generator | None
) -> Iterator[Frame]:
    yield Frame(path[0], x, None, None)
    x = x.detach()
    for t, s in pairwise(path):
        noise = randn(x, generator)
        x0, x = _step(denoiser, x, s, t, rule, noise)
        yield Frame(s, x, x0, noise)


@without_gradients
def _step(
    denoiser: Estimator, xt: Tensor, s: int, t: int, rule: Rule, noise: Tensor
) -> tuple[Tensor, Tensor]:
    x0 = estimate(denoiser, xt, t)
    return x0, rule(x0, xt, denoiser.schedule.at(s), denoiser.schedule.at(t), noise)


@without_gradients
def estimate(denoiser: Estimator, xt: Tensor, t: int) -> Tensor:
    """The estimate of x_0 for a batch that is all at one time t: (B, ...), without gradients."""
    if isinstance(denoiser, Denoiser):
        return denoiser(xt, t)
    return denoiser(xt, torch.full((len(xt),), t, device=xt.device))


def randn(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal noise like `like`, drawn on the generator's own device: the same on CPU and GPU."""
    if generator is None:
        return torch.randn_like(like, memory_format=torch.contiguous_format)
    empty = torch.empty_like(like, device=generator.device, memory_format=torch.contiguous_format)
    return empty.normal_(generator=generator).to(like.device)
