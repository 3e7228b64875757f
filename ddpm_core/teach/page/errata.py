"""Formulas of the lecture notes that are wrong, each as a sampler that believes it; and a widget to watch.

A fault is a rule like those of `ddpm_core.sampling`, or a denoiser that was trained by the faulty line and is
then sampled from by the right rule.  The variance of a step is beta_t throughout, as in the notes' algorithm,
so that `ancestral_beta` is the right sampler beside them.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from ... import checks
from ...prediction import Eps
from ...process import between, posterior, posterior_beta, transition
from ...sampling import Rule, ancestral_beta, sample
from ...schedule import Level, Schedule
from ...study.exact import Mixture
from ..text.markup import inline, plain
from .widgets import STATIC, Scrubber, with_player

LECTURES = {
    "DDPM": ("Introduction to DDPMs", "N0OOnTKMYJE"),
    "sampling": ("Inference and Sampling in DDPMs", "0p7T-3WiPnQ"),
    "ELBO": ("The ELBO for DDPMs", "AnWitwNPnN4"),
    "noise": ("Alternate Interpretations of DDPMs", "30fSjB8oGN0"),
    "paper": ("the paper session on DDPM", "_d-san8W1Js"),
}


# ── rules ───────────────────────────────────────────────────────────────────────────────────────────────────


def implied_noise(x0: Tensor, xt: Tensor, t: Level) -> Tensor:
    """The estimate of eps that belongs to an estimate of x_0: (B, ...)."""
    return (xt - t.signal * x0) / t.noise


def around(mean: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """The mean and fresh noise of variance beta_t; the mean alone at s = 0."""
    return mean + 1 * (s.noise != 0) * between(s, t)[1] ** 0.5 * noise


def barred_root(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E01: sqrt(abar_t) before x_t."""
    _, beta = between(s, t)
    return around((s.signal * beta * x0 + t.signal * s.noise**2 * xt) / t.noise**2, s, t, noise)


def barred_scale(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E02: 1 / sqrt(abar_t) before the bracket."""
    _, beta = between(s, t)
    return around((xt - beta / t.noise * implied_noise(x0, xt, t)) / t.signal, s, t, noise)


def unbarred_noise(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E03, E04: sqrt(1 - alpha_t) under beta_t."""
    scale, beta = between(s, t)
    return around((xt - beta / beta**0.5 * implied_noise(x0, xt, t)) / scale, s, t, noise)


def noise_for_picture(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E08: no denominator, no beta_t, and eps in the place of x_0."""
    scale, _ = between(s, t)
    return around(scale * s.noise**2 * xt + s.signal * implied_noise(x0, xt, t), s, t, noise)


def picture_lost(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E09: no x_0 in its own term."""
    scale, beta = between(s, t)
    return around((scale * s.noise**2 * xt + s.signal * beta) / t.noise**2, s, t, noise)


def picture_as_noise(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E14: a network that puts out x_0, read as one that puts out eps."""
    return ancestral_beta(Eps().x0(x0, xt, s, t), xt, s, t, noise)


def noisy_to_the_end(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E15: x_0 drawn from p(x_0 | x_1), noise and all."""
    return posterior_beta(x0, xt, s, t).sample(noise)


def means_only(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E31: noise is removed and none is added."""
    return posterior(x0, xt, s, t).mean


def same_noise_again(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    """E33: the predicted eps in the place of the fresh z."""
    return ancestral_beta(x0, xt, s, t, implied_noise(x0, xt, t))


# ── training inputs ─────────────────────────────────────────────────────────────────────────────────────────


def one_bar_lost(x0: Tensor, eps: Tensor, s: Level, t: Level) -> Tensor:
    """E06: sqrt(alpha_t) x_0 + sqrt(1 - abar_t) eps."""
    return between(s, t)[0] * x0 + t.noise * eps


def both_bars_lost(x0: Tensor, eps: Tensor, s: Level, t: Level) -> Tensor:
    """E07: sqrt(alpha_t) x_0 + sqrt(1 - alpha_t) eps, the kernel of one step applied to x_0."""
    return transition(x0, s, t).sample(eps)


class Misled(Mixture):
    """A perfect network that saw signal x_0 + noise eps in training, in amounts that the sampler doesn't use.

    It answers with E[eps | what it saw]; the sampler turns that into an estimate of x_0 by its own schedule.
    signal, noise: (T+1,), 1 and 0 at t = 0, and their ratio falls.
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


def trained_on(inputs: Callable[[Any, Any, Level, Level], Tensor]) -> Callable[[Mixture], Mixture]:
    """The perfect network of a world, trained on x_t = inputs(x_0, eps, s, t)."""

    def train(world: Mixture) -> Mixture:
        signal, noise = world.schedule.abar.sqrt(), (1 - world.schedule.abar).sqrt()
        s, t = Level(signal[:-1], noise[:-1]), Level(signal[1:], noise[1:])
        start = world.schedule.abar[:1]
        return Misled(
            world, torch.cat([start, inputs(1, 0, s, t)]), torch.cat([1 - start, inputs(0, 1, s, t)])
        )

    return train


def only_added(world: Mixture) -> Mixture:
    """E30: the perfect network of a world, trained on x_t = x_0 + sqrt(beta_1 + ... + beta_t) eps."""
    return Misled(world, torch.ones_like(world.schedule.abar), world.schedule.betas.cumsum(0).sqrt())


# ── the faults ──────────────────────────────────────────────────────────────────────────────────────────────


def as_it_is(world: Mixture) -> Mixture:
    """The world's own denoiser."""
    return world


class Fault(NamedTuple):
    """A line of the notes that is wrong: what is printed, what is right, and the sampler that believes it."""

    number: str
    title: str
    lecture: str  # a key of LECTURES
    second: int  # of the lecture, 0 if the notes' times disagree
    printed: str  # LaTeX
    right: str
    rule: Rule = ancestral_beta
    denoiser: Callable[[Mixture], Mixture] = as_it_is

    def _repr_markdown_(self) -> str:
        title, video = LECTURES[self.lecture]
        minute = f", {self.second // 60:02d}:{self.second % 60:02d}" if self.second else ""
        link = f"https://www.youtube.com/watch?v={video}" + (f"&t={self.second}s" if self.second else "")
        return (
            f"**{self.number} · {self.title}** ([{title}{minute}]({link}))\n\n"
            f"| | |\n|---|---|\n"
            f"| printed | $\\displaystyle {self.printed}$ |\n| right | $\\displaystyle {self.right}$ |"
        )

    def __repr__(self) -> str:
        title, printed, right = (plain(x) for x in (self.title, f"${self.printed}$", f"${self.right}$"))
        return f"{self.number} · {title}: printed {printed}, right {right}"


BRACKET = r"\Big(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}}\,\hat\varepsilon\Big)"
MEAN = r"\mu_\theta=\frac1{\sqrt{\alpha_t}}" + BRACKET
POSTERIOR = (
    r"\tilde\mu_t=\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}\,\beta_t\,x_0}"
    r"{1-\bar\alpha_t}"
)
NOISED = r"x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon"
STEP = r"x_{t-1}=\mu_\theta+\sigma_t\,z,\quad z\ \text{fresh}"

ALL = (
    Fault(
        "E01",
        "the weight of $x_t$",
        "sampling",
        233,
        r"\tilde\mu_t=\frac{\sqrt{\bar\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}\,\beta_t\,x_0}"
        r"{1-\bar\alpha_t}",
        POSTERIOR,
        barred_root,
    ),
    Fault(
        "E02",
        "the scale of the mean",
        "sampling",
        233,
        r"\mu_\theta=\frac1{\sqrt{\bar\alpha_t}}" + BRACKET,
        MEAN,
        barred_scale,
    ),
    Fault(
        "E03",
        "the bar under the root",
        "sampling",
        416,
        MEAN.replace(r"\sqrt{1-\bar\alpha_t}", r"\sqrt{1-\alpha_t}"),
        MEAN,
        unbarred_noise,
    ),
    Fault(
        "E06",
        "one bar lost in training",
        "noise",
        921,
        r"x_t=\sqrt{\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon",
        NOISED,
        denoiser=trained_on(one_bar_lost),
    ),
    Fault(
        "E07",
        "both bars lost in training",
        "noise",
        0,
        r"x_t=\sqrt{\alpha_t}\,x_0+\sqrt{1-\alpha_t}\,\varepsilon",
        NOISED,
        denoiser=trained_on(both_bars_lost),
    ),
    Fault(
        "E08",
        "noise in the place of the picture",
        "noise",
        0,
        r"\mu_q=\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}\,\varepsilon_t",
        POSTERIOR,
        noise_for_picture,
    ),
    Fault(
        "E09",
        "the picture left out",
        "noise",
        0,
        r"\mu_q=\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t+\sqrt{\bar\alpha_{t-1}}(1-\alpha_t)}{1-\bar\alpha_t}",
        POSTERIOR,
        picture_lost,
    ),
    Fault(
        "E14",
        "one output read as another",
        "sampling",
        472,
        r"\hat x_0\ \text{in the place of}\ \hat\varepsilon",
        r"\hat x_0=(x_t-\sqrt{1-\bar\alpha_t}\,\hat\varepsilon)/\sqrt{\bar\alpha_t}",
        picture_as_noise,
    ),
    Fault(
        "E15",
        "noise at the last step",
        "sampling",
        148,
        r"x_0\sim p_\theta(x_0\mid x_1)",
        r"x_0=\mu_\theta(x_1,1)",
        noisy_to_the_end,
    ),
    Fault(
        "E30",
        "adding without shrinking",
        "DDPM",
        672,
        r"x_t=x_{t-1}+\sqrt{\beta_t}\,\varepsilon_t",
        r"x_t=\sqrt{1-\beta_t}\,x_{t-1}+\sqrt{\beta_t}\,\varepsilon_t",
        denoiser=only_added,
    ),
    Fault("E31", "removing without adding", "sampling", 0, r"x_{t-1}=\mu_\theta", STEP, means_only),
    Fault(
        "E33",
        "one letter for two noises",
        "sampling",
        262,
        r"x_{t-1}=\mu_\theta+\sigma_t\,\hat\varepsilon",
        STEP,
        same_noise_again,
    ),
)
FAULTS: dict[str, Fault] = {fault.number: fault for fault in ALL}
RIGHT = Fault("right", "the right sampler", "sampling", 262, STEP, STEP)


class SideBySide:
    """Many samplers in one batch: as many equal blocks of x_t, each with its fault's denoiser and rule.

    All start at one x_T and draw one noise, so that what differs between the blocks is the formula.
    """

    def __init__(self, faults: Sequence[Fault], world: Mixture):
        self.schedule, self._world = world.schedule, world
        self._rules = [fault.rule for fault in faults]
        self._denoisers = [fault.denoiser(world) for fault in faults]

    def __call__(self, xt: Tensor, t: Tensor) -> Tensor:
        """The estimates of x_0: (blocks * n, ...)."""
        right, times = self._world(xt, t), t[: len(t) // len(self._rules)]  # most blocks need this one
        pairs = zip(self._denoisers, self._split(xt), self._split(right), strict=True)
        return torch.cat([x0 if d is self._world else d(x, times) for d, x, x0 in pairs])

    def rule(self, x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
        """Each block by its own rule, all with the first block's noise."""
        noise = self._split(noise)[0]
        triples = zip(self._rules, self._split(x0), self._split(xt), strict=True)
        return torch.cat([rule(a, b, s, t, noise) for rule, a, b in triples])

    def walk(self, x_T: Tensor, generator: torch.Generator | None = None) -> Iterator[tuple[int, Tensor]]:
        """t and x_t of all blocks, (blocks, n, ...), from T down to 0."""
        start = torch.cat([x_T] * len(self._rules))
        for frame in sample(self, start, rule=self.rule, generator=generator):
            yield frame.t, torch.stack(self._split(frame.xt))

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.chunk(len(self._rules))


# ── the widget ──────────────────────────────────────────────────────────────────────────────────────────────

EDGE = 3.0  # what lies beyond is said in words


class FaultWatcher(Scrubber):
    """What `watch_fault` makes.  `fault` moves like `t`."""

    _esm = with_player("errata.js")
    _css = (STATIC / "scrub.css").read_text("utf-8") + (STATIC / "errata.css").read_text("utf-8")
    fault = traitlets.Unicode(help="the number of the fault beside the right sampler").tag(sync=True)
    faults: traitlets.List[Any] = traitlets.List(help="[number, title, printed, right] of each").tag(
        sync=True
    )
    times = traitlets.List(traitlets.Int(), help="the t of each frame").tag(sync=True)
    right = traitlets.Bytes(help="float16 (frames, n)").tag(sync=True)
    faulty = traitlets.Bytes(help="float16 (faults, frames, n)").tag(sync=True)

    def __init__(self, faults: list[Fault], times: list[int], walks: np.ndarray):
        self.ends: dict[str, Tensor] = {  # x_0 of each sampler: (n,)
            fault.number: torch.from_numpy(x[-1].astype("f4"))
            for fault, x in zip([RIGHT, *faults], walks, strict=True)
        }
        super().__init__(
            times=times,
            t=times[0],
            shape=list(walks.shape[1:]),
            faults=[
                [f.number, plain(f.title), *(inline(f"${x}$") for x in (f.printed, f.right))] for f in faults
            ],
            fault=faults[0].number,
            right=walks[0].tobytes(),
            faulty=walks[1:].tobytes(),
        )

    @traitlets.validate("fault")
    def _fault_within(self, proposal: dict[str, Any]) -> str:
        numbers = [fault[0] for fault in self.faults]
        if proposal["value"] not in numbers:
            raise traitlets.TraitError(
                f"fault must be one of {', '.join(numbers)}, got {proposal['value']!r}"
            )
        return str(proposal["value"])

    def _places(self) -> Sequence[int]:
        return self.times

    def __repr__(self) -> str:
        return f"watch_fault: {len(self.faults)} faults, {self.shape[1]} particles, t = {self.times[0]}..0"

    def still(self) -> bytes:
        """Where the particles of each sampler end, as histograms."""
        rows = -(-len(self.ends) // 5)
        figure = Figure(figsize=(9, 1.45 * rows))
        grid = figure.subplots(rows, 5, squeeze=False).flatten()
        for axes, (number, x) in zip(grid, self.ends.items(), strict=False):
            inside = x.abs() <= EDGE
            colour = "#333333" if number == RIGHT.number else "#b3472a"
            axes.hist(x[inside].numpy(), bins=60, range=(-EDGE, EDGE), color=colour)
            axes.set_title(number, fontsize=9, pad=3)
            axes.set(xticks=[-1, 1], yticks=[], xlim=(-EDGE, EDGE))
            axes.tick_params(labelsize=8)
            if not inside.all():
                axes.text(0.04, 0.8, f"{_share(~inside)} beyond ±3", fontsize=8, transform=axes.transAxes)
        for axes in grid:
            axes.spines[["left", "right", "top"]].set_visible(False)
        for axes in grid[len(self.ends) :]:
            axes.set_axis_off()
        figure.subplots_adjust(0.02, 0.07, 0.98, 0.93, 0.12, 0.55)
        png = io.BytesIO()
        figure.savefig(png, dpi=90)
        return png.getvalue()


def watch_fault(
    world: Mixture,
    faults: Iterable[Fault] = ALL,
    particles: int = 1000,
    frames: int | None = None,
    generator: torch.Generator | None = None,
) -> FaultWatcher:
    """Particles walk from x_T to x_0, by the right sampler and by a faulty one, from the same start.

    world: one-dimensional.  All T steps are taken, `frames` even states of the T+1 are kept: 51 if None, or
    all if there are fewer.  x_T and the fresh noise are drawn from `generator` (torch's own if None).
    `.ends` has where each sampler ends.  TypeError or ValueError for bad input.
    """
    _line(world)
    faults, T = _believed(faults), world.schedule.T
    particles = checks.whole(particles, "particles", 1)
    frames = min(51, T + 1) if frames is None else checks.whole(frames, "frames", 2, T + 1)
    x_T = torch.randn(particles, 1, generator=generator, dtype=world.means.dtype)
    kept = set(world.schedule.times(frames - 1))
    walk = SideBySide([RIGHT, *faults], world).walk(x_T, generator)
    times, states = zip(*((t, x[..., 0]) for t, x in walk if t in kept), strict=True)
    with np.errstate(over="ignore"):  # what overflows is infinite
        return FaultWatcher(faults, list(times), torch.stack(states, 1).numpy().astype("<f2"))


def _line(world: object) -> None:
    """TypeError or ValueError unless it is a world of one dimension."""
    if not isinstance(world, Mixture):
        raise TypeError(
            f"world must be a Mixture, such as gaussian(schedule, 1.0, 0.5), got {checks.show(world)}"
        )
    if tuple(world.means.shape[1:]) != (1,):
        raise ValueError(
            f"world must have one dimension, means of shape (K, 1), got {tuple(world.means.shape)}"
        )


def _believed(faults: object) -> list[Fault]:
    """At least one fault, or TypeError / ValueError."""
    if isinstance(faults, (str, Fault)) or not isinstance(faults, Iterable):
        raise TypeError(f"faults must be a list of them, such as [FAULTS['E01']], got {checks.show(faults)}")
    faults = list(faults)
    for fault in faults:
        if not isinstance(fault, Fault):
            raise TypeError(f"each fault must be a Fault, such as FAULTS['E01'], got {checks.show(fault)}")
    if not faults:
        raise ValueError("faults is empty: watch at least one, such as [FAULTS['E01']]")
    if twice := [fault for k, fault in enumerate(faults) if fault in faults[:k]]:
        raise ValueError(f"{twice[0]} is there twice; name each fault once")
    return faults


def _share(chosen: Tensor) -> str:
    """The share that is true in words: 0 % says none."""
    if chosen.all():
        return "all"
    percent = round(100 * chosen.double().mean().item())
    if percent == 0 and chosen.any():
        return "under 1 %"
    return "over 99 %" if percent == 100 else f"{percent} %"
