"""The forward process: the kernel, the closed form, schedules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..judge.symbolic import SCHEDULE
from ..judge.table import linear_table
from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    from torch import Tensor

    from ... import process
    from ...schedule import Level
    from . import inputs
else:
    process, inputs = later("process", "teach.bank.inputs")

LINEAR = linear_table()
ALPHA, ABAR = LINEAR.alphas[500], LINEAR.abar[500]
HALF = (-1 + (1 + 4 * 0.99) ** 0.5) / (2 * 0.99)  # where sqrt(abar) = 0.01 abar + 1 - abar
SNR = float(f"{LINEAR.snr[1000]:.3e}")  # as the prompt gives it

NUMBERS = {
    "unshrunk": 1 + 2 * 0.19,
    "twice": 0.19**2,
    "after_alpha": (1 - 4e-5**0.05) ** 2,
    "after_sum": (1 - (1 - 4e-5) / 20) ** 20,
    "after_same_sum": (1 - sum(LINEAR.betas) / 20) ** 20,
    "after_squared": 4e-5**2,
    "after_root": 4e-5**0.5,
    "left_of_100": linear_table(100).abar[100] ** 0.5,
    "left_of_small": (1 - 1e-6) ** 500,
    "abar_of_10": linear_table(10).abar[10],
    "abar_of_100": linear_table(100).abar[100],
    "two_betas": sum(LINEAR.betas[:3]),
    "all_betas": sum(LINEAR.betas),
    "widened": sum(LINEAR.betas) ** 0.5,
    "point_hills": 0.01 * 0.5 + 1 - 0.5,
    "whole_distance": (1 - 0.99 / 4.99) ** 0.5,
    "half_distance": HALF,
    "their_deviation": (1 - 0.99 * HALF**2) ** 0.5,
    "as_they_were": (1 - 0.99 * 0.01) ** 0.5,
    "meeting": sum(abar > 1 / 1.99 for abar in LINEAR.abar),
    "snr": SNR,
    "bits_100": 0.5 * math.log2(1 + 0.25 * LINEAR.snr[100]),
    "bits_500": 0.5 * math.log2(1 + 0.25 * LINEAR.snr[500]),
    "pull": 0.5 / (1 - linear_table(100).abar[100]),
    "endless": -0.5 * math.log(1 - 0.999),
}


def _from_abar(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    abar = t.signal**2
    return abar**0.5 * x0 + (1 - abar) ** 0.5 * eps


def _unpacked(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    signal, noise = t
    xt = signal * x0
    return xt.add(noise * eps)


def _jump_abar(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    stays = t.signal**2 / s.signal**2
    return stays**0.5, 1 - stays


def _jump_noise(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = t.signal / s.signal
    return scale, t.noise**2 - (scale * s.noise) ** 2


def _jump_no_root(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    stays = t.signal**2 / s.signal**2
    return stays, 1 - stays


def _jump_deviation(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = t.signal / s.signal
    return scale, (1 - scale**2) ** 0.5


def _jump_linear(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = t.signal / s.signal
    return scale, 1 - scale


def _jump_backwards(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = s.signal / t.signal
    return scale, 1 - scale**2


ANSWERS = {
    "shrink-factor": a_number(
        formula="sqrt(1 - beta)",
        given={"beta": 0.19},
        also=["sqrt(0.81)", "sqrt(1 - 0.19)", "√(1−0.19)"],
        mistakes={
            "no root": 0.81,
            "no shrink": 1.0,
            "noise factor": 0.19**0.5,
            "beta": 0.19,
            "half of beta": 1 - 0.19 / 2,
        },
    ),
    "two-steps": a_number(
        formula="shrink^2*v + sigma^2",
        given={"shrink": 0.8, "v": 0.19, "sigma": 0.6},
        also=["0.64*0.19 + 0.36", "1 - 0.81*0.64", 0.482],
        mistakes={
            "not shrunk": 0.19 + 0.36,
            "factor not squared": 0.8 * 0.19 + 0.36,
            "only the new": 0.36,
            "only the old": 0.64 * 0.19,
            "deviation": 0.4816**0.5,
            "noise deviation": 0.64 * 0.19 + 0.6,
            "deviations added": 0.8 * 0.19**0.5 + 0.6,
        },
    ),
    "third-factor": a_number(
        formula="signal*sqrt(1 - beta)",
        given={"signal": 0.72, "beta": 0.51},
        also=["0.72*0.7", "0.9*0.8*0.7", "0.72*sqrt(0.49)"],
        mistakes={
            "no root": 0.72 * 0.49,
            "one step": 0.7,
            "noise factor": 0.72 * 0.51**0.5,
            "subtracted": 0.72 - 0.51,
            "share": 0.504**2,
        },
    ),
    "all-steps-at-once": a_formula(
        answer="sqrt(abar)*x_0 + sqrt(1-abar)*eps",
        given=("x_0", "eps", *SCHEDULE),
        also=[
            "√ᾱ_t x_0 + √(1−ᾱ_t) ε",
            r"\sqrt{\bar\alpha_t} x_0 + \sqrt{1-\bar{\alpha}_t}\epsilon",
            "abar**0.5*x0 + (1 - alpha*abar_prev)**0.5*eps",
        ],
        mistakes={
            "one bar lost": "sqrt(alpha)*x_0 + sqrt(1-abar)*eps",
            "both bars lost": "sqrt(alpha)*x_0 + sqrt(1-alpha)*eps",
            "noise bar lost": "sqrt(abar)*x_0 + sqrt(1-alpha)*eps",
            "lost root": "sqrt(abar)*x_0 + (1-abar)*eps",
            "no roots": "abar*x_0 + (1-abar)*eps",
            "only adding": "x_0 + sqrt(1-abar)*eps",
            "one minus root": "sqrt(abar)*x_0 + (1-sqrt(abar))*eps",
            "minus": "sqrt(abar)*x_0 - sqrt(1-abar)*eps",
        },
    ),
    "q-sample": a_function(
        lambda: fields(
            reference=process.q_sample,
            cases=[
                inputs.Case(
                    "t = 500 of linear(1000), x0 = 1, eps = 0.5",
                    (inputs.one(1), inputs.one(0.5), inputs.SCHEDULE.level(500)),
                ),
                inputs.Case(
                    "t = 10 of linear(1000), x0 = 1, eps = 0.5",
                    (inputs.one(1), inputs.one(0.5), inputs.SCHEDULE.level(10)),
                ),
                inputs.Case(
                    "a batch of three at t = 2, 100, 1000 (seeded)",
                    (inputs.draw(1, 3, 2), inputs.draw(2, 3, 2), inputs.levels(2, 100, 1000)),
                ),
            ],
            also=[lambda x0, eps, t: eps * t.noise + x0 * t.signal, _from_abar, _unpacked],
            mistakes={
                "no roots": lambda x0, eps, t: t.signal**2 * x0 + t.noise**2 * eps,
                "variance": lambda x0, eps, t: t.signal * x0 + t.noise**2 * eps,
                "changed places": lambda x0, eps, t: t.noise * x0 + t.signal * eps,
                "only adding": lambda x0, eps, t: x0 + t.noise * eps,
                "one minus signal": lambda x0, eps, t: t.signal * x0 + (1 - t.signal) * eps,
                "minus": lambda x0, eps, t: t.signal * x0 - t.noise * eps,
            },
        )
    ),
    "variance-of-xt": a_number(
        formula="abar*V_0 + 1 - abar",
        given={"abar": 0.5, "V_0": 0.25},
        also=["5/8", "0.5/4 + 0.5"],
        mistakes={
            "only the picture": 0.125,
            "only the noise": 0.5,
            "no shrink": 0.75,
            "unit data": 1.0,
            "squared share": 0.5625,
            "squared noise": 0.375,
        },
    ),
    "contrast": a_formula(
        answer="1 + 3*abar",
        given=SCHEDULE,
        also=["4ᾱ + 1 - ᾱ_t", "4*abar + (1 - abar)", "1 + (4-1)*alpha*abar_prev"],
        mistakes={
            "only the picture": "4*abar",
            "only adding": "4 + 1 - abar",
            "squared share": "4*abar^2 + 1 - abar",
            "deviation": "2*abar + 1 - abar",
            "one step": "4*alpha + 1 - alpha",
            "settled": "1",
            "noise root": "4*abar + sqrt(1-abar)",
            "whole noise": "4*abar + 1",
            "unit data": "1 - abar",
            "variance squared": "16*abar + 1 - abar",
        },
    ),
    "jump-factor": a_number(
        formula="sqrt(abar/abar_s)",
        given={"abar": 0.098, "abar_s": 0.8},
        also=["sqrt(0.1225)", "sqrt(0.098)/sqrt(0.8)", "35 %"],
        mistakes={
            "no root": 0.1225,
            "from the start": 0.098**0.5,
            "product": (0.098 * 0.8) ** 0.5,
            "upside down": (0.8 / 0.098) ** 0.5,
            "difference": 0.8 - 0.098,
        },
    ),
    "jump-variance": a_formula(
        answer="1 - abar/abar_s",
        given=("abar", "abar_s"),
        also=["(ᾱ_s - ᾱ_t)/ᾱ_s", "1 - ᾱ_t/ᾱₛ", "(1-abar) - (abar/abar_s)*(1-abar_s)"],
        mistakes={
            "from the start": "1 - abar",
            "difference": "abar_s - abar",
            "upside down": "1 - abar_s/abar",
            "share": "abar/abar_s",
        },
    ),
    "between": a_function(
        lambda: fields(
            reference=process.between,
            cases=[
                inputs.Case(
                    "s = 200 and t = 500 of linear(1000)",
                    (inputs.SCHEDULE.level(200), inputs.SCHEDULE.level(500)),
                ),
                inputs.Case(
                    "s = 1 and t = 2 of linear(1000)", (inputs.SCHEDULE.level(1), inputs.SCHEDULE.level(2))
                ),
                inputs.Case(
                    "a batch with s = 1, 99, 500 and t = 2, 100, 900",
                    (inputs.levels(1, 99, 500), inputs.levels(2, 100, 900)),
                ),
                inputs.Case(
                    "s = 0 and t = 500 of linear(1000)",
                    (inputs.SCHEDULE.level(0), inputs.SCHEDULE.level(500)),
                ),
            ],
            also=[
                _jump_abar,
                _jump_noise,
                lambda s, t: [t.signal / s.signal, (s.signal**2 - t.signal**2) / s.signal**2],
            ],
            mistakes={
                "no root": _jump_no_root,
                "noise from the start": lambda s, t: (t.signal / s.signal, t.noise**2),
                "shrink from the start": lambda s, t: (t.signal, 1 - t.signal**2 / s.signal**2),
                "from the start": lambda s, t: (t.signal, t.noise**2),
                "old noise kept": lambda s, t: (t.signal / s.signal, t.noise**2 - s.noise**2),
                "deviation": _jump_deviation,
                "one minus factor": _jump_linear,
                "backwards": _jump_backwards,
            },
        )
    ),
    "cloud-mean": a_number(
        formula="sqrt(abar)*mu",
        given={"abar": 0.36, "mu": 0.4},
        also=["0.6*0.4", "sqrt(0.36)*0.4"],
        mistakes={
            "no root": 0.36 * 0.4,
            "not shrunk": 0.4,
            "noise added": 0.24 + 0.8,
            "forgotten": 0,
        },
    ),
    "two-hills": a_number(
        formula="1/(2 - sigma^2)",
        given={"sigma": 0.1},
        also=["1/(2 - 0.01)", "1/1.99", 0.50251],
        mistakes={
            "point hills": 0.5,
            "sign": 1 / 2.01,
            "whole distance": 1 / 4.99,
            "variance for deviation": HALF**2,
            "the time": 259,
            "hills as they were": 0.01,
            "root": 0.5**0.5,
        },
    ),
    "snr": a_formula(
        answer="abar/(1-abar)",
        given=("abar", "alpha", "abar_prev", "beta"),
        also=["1/(1/ᾱ - 1)", r"\frac{\bar\alpha_t}{1-\bar\alpha_t}", "-1 + 1/(1-abar)"],
        mistakes={
            "amplitudes": "sqrt(abar/(1-abar))",
            "bars lost": "alpha/(1-alpha)",
            "noise over one": "1/(1-abar)",
        },
    ),
    "same-ratio": a_number(
        formula="(1 - abar)/abar",
        given={"abar": 0.16},
        also=["0.84/0.16", "1/0.16 - 1", "21/4"],
        mistakes={
            "same noise": 0.84,
            "ratio itself": 0.16 / 0.84,
            "noise whole": 1 / 0.16,
            "deviation": 5.25**0.5,
        },
    ),
    "level-of-ratio": a_number(
        formula="SNR/(1 + SNR)",
        given={"SNR": 3},
        also=["3/4", "3/(1+3)", "75%"],
        mistakes={
            "the noise's share": 0.25,
            "ratio turned": 1 / 3,
            "deviation": 0.75**0.5,
            "sign lost": 3 / (1 - 3),
        },
    ),
    "beta-from-abar": a_formula(
        answer="1 - abar/abar_prev",
        given=("abar", "abar_prev"),
        also=[
            "(abar_prev - abar)/abar_prev",
            "1 - ᾱ_t/ᾱ_{t-1}",
            r"1 - \frac{\bar\alpha_t}{\bar\alpha_{t-1}}",
        ],
        mistakes={
            "alpha": "abar/abar_prev",
            "difference": "abar_prev - abar",
            "all steps": "1 - abar",
            "upside down": "1 - abar_prev/abar",
            "root": "1 - sqrt(abar/abar_prev)",
            "wrong share": "(abar_prev - abar)/abar",
        },
    ),
    "twenty-steps": a_number(
        formula="1 - abar^(1/T)",
        given={"abar": 4e-5, "T": 20},
        instead={"abar": {"sqrt(abar)": 0.00635}},
        also=["1 - 0.00004^(1/20)", "1 - (4e-5)**0.05", 0.3973],
        mistakes={
            "alpha": 4e-5**0.05,
            "sum": (1 - 4e-5) / 20,
            "squared": 1 - 4e-5 ** (1 / 10),
            "root": 1 - 4e-5 ** (1 / 40),
            "same sum": sum(LINEAR.betas) / 20,
        },
    ),
    "large-picture": a_number(
        formula="k^2/SNR",
        given={"k": 2, "SNR": SNR},
        rel=3e-3,
        unit="values",
        also=["4/4.036e-5", "2^2/(4.036*10^-5)", 99108],
        mistakes={
            "no square": 2 / SNR,
            "one": 1 / SNR,
            "root of SNR": 2 / SNR**0.5,
            "side": 182,
            "pixels": 4 / SNR / 3,
        },
    ),
    "information-left": a_formula(
        answer="-log(1-abar)/2",
        given=SCHEDULE,
        also=["1/2 log(1 + abar/(1-abar))", "0.5*log(1/(1-ᾱ))", "-ln(sqrt(1 - alpha*abar_prev))"],
        mistakes={
            "no half": "-log(1-abar)",
            "no one": "log(abar/(1-abar))/2",
            "small signals": "abar/(1-abar)/2",
            "the ratio": "abar/(1-abar)",
            "one step": "-log(1-alpha)/2",
            "bits": "-log(1-abar)/(2*log(2))",
            "of the signal": "-log(abar)/2",
        },
    ),
    "prior-pull": a_formula(
        answer="(x_0^2 - 1 + 1/(1-abar))/2",
        given=("abar", "x_0"),
        also=["x_0^2/2 + abar/(2*(1-abar))", "0.5*(x0² − 1 + 1/(1−ᾱ))", "(x_0^2 + abar/(1-abar))/2"],
        mistakes={
            "inner derivative": "(x_0^2 - 1 - 1/(1-abar))/2",
            "log lost": "(x_0^2 - 1)/2",
            "not divided out": "(abar*x_0^2 - abar + 1/(1-abar))/2",
            "one lost": "(x_0^2 + 1/(1-abar))/2",
            "only the log": "1/(1-abar)/2",
        },
    ),
    "one-bar-lost": a_number(
        formula="alpha + 1 - abar",
        given={"alpha": ALPHA, "abar": ABAR},
        instead={"abar": {"abar_499": LINEAR.abar[499]}},
        also=["0.98996 + 1 - 0.078587", "0.98996 + 0.921413", 1.9114],
        mistakes={
            "as it should be": 1.0,
            "picture only": ALPHA,
            "noise only": 1 - ABAR,
            "factors added": ALPHA**0.5 + (1 - ABAR) ** 0.5,
        },
    ),
    "both-bars-lost": a_number(
        formula="alpha/(1 - alpha)",
        given={"alpha": ALPHA},
        instead={"alpha": {"abar": ABAR}},
        also=["0.98996/(1-0.98996)", "1/0.01004 - 1", 98.6],
        mistakes={
            "as it should be": ABAR / (1 - ABAR),
            "amplitudes": (ALPHA / (1 - ALPHA)) ** 0.5,
            "one over the noise": 1 / (1 - ALPHA),
            "one bar": ALPHA / (1 - ABAR),
        },
    ),
}
