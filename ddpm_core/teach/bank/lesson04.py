"""Predicting the noise: five outputs of one network, and the weights between their losses."""

from __future__ import annotations

from collections.abc import Callable
from operator import mul
from typing import TYPE_CHECKING

from ..judge.symbolic import SCHEDULE
from ..judge.table import linear_table
from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ... import denoiser, prediction, process
    from ...denoiser import Denoiser
    from ...schedule import Level, Schedule
    from . import inputs

    Table = Callable[[Schedule], Tensor]
    Loss = Callable[[Denoiser, Tensor, Tensor, Tensor], Tensor]
else:
    torch, denoiser, prediction, process, inputs = later(
        "torch", "denoiser", "prediction", "process", "teach.bank.inputs"
    )

LINEAR = linear_table()
TIMES = range(1, 1001)
ABARS, NOISES = LINEAR.abar[1:], [(1 - abar) ** 0.5 for abar in LINEAR.abar[1:]]
WEIGHTS = [LINEAR.betas[t] / (2 * LINEAR.alphas[t] * (1 - LINEAR.abar[t])) for t in TIMES]  # sigma^2 = beta
PRINTED = [2 * w * LINEAR.betas[t] / (1 - LINEAR.abar[t]) for t, w in zip(TIMES, WEIGHTS, strict=True)]
WIDTHS = [1 - 0.75 * abar for abar in ABARS]  # variances of x_t for data of variance 1/4
SIGNAL, NOISE = LINEAR.abar[500] ** 0.5, (1 - LINEAR.abar[500]) ** 0.5
BETA_10, VARIANCE_10 = LINEAR.betas[10], 1 - LINEAR.abar[10]
TWO_MODES = 1 - 0.4**2 + 0.1**2  # the variance of 0.3 N(-1, 0.1^2) + 0.7 N(1, 0.1^2)
RATIO = NOISE / SIGNAL
PICTURE_2 = (576 / 49 - 16 / 9) / 2  # what the picture's error weighs at t = 2 in the example of lesson 03

NUMBERS = {
    "hidden_100": 1 - 1 / (1 + 0.25 * LINEAR.snr[100]),  # Var(eps | x_t) for data of variance 1/4
    "simple": sum(NOISES) / sum(WIDTHS),
    "bound": sum(map(mul, WEIGHTS, NOISES)) / sum(map(mul, WEIGHTS, WIDTHS)),
    "picture": (1 - NOISE * 0.5) / SIGNAL,
    "barless": (1 - LINEAR.betas[500] ** 0.5 * 0.5) / LINEAR.alphas[500] ** 0.5,
    "blind": 1 - (sum(NOISES) / 1000) ** 2,
    "told": sum(ABARS) / 1000,
    "half_noise": NOISE / 2,
    "gap": SIGNAL + NOISE / 2 - 1,
    "mixed": LINEAR.abar[499] ** 0.5 + (1 - LINEAR.abar[499]) ** 0.5 / 2,
    "printed": sum(PRINTED[:10]) / sum(PRINTED),
    "first_factor": 1 / (2 * LINEAR.betas[1]),
    "last_factor": 1 / (2 * LINEAR.betas[1000]),
    "magnified_1": LINEAR.snr[1] ** -0.5,
    "magnified_1000": LINEAR.snr[1000] ** -0.5,
    "two_modes": TWO_MODES,
    "rootless": SIGNAL**4 * TWO_MODES + NOISE**4,
    "rooted": SIGNAL**2 * TWO_MODES + NOISE**2,
    "slope": 0.1**0.5 / 0.325,
    "one_step": (1 - LINEAR.betas[500] / NOISE * 0.5) / LINEAR.alphas[500] ** 0.5,
    "factor": BETA_10**2 / (LINEAR.alphas[10] * VARIANCE_10),
    "printed_factor": BETA_10**2 / (LINEAR.alphas[10] * VARIANCE_10**2),
    "too_large": 1 / VARIANCE_10,
    "slip": (0.1 / 0.9) ** 0.5,
    "slip_squared": 0.1 / 0.9,
    "usual": WEIGHTS[0],
    "early": sum(WEIGHTS[:10]) / sum(WEIGHTS),
    "early_simple": 10 / 1000,
}


def _eps_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    abar = t.signal**2
    return (xt - (1 - abar) ** 0.5 * out) / abar**0.5


def _eps_ratio(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    signal, noise = t
    return (xt / noise - out) * (noise / signal)


def _eps_plus(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt + t.noise * out) / t.signal


def _v_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    abar = t.signal**2
    return abar**0.5 * xt - (1 - abar) ** 0.5 * out


def _loss(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    level = denoiser.schedule.level(t, x0)
    xt = level.signal * x0 + level.noise * eps
    return (eps - denoiser.net(xt, t)).pow(2).flatten(1).sum(1)


def _loss_abar(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    abar = denoiser.schedule.abar.to(x0)[t][:, None]
    gap = denoiser.net(abar**0.5 * x0 + (1 - abar) ** 0.5 * eps, t) - eps
    return torch.einsum("bd,bd->b", gap, gap)


def _loss_norm(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    xt = process.q_sample(x0, eps, denoiser.schedule.level(t, x0))
    return torch.linalg.vector_norm(eps - denoiser.net(xt, t), dim=1) ** 2


def _mixed(signal: Table, noise: Table) -> Loss:
    """The loss with x_t mixed with other factors: signal(schedule) x_0 + noise(schedule) eps."""

    def loss(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        a, b = (table(denoiser.schedule)[t][:, None] for table in (signal, noise))
        return ((eps - denoiser.net(a * x0 + b * eps, t)) ** 2).sum(1)

    return loss


def _compared(how: Callable[[Tensor], Tensor], target: Callable[..., Tensor]) -> Loss:
    """The loss how(target - output) with another target(x0, eps, xt, level), or another measure."""

    def loss(denoiser: Denoiser, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        level = denoiser.schedule.level(t, x0)
        xt = process.q_sample(x0, eps, level)
        return how(target(x0, eps, xt, level) - denoiser.net(xt, t))

    return loss


def _square(gap: Tensor) -> Tensor:
    return (gap**2).sum(1)


ANSWERS = {
    "noise-by-hand": a_number(
        formula="(x_t - a*x_0)/b",
        given={"x_t": 1.0, "x_0": 2.0, "a": 0.6, "b": 0.8},
        also=["-1/4", "(1-1.2)/0.8", "-0.2/0.8"],
        mistakes={"x_0 not shrunk": -1.25, "not rescaled": -0.2, "difference": -1.0},
    ),
    "weight-by-hand": a_number(
        formula="(snr_1 - snr_2)/(2*snr_2)",
        given={"snr_1": 576 / 49, "snr_2": 16 / 9},
        rel=4e-3,  # from rounded ratios it is 2.803
        also=["4.99/1.78", "0.5*(11.76-1.78)/1.78", "(11.76/1.78 - 1)/2"],
        mistakes={
            "of the picture": PICTURE_2,
            "root of SNR": PICTURE_2 * 0.75,
            "times SNR": PICTURE_2 * 16 / 9,
            "half lost": 2 * PICTURE_2 * 9 / 16,
        },
    ),
    "next-step-by-hand": a_number(
        formula="c + 2*r*(eps - c*x_t)*x_t",
        given={"c": 0.19, "r": 0.1, "eps": -1.0, "x_t": 0.4},
        also=["0.19 - 0.1*2*1.076*0.4", "0.19-0.08608"],
        mistakes={
            "uphill": 0.19 + 0.08608,
            "no 2": 0.19 - 0.04304,
            "without x": 0.19 - 0.2152,
            "from 0": -0.08,
            "gap at c = 0": 0.11,
            "the change": -0.08608,
        },
    ),
    "best-answer": a_number(
        formula="p*a^2 + (1 - p)*b^2 - (p*a + (1 - p)*b)^2",
        given={"p": 0.75, "a": 0.4, "b": -2.0},
        also=["0.75*0.6^2 + 0.25*1.8^2", "0.27+0.81", "27/25"],
        mistakes={
            "majority": 0.25 * 2.4**2,
            "the answer itself": -0.2,
            "root": 1.08**0.5,
            "zero": 0.0,
        },
    ),
    "group-norm": a_number(
        formula="(x - m)/sqrt(v)",
        given={"x": 7.0, "m": 4.0, "v": 5.0},
        also=["3/√5", "3/sqrt(5)", "0.6*sqrt(5)"],
        mistakes={
            "not divided": 3.0,
            "variance": 0.6,
            "one less": 3 / (20 / 3) ** 0.5,
            "its own channel": 1.0,
            "not centred": 7 / 5**0.5,
        },
    ),
    "attention-by-hand": a_number(
        formula="(a + k*b)/(1 + k)",
        given={"a": 4.0, "b": 8.0, "k": 3.0},
        also=["1/4*4 + 3/4*8", "28/4"],
        mistakes={"swapped": 5.0, "plain mean": 6.0, "not normalised": 28.0, "only the best": 8.0},
    ),
    "picture-from-noise": a_formula(
        answer="(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
        given=("x_t", "eps", *SCHEDULE),
        also=[
            "x_t/√ᾱ_t − √(1/ᾱ_t − 1) ε",
            r"\frac{x_t - \sqrt{1-\bar\alpha_t}\epsilon}{\sqrt{\bar\alpha_t}}",
            "abar^(-1/2)*(x_t - eps_theta(x_t, t)*(1-abar)^0.5)",
        ],
        mistakes={
            "no bars": "(x_t - sqrt(1-alpha)*eps)/sqrt(alpha)",
            "mixed": "(x_t - sqrt(1-abar)*eps)/sqrt(alpha)",
            "divided by abar": "(x_t - sqrt(1-abar)*eps)/abar",
            "times": "(x_t - sqrt(1-abar)*eps)*sqrt(abar)",
            "not rescaled": "x_t - sqrt(1-abar)*eps",
        },
    ),
    "noise-weight": a_formula(
        answer="beta^2/(2*sigma^2*alpha*(1-abar))",
        given=("sigma", *SCHEDULE),
        also=[
            "(1-α_t)²/(2σ_t² α_t (1-ᾱ_t))",
            "1/(2 sigma^2) * ((1-alpha)/(sqrt(alpha) sqrt(1-abar)))^2",
            r"\frac{\beta_t^2}{2\sigma_t^2\alpha_t(1-\bar\alpha_t)}",
        ],
        mistakes={
            "as printed": "(1-alpha)^2/(alpha*(1-abar)^2)",
            "variance beta": "beta/(2*alpha*(1-abar))",
            "variance beta tilde": "beta/(2*alpha*(1-abar_prev))",
            "printed weight": "beta^2/(2*sigma^2*alpha*(1-abar)^2)",
            "not squared": "beta/(2*sigma^2*sqrt(alpha)*sqrt(1-abar))",
            "no variance": "beta^2/(alpha*(1-abar))",
            "bar lost": "beta^2/(2*sigma^2*alpha*(1-alpha))",
            "no brackets": "beta^2/2*sigma^2*alpha*(1-abar)",
        },
    ),
    "noise-to-picture": a_function(
        lambda: fields(
            reference=prediction.Eps().x0,
            cases=inputs.steps("out xt", (0.5, 1.0)),
            also=[lambda out, xt, s, t: xt / t.signal - t.noise / t.signal * out, _eps_abar, _eps_ratio],
            mistakes={
                "plus": _eps_plus,
                "not rescaled": lambda out, xt, s, t: xt - t.noise * out,
                "times": lambda out, xt, s, t: (xt - t.noise * out) * t.signal,
                "variance": lambda out, xt, s, t: (xt - t.noise**2 * out) / t.signal,
                "index off by one": lambda out, xt, s, t: (xt - s.noise * out) / s.signal,
                "no factors": lambda out, xt, s, t: xt - out,
                "clamped": lambda out, xt, s, t: prediction.Eps().x0(out, xt, s, t).clamp(-1, 1),
            },
        )
    ),
    "score-to-picture": a_function(
        lambda: fields(
            reference=prediction.Score().x0,
            cases=inputs.steps("out xt", (0.5, 1.0)),
            also=[
                lambda out, xt, s, t: xt / t.signal + t.noise**2 / t.signal * out,
                lambda out, xt, s, t: prediction.Eps().x0(-t.noise * out, xt, s, t),
                lambda out, xt, s, t: (xt + (1 - t.signal**2) * out) / t.signal,
            ],
            mistakes={
                "minus": lambda out, xt, s, t: (xt - t.noise**2 * out) / t.signal,
                "one factor": _eps_plus,
                "score as noise": prediction.Eps().x0,
                "not rescaled": lambda out, xt, s, t: xt + t.noise**2 * out,
            },
        )
    ),
    "error-grows": a_number(
        formula="sqrt((1 - abar)/abar)",
        given={"abar": LINEAR.abar[500]},
        instead={"abar": {"alpha": LINEAR.alphas[500], "abar_499": LINEAR.abar[499]}},
        also=["sqrt((1-0.078587)/0.078587)", "√(0.921413/0.078587)", "0.9599/0.28033"],
        mistakes={
            "upside down": 1 / RATIO,
            "squared": RATIO**2,
            "snr": RATIO**-2,
            "not rescaled": NOISE,
            "noise's factor lost": 1 / SIGNAL,
        },
    ),
    "mean-from-noise": a_formula(
        answer="(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)",
        given=("x_t", "eps", *SCHEDULE),
        also=[
            "1/√α_t (x_t − β_t/√(1−ᾱ_t) ε_θ(x_t, t))",
            "(sqrt(alpha)*(1-abar_prev)*x_t + "
            "sqrt(abar_prev)*beta*(x_t-sqrt(1-abar)*eps)/sqrt(abar))/(1-abar)",
            r"\frac{1}{\sqrt{\alpha_t}}\left(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\epsilon\right)",
        ],
        mistakes={
            "barred prefactor": "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(abar)",
            "bar lost inside": "(x_t - (1-alpha)/sqrt(1-alpha)*eps)/sqrt(alpha)",
            "whole noise": "(x_t - sqrt(1-abar)*eps)/sqrt(alpha)",
            "x_0": "(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
            "not rescaled": "x_t - (1-alpha)/sqrt(1-abar)*eps",
        },
    ),
    "noise-from-picture": a_formula(
        answer="(x_t - sqrt(abar)*x_0)/sqrt(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "(x_t − √ᾱ_t x_0)/√(1−ᾱ_t)",
            "x_t/sqrt(1-abar) - x_0*sqrt(abar/(1-abar))",
            r"\frac{x_t-\sqrt{\bar\alpha_t}\hat{x}_0}{\sqrt{1-\bar\alpha_t}}",
        ],
        mistakes={
            "no bars": "(x_t - sqrt(alpha)*x_0)/sqrt(1-alpha)",
            "difference": "x_t - x_0",
            "not rescaled": "x_t - sqrt(abar)*x_0",
            "x_0 not shrunk": "(x_t - x_0)/sqrt(1-abar)",
        },
    ),
    "training-step": a_function(
        lambda: fields(
            reference=denoiser.Denoiser.errors,
            names=("denoiser", "x0", "t", "eps"),
            cases=inputs.training(),
            gradients=True,
            also=[_loss, _loss_abar, _loss_norm, denoiser.Denoiser.loss],
            mistakes={
                "bar lost in the signal": _mixed(lambda s: s.alphas**0.5, lambda s: (1 - s.abar) ** 0.5),
                "bars lost": _mixed(lambda s: s.alphas**0.5, lambda s: s.betas**0.5),
                "lost roots": _mixed(lambda s: s.abar, lambda s: 1 - s.abar),
                "index off by one": lambda d, x0, t, eps: _square(
                    eps - d.net(process.q_sample(x0, eps, d.schedule.level(t - 1, x0)), t)
                ),
                "clean input": lambda d, x0, t, eps: _square(eps - d.net(x0, t)),
                "noise drawn anew": _compared(_square, lambda x0, eps, xt, level: torch.randn_like(eps)),
                "x_0 as target": _compared(_square, lambda x0, eps, xt, level: x0),
                "difference as target": _compared(_square, lambda x0, eps, xt, level: xt - x0),
                "scaled noise as target": _compared(_square, lambda x0, eps, xt, level: level.noise * eps),
                "not squared": _compared(lambda gap: gap.norm(dim=1), lambda x0, eps, xt, level: eps),
                "absolute values": _compared(lambda gap: gap.abs().sum(1), lambda x0, eps, xt, level: eps),
                "averaged": _compared(lambda gap: (gap**2).mean(1), lambda x0, eps, xt, level: eps),
                "picture for noise": lambda d, x0, t, eps: _square(
                    eps - d(process.q_sample(x0, eps, d.schedule.level(t, x0)), t)
                ),
                "only adding": _mixed(lambda s: 0 * s.abar + 1, lambda s: (1 - s.abar) ** 0.5),
                "output added": lambda d, x0, t, eps: _square(
                    eps + d.net(process.q_sample(x0, eps, d.schedule.level(t, x0)), t)
                ),
            },
        )
    ),
    "velocity-to-picture": a_function(
        lambda: fields(
            reference=prediction.V().x0,
            cases=inputs.steps("out xt", (0.5, 1.0)),
            also=[
                lambda out, xt, s, t: prediction.Eps().x0(t.noise * xt + t.signal * out, xt, s, t),
                _v_abar,
                lambda out, xt, s, t: -(t.noise * out - t.signal * xt),
            ],
            mistakes={
                "plus": lambda out, xt, s, t: t.signal * xt + t.noise * out,
                "noise": lambda out, xt, s, t: t.noise * xt + t.signal * out,
                "swapped": lambda out, xt, s, t: t.noise * xt - t.signal * out,
                "velocity as noise": prediction.Eps().x0,
                "divided": lambda out, xt, s, t: xt - t.noise / t.signal * out,
            },
        )
    ),
    "noise-floor": a_number(
        formula="abar*V_0/(abar*V_0 + 1 - abar)",
        given={"abar": 0.9, "V_0": 0.25},
        also=["0.9*0.25/(0.9*0.25+0.1)", "9/13", "1 - 0.1/0.325"],
        mistakes={
            "exact": 0.0,
            "nothing known": 1.0,
            "explained": 0.1 / 0.325,
            "of the picture": 0.25 * 0.1 / 0.325,
            "standard deviation": 0.45 / 0.55,
            "noise level": 0.1,
        },
    ),
    "velocity-error": a_formula(
        answer="1/(1-abar)",
        given=SCHEDULE,
        also=["1 + abar/(1-abar)", r"\frac{1}{1-\bar\alpha_t}", "(1-abar)^(-1)", "1/sqrt(1-abar)^2"],
        mistakes={
            "of the noise": "abar/(1-abar)",
            "upside down": "1-abar",
            "not squared": "1/sqrt(1-abar)",
            "signal": "1/abar",
            "same": "1",
        },
    ),
    "first-summand": a_number(
        formula="beta^2/(2*sigma^2*alpha*(1 - abar))",
        given={"beta": 0.1, "sigma": 0.1**0.5, "alpha": 0.9, "abar": 0.9},
        also=["1/(2*0.9)", "5/9", "0.1^2/(2*0.1*0.9*0.1)"],
        mistakes={
            "of the mean": 5.0,
            "half lost": 1 / 0.9,
            "no prefactor": 0.5,
            "score": 0.05 / 0.9,
            "not squared": 5 / 3,
        },
    ),
}
