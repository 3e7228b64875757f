"""The ELBO of a DDPM: which factors, which Bayes, what cancels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..judge.symbolic import SCHEDULE
from ..judge.table import linear_table
from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ... import elbo, gaussian, prediction, process
    from ...gaussian import Gaussian
    from ...schedule import Level
    from ..judge import Case
    from . import inputs
else:
    torch, elbo, gaussian, prediction, process, inputs = later(
        "torch", "elbo", "gaussian", "prediction", "process", "teach.bank.inputs"
    )

LINEAR, END = linear_table(), linear_table(100).abar[100]
RATIO = [
    tilde / beta for tilde, beta in zip(LINEAR.beta_tilde[1:], LINEAR.betas[1:], strict=True)
]  # t = 1 ..
REST = [(ratio - 1 - math.log(ratio)) / 2 if ratio else math.inf for ratio in RATIO]  # KL of two variances
TOLD = [
    1 + 0.25 * snr for snr in LINEAR.snr
]  # for data of variance 1/4: half its log is the information in x_t
ENTROPY = 0.5 * math.log(2 * math.pi * math.e * 0.25)

# The library computes these in the tests: the bound and -log p that the lesson weighs, in nats, for
# linear(10, 1e-3, 0.6) and for linear(10); the gap with variances beta_tilde; gap and bound in the table
BOUND, EXACT = 0.791325572840628, 0.7368503630459771
BOUND_10, EXACT_10 = 0.995946882759446, 0.9177675050098556
TILDE_GAP, TABLE_GAP, TABLE_BOUND = 26.10026086218136, 0.06962219378326084, 0.8195437751867786

NUMBERS = {
    "over_q": 3.1865814878509355,  # E_q log p(x_0 | x_1) at x_0 = 1, for data N(1, 0.25)
    "of_x_t": LINEAR.alphas[500] ** 0.5 * (1 - LINEAR.abar[499]) / (1 - LINEAR.abar[500]),
    "of_x_0": LINEAR.abar[499] ** 0.5 * LINEAR.betas[500] / (1 - LINEAR.abar[500]),
    "ratio_2": RATIO[1],
    "ratio_500": RATIO[499],
    "abar_of_100": END,
    "L_T": -math.log(1 - END) / 2,
    "L_T_twice": -math.log(1 - END),
    "of_variances": (-END - math.log(1 - END)) / 2,
    "rest_2": REST[1],
    "rest_2_twice": 2 * REST[1],
    "rest_10": REST[9],
    "rest_100": REST[99],
    "wrong_sign": (RATIO[1] - 1 + math.log(RATIO[1])) / 2,
    "no_log": (RATIO[1] - 1) / 2,
    "bound": BOUND,
    "exact": EXACT,
    "entropy": ENTROPY,
    "bit": math.log(2),
    "floor_2": math.log(TOLD[1] / TOLD[2]) / 2,
    "floors": math.log(TOLD[1] / TOLD[1000]) / 2,
    "prior_of_data": (0.25 * LINEAR.abar[1000] - math.log(1 - LINEAR.abar[1000])) / 2,
    "trajectories": 0.5699461106660539,  # KL of whole walks, data N(1, 0.25), variances beta_tilde
}

P = ("p(x_3)", "p(x_2|x_3)", "p(x_1|x_2)", "p(x_0|x_1)")
CHAIN = ("q(x_1|x_0)", "q(x_2|x_1)", "q(x_3|x_2)")
MODEL = "log p(x_3) + log p(x_2|x_3) + log p(x_1|x_2) + log p(x_0|x_1)"
FORWARD = "log q(x_1|x_0) + log q(x_2|x_1) + log q(x_3|x_2)"
BACKWARD = "log q(x_3|x_0) + log q(x_2|x_3,x_0) + log q(x_1|x_2,x_0)"


def _mu_from_abar(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    jump = (t.signal / s.signal) ** 2
    mean = s.signal * (1 - jump) / t.noise**2 * x0 + jump**0.5 * s.noise**2 / t.noise**2 * xt
    return gaussian.Gaussian(mean, (1 - jump) * s.noise**2 / t.noise**2)


def _as_a_pair(x0: Tensor, xt: Tensor, s: Level, t: Level) -> tuple[object, object]:
    mean, var = _mu_from_abar(x0, xt, s, t)
    return mean + 0, var


def _regressed(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    gain = t.signal / s.signal * s.noise**2 / t.noise**2
    return gaussian.Gaussian(s.signal * x0 + gain * (xt - t.signal * x0), s.noise**2 - gain**2 * t.noise**2)


def _barred(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    _, var = process.between(s, t)
    mean = (s.signal * var * x0 + t.signal * s.noise**2 * xt) / t.noise**2
    return gaussian.Gaussian(mean, var * s.noise**2 / t.noise**2)


def _forward_variance(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    return gaussian.Gaussian(process.posterior(x0, xt, s, t).mean, process.between(s, t)[1])


def _deviation(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    mean, var = process.posterior(x0, xt, s, t)
    return gaussian.Gaussian(mean, var**0.5)


def _term_in_halves(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    true, model = process.posterior(x0, xt, s, t), process.posterior_beta(xhat, xt, s, t)
    ratio = true.ratio(model)
    return gaussian.per_example(
        true.gap(model) / 2 + 0 * xt + (ratio - 1) / 2 - 0.5 * torch.as_tensor(ratio).log()
    )


def _term_by_weight(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    true, model = process.posterior(x0, xt, s, t), process.posterior_beta(xhat, xt, s, t)
    rest = gaussian.Gaussian(true.mean, true.var).kl(gaussian.Gaussian(true.mean, model.var))
    return gaussian.per_example(elbo.weight(prediction.X0(), s, t) * (x0 - xhat) ** 2) + rest


def _term_torch(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    true, model = process.posterior(x0, xt, s, t), process.posterior_beta(xhat, xt, s, t)
    p, q = (torch.distributions.Normal(g.mean, torch.as_tensor(g.var) ** 0.5) for g in (true, model))
    return torch.distributions.kl_divergence(p, q).flatten(1).sum(1)


def _term_turned(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return process.posterior_beta(xhat, xt, s, t).kl(process.posterior(x0, xt, s, t))


def _term_squares(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return gaussian.per_example(elbo.weight(prediction.X0(), s, t) * (x0 - xhat) ** 2)


def _term_one_variance(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return process.posterior(x0, xt, s, t).kl(process.posterior(xhat, xt, s, t))


def _term_plain(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return gaussian.per_example(
        (process.posterior(x0, xt, s, t).mean - process.posterior(xhat, xt, s, t).mean) ** 2
    )


def _term_cases() -> list[Case]:
    def case(text: str, data: list[Tensor], *times: int) -> Case:
        return inputs.Case(text, (*data, inputs.levels(*(k - 1 for k in times)), inputs.levels(*times)))

    seeded = [inputs.draw(k, 3, 2) for k in range(3)]
    return [
        case(
            "t = 500 of linear(1000), x0 = 1, xhat = 0.8, xt = 0.5",
            [inputs.one(v) for v in (1, 0.8, 0.5)],
            500,
        ),
        case(
            "t = 2 of linear(1000), x0 = 1, xhat = 0.9, xt = 0.9", [inputs.one(v) for v in (1, 0.9, 0.9)], 2
        ),
        case("a batch of three at t = 2, 100, 1000 (seeded)", seeded, 2, 100, 1000),
    ]


# The example: x_0 = 2, T = 3, signals 0.96, 0.8, 0.6, and a model that adds noise in three steps
LOG_TWO_PI = math.log(2 * math.pi)
L_3 = (1.44 + 0.64 - 1 - math.log(0.64)) / 2
L_2 = (0.37390625 / 0.5 + 63 / 128 - 1 - math.log(63 / 128)) / 2
REST_1 = (539 / 2430 - 1 - math.log(539 / 2430)) / 2  # of the two variances, in L_1
GAP_1, SPREAD_1 = 86.4 / 270, 132.6 / 270  # the two means at t = 2: gap - spread * noise
L_1 = (GAP_1**2 + SPREAD_1**2) / 0.6 + REST_1
L_0 = math.log(2 * math.pi / 5) / 2 + (0.08**2 + 0.28**2) / 0.4
EXACT_2 = math.log(4 * math.pi) / 2 + 1  # -log p of the model at 2

ANSWERS = {
    "model-density": a_number(
        formula="-log(2*pi*(start + v_3 + v_2 + v_1))/2 - x_0^2/(2*(start + v_3 + v_2 + v_1))",
        given={"start": 1, "v_3": 0.5, "v_2": 0.3, "v_1": 0.2, "x_0": 2},
        unit="nats",
        also=["-log(4*pi)/2 - 1", "-2.27", -2.2655],
        mistakes={
            "variance of 1": -LOG_TWO_PI / 2 - 2,
            "no normaliser": -1,
            "the density": math.exp(-EXACT_2),
            "base two": -EXACT_2 / math.log(2),
        },
    ),
    "precision-by-hand": a_number(
        formula="1/(1/known + shrink^2/beta)",
        given={"known": 0.0784, "shrink": 5 / 6, "beta": 11 / 36},
        also=["539/8100", "1/(1/0.0784 + 25/11)", "0.0665"],
        mistakes={
            "not divided": 1 / (1 / 0.0784 + 36 / 11),
            "variances added": 0.0784 + 0.44,
            "precision": 1 / 0.0784 + 25 / 11,
            "variances averaged": (0.0784 + 0.44) / 2,
        },
    ),
    "prior-by-hand": a_number(
        formula="(gap^2/v_2 + v_1/v_2 - 1 - log(v_1/v_2))/2",
        given={"gap": 1.2, "v_1": 0.64, "v_2": 1},
        unit="nats",
        also=["0.763", "(1.44 - 0.36 - log(0.64))/2"],
        mistakes={
            "half lost": 2 * L_3,
            "turned round": (1.44 / 0.64 + 1 / 0.64 - 1 + math.log(0.64)) / 2,
            "sign of the logarithm": (1.44 - 0.36 + math.log(0.64)) / 2,
            "means only": 0.72,
            "no x_0": (0.36 - 0.36 - math.log(0.64)) / 2,
        },
    ),
    "second-term": a_number(
        formula="(gap^2 + spread^2)/(2*v) + rest",
        given={"gap": GAP_1, "spread": SPREAD_1, "v": 0.3, "rest": REST_1},
        rel=2e-3,
        unit="nats",
        also=["0.937", "0.573 + 0.364", "(0.32^2 + 0.4911^2)/0.6 + 0.364"],
        mistakes={
            "variances lost": L_1 - REST_1,
            "noise lost": GAP_1**2 / 0.6 + REST_1,
            "half lost": (GAP_1**2 + SPREAD_1**2) / 0.3 + REST_1,
            "posterior's variance": (GAP_1**2 + SPREAD_1**2) / (2 * 539 / 8100) + REST_1,
        },
    ),
    "last-step": a_number(
        formula="log(2*pi*v)/2 + (gap^2 + spread^2)/(2*v)",
        given={"v": 0.2, "gap": 0.08, "spread": 0.28},
        rel=2e-3,
        unit="nats",
        also=["0.326", "0.114 + 0.212"],
        mistakes={
            "noise lost": math.log(2 * math.pi / 5) / 2 + 0.08**2 / 0.4,
            "no normaliser": 0.212,
            "sign": -L_0,
            "model's own walk": math.log(2 * math.pi / 5) / 2 + (4 + 1.8) / 0.4,
        },
    ),
    "gap-by-hand": a_number(
        formula="prior + second + first + last - exact",
        given={"prior": L_3, "second": L_2, "first": L_1, "last": L_0, "exact": EXACT_2},
        rel=5e-3,
        digits=2,
        unit="nats",
        also=["0.235", "2.500 - 2.266"],
        mistakes={
            "the bound": L_3 + L_2 + L_1 + L_0,
            "sign": EXACT_2 - (L_3 + L_2 + L_1 + L_0),
            "prior term lost": L_2 + L_1 + L_0 - EXACT_2,
        },
    ),
    "inside-the-bound": a_formula(
        answer=f"{MODEL} - ({FORWARD})",
        given=(*P, *CHAIN),
        also=[
            "log(p(x_3) p(x_2|x_3) p(x_1|x_2) p(x_0|x_1) / (q(x_1|x_0) q(x_2|x_1) q(x_3|x_2)))",
            "ln p_θ(x₃) + ln(p_θ(x₂|x₃)/q(x₃|x₂)) + ln(p_θ(x₁|x₂)/q(x₂|x₁)) + ln(p_θ(x₀|x₁)/q(x₁|x₀))",
        ],
        mistakes={
            "inverted": f"{FORWARD} - ({MODEL})",
            "no prior": f"{MODEL} - log p(x_3) - ({FORWARD})",
            "q from 2": f"{MODEL} - log q(x_2|x_1) - log q(x_3|x_2)",
            "likelihood only": f"log p(x_0|x_1) - ({FORWARD})",
            "sum of both": f"{MODEL} + {FORWARD}",
            "no q": MODEL,
        },
    ),
    "posterior-mean": a_formula(
        answer="(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0)/(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "√ᾱ_{t−1} β_t/(1−ᾱ_t) x_0 + √α_t (1−ᾱ_{t−1})/(1−ᾱ_t) x_t",
            r"\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})x_t + "
            r"\sqrt{\bar\alpha_{t-1}}(1-\alpha_t)x_0}{1-\bar\alpha_t}",
            "(sqrt(alpha)/beta*x_t + sqrt(abar_prev)/(1-abar_prev)*x_0)/(alpha/beta + 1/(1-abar_prev))",
        ],
        mistakes={
            "barred root": "(sqrt(abar)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0)/(1-abar)",
            "no x_0": "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta)/(1-abar)",
            "no denominator": "sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0",
            "no beta": "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*x_0)/(1-abar)",
            "noise for x_0": "sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*eps",
            "weights swapped": "(sqrt(alpha)*(1-abar_prev)*x_0 + sqrt(abar_prev)*beta*x_t)/(1-abar)",
            "abar for abar_prev": "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar)*beta*x_0)/(1-abar)",
            "weighted by variance": "(sqrt(alpha)*beta*x_t + sqrt(abar_prev)*(1-abar_prev)*x_0)/(1-abar)",
            "plain average": "(x_t/sqrt(alpha) + sqrt(abar_prev)*x_0)/2",
        },
    ),
    "after-bayes": a_formula(
        answer=f"{MODEL} - ({BACKWARD})",
        given=(*P, "q(x_3|x_0)", "q(x_2|x_0,x_3)", "q(x_1|x_0,x_2)"),
        also=[
            "log(p(x_3)/q(x_3|x_0)) + log(p(x_2|x_3)/q(x_2|x_3,x_0)) + log(p(x_1|x_2)/q(x_1|x_2,x_0)) + log "
            "p(x_0|x_1)",
            "ln p_θ(x_0|x_1) + ln(p(x_3)) - ln(q(x_3|x_0)) + ln(p(x_2|x_3) p(x_1|x_2)/(q(x_2|x_0,x_3) "
            "q(x_1|x_0,x_2)))",
        ],
        mistakes={
            "first form": f"{MODEL} - ({FORWARD})",
            "q(x_1|x_0) kept": f"{MODEL} - ({BACKWARD}) - log q(x_1|x_0)",
            "no end": f"{MODEL} - log q(x_2|x_3,x_0) - log q(x_1|x_2,x_0)",
            "sum to T-1": "log(p(x_3) p(x_1|x_2) p(x_0|x_1)) - log q(x_3|x_0) - log q(x_1|x_2,x_0)",
            "posterior at t = 1": f"{MODEL} - ({BACKWARD} + log q(x_0|x_1,x_0))",
        },
    ),
    "posterior-variance": a_formula(
        answer="beta*(1-abar_prev)/(1-abar)",
        given=SCHEDULE,
        also=[
            "β_t (1−ᾱ_{t−1})/(1−ᾱ_t)",
            "1/(alpha/beta + 1/(1-abar_prev))",
            "(1-alpha)*(1-abar/alpha)/(1-abar)",
        ],
        mistakes={
            "beta": "beta",
            "marginal": "1-abar",
            "marginal before": "1-abar_prev",
            "upside down": "beta*(1-abar)/(1-abar_prev)",
            "variances added": "beta/alpha + 1-abar_prev",
        },
    ),
    "posterior": a_function(
        lambda: fields(
            reference=process.posterior,
            cases=inputs.steps("x0 xt", (1.0, 0.5)),
            also=[_mu_from_abar, _as_a_pair, _regressed],
            mistakes={
                "barred root": _barred,
                "forward variance": _forward_variance,
                "deviation": _deviation,
                "marginal": lambda x0, xt, s, t: gaussian.Gaussian(s.signal * x0 + 0 * xt, s.noise**2),
                "no x_0": lambda x0, xt, s, t: process.posterior(x0 * 0 + 1, xt, s, t),
            },
        )
    ),
    "kernel-turned-round": a_formula(
        answer="log q(x_2|x_3,x_0) + log q(x_3|x_0) - log q(x_2|x_0)",
        given=("q(x_2|x_0,x_3)", "q(x_3|x_0)", "q(x_2|x_0)"),
        also=[
            "log(q(x_2|x_3,x_0) q(x_3|x_0) / q(x_2|x_0))",
            "ln q(x_3|x_0) + ln(q(x_2|x_0,x_3)/q(x_2|x_0))",
            "-(log q(x_2|x_0) - log q(x_3|x_0)) + log q(x_2|x_3,x_0)",
        ],
        mistakes={
            "marginals exchanged": "log q(x_2|x_3,x_0) - log q(x_3|x_0) + log q(x_2|x_0)",
            "no logarithm": "q(x_2|x_3,x_0)*q(x_3|x_0)/q(x_2|x_0)",
            "no marginals": "log q(x_2|x_3,x_0)",
            "earlier marginal lost": "log q(x_2|x_3,x_0) + log q(x_3|x_0)",
            "later marginal lost": "log q(x_2|x_3,x_0) - log q(x_2|x_0)",
            "inverted": "-log q(x_2|x_3,x_0) - log q(x_3|x_0) + log q(x_2|x_0)",
        },
    ),
    "prior-term": a_formula(
        answer="(abar*x_0^2 - abar - log(1-abar))/2",
        given=("abar", "x_0"),
        also=[
            "½(ᾱ x_0² + (1-ᾱ) - 1 - ln(1-ᾱ))",
            "abar*(x_0^2-1)/2 - log(sqrt(1-abar))",
            r"\frac{1}{2}(\bar\alpha (x_0^2 - 1) - \log(1-\bar\alpha))",
        ],
        mistakes={
            "half lost": "abar*x_0^2 - abar - log(1-abar)",
            "sign of the logarithm": "(abar*x_0^2 - abar + log(1-abar))/2",
            "turned round": "((1 + abar*x_0^2)/(1-abar) - 1 + log(1-abar))/2",
            "root for the mean": "(sqrt(abar)*x_0 - abar - log(1-abar))/2",
            "means only": "abar*x_0^2/2",
        },
    ),
    "wrong-variance": a_formula(
        answer="(beta_tilde/beta - 1 - log(beta_tilde/beta))/2",
        given=("beta", "beta_tilde"),
        also=[
            "½(β̃/β − 1 + ln(β/β̃))",
            "(beta_tilde - beta)/(2*beta) + log(beta/beta_tilde)/2",
            "(beta_tilde - beta)/(2*beta) - log(beta_tilde)/2 + log(beta)/2",
        ],
        mistakes={
            "nothing": "0",
            "turned round": "(beta/beta_tilde - 1 - log(beta/beta_tilde))/2",
            "half lost": "beta_tilde/beta - 1 - log(beta_tilde/beta)",
            "logarithm only": "-log(beta_tilde/beta)/2",
            "sign of the logarithm": "(beta_tilde/beta - 1 + log(beta_tilde/beta))/2",
            "logarithm lost": "(beta_tilde/beta - 1)/2",
        },
    ),
    "picture-weight": a_formula(
        answer="abar_prev*beta/(2*(1-abar_prev)*(1-abar))",
        given=SCHEDULE,
        also=[
            "(abar_prev/(1-abar_prev) - abar/(1-abar))/2",
            "1/2*(abar_prev*beta^2/(1-abar)^2)/(beta*(1-abar_prev)/(1-abar))",
            "½ ᾱ_{t−1} β_t / ((1−ᾱ_{t−1})(1−ᾱ_t))",
        ],
        mistakes={
            "half lost": "abar_prev*beta/((1-abar_prev)*(1-abar))",
            "the other variance": "abar_prev*beta/(2*(1-abar)^2)",
            "bar of the step after": "abar*beta/(2*(1-abar_prev)*(1-abar))",
            "not squared": "sqrt(abar_prev)/(2*(1-abar_prev))",
            "sign": "(abar/(1-abar) - abar_prev/(1-abar_prev))/2",
            "of the noise": "(abar_prev/(1-abar_prev)*(1-abar)/abar - 1)/2",
        },
    ),
    "term-in-code": a_function(
        lambda: fields(
            reference=elbo.divergence,
            cases=_term_cases(),
            also=[_term_in_halves, _term_by_weight, _term_torch],
            mistakes={
                "turned round": _term_turned,
                "remainder lost": _term_squares,
                "one variance": _term_one_variance,
                "not weighed": _term_plain,
                "mean for sum": lambda x0, xhat, xt, s, t: (
                    elbo.divergence(x0, xhat, xt, s, t) / x0[0].numel()
                ),
            },
        )
    ),
    "weigh-a-bound": a_number(
        formula="bound - truth",
        given={"bound": BOUND, "truth": EXACT},
        instead={"truth": {"entropy": ENTROPY}},
        rel=2e-3,
        unit="nats",
        also=["0.791326 - 0.736850", "0.79133-0.73685", 0.054475],
        mistakes={
            "the bound": BOUND,
            "the truth": EXACT,
            "entropy": BOUND - ENTROPY,
            "published schedule": BOUND_10 - EXACT_10,
            "bits": (BOUND - EXACT) / math.log(2),
            "row of the table": TABLE_GAP,
            "posterior variance": TILDE_GAP,
            "bound of the table": TABLE_BOUND,
        },
    ),
}
