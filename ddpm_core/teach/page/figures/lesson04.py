"""The figures of lesson 04: a training step, what a network learns, the U-Net, and what it says of digits."""

from collections.abc import Mapping, Sequence
from functools import partial

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import Tensor, nn

from ....nets import UNet, embed
from .style import BLUE, FAINT, GREEN, INK, ORANGE, RED, boxes_in_a_row, styled

STOPS = ("1  the target", "2  ten lines", "3  how good?", "4  one line", "5  the U-Net", "6  your digits")
LINES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
Curves = Mapping[str, tuple[Sequence[float], Sequence[float]]]  # name: places and heights
route = partial(boxes_in_a_row, STOPS)  # with the stop that is lit: route(2)


@styled
def training_step() -> Figure:
    """The first step of training in boxes, with the numbers of the miniature."""
    figure, axes = plt.subplots(figsize=(9, 3.1), layout="constrained")
    boxes = {
        "x_0": (0, 2, "picture\n$x_0 = 2$", 0.4),
        "eps": (0, 1, "noise\n" + r"$\varepsilon = 0.5$", 0.4),
        "t": (0, 0, "time\n$t = 2$", 0.4),
        "mix": (2.1, 1.5, "mix\n" + r"$0.8\cdot2 + 0.6\cdot0.5 = 1.9$", 0.95),
        "net": (4.35, 0.75, "network says\nc · 1.9 = 0", 0.75),
        "loss": (6.4, 1.75, "loss\n" + r"$(0.5 - 0)^2 = 0.25$", 0.78),
        "move": (6.4, 0.3, "move c a little\n0 → 0.19", 0.72),
    }
    ways = [("x_0", "mix"), ("eps", "mix"), ("t", "mix"), ("mix", "net"), ("t", "net"), ("net", "loss")]
    for tail, head in ways:
        _arrow(
            axes,
            (boxes[tail][0] + boxes[tail][3], boxes[tail][1]),
            (boxes[head][0] - boxes[head][3], boxes[head][1]),
        )
    _arrow(axes, (6.4, 1.35), (6.4, 0.68))
    _arrow(axes, (0.42, 1.08), (5.6, 1.95), ORANGE, "--", "arc3,rad=-0.42")
    axes.text(3.4, 2.42, "the very same noise", color=ORANGE, ha="center")
    for name, (x, y, text, _) in boxes.items():
        edge = BLUE if name in ("net", "move") else INK
        axes.text(
            x, y, text, ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "fc": "none", "ec": edge}
        )
    axes.set(xlim=(-0.5, 7.3), ylim=(-0.4, 3.35))
    axes.set_axis_off()
    return figure


@styled
def learned(losses: Sequence[float], floor: float, samples: Tensor, data: Tensor) -> Figure:
    """How the loss fell over the steps, and what the trained network samples beside the data, (N, 1) each."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    left.plot(losses, lw=0.8, color=BLUE, label="loss of each batch")
    left.axhline(1, color=FAINT, ls=":", label='"no noise at all"')
    left.axhline(floor, color=RED, ls="--", label="as low as it can get")
    left.set(xlabel="step", ylabel="loss", ylim=(0, 1.2))
    left.legend()
    for x, name, colour in ((data, "data", FAINT), (samples, "your samples", BLUE)):
        heights, edges = torch.histogram(x.flatten().float(), 60, range=(-1.6, 1.6), density=True)
        right.stairs(
            heights.numpy(),
            edges.numpy(),
            color=colour,
            fill=name == "data",
            alpha=0.55 if name == "data" else 1,
            label=name,
            lw=1.6,
        )
    right.set(xlabel="$x_0$", yticks=[], title="2,000 new ones from pure noise")
    right.legend(loc="upper left")
    return figure


@styled
def middles(
    clouds: Mapping[int, tuple[Tensor, Tensor]],
    line: Tensor,
    best: Mapping[int, Tensor],
    said: Mapping[int, Tensor],
) -> Figure:
    """For each t the pairs (x_t, eps) as dots, the best answer and the network's at the places of `line`."""
    figure, grid = plt.subplots(1, len(clouds), figsize=(9, 3.2), sharey=True, layout="constrained")
    for axes, (t, (xt, eps)) in zip(grid, clouds.items(), strict=True):
        axes.plot(xt, eps, ".", ms=2.5, alpha=0.35, color=FAINT, rasterized=True)
        axes.plot(line, best[t], color=RED, label="mean of $\\varepsilon$ at this $x_t$")
        axes.plot(line, said[t], "--", color=BLUE, label="your network")
        axes.set(title=f"t = {t}", xlabel="$x_t$: what it sees", xlim=(-3, 3), ylim=(-3.2, 3.2))
    grid[0].set(ylabel=r"$\varepsilon$: what is asked for")
    grid[-1].legend(loc="lower right", fontsize=9)
    return figure


@styled
def slopes(line: Tensor, log_density: Tensor, exact: Tensor, said: Tensor, t: int) -> Figure:
    """The log density of x_t at one t, and its slope beside what a network's noise says it is; (n,) each."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.8), layout="constrained")
    left.plot(line, log_density, color=INK)
    left.set(title=rf"$\log q(x_{{{t}}})$, which nobody told it", xlabel=f"$x_{{{t}}}$", ylim=(-7, 0))
    right.plot(line, exact, color=RED, label="its slope")
    right.plot(line, said, "--", color=BLUE, label=r"your network's $-\hat\varepsilon/\sqrt{1-\bar\alpha_t}$")
    right.axhline(0, color=FAINT, lw=0.8)
    right.set(title="its slope, the score", xlabel=f"$x_{{{t}}}$")
    right.legend()
    return figure


# ── the U-Net ───────────────────────────────────────────────────────────────────────────────────────────────


def shapes(net: UNet, picture: Tensor) -> list[tuple[str, int, int]]:
    """Name, channels and size after each layer, caught while a picture (1, C, H, W) passes through."""
    named: list[tuple[str, nn.Module]] = [("enter", net.enter), *((type(m).__name__, m) for m in net.down)]
    named += [("middle", net.middle), *((type(m).__name__, m) for m in net.up), ("leave", net.leave)]
    seen: list[tuple[str, int, int]] = []
    hooks = [
        layer.register_forward_hook(lambda _, __, out, name=name: seen.append((name, *out.shape[1:3])))
        for name, layer in named
    ]
    with torch.no_grad():
        net(picture, torch.ones(1))
    for hook in hooks:
        hook.remove()
    return seen


@styled
def unet(net: UNet, picture: Tensor) -> Figure:
    """The network's layers from left to right, its sizes from top to bottom, and what is handed across."""
    seen = shapes(net, picture)
    sizes = sorted({size for *_, size in seen}, reverse=True)
    figure, axes = plt.subplots(figsize=(9, 3.6), layout="constrained")
    turn, kept = [name for name, *_ in seen].index("middle"), []
    for k, (name, channels, size) in enumerate(seen):
        x, y = k, -sizes.index(size)
        block = name in ("Block", "middle")
        edge = {"ec": BLUE, "lw": 1.6} if block else {"ec": FAINT, "lw": 1.0}
        box = {"boxstyle": "round,pad=0.35", "fc": "none", **edge}
        axes.text(x, y, f"{name.lower()}\n{channels}", ha="center", va="center", fontsize=10.5, bbox=box)
        if k:
            before = -sizes.index(seen[k - 1][2])
            _arrow(axes, (k - 1 + 0.36, before), (x - 0.36, y))
        if k < turn:
            kept.append((x, y))
        elif name == "Block":
            _arrow(axes, (kept[-1][0], kept[-1][1] + 0.27), (x, y + 0.27), ORANGE, "--", "arc3,rad=-0.3")
            kept.pop()
    for row, size in enumerate(sizes):
        axes.text(-1.15, -row, f"{size}×{size}\npixels", ha="center", va="center")
    axes.text(0, 0.5, "$x_t$", ha="center", fontsize=13)
    axes.text(len(seen) - 1, 0.5, r"$\hat\varepsilon$", ha="center", fontsize=13)
    axes.text(turn, 1.25, "handed across", color=ORANGE, ha="center")
    axes.set(xlim=(-1.7, len(seen) - 0.4), ylim=(-len(sizes) + 0.5, 1.6))
    axes.set_axis_off()
    return figure


@styled
def block() -> Figure:
    """One block of the U-Net, each part labelled with what it is for."""
    figure, axes = plt.subplots(figsize=(9, 3.3), layout="constrained")
    parts = ("group\nnorm", "SiLU", "3×3\nwindow", "+", "SiLU", "3×3\nwindow", "+")
    notes = ("one scale", "a bend", "neighbours", "", "a bend", "neighbours", "")
    for k, (part, note) in enumerate(zip(parts, notes, strict=True)):
        edge = GREEN if k == 3 else ORANGE if k == 6 else BLUE
        shape = {
            "boxstyle": "circle,pad=0.3" if part == "+" else "round,pad=0.45",
            "fc": "none",
            "ec": edge,
            "lw": 1.6,
        }
        axes.text(k, 0, part, ha="center", va="center", bbox=shape)
        axes.text(k, -0.72, note, ha="center", va="center", fontsize=9.5, color=FAINT)
        _arrow(axes, (k - 0.66, 0), (k - 0.34, 0))
    _arrow(axes, (6.3, 0), (6.75, 0))
    axes.text(-0.95, 0, "in", ha="center", va="center")
    axes.text(7, 0, "out", ha="center", va="center")
    axes.text(3, 1.75, "code of $t$\nsines and cosines", ha="center", va="center", color=GREEN)
    axes.text(
        3.15, 0.72, "two small layers, then\none number a channel", va="center", fontsize=9.5, color=GREEN
    )
    _arrow(axes, (3, 1.4), (3, 0.3), GREEN)
    _arrow(axes, (-0.85, -0.2), (5.95, -0.28), ORANGE, "--", "arc3,rad=0.24")
    axes.text(2.6, -1.42, "the shortcut: what came in goes round and is added", ha="center", color=ORANGE)
    axes.set(xlim=(-1.3, 7.3), ylim=(-1.75, 2.15))
    axes.set_axis_off()
    return figure


@styled
def time_code(width: int = 64, marks: Sequence[int] = (100, 500)) -> Figure:
    """The code of each t as a column of shades, and how alike the codes of two times are."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 2.7), width_ratios=(3, 2), layout="constrained")
    every = torch.arange(1, 1001)
    code = embed(every, width)  # (1000, width)
    left.imshow(code.T, aspect="auto", cmap="RdBu", extent=(1, 1000, width, 0))
    left.set(xlabel="t", ylabel="entry", title="the code of t, a column for each t")
    for t, kind in zip(marks, LINES, strict=False):
        right.plot(every, code @ code[t - 1] * 2 / width, ls=kind, label=f"with t = {t}")
    right.set(xlabel="t", title="how alike two codes are", ylim=(None, 1.05))
    right.legend()
    return figure


# ── digits ──────────────────────────────────────────────────────────────────────────────────────────────────


@styled
def loss_by_time(stages: Mapping[str, tuple[Tensor, Tensor]], bins: int = 20) -> Figure:
    """The mean error in each range of t, a curve for each stage of the training: its times and errors."""
    figure, axes = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
    axes.axhline(1, color=FAINT, ls=":", label="untrained")
    for (name, (t, error)), colour in zip(stages.items(), (ORANGE, RED, BLUE), strict=False):
        place = (t - 1) * bins // 1000
        mean = torch.zeros(bins).index_add_(0, place, error) / place.bincount(minlength=bins).clamp(min=1)
        axes.semilogy((torch.arange(bins) + 0.5) * 1000 / bins, mean, "o-", ms=4, color=colour, label=name)
    axes.set(xlabel="t", ylabel="loss per pixel", ylim=(2e-3, 2))
    axes.legend(loc="lower left")
    return figure


@styled
def five(shown: Tensor, pairs: Mapping[str, tuple[Tensor, Tensor]], t: int) -> Figure:
    """What a network saw, (H, W), and for each reading the truth, what it says, its error and its size."""
    figure, grid = plt.subplots(
        3, 1 + len(pairs), figsize=(9, 4.9), gridspec_kw={"wspace": 0.08, "hspace": 0.08}
    )
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for axes, text in zip(grid[:, -1], ("truth", "network", "error"), strict=True):
        axes.yaxis.set_label_position("right")
        axes.set_ylabel(text)
    grid[0, 0].imshow(shown)
    grid[0, 0].set_title("$x_t$")
    for axes in grid[1:, 0]:
        axes.set_axis_off()
    for column, (name, (truth, said)) in zip(grid.T[1:], pairs.items(), strict=True):
        wrong = said - truth
        for axes, picture, own in zip(column, (truth, said, wrong), (truth, truth, wrong), strict=True):
            reach = own.abs().max()  # the error has its own range: small ones are to be seen as well
            axes.imshow(picture, vmin=-reach, vmax=reach)
        column[0].set_title(name)
        column[2].set_xlabel(f"{wrong.square().mean().sqrt().item():.3g}")
    grid[1, 0].text(0.5, 0.4, f"t = {t}", transform=grid[1, 0].transAxes, ha="center", fontsize=13)
    figure.subplots_adjust(left=0.01, right=0.965, top=0.92, bottom=0.06)
    return figure


# ── deeper ──────────────────────────────────────────────────────────────────────────────────────────────────


@styled
def curves(curves: Curves, xlabel: str, ylabel: str, scale: str = "semilogx", **limits: object) -> Figure:
    """Curves by name in one panel; scale: `plot`, `semilogx`, `semilogy` or `loglog`."""
    figure, axes = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
    for (name, (x, y)), kind in zip(curves.items(), LINES, strict=False):
        getattr(axes, scale)(x, y, ls=kind, label=name)
    axes.set(xlabel=xlabel, ylabel=ylabel, **limits)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


@styled
def bracketed(times: Sequence[int], measured: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """A panel for each set of pictures: the loss of each guess against t."""
    figure, grid = plt.subplots(1, len(measured), figsize=(9, 3.4), sharey=True, layout="constrained")
    for axes, (part, guesses) in zip(grid, measured.items(), strict=True):
        for (name, losses), kind, colour in zip(
            guesses.items(), (":", "-", "--"), (RED, BLUE, ORANGE), strict=True
        ):
            axes.loglog(
                times, losses, ls=kind, color=colour, marker="o" if kind == "-" else None, ms=4, label=name
            )
        axes.set(title=f"on {part}", xlabel="t (cosine schedule)", ylim=(3e-3, 30))
    grid[0].set(ylabel="loss per pixel")
    grid[0].legend(loc="lower left", fontsize=9.5)
    return figure


def _arrow(
    axes: Axes, tail: tuple[float, float], head: tuple[float, float], colour: str = INK, line: str = "-",
    bend: str = "arc3,rad=0",
) -> None:  # fmt: skip
    axes.add_patch(
        FancyArrowPatch(
            tail, head, arrowstyle="-|>", mutation_scale=12, color=colour, ls=line, connectionstyle=bend,
            shrinkA=0, shrinkB=0,
        )
    )  # fmt: skip
