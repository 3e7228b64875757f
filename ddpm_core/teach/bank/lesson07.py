"""Conditions and scores: the slope of the noised data, guidance, and filling in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..judge.symbolic import SCHEDULE
from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ... import denoiser, sampling
    from ..judge import Case
    from . import inputs

    Move = Callable[[Tensor, Tensor, float, Tensor], Tensor]
else:
    torch, denoiser, sampling, inputs = later("torch", "denoiser", "sampling", "teach.bank.inputs")

PULL = 2 / (1 + math.exp(2))  # the derivative of log p(y=1 | x_t) at x_t = 1
DAY = 1 / (1 + math.exp(-1.6))  # the probability of day at x_t = 1, of two bells at 0.8 and -0.8

NUMBERS = {"pull": PULL, "root": 0.75**0.5}


def _moves() -> list[Case]:
    """Cases for (x, score, step, noise)."""
    return [
        inputs.Case(
            "x = 1, score = -1, step = 0.08, noise = 0.5",
            (inputs.one(1), inputs.one(-1), 0.08, inputs.one(0.5)),
        ),
        inputs.Case(
            "x = -0.3, score = 2, step = 0.5, noise = 1",
            (inputs.one(-0.3), inputs.one(2), 0.5, inputs.one(1)),
        ),
        inputs.Case(
            "a batch of three (seeded), step = 0.02",
            (inputs.draw(0, 3, 2), inputs.draw(1, 3, 2), 0.02, inputs.draw(2, 3, 2)),
        ),
    ]


def _move(drift: Callable[[float], float], kick: Callable[[float], float]) -> Move:
    """x + drift(step) * score + kick(step) * noise."""

    def move(x: Tensor, score: Tensor, step: float, noise: Tensor) -> Tensor:
        return x + drift(step) * score + kick(step) * noise

    return move


def _move_torch(x: Tensor, score: Tensor, step: float, noise: Tensor) -> Tensor:
    return torch.add(x, score, alpha=step) + noise * torch.tensor(2 * step, dtype=noise.dtype).sqrt()


def _mixes() -> list[Case]:
    """Cases for (plain, conditional, strength)."""
    return [
        inputs.Case("plain = 0.2, conditional = 0.6, strength = 3", (inputs.one(0.2), inputs.one(0.6), 3.0)),
        inputs.Case("plain = 0.2, conditional = 0.6, strength = 0", (inputs.one(0.2), inputs.one(0.6), 0.0)),
        inputs.Case(
            "a batch of three (seeded), strength = 1.5", (inputs.draw(0, 3, 2), inputs.draw(1, 3, 2), 1.5)
        ),
    ]


def _mix(
    plain_share: Callable[[float], float], told_share: Callable[[float], float]
) -> Callable[..., Tensor]:
    """A sum of the two outputs, with shares that depend on the strength."""

    def mix(plain: Tensor, conditional: Tensor, strength: float) -> Tensor:
        return plain_share(strength) * plain + told_share(strength) * conditional

    return mix


ANSWERS = {
    "day-or-night": a_number(
        formula="1/(1 + exp(-2*signal*x_t))",
        given={"signal": 0.8, "x_t": 1},
        rel=2e-3,
        also=["exp(-0.02)/(exp(-0.02) + exp(-1.62))", "0.9802/(0.9802+0.1979)", "83.2%"],
        mistakes={
            "night": 1 - DAY,
            "height alone": math.exp(-0.02),
            "odds": math.exp(1.6),
            "half the exponent": 1 / (1 + math.exp(-0.8)),
            "no half in the bell": 1 / (1 + math.exp(-3.2)),
            "not shrunk": 1 / (1 + math.exp(-2)),
        },
    ),
    "not-told": a_number(
        formula="p*day + (1 - p)*night",
        given={"p": 0.832, "day": 1.16, "night": 0.44},
        rel=2e-3,
        also=["0.832*1.16 + 0.168*0.44", "0.9651+0.0739", "0.44 + 0.832*0.72"],
        mistakes={
            "exchanged": 0.168 * 1.16 + 0.832 * 0.44,
            "halves": 0.8,
            "the likelier alone": 1.16,
            "the other lost": 0.832 * 1.16,
        },
    ),
    "slope-by-hand": a_number(
        formula="p*day + (1 - p)*night",
        given={"p": 0.832, "day": -0.2, "night": -1.8},
        rel=2e-3,
        also=["-0.832*0.2 - 0.168*1.8", "-0.1664-0.3024", "-1 + 0.8*0.664"],
        mistakes={
            "exchanged": -0.168 * 0.2 - 0.832 * 1.8,
            "sum": -2.0,
            "halves": -1.0,
            "sign": 0.4688,
            "one alone": -0.832 * 0.2,
        },
    ),
    "guided-by-hand": a_number(
        formula="plain + strength*pull",
        given={"plain": -0.196, "strength": 2, "pull": 0.496},
        rel=2e-3,
        also=["-0.196+2*0.496", "0.992 - 0.196", "0.3 + 0.496"],
        mistakes={
            "once": 0.3,
            "pull alone": 0.992,
            "on top of the day": 0.3 + 2 * 0.496,
            "against": -0.196 - 2 * 0.496,
            "plain doubled": 2 * (0.496 - 0.196),
            "sign": 0.196 + 2 * 0.496,
        },
    ),
    "tweedie": a_number(
        formula="(x_t + (1 - abar)*score)/sqrt(abar)",
        given={"x_t": 1.2, "abar": 0.64, "score": -1.5},
        also=["(1.2 - 0.36*1.5)/0.8", "0.66/0.8", "33/40"],
        mistakes={
            "against the slope": 2.175,
            "not rescaled": 0.66,
            "deviation": 0.375,
            "as noise": 2.625,
            "multiplied": 0.528,
            "divided by abar": 1.03125,
            "no factors": -0.3,
            "noise's factor": 1.1,
        },
    ),
    "score-of-noise": a_formula(
        answer="-eps/sqrt(1-abar)",
        given=("eps", *SCHEDULE),
        also=["−ε/√(1−ᾱ_t)", r"-\frac{\epsilon}{\sqrt{1-\bar\alpha_t}}", "-(1-abar)^(-1/2)*eps"],
        mistakes={
            "sign": "eps/sqrt(1-abar)",
            "variance": "-eps/(1-abar)",
            "no scale": "-eps",
            "times": "-sqrt(1-abar)*eps",
            "bar lost": "-eps/sqrt(1-alpha)",
            "signal": "-eps/sqrt(abar)",
            "by x_0": "-sqrt(abar)*eps/sqrt(1-abar)",
        },
    ),
    "score-matching-target": a_formula(
        answer="(sqrt(abar)*x_0 - x_t)/(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "-(x_t − √ᾱ_t x_0)/(1−ᾱ_t)",
            r"\frac{\sqrt{\bar\alpha_t}x_0 - x_t}{1-\bar\alpha_t}",
            "x_0*sqrt(abar)/(1-abar) - x_t/(1-abar)",
        ],
        mistakes={
            "sign": "(x_t - sqrt(abar)*x_0)/(1-abar)",
            "not shrunk": "(x_0 - x_t)/(1-abar)",
            "deviation": "(sqrt(abar)*x_0 - x_t)/sqrt(1-abar)",
            "bars lost": "(sqrt(alpha)*x_0 - x_t)/(1-alpha)",
            "lost root": "(abar*x_0 - x_t)/(1-abar)",
            "not differentiated": "-(x_t - sqrt(abar)*x_0)^2/(2*(1-abar))",
            "exponent without its half": "-(x_t - sqrt(abar)*x_0)^2/(1-abar)",
            "by x_0": "sqrt(abar)*(x_t - sqrt(abar)*x_0)/(1-abar)",
        },
    ),
    "langevin": a_function(
        lambda: fields(
            reference=sampling.langevin,
            cases=_moves(),
            also=[
                _move(lambda h: h, lambda h: (2 * h) ** 0.5),
                _move_torch,
                _move(lambda h: h, lambda h: 2**0.5 * h**0.5),
            ],
            mistakes={
                "half the variance": _move(lambda h: h, lambda h: h**0.5),
                "noise by the step": _move(lambda h: h, lambda h: h),
                "variance": _move(lambda h: h, lambda h: 2 * h),
                "root of the 2 alone": _move(lambda h: h, lambda h: 2**0.5 * h),
                "the move alone": lambda x, score, step, noise: step * score + (2 * step) ** 0.5 * noise,
                "no noise": _move(lambda h: h, lambda h: 0.0),
                "downhill": _move(lambda h: -h, lambda h: (2 * h) ** 0.5),
                "half the slope": _move(lambda h: h / 2, lambda h: (2 * h) ** 0.5),
                "another step": _move(lambda h: h / 2, lambda h: h**0.5),
                "two outside the root": _move(lambda h: h, lambda h: 2 * h**0.5),
                "shrunk": lambda x, score, step, noise: (
                    (1 - step) * x + step * score + (2 * step) ** 0.5 * noise
                ),
            },
        )
    ),
    "large-step": a_number(
        formula="2*h/(1 - (1 - h)^2)",
        given={"h": 0.5},
        also=["1/(1 - 0.25)", "1/(1 - 0.5/2)", "4/3"],
        mistakes={"the limit": 1.0, "noise alone": 2.0, "upside down": 0.75, "deviation": (4 / 3) ** 0.5},
    ),
    "bayes-for-scores": a_number(
        formula="plain + strength*(conditional - plain)",
        given={"plain": -PULL, "conditional": 0, "strength": 3},
        rel=2e-3,
        also=["-0.238406 + 3*0.238406", "2*0.238406", "3*0.238406 - 0.238406"],
        mistakes={"strength 1": 0.0, "no label": -PULL, "one too many": 3 * PULL, "once": PULL},
    ),
    "guidance": a_function(
        lambda: fields(
            reference=denoiser.guide,
            names=("plain", "conditional", "strength"),
            cases=_mixes(),
            also=[
                _mix(lambda w: 1 - w, lambda w: w),
                lambda plain, conditional, strength: conditional + (strength - 1) * (conditional - plain),
                lambda plain, conditional, strength: strength * conditional - (strength - 1) * plain,
            ],
            mistakes={
                "the paper's w": _mix(lambda w: -w, lambda w: 1 + w),
                "turned round": _mix(lambda w: 1 + w, lambda w: -w),
                "a sum": _mix(lambda w: 1.0, lambda w: w),
                "conditional alone": _mix(lambda w: 0.0, lambda w: w),
                "the pull alone": _mix(lambda w: -w, lambda w: w),
                "exchanged": _mix(lambda w: w, lambda w: 1 - w),
                "clipped": lambda plain, conditional, strength: (
                    plain + min(strength, 1.0) * (conditional - plain)
                ),
            },
        )
    ),
    "two-conventions": a_number(
        formula="(1 + w)*conditional - w*plain",
        given={"w": 0.4, "conditional": 0.7, "plain": 0.3},
        also=["1.4*0.7 - 0.4*0.3", "0.3 + 1.4*(0.7-0.3)", "43/50"],
        mistakes={
            "w as strength": 0.46,
            "not subtracted": 0.98,
            "added": 1.1,
            "told alone": 0.7,
            "pull alone": 0.56,
            "no label": 0.3,
            "w alone": 0.58,
            "plus, and once": 0.82,
            "exchanged": 1.4 * 0.3 - 0.4 * 0.7,
        },
    ),
    "replaced-pixel": a_number(
        formula="sqrt(abar_s)*x_0 + sqrt(1 - abar_s)*z",
        given={"abar_s": 0.25, "x_0": 0.9, "z": -0.4},
        also=["0.5*0.9 - 0.4*sqrt(0.75)", "0.45 - 0.34641", "√0.25*0.9 − √0.75*0.4"],
        mistakes={
            "clean": 0.9,
            "no noise": 0.45,
            "noise not scaled": 0.05,
            "nothing scaled": 0.5,
            "sign": 0.45 + 0.4 * 0.75**0.5,
            "variance": 0.15,
            "lost root": 0.225 - 0.4 * 0.75**0.5,
            "share of the signal": 0.35,
        },
    ),
}
