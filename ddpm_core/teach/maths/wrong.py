"""The wrong formulas of the lecture notes as functions.  They use arithmetic only, so symbols work too.

A mean takes (x0, xt, s, t), a rule (x0, xt, s, t, noise), a training input (x0, eps, s, t), as those of
`ddpm_core.process` and `ddpm_core.sampling` do.  `maths.faults` says where each is printed.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ...prediction import Eps
from ...process import Reverse, between, posterior, posterior_beta, transition
from ...sampling import Rule, ancestral_beta
from ...schedule import Level, Schedule
from ...study.exact import Mixture

Mean = Callable[[Tensor, Tensor, Level, Level], Tensor]
Trained = Callable[[Mixture], Mixture]  # a world -> a perfect network that was trained on it


def implied_noise(x0: Tensor, xt: Tensor, t: Level) -> Tensor:
    """The estimate of eps that belongs to an estimate of x_0: (B, ...)."""
    return (xt - t.signal * x0) / t.noise


# ── means of a step ─────────────────────────────────────────────────────────────────────────────────────────


def barred_root(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    """E01: sqrt(abar_t) before x_t."""
    _, beta = between(s, t)
    return (s.signal * beta * x0 + t.signal * s.noise**2 * xt) / t.noise**2


def barred_scale(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    """E02: 1 / sqrt(abar_t) before the bracket."""
    _, beta = between(s, t)
    return (xt - beta / t.noise * implied_noise(x0, xt, t)) / t.signal


def unbarred_noise(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    """E03, E04: sqrt(1 - alpha_t) under beta_t."""
    scale, beta = between(s, t)
    return (xt - beta / beta**0.5 * implied_noise(x0, xt, t)) / scale


def noise_for_picture(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    """E08: no denominator, no beta_t, and eps in the place of x_0."""
    scale, _ = between(s, t)
    return scale * s.noise**2 * xt + s.signal * implied_noise(x0, xt, t)


def picture_lost(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    """E09: x_0 is missing from its own term."""
    scale, beta = between(s, t)
    return (scale * s.noise**2 * xt + s.signal * beta) / t.noise**2


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────


def stepping(mean: Mean, reverse: Reverse = posterior_beta) -> Rule:
    """A rule with this mean, which adds noise with the variance of `reverse`, and none at s = 0."""

    def rule(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
        before_last = 1 * (s.noise != 0)  # a number, also for symbols
        return mean(x0, xt, s, t) + before_last * reverse(x0, xt, s, t).var ** 0.5 * noise

    return rule


def picture_as_noise(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E14: the output of a network that predicts x_0 is read as eps."""
    return ancestral_beta(Eps().x0(x0, xt, s, t), xt, s, t, noise)


def noisy_to_the_end(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E15: x_0 drawn from p(x_0 | x_1), with noise at the last step."""
    return posterior_beta(x0, xt, s, t).sample(noise)


def means_only(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E31: noise is removed, but none is added."""
    return posterior(x0, xt, s, t).mean


def same_noise_again(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E33: the predicted eps in the place of the fresh z."""
    return ancestral_beta(x0, xt, s, t, implied_noise(x0, xt, t))


# ── training inputs, and networks trained on them ───────────────────────────────────────────────────────────


def one_bar_lost(x0: Tensor, eps: Tensor, s: Level, t: Level) -> Tensor:
    """E06: sqrt(alpha_t) x_0 + sqrt(1 - abar_t) eps."""
    return between(s, t)[0] * x0 + t.noise * eps


def both_bars_lost(x0: Tensor, eps: Tensor, s: Level, t: Level) -> Tensor:
    """E07: sqrt(alpha_t) x_0 + sqrt(1 - alpha_t) eps, the kernel of one step applied to x_0."""
    return transition(x0, s, t).sample(eps)


def unshrunk(xs: Any, eps: Any, s: Level, t: Level) -> Tensor:
    """E30: a forward step x_{t-1} + sqrt(beta_t) eps."""
    return xs + between(s, t)[1] ** 0.5 * eps


class Misled(Mixture):
    """A perfect network that was trained on signal x_0 + noise eps at other levels than the sampler's.

    It predicts E[eps | its input]; the sampler turns that into an estimate of x_0 with its own schedule.
    signal, noise: (T+1,), 1 and 0 at t = 0, with a decreasing ratio.
    """

    def __init__(self, world: Mixture, signal: Tensor, noise: Tensor):
        super().__init__(world.schedule, world.means, world.var, world.weights)
        self.size = (signal**2 + noise**2).sqrt()  # (T+1,)
        self.seen = Mixture(Schedule((signal / self.size) ** 2), world.means, world.var, world.weights)

    def __call__(self, xt: Tensor, t: Tensor | int) -> Tensor:
        """The sampler's estimate of x_0: (B, ...)."""
        t = t if isinstance(t, Tensor) else torch.tensor([t])
        x = xt / self._wide(self.size[t], xt).to(xt)
        eps = implied_noise(self.seen(x, t), x, self.seen.schedule.level(t, xt))
        return Eps().x0(eps, xt, self.schedule.level(t - 1, xt), self.schedule.level(t, xt))


def as_it_is(world: Mixture) -> Mixture:
    """The world's own exact denoiser."""
    return world


def trained_on(inputs: Callable[[Any, Any, Level, Level], Tensor]) -> Trained:
    """Makes the perfect network of a world, trained on x_t = inputs(x_0, eps, s, t)."""

    def train(world: Mixture) -> Mixture:
        s, t = _steps(world.schedule)
        start = world.schedule.abar[:1]
        return Misled(
            world, torch.cat([start, inputs(1, 0, s, t)]), torch.cat([1 - start, inputs(0, 1, s, t)])
        )

    return train


def only_added(world: Mixture) -> Mixture:
    """E30: the perfect network of a world, trained on x_t = x_0 + sqrt(beta_1 + ... + beta_t) eps."""
    added = unshrunk(0, 1, *_steps(world.schedule)) ** 2  # (T,)
    noise = torch.cat([torch.zeros_like(added[:1]), added.cumsum(0).sqrt()])
    return Misled(world, torch.ones_like(noise), noise)


def _steps(schedule: Schedule) -> tuple[Level, Level]:
    """The levels before and after each step: (T,) each."""
    signal, noise = schedule.abar.sqrt(), (1 - schedule.abar).sqrt()
    return Level(signal[:-1], noise[:-1]), Level(signal[1:], noise[1:])
