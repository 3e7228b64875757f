"""From noise to data: one reverse step after another, as a generator of frames.

A rule is a function (x0, xt, s, t, noise) -> x_s on two levels s < t, with x0 the denoiser's estimate; at
s = 0 it returns its mean.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from . import checks
from .denoiser import Denoiser
from .formula import formula
from .gaussian import Gaussian
from .process import between, posterior, posterior_beta, q_sample
from .schedule import Level, Schedule
from .speed import keep_memory

Rule = Callable[[Tensor, Tensor, Level, Level, Tensor], Tensor]
Dice = torch.Generator | Sequence[torch.Generator] | None  # one for all pictures, or one for each


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


@formula
def ddim_eta(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor, eta: float) -> Tensor:
    """Part of the implied noise kept, part drawn afresh: `ddim` for eta 0, `ancestral` for 1.

    Song et al. 2021 (DDIM), eq. 12 and 16.
    """
    scale, var = between(s, t)
    ratio = s.noise / t.noise * (1 - eta**2 + (eta * scale * s.noise / t.noise) ** 2) ** 0.5
    mean = (s.signal - ratio * t.signal) * x0 + ratio * xt
    return Gaussian(mean, eta**2 * var * s.noise**2 / t.noise**2).sample(noise)


def eta(strength: float) -> Rule:
    """The rule `ddim_eta` for one eta in [0, 1].  TypeError or ValueError for anything else."""
    return partial(ddim_eta, eta=checks.share(strength, "eta"))


def keeping(known: Tensor, mask: Tensor, rule: Rule = ancestral) -> Rule:
    """A rule that fills in: where `mask` is true, x_s is a draw of q(x_s | known), elsewhere it is `rule`'s.

    known: x_0 where it is known, (B, ...) or (1, ...), any finite value elsewhere; mask: bool, (B, ...) or
    (1, ...), with an axis of 1 where it says the same for all, such as channels.  Known pixels are redrawn
    with the step's own noise.  This approximates a sample of p(unknown | known), at times poorly: the network
    sees what is known only through the noise of x_t.  Song et al. 2021, app. I.2; Lugmayr et al. 2022
    (RePaint), eq. 8.  TypeError or ValueError for bad input.
    """
    checks.batch(known, "known")
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        raise TypeError(f"mask must be a tensor of bools, true where x_0 is known, got {checks.brief(mask)}")
    checks.spreads(mask, known)

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


def sample(
    denoiser: Estimator,
    x_T: Tensor,
    times: Sequence[int] | Tensor | None = None,
    rule: Rule = ancestral,
    generator: Dice = None,
) -> Iterator[Frame]:
    """Walk x_T (B, ...) down `times`, and yield a frame for each: len(times) in all, the start among them.

    times: whole, strictly decreasing within T..0; None for all of them, `schedule.times(steps)` for fewer.
    The noise is drawn from `generator` (torch's own if None), on the generator's device; from a sequence of
    them, one for each picture, so that no picture depends on the others in its batch.  A network is in eval
    mode while it is asked.  A frame holds memory as long as it is kept: `last(sample(...)).xt` keeps one.
    The first call in a program lets it keep the memory that it frees (`speed.keep_memory`).
    TypeError or ValueError for bad input, here and now, not at the first frame.
    """
    checks.dice(generator, x_T)
    return _walk(denoiser, *_checked(denoiser, x_T, times), rule, generator)


def _checked(
    denoiser: Estimator, x: Tensor, times: Sequence[int] | Tensor | None, name: str = "x_T"
) -> tuple[Tensor, list[int]]:
    checks.batch(x, name)
    path = denoiser.schedule.times() if times is None else checks.descending(times, denoiser.schedule.T)
    keep_memory()
    if name == "x_T" and path[0] == denoiser.schedule.T:
        checks.ends_in_noise(denoiser.schedule, stacklevel=4)
    if isinstance(denoiser, Denoiser):
        denoiser.try_out(x)
    return x, path


def _walk(denoiser: Estimator, x: Tensor, path: list[int], rule: Rule, generator: Dice) -> Iterator[Frame]:
    yield Frame(path[0], x, None, None)
    x, at_rest = x.detach(), checks.Resting(denoiser)
    for t, s in pairwise(path):
        noise = randn(x, generator)
        x0, x = at_rest(_step, denoiser, x, s, t, rule, noise)
        yield Frame(s, x, x0, noise)


def dpm_2m(denoiser: Estimator, x_T: Tensor, times: Sequence[int] | Tensor | None = None) -> Iterator[Frame]:
    """As `sample`, without noise and of second order: each step extrapolates from the estimate before it.

    One pass through the network a step.  First order where there is no finite log-SNR to extrapolate over:
    at the start, and in the step to t = 0.  Lu et al. 2022 (DPM-Solver++ 2M), alg. 2.
    """
    return _multistep(denoiser, *_checked(denoiser, x_T, times))


def _multistep(denoiser: Estimator, x: Tensor, path: list[int]) -> Iterator[Frame]:
    depth = denoiser.schedule.half_log_snr
    yield Frame(path[0], x, None, None)
    x, before = x.detach(), None
    for t, s in pairwise(path):
        x0 = now = estimate(denoiser, x, t)
        if s and before is not None:
            r, earlier = before
            x0 = now + (depth(s) - depth(t)) / (2 * (depth(t) - depth(r))) * (now - earlier)
        x, before = ddim(x0, x, denoiser.schedule.at(s), denoiser.schedule.at(t), x), (t, now)
        yield Frame(s, x, x0, None)


def heun(denoiser: Estimator, x_T: Tensor, times: Sequence[int] | Tensor | None = None) -> Iterator[Frame]:
    """As `sample`, without noise and of second order: a step with the mean of what is seen at its two ends.

    Two passes a step; one in the step to t = 0, where no noise can be seen.  On the straight path this is
    Heun's method for the flow's velocity, on an exploding one that of Karras et al. 2022 (EDM), algorithm 1.
    """
    return _heun(denoiser, *_checked(denoiser, x_T, times))


def _heun(denoiser: Estimator, x: Tensor, path: list[int]) -> Iterator[Frame]:
    yield Frame(path[0], x, None, None)
    x = x.detach()
    for t, s in pairwise(path):
        here, there = denoiser.schedule.at(t), denoiser.schedule.at(s)
        x0, noise = _seen(denoiser, x, t)
        if s:
            ahead = _seen(denoiser, there.signal * x0 + there.noise * noise, s)
            x0, noise = (x0 + ahead[0]) / 2, (noise + ahead[1]) / 2
        x = x + (there.signal - here.signal) * x0 + (there.noise - here.noise) * noise
        yield Frame(s, x, x0, None)


def _seen(denoiser: Estimator, x: Tensor, t: int) -> tuple[Tensor, Tensor]:
    """The estimates of x_0 and of the noise in x_t."""
    x0, level = estimate(denoiser, x, t), denoiser.schedule.at(t)
    return x0, (x - level.signal * x0) / level.noise


def invert(denoiser: Estimator, x_0: Tensor, times: Sequence[int] | Tensor | None = None) -> Iterator[Frame]:
    """Up from x_0 (B, ...) by DDIM's formula: the noise from which `ddim` comes back to x_0, or nearly.

    times: as for `sample`, walked from the last to the first.  At t = 0 the estimate of x_0 is x_0 itself
    and the implied noise is 0, so the first step only scales.  The way back is as exact as the steps are
    small.  Song et al. 2021 (DDIM), section 4.3.  TypeError or ValueError for bad input, here and now.
    """
    return _up(denoiser, *_checked(denoiser, x_0, times, "x_0"))


def _up(denoiser: Estimator, x: Tensor, path: list[int]) -> Iterator[Frame]:
    yield Frame(path[-1], x, None, None)
    x = x.detach()
    for s, t in pairwise(reversed(path)):
        x0 = estimate(denoiser, x, s) if s else x
        here, there = denoiser.schedule.at(s), denoiser.schedule.at(t)
        x = ddim(x0, x, there, here, x) if s else there.signal * x
        yield Frame(t, x, x0, None)


def last(walk: Iterable[Frame]) -> Frame:
    """The last frame of a walk, and none of the others: last(sample(...)).xt is the sample."""
    return deque(walk, maxlen=1).pop()


def _step(
    denoiser: Estimator, xt: Tensor, s: int, t: int, rule: Rule, noise: Tensor
) -> tuple[Tensor, Tensor]:
    x0 = _estimate(denoiser, xt, t)
    return x0, rule(x0, xt, denoiser.schedule.at(s), denoiser.schedule.at(t), noise)


def _estimate(denoiser: Estimator, xt: Tensor, t: int) -> Tensor:
    """The estimate of x_0 for a batch that is all at one time t: (B, ...); no gradients, in eval mode."""
    if isinstance(denoiser, Denoiser):
        return denoiser(xt, t)
    return denoiser(xt, torch.full((len(xt),), t, device=xt.device))


estimate = checks.at_rest(_estimate)


def randn(like: Tensor, generator: Dice = None) -> Tensor:
    """Standard normal noise like `like`, drawn on the generator's own device: the same on CPU and GPU.

    generator: torch's own if None; one for each row, if it is a sequence.
    """
    if generator is None:
        return torch.randn_like(like, memory_format=torch.contiguous_format)
    if isinstance(generator, Sequence):
        return torch.cat([randn(row, die) for row, die in zip(like.split(1), generator, strict=True)])
    empty = torch.empty_like(like, device=generator.device, memory_format=torch.contiguous_format)
    return empty.normal_(generator=generator).to(like.device)
