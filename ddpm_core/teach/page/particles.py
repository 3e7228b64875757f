"""Particles in the plane on their way from noise to data, over the density and a field of arrows.

    w = particles(world)                 with fresh noise (SDE) beside without (ODE), from the same start
    w = particles(world, learned)        the exact field beside a learned one

The page computes everything from the mixture's numbers and the network's weights; no kernel is asked.  It
holds no formula of a sampler: a step of a rule is affine in the estimate, x_t and the noise, and its three
factors come from the rule itself.
"""

import io
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from ... import checks
from ...denoiser import Denoiser
from ...nets import MLP
from ...sampling import Frame, Rule, ancestral, ddim, sample
from ...schedule import Level, Schedule
from ...study.exact import Mixture
from . import asset
from .figures.style import ORANGE, SHADES, styled
from .pace import log_snr
from .widgets import Scrubber

RULES = {"with noise (SDE)": ancestral, "without noise (ODE)": ddim}
MOST = 5000  # particles
LATTICE = np.linspace(-1, 1, 61)  # of the still's densities


def particle_noise(seed: int, t: int, rows: Tensor) -> Tensor:
    """Standard normal noise for particles at a time t: (n, 2) float64, the same numbers as in the page.

    rows: the particles' numbers, whole, (n,).  Each row depends on seed, t and its own number alone:
    a hash of 32 bits, then the formula of Box and Muller.
    """
    with np.errstate(over="ignore"):
        key = _mixed(_mixed(np.array([seed % 2**32], np.uint32)) ^ np.uint32(t))
        pairs = 2 * rows.numpy().astype(np.uint32)[:, None] + np.arange(2, dtype=np.uint32)
        first, second = ((_mixed(key ^ pairs) + 0.5) / 2**32).T
    radius, angle = np.sqrt(-2 * np.log(first)), 2 * np.pi * second
    return torch.from_numpy(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1))


def _mixed(h: np.ndarray) -> np.ndarray:
    """Each number hashed: uint32 -> uint32, one to one."""
    for shift, factor in ((16, 0x21F0AAAD), (15, 0x735A2D97)):
        h = (h ^ (h >> np.uint32(shift))) * np.uint32(factor)
    return h ^ (h >> np.uint32(15))


class ParticleScrubber(Scrubber):
    """The widget that `particles` returns.  Also `rule`, `arrows`, `paths` and `dropped` can be set."""

    _esm = asset("player.js", "dice.js", "particles.js")
    _css = asset("scrub.css", "particles.css")
    times = traitlets.List(traitlets.Int(), help="the t of each state of the walk").tag(sync=True)
    log_snr = traitlets.List(traitlets.Float(), help="of each state").tag(sync=True)
    levels = traitlets.Bytes(help="float64 (states, 2): signal, noise").tag(sync=True)
    mixture = traitlets.Bytes(help="float64 (K, 4): mean, variance, weight").tag(sync=True)
    names = traitlets.List(traitlets.Unicode(), help="of the rules").tag(sync=True)
    moves = traitlets.Bytes(help="float64 (rules + ddim, steps, 3): of x_0, x_t, noise").tag(sync=True)
    network = traitlets.Bytes(help="float32: all weights and biases in their order").tag(sync=True)
    layers = traitlets.List(traitlets.Int(), help="width and depth of the network, or none").tag(sync=True)
    codes = traitlets.Bytes(help="float32 (steps, width): the time, embedded").tag(sync=True)
    reading = traitlets.Bytes(help="float64 (steps, 3): x_0 from output and x_t; scale of the input").tag(
        sync=True
    )
    clip = traitlets.Float(0, help="of the estimates, 0 for none").tag(sync=True)
    reach = traitlets.Float(help="half the width of the picture").tag(sync=True)
    wide = traitlets.Float(help="standard deviation of the start").tag(sync=True)
    count = traitlets.Int(help="how many particles").tag(sync=True)
    seed = traitlets.Int().tag(sync=True)
    rule = traitlets.Unicode(help="the rule of both panels, if they are two fields").tag(sync=True)
    arrows = traitlets.Enum(("score", "velocity", "none"), "score").tag(sync=True)
    paths = traitlets.Bool(True, help="whether the paths of some particles are drawn").tag(sync=True)
    dropped: traitlets.List[Any] = traitlets.List(help="[x, y, t] of points started by hand").tag(sync=True)

    def __init__(
        self,
        world: Mixture,
        learned: Denoiser | None,
        rules: Mapping[str, Rule],
        times: list[int],
        **told: Any,
    ):
        self._world, self._learned, self._rules = world, learned, dict(rules)
        schedule = world.schedule
        points = [world.means, world.var[:, None], world.weights[:, None]]
        moves = [_factors(rule, schedule, times) for rule in (*rules.values(), ddim)]
        if learned is not None:
            told |= _numbers(learned, times)
        super().__init__(
            times=times,
            t=times[0],
            log_snr=log_snr(schedule, times),
            levels=_doubles(torch.tensor([schedule.at(t) for t in times], dtype=torch.float64)),
            mixture=_doubles(torch.cat([p.double() for p in points], 1)),
            names=list(rules),
            rule=next(iter(rules)),
            moves=_doubles(torch.stack(moves)),
            reach=_reach(world),
            wide=float(schedule.start(torch.ones(1))),
            **told,
        )

    @traitlets.validate("rule")
    def _rule_within(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self._rules:
            raise traitlets.TraitError(
                f"rule must be one of {', '.join(map(repr, self._rules))}, got {proposal['value']!r}"
            )
        return str(proposal["value"])

    @traitlets.validate("dropped")
    def _dropped_within(self, proposal: dict[str, Any]) -> list[list[float]]:
        points = [list(point) for point in proposal["value"]]
        for point in points:
            if len(point) != 3 or not all(map(math.isfinite, point)) or point[2] not in self.times[:-1]:
                raise traitlets.TraitError(
                    f"a dropped point is [x, y, t] with t {self.times[0]}, {self.times[1]} .. "
                    f"{self.times[-2]}, got {checks.brief(point)}"
                )
        return points

    def _places(self) -> Sequence[int]:
        return self.times

    def __repr__(self) -> str:
        shown = "exact and learned field" if self.layers else ", ".join(self.names)
        return f"particles: {self.count}, {shown}, t = {self.times[0]}..{self.times[-1]}"

    def walk(self, rule: str | None = None, field: str = "exact", count: int | None = None) -> list[Frame]:
        """The particles' walk as `sample` computes it, with the page's noise: a Frame for each state.

        rule: the name of one, the chosen one if None; field: "exact" or "learned"; count: only so many.
        KeyError for a name that there isn't.
        """
        fields: dict[str, Mixture | Denoiser] = {"exact": self._world}
        if self._learned is not None:
            fields["learned"] = self._learned
        denoiser, of = fields[field], self._rules[self.rule if rule is None else rule]
        rows = torch.arange(self.count if count is None else count)
        like = denoiser.means if isinstance(denoiser, Mixture) else next(denoiser.parameters())
        start = denoiser.schedule.start(particle_noise(self.seed, self.times[0], rows)).to(like)
        arrivals = iter(self.times[1:])

        def seeded(x0: Tensor, xt: Tensor, s: Level, t: Level, _: Tensor) -> Tensor:
            return of(x0, xt, s, t, particle_noise(self.seed, next(arrivals), rows).to(xt))

        return list(sample(denoiser, start, self.times, seeded))

    def still(self) -> bytes:
        """The particles over the density at five of the times, a row for each panel: the bytes of a PNG."""
        picture, small = io.BytesIO(), io.BytesIO()
        self._rows().savefig(picture, dpi=100)
        Image.open(picture).quantize(128).save(small, "PNG", optimize=True)
        return small.getvalue()

    @styled
    def _rows(self) -> Figure:
        panels = [("exact", name) for name in self.names]
        if self.layers:
            panels = [(field, self.rule) for field in ("exact", "learned")]
        figure = Figure(figsize=(9, 1.9 * len(panels)))
        grid = figure.subplots(len(panels), 5, squeeze=False)
        places = [_at_share(self.log_snr, share) for share in (0, 0.4, 0.6, 0.8, 1)]
        for row, (field, rule) in zip(grid, panels, strict=True):
            walk = self.walk(rule, field, min(self.count, 200))
            for axes, k in zip(row, places, strict=True):
                self._paint(axes, walk[k])
            row[0].set_ylabel(f"{field} field" if self.layers else rule, fontsize=8)
        for axes, k in zip(grid[0], places, strict=True):
            axes.set_title(f"t = {self.times[k]}", fontsize=9, pad=3)
        figure.subplots_adjust(0.03, 0.01, 0.99, 0.92, 0.06, 0.06)
        return figure

    def _paint(self, axes: Axes, frame: Frame) -> None:
        """One state: the density in grey, the particles as dots."""
        world = self._world
        scale = max(1.0, math.hypot(*world.schedule.at(frame.t)))
        ends = self.reach * scale
        axis = torch.from_numpy(LATTICE * ends).to(world.means)
        log_q = world.log_prob(torch.cartesian_prod(axis, axis), max(frame.t, 1)).reshape(61, 61).T
        shades = (log_q - log_q.max()).exp().sqrt()
        axes.imshow(
            0.7 * shades.cpu().numpy(),
            cmap=SHADES,
            vmin=0,
            vmax=1,
            extent=(-ends, ends) * 2,
            interpolation="bilinear",
            origin="lower",
        )
        axes.plot(*frame.xt.T.cpu().numpy(), ".", color=ORANGE, ms=2.5, mew=0)
        axes.spines[:].set_visible(False)
        axes.set(xlim=(-ends, ends), ylim=(-ends, ends), xticks=[], yticks=[], aspect="equal")


def particles(
    world: Mixture,
    learned: Denoiser | None = None,
    *,
    count: int = 600,
    steps: int | None = None,
    rules: Mapping[str, Rule] = RULES,
    seed: int = 0,
) -> ParticleScrubber:
    """A widget in which particles walk from noise to data in the plane; a click drops another one.

        from ddpm_core import linear
        from ddpm_core.study.exact import Mixture
        from ddpm_core.teach import particles

        means = torch.tensor([[-1.5, 0.0], [1.0, 1.0], [1.0, -1.0]]).double()
        particles(Mixture(linear(), means, 0.2**2))

    world: a mixture of points (K, 2), whose density and exact field are shown.  learned: a Denoiser around
    an MLP(2) with the same schedule; its field then stands beside the exact one, and the rule is chosen
    below.  Without it each rule has a panel.  count: of particles; steps: of the walk, 200 or T if None;
    rules: by the name that the page shows, each affine in the estimate, x_t and the noise, as `ancestral`,
    `ddim` and `eta(0.5)` are; at most three.  All panels start at the same x_T, drawn from `seed`, with the
    same noise, so `w.walk()` gives torch's own positions.  `w.dropped` has the points dropped by hand.
    TypeError or ValueError for bad input.
    """
    _plane(world)
    if learned is not None:
        _fits(learned, world.schedule)
    if not isinstance(rules, Mapping) or not 1 <= len(rules) <= 3:
        raise ValueError(
            f"rules must be one to three by name, such as {{'ODE': ddim}}, got {checks.brief(rules)}"
        )
    times = world.schedule.times(min(200, world.schedule.T) if steps is None else steps)
    count, seed = checks.whole(count, "count", 1, MOST), checks.whole(seed, "seed", 0, 2**32 - 1)
    return ParticleScrubber(world, learned, rules, times, count=count, seed=seed)


def _plane(world: object) -> None:
    """TypeError or ValueError unless `world` is a Mixture in the plane."""
    if not isinstance(world, Mixture):
        raise TypeError(f"world must be a Mixture of points in the plane, got {checks.brief(world)}")
    if tuple(world.means.shape[1:]) != (2,):
        raise ValueError(
            f"world must have two dimensions, means of shape (K, 2), got {tuple(world.means.shape)}"
        )


def _fits(learned: object, schedule: Schedule) -> None:
    """TypeError or ValueError unless the page can compute what `learned` says."""
    if not isinstance(learned, Denoiser):
        raise TypeError(
            f"learned must be a Denoiser, such as Denoiser(MLP(2), ...), got {checks.brief(learned)}"
        )
    config = getattr(learned.net, "config", {})
    if not isinstance(learned.net, MLP) or config["d"] != 2 or config["classes"]:
        raise ValueError(
            f"the network of learned must be an MLP(2) without classes, got {checks.brief(learned.net)}"
        )
    if learned.schedule != schedule:
        raise ValueError(f"learned must have the world's schedule {schedule}, got {learned.schedule}")


def _factors(rule: Rule, schedule: Schedule, times: list[int]) -> Tensor:
    """What a step of the rule does to x_0, x_t and the noise: (steps, 3); ValueError unless that is all."""
    probes = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0], [3, -2, 5]], dtype=torch.float64)
    found = []
    for t, s in pairwise(times):
        x0, xt, noise = probes.T[:, :, None]  # (5, 1) each
        *factors, zero, mixed = rule(x0, xt, schedule.at(s), schedule.at(t), noise)[:, 0]
        found.append(torch.stack(factors))
        if zero or not torch.isclose(mixed, found[-1] @ probes[4], atol=1e-9):
            raise ValueError(
                f"a rule must be affine in x0, xt and noise, {checks.brief(rule)} isn't at t = {t}"
            )
    return torch.stack(found)


@torch.no_grad()
def _numbers(learned: Denoiser, times: list[int]) -> dict[str, Any]:
    """The network for the page: its weights, and what depends on the time alone."""
    net, schedule = learned.net, learned.schedule
    assert isinstance(net, MLP)
    where = next(net.parameters()).device
    lines = [net.enter, *net.layers, net.leave]
    weights = torch.cat([p.flatten() for line in lines for p in (line.weight, line.bias)])
    out, xt = torch.eye(2, dtype=torch.float64)[:, :, None]
    reading = []
    for t in times[:-1]:
        now = schedule.at(t)
        seen = 1.0 if schedule.preserving else 1 / math.hypot(*now)
        reading.append([*learned.prediction.x0(out, xt, schedule.at(t - 1), now)[:, 0].tolist(), seen])
    return {
        "network": _singles(weights),
        "layers": [net.config["width"], net.config["depth"]],
        "codes": _singles(net.embedding(torch.tensor(times[:-1], device=where), None)),
        "reading": _doubles(torch.tensor(reading, dtype=torch.float64)),
        "clip": float(learned.clip or 0),
    }


def _reach(world: Mixture) -> float:
    """Half the width of a picture that holds the data, and nearly all of the start."""
    data = float((world.means.abs().amax(1) + 2.5 * world.var.sqrt()).max())
    signal, noise = world.schedule.at(world.schedule.T)
    start = 2.8 * float(noise) / max(1.0, math.hypot(signal, noise))
    return 1.04 * max(data, start)


def _at_share(log_snr: Sequence[float], share: float) -> int:
    """The state at a share of the way through log-SNR, as play goes."""
    at = np.clip(log_snr, -8, 8)
    if share in (0, 1):
        return int(share) * (len(at) - 1)
    return int(np.abs(at - (at[0] + share * (at[-1] - at[0]))).argmin())


def _doubles(x: Tensor) -> bytes:
    return x.cpu().numpy().astype("<f8").tobytes()


def _singles(x: Tensor) -> bytes:
    return x.cpu().numpy().astype("<f4").tobytes()
