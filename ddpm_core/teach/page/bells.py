"""The posterior under one's hand: what x_0 and x_t each say of x_{t-1}, and the product of the two.

    w = shape_posterior(Schedule([1, 0.9216, 0.64, 0.36]))

`w.x0`, `w.xt` and `w.t` are the sliders, and setting them moves the picture; `w.guesses()` has its three
bells.  The page draws them itself, so that a page of the site needs no kernel.
"""

import io
import math
from typing import Any

import anywidget
import matplotlib.pyplot as plt
import numpy as np
import traitlets
from matplotlib.figure import Figure

from ... import checks
from ...gaussian import Gaussian
from ...process import between, posterior
from ...schedule import Schedule
from . import asset
from .figures.style import BLUE, GREEN, RED, styled
from .still import Pictured

ENDS = (-2.0, 3.0)  # of the sliders of x_0 and x_t
MOST = 9  # steps: each has a button


class PosteriorShaper(Pictured, anywidget.AnyWidget):
    """The widget that `shape_posterior` returns; `x0`, `xt` and `t` can be set."""

    _esm = asset("player.js", "bells.js")
    _css = asset("scrub.css", "bells.css")
    x0 = traitlets.Float(2.0).tag(sync=True)
    xt = traitlets.Float(0.6).tag(sync=True)
    t = traitlets.Int(2).tag(sync=True)
    ends = traitlets.List(traitlets.Float(), help="of the sliders of x0 and xt").tag(sync=True)
    signal = traitlets.List(traitlets.Float(), help="at t = 0..T").tag(sync=True)
    noise = traitlets.List(traitlets.Float(), help="at t = 0..T").tag(sync=True)

    def __init__(self, schedule: Schedule, x0: float, xt: float, t: int):
        self._schedule, self._start = schedule, (x0, xt)
        tables = {"signal": schedule.signal.tolist(), "noise": schedule.noise.tolist()}
        super().__init__(ends=list(ENDS), x0=x0, xt=xt, t=t, **tables)

    @traitlets.validate("x0", "xt")
    def _within(self, proposal: dict[str, Any]) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        if not ENDS[0] <= value <= ENDS[1]:  # NaN fails here too
            raise traitlets.TraitError(f"{name} must be in {ENDS[0]:g}..{ENDS[1]:g}, got {value:g}")
        return float(value)

    @traitlets.validate("t")
    def _t_within(self, proposal: dict[str, Any]) -> int:
        t, T = proposal["value"], self._schedule.T
        if not 2 <= t <= T:
            raise traitlets.TraitError(f"t must be in 2..{T}, got {t}: at t = 1 the posterior is a point")
        return int(t)

    def guesses(self) -> tuple[Gaussian, Gaussian, Gaussian]:
        """What x_0 says of x_{t-1}, what x_t says of it, and the posterior, which knows both."""
        return _guesses(self._schedule, self.x0, self.xt, self.t)

    def still(self) -> bytes:
        """The three bells for t = T and for the step below, as the bytes of a PNG."""
        file = io.BytesIO()
        _drawn(self._schedule, *self._start).savefig(file, format="png", dpi=90)
        return file.getvalue()

    def __repr__(self) -> str:
        return f"shape_posterior: x_0 = {self.x0:g}, x_{self.t} = {self.xt:g}"


def shape_posterior(
    schedule: Schedule, x0: float = 2.0, xt: float = 0.6, t: int | None = None
) -> PosteriorShaper:
    """A widget with q(x_{t-1} | x_t, x_0) for one pixel, as the product of two bells that can be dragged.

    schedule: one of 2 to 9 steps; t: at first, T if None.  TypeError or ValueError for bad input.
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be a Schedule, such as linear(5), got {checks.brief(schedule)}")
    if not 2 <= schedule.T <= MOST:
        raise ValueError(f"schedule must have 2 to {MOST} steps, a button for each, got {schedule.T}")
    if not schedule.signal[-1] > 0:
        raise ValueError("the last signal of the schedule is 0: then x_T says nothing of x_{T-1}")
    t = schedule.T if t is None else checks.whole(t, "t", 2, schedule.T)
    return PosteriorShaper(schedule, x0, xt, t)


def _guesses(schedule: Schedule, x0: float, xt: float, t: int) -> tuple[Gaussian, Gaussian, Gaussian]:
    s, now = schedule.level(t - 1), schedule.level(t)
    scale, var = between(s, now)
    known, told = (s.signal * x0, s.noise**2), (xt / scale, var / scale**2)
    return Gaussian(*known), Gaussian(*told), posterior(x0, xt, s, now)  # type: ignore[arg-type]


@styled
def _drawn(schedule: Schedule, x0: float, xt: float) -> Figure:
    """The three bells at t = T and at t = T - 1, one below the other, on one scale."""
    times = [schedule.T, schedule.T - 1][: schedule.T - 1]
    figure, grid = plt.subplots(
        len(times), figsize=(8, 2.1 * len(times)), sharex=True, sharey=True, squeeze=False
    )
    top = 0.0
    for axes, t in zip(grid[:, 0], times, strict=True):
        known, told, both = _guesses(schedule, x0, xt, t)
        middle, width = float(both.mean), 3.5 * math.sqrt(max(float(known.var), float(told.var)))
        x = np.linspace(min(middle - width, *ENDS), max(middle + width, *ENDS), 600)
        axes.plot(x, _bell(x, known), "--", color=BLUE, label=f"what $x_0 = {x0:g}$ says")
        axes.plot(x, _bell(x, told), ":", color=RED, label=f"what $x_{t} = {xt:g}$ says")
        axes.fill_between(x, _bell(x, both), color=GREEN, alpha=0.3, label="both together")
        top = max(top, 1.06 * float(_bell(np.asarray(both.mean), both)))
        axes.set(xlabel=f"$x_{t - 1}$", yticks=[], ylim=(0, top))
        axes.legend(loc="upper left", fontsize=9)
        axes.tick_params(labelbottom=True)
    figure.tight_layout()
    return figure


def _bell(x: np.ndarray, of: Gaussian) -> np.ndarray:
    density: np.ndarray = np.exp(-((x - of.mean) ** 2) / (2 * of.var)) / np.sqrt(2 * math.pi * of.var)
    return density
