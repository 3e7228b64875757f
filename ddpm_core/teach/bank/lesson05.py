"""Sampling: the reverse step, its noise, and the number of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..judge.symbolic import SCHEDULE
from ..judge.table import linear_table
from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    from torch import Tensor

    from ... import process, sampling
    from ...schedule import Level
    from ..maths import wrong
    from . import inputs
else:
    process, sampling, inputs, wrong = later("process", "sampling", "teach.bank.inputs", "teach.maths.wrong")

LINEAR = linear_table()
EARLY, LATE = LINEAR.abar[400], LINEAR.abar[500]
MEAN = "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)"

NUMBERS = {
    "uniform": 3**-0.5,  # standard deviation of a number that is uniform in [-1, 1]
    "one_step": (1 - LINEAR.betas[500] / (1 - LATE) ** 0.5 * 0.5) / LINEAR.alphas[500] ** 0.5,
    "two_modes": 1 - 0.4**2 + 0.1**2,  # the variance of 0.3 N(-1, 0.1^2) + 0.7 N(1, 0.1^2)
    "stretched": LINEAR.alphas[500] ** -0.5,
    "all_stretched": LATE**-0.5,
    "greys": 255 / 2 * LINEAR.betas[1] ** 0.5,
    "narrow": (1 - EARLY) / (1 - LATE) * (1 - LATE / EARLY),
    "wide": 1 - LATE / EARLY,
}


def _by_hand(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    mean, var = process.posterior(x0, xt, s, t)
    return mean + var**0.5 * noise


def _from_abar(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = (t.signal / s.signal) ** 2
    mean = (s.signal * (1 - alpha) * x0 + alpha**0.5 * s.noise**2 * xt) / t.noise**2
    return mean + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _from_eps(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = (t.signal / s.signal) ** 2
    eps = (xt - t.signal * x0) / t.noise
    return (xt - (1 - alpha) / t.noise * eps) / alpha**0.5 + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _variance(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    mean, var = process.posterior(x0, xt, s, t)
    return mean + var * noise


def _reused(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return process.posterior(x0, xt, s, t).sample(wrong.implied_noise(x0, xt, t))


def _renoised(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return s.signal * x0 + s.noise * noise


def _alpha_lost_square(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = t.signal / s.signal
    mean = (s.signal * (1 - alpha) * x0 + alpha**0.5 * s.noise**2 * xt) / t.noise**2
    return mean + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _alpha_from_the_start(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    alpha = t.signal**2
    mean = (s.signal * (1 - alpha) * x0 + alpha**0.5 * s.noise**2 * xt) / t.noise**2
    return mean + (1 - alpha) ** 0.5 * s.noise / t.noise * noise


def _ddim_in_two(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    eps = (xt - t.signal * x0) / t.noise
    return process.q_sample(x0, eps, s)


def _ddim_scaled(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    ratio = s.noise / t.noise
    return ratio * xt + (s.signal - ratio * t.signal) * x0


def _ddim_from_abar(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    abar_s, abar_t = s.signal**2, t.signal**2
    return abar_s**0.5 * x0 + ((1 - abar_s) / (1 - abar_t)) ** 0.5 * (xt - abar_t**0.5 * x0)


def _ddim_noisy(x0: Tensor, xt: Tensor, s: Level, t: Level, noise: Tensor) -> Tensor:
    return sampling.ddim(x0, xt, s, t, noise) + process.posterior(x0, xt, s, t).var ** 0.5 * noise


ANSWERS = {
    "mean-by-hand": a_number(
        formula="ahead*x0_hat + back*x_3",
        given={"ahead": 0.5469, "x0_hat": -0.6351, "back": 0.4219, "x_3": -0.8},
        also=["0.5469*(-0.6351) - 0.4219*0.8", -0.68485, "-0.3473 - 0.3375"],
        mistakes={
            "swapped": 0.5469 * -0.8 + 0.4219 * -0.6351,
            "estimate alone": 0.5469 * -0.6351,
            "state alone": 0.4219 * -0.8,
            "all the way": -0.6351,
            "a sign lost": 0.5469 * -0.6351 + 0.4219 * 0.8,
            "the old estimate": 0.5469 * 0.3584 - 0.4219 * 0.8,
        },
    ),
    "step-back": a_formula(
        answer=f"{MEAN} + sigma*z",
        given=("x_t", "eps", "z", "sigma", *SCHEDULE),
        also=[
            "1/√α_t (x_t − β_t/√(1−ᾱ_t) ε_θ(x_t,t)) + σ_t z",
            "x_{t-1} = (x_t - beta/sqrt(1-abar)*eps)/sqrt(alpha) + z sigma",
            r"\frac{1}{\sqrt{\alpha_t}}\left(x_t-\frac{1-\alpha_t}{\sqrt{1-\bar\alpha_t}} "
            r"\hat\epsilon_\theta(x_t,t)\right)+\sigma_t z",
        ],
        mistakes={
            "barred prefactor": "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(abar) + sigma*z",
            "bar lost inside": "(x_t - (1-alpha)/sqrt(1-alpha)*eps)/sqrt(alpha) + sigma*z",
            "barred posterior": "(sqrt(abar)*(1-abar_prev)*x_t + "
            "sqrt(abar_prev)*beta*(x_t-sqrt(1-abar)*eps)/sqrt(abar))/(1-abar) + sigma*z",
            "no fresh noise": MEAN,
            "noise reused": f"{MEAN} + sigma*eps",
            "sigma chosen": f"{MEAN} + sqrt(beta)*z",
            "other sigma chosen": f"{MEAN} + sqrt(beta*(1-abar_prev)/(1-abar))*z",
            "root lost": "(x_t - (1-alpha)/(1-abar)*eps)/sqrt(alpha) + sigma*z",
            "half the bracket": "x_t/sqrt(alpha) - (1-alpha)/sqrt(1-abar)*eps + sigma*z",
            "prefactor upside down": "(x_t - (1-alpha)/sqrt(1-abar)*eps)*sqrt(alpha) + sigma*z",
            "all the way": "(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sigma*z",
            "all in one": "(x_t - (1-alpha)/sqrt(1-abar)*eps + sigma*z)/sqrt(alpha)",
        },
    ),
    "full-chain-passes": a_number(
        formula="T",
        given={"T": 4000},
        rel=0,
        unit="passes",
        units=("times", "runs", "evaluations"),
        also=["4000 passes", "4e3", "4*10^3"],
        mistakes={
            "one": 1,
            "3999": 3999,
            "4001": 4001,
            "the shortened walk": 50,
            "each picture": 64000,
            "two each": 8000,
        },
    ),
    "ancestral-step": a_function(
        lambda: fields(
            reference=sampling.ancestral,
            cases=inputs.steps("x0 xt", (1.0, 0.5, -0.8), "noise"),
            also=[_by_hand, _from_abar, _from_eps],
            mistakes={
                "no fresh noise": wrong.means_only,
                "variance": _variance,
                "beta": sampling.ancestral_beta,
                "noise at the end": wrong.noisy_to_the_end,
                "noise of the marginal": lambda x0, xt, s, t, noise: (
                    process.posterior(x0, xt, s, t).mean + s.noise * noise
                ),
                "noise reused": _reused,
                "renoised": _renoised,
                "bar in the posterior": wrong.stepping(wrong.barred_root, process.posterior),
                "bar lost inside": wrong.stepping(wrong.unbarred_noise, process.posterior),
                "barred prefactor": wrong.stepping(wrong.barred_scale, process.posterior),
                "exchanged": lambda x0, xt, s, t, noise: process.posterior(xt, x0, s, t).sample(noise),
                "square lost": _alpha_lost_square,
                "ddim": sampling.ddim,
                "alpha from the start": _alpha_from_the_start,
            },
        )
    ),
    "kept-noise": a_formula(
        answer="sqrt(1 - abar_s - sigma^2)",
        given=("abar_s", "sigma"),
        also=[r"\sqrt{1-\bar\alpha_s-\sigma^2}", "√(1-ᾱ_s-σ²)", "(1 - (abar_s + sigma*sigma))^(1/2)"],
        mistakes={
            "a variance": "1 - abar_s - sigma^2",
            "nothing fresh": "sqrt(1 - abar_s)",
            "deviations subtracted": "sqrt(1 - abar_s) - sigma",
            "sigma not squared": "sqrt(1 - abar_s - sigma)",
            "signal's share": "sqrt(abar_s - sigma^2)",
        },
    ),
    "halfway-noise": a_number(
        formula="1/sqrt(half^2 + half^2)",
        given={"half": 0.5},
        also=["sqrt(2)", "1/sqrt(0.5)", "2^0.5", 1.41],
        mistakes={
            "the variance's inverse": 2,
            "the variance": 0.5,
            "upside down": 0.5**0.5,
            "nothing": 1,
        },
    ),
    "ddim": a_function(
        lambda: fields(
            reference=sampling.ddim,
            cases=inputs.steps("x0 xt", (1.0, 0.5, -0.8), "noise"),
            also=[_ddim_in_two, _ddim_scaled, _ddim_from_abar],
            mistakes={
                "fresh noise": _renoised,
                "old noise level": lambda x0, xt, s, t, noise: s.signal * x0 + xt - t.signal * x0,
                "old signal level": lambda x0, xt, s, t, noise: (
                    t.signal * x0 + s.noise * wrong.implied_noise(x0, xt, t)
                ),
                "not divided": lambda x0, xt, s, t, noise: s.signal * x0 + s.noise * (xt - t.signal * x0),
                "picture not shrunk": lambda x0, xt, s, t, noise: (
                    x0 + s.noise * wrong.implied_noise(x0, xt, t)
                ),
                "lost roots": lambda x0, xt, s, t, noise: (
                    s.signal**2 * x0 + s.noise**2 * wrong.implied_noise(x0, xt, t)
                ),
                "mean of the posterior": wrong.means_only,
                "unshrunk in the noise": lambda x0, xt, s, t, noise: (
                    s.signal * x0 + s.noise * (xt - x0) / t.noise
                ),
                "divided by the variance": lambda x0, xt, s, t, noise: (
                    s.signal * x0 + s.noise * (xt - t.signal * x0) / t.noise**2
                ),
                "all the way": lambda x0, xt, s, t, noise: x0,
                "noise on top": _ddim_noisy,
                "ancestral": sampling.ancestral,
            },
        )
    ),
    "ddim-from-noise": a_formula(
        answer="sqrt(abar_s)*(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar_s)*eps",
        given=("x_t", "eps", "abar", "abar_s"),
        also=[
            r"\sqrt{\bar\alpha_s}\frac{x_t-\sqrt{1-\bar\alpha_t}\,\hat\epsilon}{\sqrt{\bar\alpha_t}}"
            r"+\sqrt{1-\bar\alpha_s}\,\hat\epsilon",
            "sqrt(abar_s/abar)*x_t + (sqrt(1-abar_s) - sqrt(abar_s*(1-abar)/abar))*eps",
            "√(ᾱ_s/ᾱ_t) (x_t − √(1−ᾱ_t) ε) + √(1−ᾱ_s) ε",
        ],
        mistakes={
            "no noise": "sqrt(abar_s)*(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
            "picture not shrunk": "(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar_s)*eps",
            "old noise level": "sqrt(abar_s)*(x_t - sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar)*eps",
            "levels swapped": "sqrt(abar)*(x_t - sqrt(1-abar_s)*eps)/sqrt(abar_s) + sqrt(1-abar)*eps",
            "not rescaled": "sqrt(abar_s)*(x_t - sqrt(1-abar)*eps) + sqrt(1-abar_s)*eps",
            "noise not taken off": "sqrt(abar_s)*x_t/sqrt(abar) + sqrt(1-abar_s)*eps",
            "added": "sqrt(abar_s)*(x_t + sqrt(1-abar)*eps)/sqrt(abar) + sqrt(1-abar_s)*eps",
        },
    ),
    "jump-variance": a_formula(
        answer="(1-abar_s)/(1-abar)*(1-abar/abar_s)",
        given=("abar", "abar_s"),
        also=[
            r"\frac{1-\bar\alpha_s}{1-\bar\alpha_t}\left(1-\frac{\bar\alpha_t}{\bar\alpha_s}\right)",
            "(1-abar_s)*(abar_s-abar)/(abar_s*(1-abar))",
            "1/((abar/abar_s)/(1-abar/abar_s) + 1/(1-abar_s))",
        ],
        mistakes={
            "forward variance": "1-abar/abar_s",
            "upside down": "(1-abar)/(1-abar_s)*(1-abar/abar_s)",
            "difference": "(1-abar_s)/(1-abar)*(abar_s-abar)",
            "ratio upside down": "(1-abar_s)/(1-abar)*(1-abar_s/abar)",
            "marginal": "1-abar_s",
        },
    ),
    "passes-for-64": a_number(
        formula="digits/memory*T/jump",
        given={"digits": 64, "memory": 16, "T": 1000, "jump": 20},
        rel=0,
        unit="passes",
        also=["4*50", "64/16 * 1000/20", "200 passes"],
        mistakes={
            "one batch": 50,
            "each picture": 3200,
            "no jumps": 4000,
            "states": 204,
            "last left out": 196,
            "all at once": 1000,
        },
    ),
    "two-jumps": a_number(
        formula="abar_s*(1 - abar_s)",
        given={"abar_s": 0.5},
        also=["0.5*0.5", "1/4", "(1-0.5)*0.5"],
        mistakes={
            "exact": 1,
            "beta": 0.5,
            "noise at the end": 0.75,
            "no root": 0.125,
            "not squared": 0.5**1.5,
            "nothing": 0,
            "deviation": 0.5**0.5,
        },
    ),
    "there-and-back": a_number(
        formula="sqrt(abar)*sqrt(abar)",
        given={"abar": 0.64},
        also=["0.8^2", "16/25", "sqrt(0.64)*sqrt(0.64)"],
        mistakes={
            "undone": 1,
            "one way": 0.8,
            "lost": 0.36,
            "the noise's deviation": 0.6,
            "squared": 0.4096,
            "forgotten": 0,
        },
    ),
}
