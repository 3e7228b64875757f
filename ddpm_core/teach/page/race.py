"""The race for a sample under one's hand: rows arrive one by one, and the smallest tau p/q leads.

    w = step_race(q, p)

`w.row` is how many rows have arrived and `w.race` which race is shown; setting them moves the picture.  The
page draws all of it from numbers that it holds, so that a page of the site needs no kernel.
"""

import io
from typing import Any, NamedTuple

import anywidget
import matplotlib.pyplot as plt
import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure

from ... import checks
from ...gaussian import Gaussian
from . import asset
from .figures.style import FAINT, GREEN, INK, ORANGE, styled
from .still import Pictured

FAR = 3.0  # of the axis, to both sides
MOST = 20  # rows, and races


class Row(NamedTuple):
    """A row of a race: when it arrives, its candidate, and p/q there."""

    tau: float
    x: float
    ratio: float

    @property
    def product(self) -> float:
        """What the race is about: the smallest wins."""
        return self.tau * self.ratio


class RaceStepper(Pictured, anywidget.AnyWidget):
    """The widget that `step_race` returns; `row` and `race` can be set."""

    _esm = asset("player.js", "race.js")
    _css = asset("scrub.css", "race.css")
    row = traitlets.Int(0, help="how many rows have arrived").tag(sync=True)
    race = traitlets.Int(0, help="which race").tag(sync=True)
    races: traitlets.List[Any] = traitlets.List(help="(races, rows, 3): tau, candidate, p/q").tag(sync=True)
    bells: traitlets.List[Any] = traitlets.List(help="mean and variance of q and of p").tag(sync=True)
    least = traitlets.Float(help="the smallest p/q that there is").tag(sync=True)

    def __init__(self, races: list[list[Row]], q: Gaussian, p: Gaussian):
        bells = [[float(each.mean), float(each.var)] for each in (q, p)]
        super().__init__(races=[[list(r) for r in race] for race in races], bells=bells, least=least(q, p))

    @traitlets.validate("row", "race")
    def _within(self, proposal: dict[str, Any]) -> int:
        name, value = proposal["trait"].name, proposal["value"]
        last = len(self.races[0]) if name == "row" else len(self.races) - 1
        if not 0 <= value <= last:
            raise traitlets.TraitError(f"{name} must be in 0..{last}, got {value}")
        return int(value)

    def rows(self) -> list[Row]:
        """The rows of this race that have arrived."""
        return [Row(*each) for each in self.races[self.race][: self.row]]

    def leader(self) -> int:
        """The row that leads, counted from 1; 0 before any has arrived."""
        products = [row.product for row in self.rows()]
        return 1 + products.index(min(products)) if products else 0

    @property
    def over(self) -> bool:
        """Whether no later row can win any more: it would have to fit better than is possible."""
        rows = self.rows()
        return bool(rows) and rows[-1].tau * self.least >= rows[self.leader() - 1].product

    def still(self) -> bytes:
        """The first race when all rows have arrived, as the bytes of a PNG."""
        file = io.BytesIO()
        _drawn([Row(*each) for each in self.races[0]], self.bells).savefig(file, format="png", dpi=90)
        return file.getvalue()

    def __repr__(self) -> str:
        return (
            f"step_race: {self.row} of {len(self.races[0])} rows, race {self.race + 1} of {len(self.races)}"
        )


def step_race(
    q: Gaussian, p: Gaussian, rows: int = 10, races: int = 6, generator: torch.Generator | None = None
) -> RaceStepper:
    """A widget with races for one number from q among candidates from p, row by row.

    q, p: of a single number, with q the narrower.  rows, races: at most 20.  TypeError or ValueError for bad
    input.
    """
    for each, name in ((q, "q"), (p, "p")):
        if not isinstance(each, Gaussian):
            raise TypeError(f"{name} must be a Gaussian, got {checks.brief(each)}")
    values = [torch.as_tensor(x, dtype=torch.float64) for x in (*q, *p)]
    if any(x.numel() != 1 for x in values) or not 0 < values[1] < values[3]:
        raise ValueError("q and p must each be of one number, and q must be narrower than p")
    q, p = (Gaussian(mean.reshape(()), var.reshape(())) for mean, var in (values[:2], values[2:]))
    checks.whole(rows, "rows", 1, MOST)
    checks.whole(races, "races", 1, MOST)
    return RaceStepper([_run(q, p, rows, generator) for _ in range(races)], q, p)


def least(q: Gaussian, p: Gaussian) -> float:
    """The smallest p/q, for q narrower than p: where the slopes of the two logarithms agree."""
    at = (q.mean / q.var - p.mean / p.var) / (1 / q.var - 1 / p.var)
    return float(_ratio(q, p, torch.as_tensor(at)))


def _run(q: Gaussian, p: Gaussian, rows: int, generator: torch.Generator | None) -> list[Row]:
    tau = torch.empty(rows, dtype=torch.float64).exponential_(generator=generator).cumsum(0)
    x = p.mean + p.var**0.5 * torch.randn(rows, dtype=torch.float64, generator=generator)
    return [Row(*each) for each in torch.stack([tau, x, _ratio(q, p, x)], 1).tolist()]


def _ratio(q: Gaussian, p: Gaussian, x: torch.Tensor) -> torch.Tensor:
    square = (x - q.mean) ** 2 / q.var - (x - p.mean) ** 2 / p.var
    return (torch.as_tensor(q.var / p.var) ** 0.5) * (0.5 * square).exp()


def in_table(value: float) -> str:
    """A number as the table has it: two decimals, none from 100 on."""
    text = f"{value:.{2 if abs(value) < 100 else 0}f}"
    return ("0.00" if text == "-0.00" else text).replace("-", "−")


@styled
def _drawn(rows: list[Row], bells: list[list[float]]) -> Figure:
    """The two bells with all candidates, and the table of the race."""
    figure, (axes, beside) = plt.subplots(1, 2, figsize=(9, 3.4), width_ratios=(1, 1.2), layout="constrained")
    x, won = np.linspace(-FAR, FAR, 300), min(range(len(rows)), key=lambda k: rows[k].product)
    for (mean, var), colour, name in zip(bells, (ORANGE, INK), ("q", "p"), strict=True):
        axes.plot(
            x, np.exp(-((x - mean) ** 2) / 2 / var) / np.sqrt(2 * np.pi * var), color=colour, label=name
        )
    axes.plot([row.x for row in rows], [0.02] * len(rows), "o", color=FAINT, ms=6)
    axes.plot(rows[won].x, 0.02, "o", color=GREEN, ms=9)
    axes.set(xlabel="$x_s$", yticks=[])
    axes.legend()
    cells = [[f"{k}", *map(in_table, (*row, row.product))] for k, row in enumerate(rows, 1)]
    heads = ["row", "arrives, τ", "candidate", "p/q", "τ · p/q"]
    table = beside.table(cells, colLabels=heads, loc="center", cellLoc="right", edges="horizontal")
    table.auto_set_font_size(False)
    table.set_fontsize(9.5)
    for (k, _), cell in table.get_celld().items():
        cell.set(edgecolor=FAINT, height=0.088)
        cell.get_text().set_color(GREEN if k == won + 1 else INK)
    beside.set_axis_off()
    return figure
