"""A widget for what x_t tells: all pairs of picture and noise that give one x_t lie on a line.

w = one_line(linear())      t turns the line; the guess is dragged along it
"""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ... import checks
from ...prediction import V
from ...schedule import Schedule
from . import asset
from .figures.style import BLUE, FAINT, INK, ORANGE, styled
from .widgets import Scrubber

FAR, REACH = 2.0, 2.7  # how far the guess may lie from the line's foot, and how far the axes go


class LineScrubber(Scrubber):
    """The widget that `one_line` returns.  Like `t`, `guess` can be set: its velocity, -2 to 2."""

    _esm = asset("player.js", "line.js")
    _css = asset("scrub.css", "line.css")
    abar = traitlets.Bytes(help="float64 (T+1,)").tag(sync=True)
    xt = traitlets.Float(help="the x_t that is seen").tag(sync=True)
    truth = traitlets.Float(help="the velocity of the true pair").tag(sync=True)
    guess = traitlets.Float(help="the velocity of the guessed pair").tag(sync=True)

    def __init__(self, schedule: Schedule, xt: float, truth: float, guess: float):
        self._schedule = schedule
        super().__init__(
            abar=schedule.abar.numpy().astype("<f8").tobytes(),
            xt=xt,
            truth=truth,
            guess=guess,
            t=schedule.T // 5,
        )

    @traitlets.validate("guess")
    def _guess_within(self, proposal: dict[str, Any]) -> float:
        value = float(proposal["value"])
        if not abs(value) <= FAR:  # NaN fails here too
            raise traitlets.TraitError(f"guess must be in -{FAR:g}..{FAR:g}, got {value}")
        return value

    def _places(self) -> Sequence[int]:
        return range(self._schedule.T + 1)

    def __repr__(self) -> str:
        return f"one_line: x_t = {self.xt:g}, t = 0..{self._schedule.T}"

    def pair(self, velocity: float, t: int) -> tuple[float, float]:
        """The picture and the noise that x_t has at t, if its velocity is this: x_0 and eps."""
        level, xt = self._schedule.at(t), torch.tensor(self.xt, dtype=torch.float64)
        x0 = V().x0(torch.tensor(velocity, dtype=torch.float64), xt, level, level)
        return x0.item(), float(level.noise * self.xt + level.signal * velocity)

    def still(self) -> bytes:
        """The plane at three levels."""
        png = io.BytesIO()
        _planes(self, [round(share * self._schedule.T) for share in (0.05, 0.25, 0.6)]).savefig(png, dpi=90)
        return png.getvalue()


@styled
def _planes(line: LineScrubber, times: Sequence[int]) -> Figure:
    figure, grid = plt.subplots(1, len(times), figsize=(9, 3.3), layout="constrained")
    for axes, t in zip(grid, times, strict=True):
        _plane(axes, line, t)
    return figure


def _plane(axes: Axes, line: LineScrubber, t: int) -> None:
    truth, guess = line.pair(line.truth, t), line.pair(line.guess, t)
    axes.axhline(0, color=FAINT, lw=0.8)
    axes.axvline(0, color=FAINT, lw=0.8)
    level = line._schedule.at(t)
    across = [(far * level.signal, far * level.noise) for far in (-9, 9)]
    axes.plot(*zip(*across, strict=True), "--", color=FAINT, lw=1.2, label="the axis of $x_t$")
    axes.plot(*zip(line.pair(-9, t), line.pair(9, t), strict=True), color=BLUE, label="all that fits $x_t$")
    axes.plot(*zip(truth, guess, strict=True), color=ORANGE, lw=4)
    for corner in ((truth[0], 0), (guess[0], 0)), ((0, truth[1]), (0, guess[1])):
        axes.plot(*zip(*corner, strict=True), color=ORANGE, lw=4, alpha=0.75)
    axes.plot(*truth, "o", color=INK, label="truth")
    axes.plot(*guess, "o", mfc="white", mec=ORANGE, label="guess")
    axes.set(
        title=f"t = {t}, $x_t$ = {line.xt:g}",
        xlim=(-REACH, REACH),
        ylim=(-REACH, REACH),
        aspect="equal",
        xticks=[],
        yticks=[],
    )
    axes.set(xlabel="$x_0$", ylabel=r"$\varepsilon$")


def one_line(schedule: Schedule, xt: float = 1.1, truth: float = 0.6, guess: float = -0.5) -> LineScrubber:
    """A widget with all pairs (x_0, eps) that give x_t, at t = 0..T, and two of them: the truth and a guess.

    truth, guess: their velocities, which is how far along the line they lie, -2 to 2.  The page computes
    every level from the table of abar.  TypeError or ValueError for bad input.
    """
    if not isinstance(schedule, Schedule) or not schedule.preserving:
        raise TypeError(f"schedule must preserve variance, such as linear(), got {checks.brief(schedule)}")
    values = [
        checks.real(value, name, -FAR, FAR)
        for name, value in (("xt", xt), ("truth", truth), ("guess", guess))
    ]
    return LineScrubber(schedule, *values)
