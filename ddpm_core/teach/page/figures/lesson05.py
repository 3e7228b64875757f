"""The figures of lesson 05: the walk from noise to data, its noise, its steps, and what comes back."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from .style import BLUE, FAINT, INK, ORANGE, PALETTE, SHADES, boxes_in_a_row, styled

STOPS = (
    "1  a walk\nto watch",
    "2  a step\nby hand",
    "3  the\nsampler",
    "4  why\nnoise?",
    "5  how\nmuch?",
    "6  DDIM\nat work",
    "7  fewer\nsteps",
    "8  back-\nwards?",
)
LOOKS = ("o-", "s--", "^-.", "D:")
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


@styled
def by_hand(states: Sequence[float], estimates: Sequence[float], means: Sequence[float]) -> Figure:
    """A walk of a few steps: states x_T .. x_0, and of each step its estimate of x_0 and its mean."""
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    last = len(states) - 1
    for k, (x, aim, mean) in enumerate(zip(states, estimates, means, strict=False)):
        t = last - k
        axes.plot((t, 0), (x, aim), ":", color=FAINT, lw=1.4)
        axes.plot(0, aim, "o", mfc="none", mec=FAINT, ms=9)
        side = "bottom" if k == last - 1 else "top" if k else "center"
        axes.text(-0.06, aim, rf"$\hat x_0$ asked at $t = {t}$: {aim:.4f}", va=side)
        axes.plot((t, t - 1), (x, mean), color=BLUE, label="to the mean" if not k else None)
        axes.plot((t - 1, t - 1), (mean, states[k + 1]), color=ORANGE, lw=4, label="fresh noise" * (not k))
    axes.plot(range(last, -1, -1), states, "o", color=INK, ms=7)
    for t, x in zip(range(last, 0, -1), states, strict=False):
        below = -18 if t == 1 else 8
        axes.annotate(f"$x_{t} = {x:.4f}$", (t, x), xytext=(-4, below), textcoords="offset points")
    axes.set(xlabel="$t$", xlim=(last + 0.25, -0.95), ylim=(0.2, 1.12), xticks=range(last + 1))
    axes.legend(loc="lower left")
    return figure


@styled
def flow() -> Figure:
    """The sampler as a chart: draw, ask, estimate, step, and round again."""
    figure, axes = plt.subplots(figsize=(9, 2.3))
    boxes = {
        "start": (0, 1, "$x_T \\sim \\mathcal{N}(0, I)$"),
        "net": (2.0, 1, "network\n" + r"$\hat\varepsilon = \hat\varepsilon_\theta(x_t, t)$"),
        "x0": (
            4.35, 1, r"$\hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\,\hat\varepsilon}{\sqrt{\bar\alpha_t}}$"
        ),
        "post": (6.9, 1, "mean and variance\n" + r"$\tilde\mu_t(\hat x_0, x_t),\ \tilde\beta_t$"),
        "draw": (6.9, 0, r"$x_{t-1} = \tilde\mu_t + \sqrt{\tilde\beta_t}\,z$"),
        "end": (9.2, 0, "after $t = 1$:\n$x_0$"),
    }  # fmt: skip
    drawn = {}
    for name, (x, y, text) in boxes.items():
        box = {"boxstyle": "round,pad=0.4", "fc": f"{BLUE}33" if name == "net" else "none", "ec": FAINT}
        drawn[name] = axes.text(x, y, text, ha="center", va="center", fontsize=10.5, bbox=box, zorder=3)
    figure.canvas.draw()  # from here on the boxes know how large they are
    back = {"color": ORANGE, "connectionstyle": "angle,angleA=180,angleB=90,rad=8"}
    for a, b, how in (*((*pair, {"color": FAINT}) for pair in pairwise(boxes)), ("draw", "net", back)):
        at = {"patchA": drawn[a].get_bbox_patch(), "patchB": drawn[b].get_bbox_patch()}
        arrow = {"arrowstyle": "-|>", "shrinkA": 3, "shrinkB": 3, **how, **at}
        axes.annotate("", boxes[b][:2], boxes[a][:2], arrowprops=arrow)
    axes.text(4.0, -0.3, "$t$ becomes $t - 1$, with fresh $z$", color=ORANGE, ha="center", fontsize=10)
    axes.set(xlim=(-1, 10), ylim=(-0.5, 1.45))
    axes.set_axis_off()
    return figure


@styled
def endings(samples: Mapping[str, Tensor], x: Tensor, density: Tensor) -> Figure:
    """What walks end at, (n,) each, as histograms over the density (m,) of the data at the places x (m,)."""
    figure, panels = plt.subplots(1, len(samples), figsize=(9, 2.8), layout="constrained", sharey=True)
    for axes, (name, ends) in zip(panels, samples.items(), strict=True):
        axes.hist(ends.clamp(-2, 2), bins=torch.linspace(-2, 2, 81).tolist(), density=True, alpha=0.55)
        axes.plot(x, density, color=INK, lw=1.2)
        axes.set(title=f"{name}\nmean {ends.mean():.2f}, variance {ends.var():.2f}", xlabel="$x_0$")
        axes.set(xlim=(-2, 2), ylim=(0, 4), yticks=[])
    return figure


@styled
def bundles(x: Tensor, density: Tensor, walks: Mapping[str, tuple[Sequence[int], Tensor]]) -> Figure:
    """Bundles of paths, by title: their times and states (len(times), n); the ones that end below 0 differ.

    x: (m,) places; density: (m, times) of x_t at evenly spaced times of 0..1000.
    """
    figure, panels = plt.subplots(1, len(walks), figsize=(9, 3.1), sharey=True, layout="constrained")
    for axes, (title, (times, states)) in zip(panels, walks.items(), strict=True):
        _shaded(axes, x, density)
        ends = states[list(times).index(min(times))]
        for path, end in zip(states.T, ends, strict=True):
            axes.plot(list(times), path, lw=0.8, antialiased=False, color=BLUE if end > 0 else ORANGE)
        axes.set(title=title, xlabel="$t$", xlim=(1000, 0))
    panels[0].set_ylabel("$x_t$")
    return figure


@styled
def dial(x: Tensor, density: Tensor, walks: tuple[Sequence[int], Tensor], rows: Sequence[Tensor]) -> Figure:
    """One position of the dial for eta: paths from a few starts, coloured by the start, and rows of digits.

    walks: times, and states (len(times), starts, n); rows: two, of pictures (N, 1, H, W).
    """
    figure = plt.figure(figsize=(9, 2.9))
    axes = figure.add_axes((0.06, 0.17, 0.34, 0.72))
    _shaded(axes, x, density)
    times, states = walks
    for bundle, colour in zip(states.unbind(1), PALETTE, strict=False):
        axes.plot(list(times), bundle, lw=0.8, color=colour)
    axes.set(xlabel="$t$", xlim=(1000, 0), title="three starts, eight walks from each")
    names = ("one start, six different noises", "six different starts, one noise")
    for k, (pictures, name) in enumerate(zip(rows, names, strict=True)):
        sheet = torch.cat(list(pictures.clamp(-1, 1)[:, 0]), 1)
        right = figure.add_axes((0.44, 0.52 - 0.5 * k, 0.55, 0.38))
        right.imshow(sheet, vmin=-1, vmax=1, aspect="auto")
        right.set_axis_off()
        right.set_title(name, fontsize=10)
    return figure


@styled
def fewer_steps(
    distances: Mapping[str, Mapping[int, tuple[float, float]]], real: tuple[float, float], of: str = "steps"
) -> Figure:
    """Distances with their standard errors against the number of steps, by rule; real: mean and deviation.

    of: what is counted.
    """
    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    for k, ((name, found), look) in enumerate(zip(distances.items(), LOOKS, strict=False)):
        mid, bar = zip(*found.values(), strict=True)
        steps = [count * (0.96 + 0.04 * k) for count in found]
        axes.errorbar(steps, mid, bar, fmt=look, ms=5, lw=1.5, capsize=2, label=name)
    axes.axhspan(real[0] - real[1], real[0] + real[1], color=FAINT, alpha=0.35, label="real digits")
    axes.set(xscale="log", xlabel=of, ylabel="Fréchet distance,\nin units of real digits", ylim=(0, None))
    counts = list(next(iter(distances.values())))
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.minorticks_off()
    axes.legend()
    return figure


@styled
def variances(
    stds: Tensor, true: Sequence[float], dots: Mapping[float, float], lines: Mapping[str, float],
    curves: Mapping[str, Mapping[int, float]], right: float
) -> Figure:  # fmt: skip
    """Left: the variance of one jump over the spread of the data; right: that of samples over the steps."""
    figure, (one, many) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    one.plot(stds, true, color=INK, label="exact")
    one.plot(list(dots), list(dots.values()), "o", color=ORANGE, label="measured")
    for (name, height), look in zip(lines.items(), ("--", ":"), strict=True):
        one.axhline(height, ls=look, color=FAINT, lw=1.4, label=name)
    one.set(xlabel="standard deviation of the data", ylabel="variance of $x_{400}$ given $x_{500}$")
    one.legend()
    for (name, values), look in zip(curves.items(), LOOKS, strict=True):
        many.semilogx(list(values), list(values.values()), look, ms=5, lw=1.5, label=name)
    many.axhline(right, color=FAINT, lw=1, label=f"data: {right:g}")
    many.set(xlabel="steps", ylabel="variance of the samples")
    many.legend()
    return figure


@styled
def what_comes_back(levels: Sequence[int], shares: Mapping[str, Iterable[float]], chance: float) -> Figure:
    """Shares of what comes back the same, by measure, against the level to which the digits were noised."""
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for (name, values), look in zip(shares.items(), LOOKS, strict=False):
        axes.plot(levels, list(values), look, ms=5, lw=1.5, label=name)
    axes.axhline(chance, color=FAINT, lw=1, label="chance, for the class")
    axes.set(xlabel="noised up to $t$", ylabel="share, or correlation", ylim=(-0.1, 1.05))
    axes.legend()
    return figure


@styled
def how_near(distances: Mapping[str, Tensor]) -> Figure:
    """Histograms of distances to the nearest training digit, (n,) each."""
    figure, axes = plt.subplots(figsize=(7, 2.8), layout="constrained")
    bins = torch.linspace(0, 6, 41).tolist()
    for k, (name, x) in enumerate(distances.items()):
        axes.hist(
            x, bins, density=True, histtype="step" if k else "stepfilled", alpha=1 if k else 0.4, label=name
        )
    axes.set(xlabel="distance to the nearest training digit", yticks=[])
    axes.legend()
    return figure


def _shaded(axes: Axes, x: Tensor, density: Tensor) -> None:
    times = torch.linspace(0, 1000, density.shape[1])
    levels = [0.02, 0.06, 0.15, 0.3, 0.6, 1.2, 4.0]
    axes.contourf(
        times, x, density, levels, colors=[SHADES(0.1 + 0.07 * k) for k in range(6)], antialiased=False
    )
    axes.set(ylim=(x[0].item(), x[-1].item()))
