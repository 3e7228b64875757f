"""A widget for the faults of `maths.faults`: a sampler that follows one, beside the right sampler."""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from ... import checks
from ...sampling import sample
from ...schedule import Level
from ...study.exact import Mixture
from ..maths.faults import FAULTS, RIGHT, Fault
from ..text.markup import inline, plain
from . import asset
from .figures.style import BLUE, ORANGE, styled
from .pace import log_snr
from .widgets import Scrubber


class SideBySide:
    """Several samplers in one batch: x_t consists of equal blocks, each with its fault's denoiser and rule.

    All blocks start at the same x_T and use the same noise, so that only the formula differs.
    """

    def __init__(self, faults: Sequence[Fault], world: Mixture):
        self.schedule, self._world = world.schedule, world
        self._rules = [fault.rule for fault in faults]
        self._denoisers = [fault.denoiser(world) for fault in faults]

    def __call__(self, xt: Tensor, t: Tensor) -> Tensor:
        """The estimates of x_0: (blocks * n, ...)."""
        right, times = self._world(xt, t), t[: len(t) // len(self._rules)]  # most blocks need `right`
        pairs = zip(self._denoisers, self._split(xt), self._split(right), strict=True)
        return torch.cat([x0 if d is self._world else d(x, times) for d, x, x0 in pairs])

    def rule(self, x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
        """A step of each block by its own rule, all with the first block's noise: (blocks * n, ...)."""
        noise = self._split(noise)[0]
        triples = zip(self._rules, self._split(x0), self._split(xt), strict=True)
        return torch.cat([rule(a, b, s, t, noise) for rule, a, b in triples])

    def walk(self, x_T: Tensor, generator: torch.Generator | None = None) -> Iterator[tuple[int, Tensor]]:
        """Yields t and x_t of all blocks, (blocks, n, ...), from T down to 0.  x_T: (n, ...)."""
        start = torch.cat([x_T] * len(self._rules))
        for frame in sample(self, start, rule=self.rule, generator=generator):
            yield frame.t, torch.stack(self._split(frame.xt))

    def _split(self, x: Tensor) -> tuple[Tensor, ...]:
        return x.chunk(len(self._rules))


# ── the widget ──────────────────────────────────────────────────────────────────────────────────────────────

EDGE = 3.0  # of the histograms; the share of particles beyond is printed


class FaultWatcher(Scrubber):
    """The widget that `watch_fault` returns.  Like `t`, `fault` can be set from code."""

    _esm = asset("player.js", "errata.js")
    _css = asset("scrub.css", "errata.css")
    fault = traitlets.Unicode(help="the number of the fault beside the right sampler").tag(sync=True)
    faults: traitlets.List[Any] = traitlets.List(help="[number, title, printed, right] of each").tag(
        sync=True
    )
    times = traitlets.List(traitlets.Int(), help="the t of each frame").tag(sync=True)
    log_snr = traitlets.List(traitlets.Float(), help="of each frame").tag(sync=True)
    right = traitlets.Bytes(help="float16 (frames, n)").tag(sync=True)
    faulty = traitlets.Bytes(help="float16 (faults, frames, n)").tag(sync=True)

    def __init__(self, faults: list[Fault], times: list[int], walks: np.ndarray, log_snr: list[float]):
        self.ends: dict[str, Tensor] = {  # x_0 of each sampler: (n,)
            fault.number: torch.from_numpy(x[-1].astype("f4"))
            for fault, x in zip([RIGHT, *faults], walks, strict=True)
        }
        super().__init__(
            times=times,
            t=times[0],
            log_snr=log_snr,
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
        png = io.BytesIO()
        self._histograms().savefig(png, dpi=90)
        return png.getvalue()

    @styled
    def _histograms(self) -> Figure:
        rows = -(-len(self.ends) // 5)
        figure = Figure(figsize=(9, 1.45 * rows))
        grid = figure.subplots(rows, 5, squeeze=False).flatten()
        for axes, (number, x) in zip(grid, self.ends.items(), strict=False):
            inside = x.abs() <= EDGE
            colour = BLUE if number == RIGHT.number else ORANGE
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
        return figure


def watch_fault(
    world: Mixture,
    faults: Iterable[Fault] = tuple(FAULTS.values()),
    particles: int = 1000,
    frames: int | None = None,
    generator: torch.Generator | None = None,
) -> FaultWatcher:
    """A widget in which particles go from the same x_T to x_0, by the right sampler and by a faulty one.

    world: one-dimensional.  All T steps are taken, and `frames` evenly spaced ones of the T+1 states are
    shown: 51 if None, or all if there are fewer.  x_T and the fresh noise are drawn from `generator` (torch's
    own if None).  `.ends` has each sampler's x_0.  TypeError or ValueError for bad input.
    """
    _line(world)
    faults, T = _believed(faults), world.schedule.T
    particles = checks.whole(particles, "particles", 1)
    frames = min(51, T + 1) if frames is None else checks.whole(frames, "frames", 2, T + 1)
    x_T = torch.randn(particles, 1, generator=generator, dtype=world.means.dtype)
    kept = set(world.schedule.times(frames - 1))
    walk = SideBySide([RIGHT, *faults], world).walk(x_T, generator)
    times, states = zip(*((t, x[..., 0]) for t, x in walk if t in kept), strict=True)
    with np.errstate(over="ignore"):  # values too large for float16 become infinite
        walks = torch.stack(states, 1).numpy().astype("<f2")
    return FaultWatcher(faults, list(times), walks, log_snr(world.schedule, times))


def _line(world: object) -> None:
    """TypeError or ValueError unless `world` is a one-dimensional Mixture."""
    if not isinstance(world, Mixture):
        raise TypeError(
            f"world must be a Mixture, such as gaussian(schedule, 1.0, 0.5), got {checks.brief(world)}"
        )
    if tuple(world.means.shape[1:]) != (1,):
        raise ValueError(
            f"world must have one dimension, means of shape (K, 1), got {tuple(world.means.shape)}"
        )


def _believed(faults: object) -> list[Fault]:
    """The faults as a list, at least one and each once, or TypeError / ValueError."""
    if isinstance(faults, (str, Fault)) or not isinstance(faults, Iterable):
        raise TypeError(f"faults must be a list of them, such as [FAULTS['E01']], got {checks.brief(faults)}")
    faults = list(faults)
    for fault in faults:
        if not isinstance(fault, Fault):
            raise TypeError(f"each fault must be a Fault, such as FAULTS['E01'], got {checks.brief(fault)}")
    if not faults:
        raise ValueError("faults is empty: watch at least one, such as [FAULTS['E01']]")
    if twice := [fault for k, fault in enumerate(faults) if fault in faults[:k]]:
        raise ValueError(f"{twice[0]} is there twice; name each fault once")
    return faults


def _share(chosen: Tensor) -> str:
    """The share of true entries as a text; "0 %" only if there is none, "all" only for all."""
    if chosen.all():
        return "all"
    percent = round(100 * chosen.double().mean().item())
    if percent == 0 and chosen.any():
        return "under 1 %"
    return "over 99 %" if percent == 100 else f"{percent} %"
