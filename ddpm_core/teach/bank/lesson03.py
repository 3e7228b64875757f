"""The ELBO of a DDPM: which factors, which Bayes, what cancels."""

import math

import torch
from torch import Tensor

from ...elbo import bound, divergence, prior, terms, weight
from ...gaussian import Gaussian, per_example
from ...prediction import X0
from ...process import between, posterior, posterior_beta
from ...sampling import ancestral_beta
from ...schedule import Level, Schedule, linear
from ...study.exact import gaussian, law
from ..judge import SCHEDULE, Case, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import SCHEDULE as LINEAR
from .inputs import draw, levels, one, steps


def _mu_from_abar(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    jump = (t.signal / s.signal) ** 2
    mean = s.signal * (1 - jump) / t.noise**2 * x0 + jump**0.5 * s.noise**2 / t.noise**2 * xt
    return Gaussian(mean, (1 - jump) * s.noise**2 / t.noise**2)


def _as_a_pair(x0: Tensor, xt: Tensor, s: Level, t: Level) -> tuple[object, object]:
    mean, var = _mu_from_abar(x0, xt, s, t)
    return mean + 0, var


def _regressed(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    gain = t.signal / s.signal * s.noise**2 / t.noise**2
    return Gaussian(s.signal * x0 + gain * (xt - t.signal * x0), s.noise**2 - gain**2 * t.noise**2)


def _barred(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    _, var = between(s, t)
    mean = (s.signal * var * x0 + t.signal * s.noise**2 * xt) / t.noise**2
    return Gaussian(mean, var * s.noise**2 / t.noise**2)


def _forward_variance(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    return Gaussian(posterior(x0, xt, s, t).mean, between(s, t)[1])


def _deviation(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    mean, var = posterior(x0, xt, s, t)
    return Gaussian(mean, var**0.5)


def _marginal(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    return Gaussian(s.signal * x0 + 0 * xt, s.noise**2)


def _term_in_halves(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    true, model = posterior(x0, xt, s, t), posterior_beta(xhat, xt, s, t)
    ratio = true.ratio(model)
    return per_example(true.gap(model) / 2 + 0 * xt + (ratio - 1) / 2 - 0.5 * torch.as_tensor(ratio).log())


def _term_by_weight(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    true, model = posterior(x0, xt, s, t), posterior_beta(xhat, xt, s, t)
    rest = Gaussian(true.mean, true.var).kl(Gaussian(true.mean, model.var))
    return per_example(weight(X0(), s, t) * (x0 - xhat) ** 2) + rest


def _term_torch(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    true, model = posterior(x0, xt, s, t), posterior_beta(xhat, xt, s, t)
    p, q = (torch.distributions.Normal(g.mean, torch.as_tensor(g.var) ** 0.5) for g in (true, model))
    return torch.distributions.kl_divergence(p, q).flatten(1).sum(1)


def _term_turned(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return posterior_beta(xhat, xt, s, t).kl(posterior(x0, xt, s, t))


def _term_squares(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return per_example(weight(X0(), s, t) * (x0 - xhat) ** 2)


def _term_one_variance(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return posterior(x0, xt, s, t).kl(posterior(xhat, xt, s, t))


def _term_plain(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return per_example((posterior(x0, xt, s, t).mean - posterior(xhat, xt, s, t).mean) ** 2)


def _term_mean(x0: Tensor, xhat: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return divergence(x0, xhat, xt, s, t) / x0[0].numel()


def _term_cases() -> list[Case]:
    def case(text: str, data: list[Tensor], *times: int) -> Case:
        return Case(text, (*data, levels(*(k - 1 for k in times)), levels(*times)))

    seeded = [draw(k, 3, 2) for k in range(3)]
    return [
        case("t = 500 of linear(1000), x0 = 1, xhat = 0.8, xt = 0.5", [one(v) for v in (1, 0.8, 0.5)], 500),
        case("t = 2 of linear(1000), x0 = 1, xhat = 0.9, xt = 0.9", [one(v) for v in (1, 0.9, 0.9)], 2),
        case("a batch of three at t = 2, 100, 1000 (seeded)", seeded, 2, 100, 1000),
    ]


def _ones(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    return posterior(x0 * 0 + 1, xt, s, t)


def _weighed(schedule: Schedule) -> tuple[float, float]:
    """The bound and the exact -log p, in nats, averaged over N(0.3, 0.5^2): `weigh` of the lesson."""
    world, noise = gaussian(schedule, 0.3, 0.5), torch.tensor([[-1.0], [1], [-1], [1]], dtype=torch.float64)
    data = 0.3 + 0.5 * noise.sort(0).values  # four points that average quadratics in data and noise exactly
    mean, var = law(world, rule=ancestral_beta)
    exact = -Gaussian(mean, var + schedule.betas[1]).log_prob(data)
    return bound(terms(world, data, eps=noise)).total.mean().item(), exact.mean().item()


def _trajectories(v: float) -> Tensor:
    """KL(q(x_{0:T}) || p(x_{0:T})) for data N(1, v), with the best network and variances beta_tilde."""
    t = torch.arange(2, 1001)
    like = torch.zeros(999, 1, dtype=torch.float64)
    left = v / (1 + v * LINEAR.snr)  # Var(x_0 | x_t)
    steps = weight(X0(), LINEAR.level(t - 1, like), LINEAR.level(t, like), posterior)[:, 0] @ left[2:]
    first = posterior(one(0), one(0), LINEAR.level(1), LINEAR.level(2)).var
    last = left[1] / first + math.log(first / v) - 1  # twice E[-log p(x_0 | x_1)], less the entropy
    return prior(one((1 + v) ** 0.5), LINEAR.level(1000)) + steps + last / 2


def _reconstructed() -> Tensor:
    """E_q log p(x_0 | x_1) at x_0 = 1, for data N(1, 0.25) and the best network."""
    noise = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    return -bound(terms(gaussian(LINEAR, 1.0, 0.5), noise**2, [1000, 1, 0], eps=noise)).distortion.mean()


def _rest(t: int) -> Tensor:
    """L_{t-1} if the network is right and the variances are beta_tilde (of q) and beta (of p)."""
    return divergence(one(0), one(0), one(0), LINEAR.level(t - 1), LINEAR.level(t))


def _ratio(t: int) -> Tensor:
    return posterior(one(0), one(0), LINEAR.level(t - 1), LINEAR.level(t)).var / LINEAR.betas[t]


BEFORE, NOW, SHORT = LINEAR.level(499), LINEAR.level(500), linear(100)
BOUND, EXACT = _weighed(linear(10, 1e-3, 0.6))
BOUND_10, EXACT_10 = _weighed(linear(10))
ENTROPY = 0.5 * math.log(2 * math.pi * math.e * 0.25)
TOLD = 1 + 0.25 * LINEAR.snr  # for data of variance 1/4: half its log is the information in x_t

NUMBERS = {
    "over_q": _reconstructed(),
    "of_x_t": posterior(one(0), one(1), BEFORE, NOW).mean,
    "of_x_0": posterior(one(1), one(0), BEFORE, NOW).mean,
    "ratio_2": _ratio(2),
    "ratio_500": _ratio(500),
    "abar_of_100": SHORT.abar[100],
    "L_T": prior(one(1), SHORT.level(100)),
    "L_T_twice": 2 * prior(one(1), SHORT.level(100)),
    "of_variances": prior(one(0), SHORT.level(100)),
    "rest_2": _rest(2),
    "rest_2_twice": 2 * _rest(2),
    "rest_10": _rest(10),
    "rest_100": _rest(100),
    "wrong_sign": (_ratio(2) - 1 + math.log(_ratio(2))) / 2,
    "no_log": (_ratio(2) - 1) / 2,
    "bound": BOUND,
    "exact": EXACT,
    "entropy": ENTROPY,
    "bit": math.log(2),
    "floor_2": (TOLD[1] / TOLD[2]).log() / 2,
    "floors": (TOLD[1] / TOLD[1000]).log() / 2,
    "prior_of_data": prior(one(1.25**0.5), LINEAR.level(1000)),
    "trajectories": _trajectories(0.25),
}

P = ("p(x_3)", "p(x_2|x_3)", "p(x_1|x_2)", "p(x_0|x_1)")
CHAIN = ("q(x_1|x_0)", "q(x_2|x_1)", "q(x_3|x_2)")
MODEL = "log p(x_3) + log p(x_2|x_3) + log p(x_1|x_2) + log p(x_0|x_1)"
FORWARD = "log q(x_1|x_0) + log q(x_2|x_1) + log q(x_3|x_2)"
BACKWARD = "log q(x_3|x_0) + log q(x_2|x_3,x_0) + log q(x_1|x_2,x_0)"

EXERCISES = [
    Choice(
        id="03.1",
        title="VAE and DDPM, part by part",
        prompt=r"The bound reads $\log p_\theta(\text{observed}) \ge \mathbb E_q[\log "
        r"p_\theta(\text{observed}, \text{latent}) - \log q(\text{latent}\mid\text{observed})]$ in both "
        r"models. (Texts on VAEs call the latent $z$.) Which match is right?",
        options={
            "a": "latent z ↔ $x_T$; encoder ↔ the trained network; decoder ↔ p($x_{0:T}$)",
            "b": "latent z ↔ $x_{1:T}$; encoder ↔ q($x_{1:T}$ | $x_0$), fixed; decoder ↔ the kernels "
            "p($x_{t-1}$ | $x_t$); prior p(z) ↔ p($x_T$)",
            "c": "latent z ↔ $x_{1:T}$; encoder ↔ q($x_{1:T}$ | $x_0$); decoder ↔ p($x_{0:T}$); prior p(z) "
            "↔ q($x_T$ | $x_0$)",
            "d": "as in b, but the expectation runs over p($x_{1:T}$) instead of q",
        },
        answer="b",
        why={
            "a": "All of $x_1$, …, $x_T$ are latent, $x_2$ as much as $x_T$: with T = 1000 that is 1000 "
            "latents. And the trained network sits in the decoder.",
            "c": "p($x_{0:T}$) is the joint: it holds the prior p($x_T$) as well, so the prior would count "
            "twice. And q($x_T$ | $x_0$) is part of the encoder: N(⟨signal_1000:.4f⟩ $x_0$, "
            "⟨variance_1000:.5f⟩) at T = 1000, close to the prior but not it.",
            "d": "The expectation must run over q($x_{1:T}$ | $x_0$). Over the model's own $x_1$, log "
            "p($x_0$ | $x_1$) averages to −1250 nats at $x_0$ = 1 in a case (data N(1, 0.25), T = 1000) "
            "where the right average is ⟨over_q:+.1f⟩.",
        },
        hints=[
            "What is observed? Everything else is latent.",
            "Which of them would change if you trained on?",
        ],
        worked=r"**b**. Observed is $x_0$, latent are *all* of $x_{1:T}$. The encoder has no weights. The "
        r"gap of the bound is $\mathrm{KL}(q(x_{1:T}\mid x_0)\,\|\,p_\theta(x_{1:T}\mid x_0))$, as in a VAE.",
        right="Right. One bound, two models.",
    ),
    Symbolic(
        id="03.2",
        title="What stands inside the bound",
        prompt=r"For $T = 3$ write what stands inside $\mathbb E_{q(x_{1:3}\mid x_0)}[\,\cdot\,]$ in the "
        r"ELBO, as a sum of logarithms of the model's kernels and of the forward kernels $q(x_t\mid "
        r'x_{t-1})$. Type, for example, `"log p(x_3) - log q(x_1|x_0)"`; one log of a quotient does as well.',
        answer=f"{MODEL} - ({FORWARD})",
        given=(*P, *CHAIN),
        also=[
            "log(p(x_3) p(x_2|x_3) p(x_1|x_2) p(x_0|x_1) / (q(x_1|x_0) q(x_2|x_1) q(x_3|x_2)))",
            "ln p_θ(x₃) + ln(p_θ(x₂|x₃)/q(x₃|x₂)) + ln(p_θ(x₁|x₂)/q(x₂|x₁)) + ln(p_θ(x₀|x₁)/q(x₁|x₀))",
        ],
        hints=[
            "The joint of the model over that of the forward process, in a logarithm.",
            r"$p_\theta(x_{0:3})$ has four factors, one of them the prior.",
            r"$q(x_{1:3}\mid x_0)$ has three: $x_0$ is given.",
        ],
        mistakes=[
            Mistake(
                "inverted",
                "The quotient is turned round. This would be minimised: where it is −4 nats, the ELBO's is "
                "+4.",
                f"{FORWARD} - ({MODEL})",
            ),
            Mistake(
                "no prior",
                "The prior p($x_3$) is missing. The joint p($x_{0:3}$) begins with it; without it $L_T$ has "
                "nothing to compare with.",
                f"{MODEL} - log p(x_3) - ({FORWARD})",
            ),
            Mistake(
                "q from 2",
                "The product of the forward kernels begins at t = 2 here. Its first factor is q($x_1$ | "
                "$x_0$).",
                f"{MODEL} - log q(x_2|x_1) - log q(x_3|x_2)",
            ),
            Mistake(
                "likelihood only",
                "log p($x_0$ | $x_1$) alone is the reconstruction. The joint also holds p($x_3$), p($x_2$ | "
                "$x_3$) and p($x_1$ | $x_2$).",
                f"log p(x_0|x_1) - ({FORWARD})",
            ),
            Mistake(
                "sum of both",
                "The forward terms have a plus. The logarithm of a quotient is a difference.",
                f"{MODEL} + {FORWARD}",
            ),
            Mistake("no q", "The forward process is missing: that is log of the joint alone.", MODEL),
        ],
        worked=r"$\log\frac{p(x_3)\,p_\theta(x_2|x_3)\,p_\theta(x_1|x_2)\,p_\theta(x_0|x_1)}{q(x_1|x_0)"
        r"\,q(x_2|x_1)\,q(x_3|x_2)}$: four factors of the model, three of the forward process.",
        right="Right: four factors above, three below.",
    ),
    Symbolic(
        id="03.3",
        title="The posterior mean",
        prompt=r"Multiply out $q(x_t\mid x_{t-1})\,q(x_{t-1}\mid x_0)$ and complete the square: what is the "
        r"mean $\tilde\mu_t(x_t, x_0)$ of $q(x_{t-1}\mid x_t, x_0)$? You may use `alpha`, `abar`, "
        r"`abar_prev`, `beta`, `x_t`, `x_0`.",
        answer="(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0)/(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "√ᾱ_{t−1} β_t/(1−ᾱ_t) x_0 + √α_t (1−ᾱ_{t−1})/(1−ᾱ_t) x_t",
            r"\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})x_t + "
            r"\sqrt{\bar\alpha_{t-1}}(1-\alpha_t)x_0}{1-\bar\alpha_t}",
            "(sqrt(alpha)/beta*x_t + sqrt(abar_prev)/(1-abar_prev)*x_0)/(alpha/beta + 1/(1-abar_prev))",
        ],
        hints=[
            r"Precisions add: from the first factor $\alpha_t/\beta_t$, from the second "
            r"$1/(1-\bar\alpha_{t-1})$.",
            r"The mean is the average of $x_t/\sqrt{\alpha_t}$ and $\sqrt{\bar\alpha_{t-1}}\,x_0$, weighted "
            r"by these.",
            r"The sum of the precisions is $(1-\bar\alpha_t)/(\beta_t(1-\bar\alpha_{t-1}))$.",
        ],
        mistakes=[
            Mistake(
                "barred root",
                r"$x_t$ has $\sqrt{\bar\alpha_t}$ where $\sqrt{\alpha_t}$ belongs: the step back is one "
                r"step, not all t of them.",
                "(sqrt(abar)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0)/(1-abar)",
            ),
            Mistake(
                "no x_0",
                "$x_0$ is missing in its term. That acts as if every picture were 1 everywhere: a sampler "
                "would paint white.",
                "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta)/(1-abar)",
            ),
            Mistake(
                "no denominator",
                r"The denominator 1 − $\bar\alpha_t$ is missing: the two weights are not normalised.",
                "sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0",
            ),
            Mistake(
                "no beta",
                r"The factor $\beta_t$ of $x_0$ is missing, and with it the right weight of the two terms.",
                "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*x_0)/(1-abar)",
            ),
            Mistake(
                "noise for x_0",
                r"In the second term stands the noise $\varepsilon$ where $\beta_t$ $x_0$ belongs, and the "
                r"denominator 1 − $\bar\alpha_t$ is missing.",
                "sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*eps",
            ),
            Mistake(
                "weights swapped",
                "The two weights have changed places. At t = 500 $x_t$ has ⟨of_x_t:.3f⟩ and $x_0$ only "
                "⟨of_x_0:.3f⟩.",
                "(sqrt(alpha)*(1-abar_prev)*x_0 + sqrt(abar_prev)*beta*x_t)/(1-abar)",
            ),
            Mistake(
                "abar for abar_prev",
                r"$x_0$ has $\sqrt{\bar\alpha_t}$ where $\sqrt{\bar\alpha_{t-1}}$ belongs: $x_{t-1}$, not "
                r"$x_t$, is at home at the level t − 1.",
                "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar)*beta*x_0)/(1-abar)",
            ),
        ],
        worked=r"$\tilde\mu_t = \frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})\,x_t + "
        r"\sqrt{\bar\alpha_{t-1}}\,\beta_t\,x_0}{1-\bar\alpha_t}$. A quick check, which most misprints "
        r"fail: put $x_t = \sqrt{\bar\alpha_t}\,x_0$; out must come $\sqrt{\bar\alpha_{t-1}}\,x_0$.",
        right=r"Right. With $x_t$ = $\sqrt{\bar\alpha_t}$ $x_0$ it gives $\sqrt{\bar\alpha_{t-1}}$ $x_0$, "
        r"as it must.",
    ),
    Symbolic(
        id="03.4",
        title="After Bayes and telescoping",
        prompt=r"The same quantity as in 03.2, for $T = 3$, now grouped for the terms $L_3 + L_2 + L_1 + "
        r"L_0$. Use Bayes with $x_0$ given, $q(x_t\mid x_{t-1}) = q(x_{t-1}\mid x_t, x_0)\,q(x_t\mid "
        r"x_0)/q(x_{t-1}\mid x_0)$ for $t \ge 2$, and let cancel what cancels. Allowed are the model's "
        r'kernels, $q(x_3\mid x_0)$, $q(x_2\mid x_3,x_0)$ and $q(x_1\mid x_2,x_0)$, such as `"log '
        r'q(x_2|x_3,x_0)"`.',
        answer=f"{MODEL} - ({BACKWARD})",
        given=(*P, "q(x_3|x_0)", "q(x_2|x_0,x_3)", "q(x_1|x_0,x_2)"),
        also=[
            "log(p(x_3)/q(x_3|x_0)) + log(p(x_2|x_3)/q(x_2|x_3,x_0)) + log(p(x_1|x_2)/q(x_1|x_2,x_0)) + log "
            "p(x_0|x_1)",
            "ln p_θ(x_0|x_1) + ln(p(x_3)) - ln(q(x_3|x_0)) + ln(p(x_2|x_3) p(x_1|x_2)/(q(x_2|x_0,x_3) "
            "q(x_1|x_0,x_2)))",
        ],
        hints=[
            r"Leave $q(x_1\mid x_0)$ alone; put Bayes into the other two.",
            r"The marginals $q(x_2\mid x_0)$ and $q(x_1\mid x_0)$ appear once above and once below.",
        ],
        mistakes=[
            Mistake(
                "first form",
                "That is right, but it is the form before Bayes, with q($x_t$ | $x_{t-1}$). Now trade "
                "q($x_3$ | $x_2$) and q($x_2$ | $x_1$) for posteriors.",
                f"{MODEL} - ({FORWARD})",
            ),
            Mistake(
                "q(x_1|x_0) kept",
                "−log q($x_1$ | $x_0$) is still there. The telescoping takes it away: it comes once with a "
                "plus, from Bayes at t = 2.",
                f"{MODEL} - ({BACKWARD}) - log q(x_1|x_0)",
            ),
            Mistake(
                "no end",
                "log q($x_3$ | $x_0$) is missing: of the telescoping sum one marginal is left over, the "
                "last.",
                f"{MODEL} - log q(x_2|x_3,x_0) - log q(x_1|x_2,x_0)",
            ),
            Mistake(
                "sum to T-1",
                "The sum ends at t = 2; the pair for t = 3, p($x_2$ | $x_3$) over q($x_2$ | $x_3$, $x_0$), "
                "is missing.",
                "log p(x_3) + log p(x_1|x_2) + log p(x_0|x_1) - log q(x_3|x_0) - log q(x_1|x_2,x_0)",
            ),
            Mistake(
                "signs", "The terms of q have a plus; each belongs under its p.", f"{MODEL} + {BACKWARD}"
            ),
            Mistake(
                "inverted",
                "The quotients are turned round: this is the negative of the bound's inside.",
                f"{BACKWARD} - ({MODEL})",
            ),
        ],
        worked=r"$\log\frac{p(x_3)}{q(x_3|x_0)} + \log\frac{p_\theta(x_2|x_3)}{q(x_2|x_3,x_0)} + "
        r"\log\frac{p_\theta(x_1|x_2)}{q(x_1|x_2,x_0)} + \log p_\theta(x_0|x_1)$. In expectation these are "
        r"$-L_3$, $-L_2$, $-L_1$ and $-L_0$.",
        right="Right: −$L_3$, −$L_2$, −$L_1$, −$L_0$, once the expectation is taken.",
    ),
    Prose(
        id="03.5",
        title="Why the forward process factorises",
        prompt=r"In a few sentences: why is $q(x_{1:T}\mid x_0) = \prod_t q(x_t\mid x_{t-1})$, and what "
        r"would be lost without it?",
        rubric=[
            "The chain rule alone gives factors q($x_t$ | $x_{t-1}$, …, $x_0$).",
            "Given $x_{t-1}$, the earlier states add nothing: conditional independence, the Markov property.",
            "It holds by construction, since each step draws fresh noise; it is no approximation.",
            "One consequence: closed-form q($x_t$ | $x_0$), any t drawn directly, the telescoping, or the "
            "Gaussian posterior.",
        ],
        models=[
            "The chain rule gives factors q(x_t | x_{t-1}, ..., x_0). Each x_t is made from x_{t-1} and "
            "fresh noise alone, so given x_{t-1} the past adds nothing and drops out. This holds by "
            "construction. It gives the closed form of q(x_t | x_0), so training can jump to any t.",
        ],
        mistakes=[
            Mistake(
                "independent of x_0",
                "$x_t$ is not independent of $x_0$: at t = 2 their correlation is ⟨signal_2:.4f⟩ (data of "
                "variance 1). It is independent *given* $x_{t-1}$.",
                "It factorises because x_t is independent of x_0 in this chain.",
                r"^(?!.*\b(given|once|condition\w*|if|when|noises?|know\w*|fixed)\b).*\bindependent of x_?0",
            ),
            Mistake(
                "all independent",
                r"The states are far from independent: $x_2$ and $x_3$ have correlation $\sqrt{\alpha_3}$ = "
                r"⟨root_alpha_3:.4f⟩. Only the *noises* are independent.",
                "Because all the x_t are independent of each other we can multiply.",
                r"^(?!.*\b(given|once|condition\w*|know\w*|fixed)\b).*"
                r"(all|the)( the)? (x_?t|states|latents|steps)( are| is)?( mutually)? independent",
            ),
            Mistake(
                "approximation",
                r"Nothing is approximated. q is *defined* by its steps, $x_t$ = $\sqrt{\alpha_t}$ $x_{t-1}$ "
                r"+ $\sqrt{\beta_t}$ $\varepsilon_t$, at t = 2 as at any t.",
                "It is an approximation that makes the calculation simpler for us.",
                r"(is|as) an? approximation",
            ),
        ],
        hints=[
            "Begin with the chain rule; it always holds.",
            "What is $x_t$ made of?",
            "Name one thing the course needs it for.",
        ],
        worked=r"The chain rule gives $q(x_1|x_0)\,q(x_2|x_1,x_0)\cdots$. But $x_t$ is *made* from "
        r"$x_{t-1}$ and fresh noise, so given $x_{t-1}$ the rest tells nothing more and drops out. Exactly "
        r"so, by construction. From it come the closed form, the jump to any $t$ in training, the "
        r"telescoping and the Gaussian posterior.",
        right="Good: chain rule, Markov, by construction, and what for.",
    ),
    Symbolic(
        id="03.6",
        title="The posterior variance",
        prompt=r"And what is the variance $\tilde\beta_t$ of $q(x_{t-1}\mid x_t, x_0)$? Use `alpha`, "
        r"`abar`, `abar_prev`, `beta`.",
        answer="beta*(1-abar_prev)/(1-abar)",
        given=SCHEDULE,
        also=[
            "β_t (1−ᾱ_{t−1})/(1−ᾱ_t)",
            "1/(alpha/beta + 1/(1-abar_prev))",
            "(1-alpha)*(1-abar/alpha)/(1-abar)",
        ],
        hints=[
            "Precisions add. Variances don't, here.",
            r"$1/\tilde\beta_t = \alpha_t/\beta_t + 1/(1-\bar\alpha_{t-1})$.",
        ],
        mistakes=[
            Mistake(
                "beta",
                r"$\beta_t$ is the variance of the step *forward*. Knowing $x_0$ as well makes the step "
                r"back surer.",
                "beta",
            ),
            Mistake(
                "marginal",
                r"1 − $\bar\alpha_t$ is the variance of $x_t$ given $x_0$, of all noise so far.",
                "1-abar",
            ),
            Mistake(
                "marginal before",
                r"1 − $\bar\alpha_{t-1}$ is the variance of $x_{t-1}$ given $x_0$ alone. $x_t$ tells more.",
                "1-abar_prev",
            ),
            Mistake(
                "upside down",
                r"The quotient is turned round: this is larger than $\beta_t$, as if knowing $x_0$ made "
                r"things less sure.",
                "beta*(1-abar)/(1-abar_prev)",
            ),
            Mistake(
                "variances added",
                "You added the variances. In a product of Gaussians the precisions add.",
                "beta/alpha + 1-abar_prev",
            ),
            Mistake(
                "deviation",
                "That is the standard deviation; the variance is asked.",
                "sqrt(beta*(1-abar_prev)/(1-abar))",
            ),
        ],
        worked=r"$\tilde\beta_t = \beta_t\,\frac{1-\bar\alpha_{t-1}}{1-\bar\alpha_t}$, always below "
        r"$\beta_t$: ⟨ratio_2:.3f⟩ of it at $t=2$, ⟨ratio_500:.3f⟩ of it at $t=500$, and 0 at $t=1$, where "
        r"$x_0$ itself is drawn.",
        right="Right. At t = 1 it is 0: the posterior of $x_0$ given $x_0$ is a point.",
    ),
    Choice(
        id="03.7",
        title="Why $t = 1$ stands apart",
        prompt=r"Bayes is put in for $t \ge 2$ only, and $t = 1$ is left as $L_0$. Why?",
        options={
            "a": "For convenience; it could be treated like the others.",
            "b": r"Because $\beta_1$ = 0.",
            "c": "Because $x_1$ is hardly noisy, so the term can be neglected.",
            "d": "At t = 1 the posterior q($x_0$ | $x_1$, $x_0$) is a point mass: it has no density, and "
            "the KL would be infinite.",
        },
        answer="d",
        why={
            "a": r"Try it: $\tilde\beta_1$ = 0. Against a model variance of ⟨beta_1⟩ the KL of a point mass "
            r"is infinite. At t = 2, $\tilde\beta_2$ = ⟨beta_tilde_2:.7f⟩ and all is well.",
            "b": r"$\beta_1$ = ⟨beta_1⟩ in linear(1000). It is $\tilde\beta_1$ that is 0; $\tilde\beta_2$ "
            r"is ⟨beta_tilde_2:.7f⟩.",
            "c": "It is not small: in bits per number it is over half of the whole bound on CIFAR-10, 1.97 "
            "of 3.75. All terms from t = 2 to 1000 together are the other 1.78. (For "
            "digits with 17 greys it is next to nothing, see section 10; it stands apart there as well.)",
        },
        hints=[r"What is $\tilde\beta_1$, with $\bar\alpha_0 = 1$?"],
        worked=r"**d**. $\bar\alpha_0 = 1$ makes $\tilde\beta_1 = 0$ and $\tilde\mu_1 = x_0$: given $x_0$, "
        r"nothing about $x_0$ is open. So the last term stays a likelihood, $L_0 = -\mathbb E_q\log "
        r"p_\theta(x_0\mid x_1)$.",
        right="Right: given $x_0$, nothing about $x_0$ is open.",
    ),
    Function(
        id="03.8",
        title="`posterior`",
        prompt=r"Write `answer(x0, xt, s, t)`: mean and variance of $q(x_s\mid x_t,x_0)$ for two levels "
        r"$s<t$, as a pair (a `Gaussian` is one). A level has `.signal` $=\sqrt{\bar\alpha}$ and `.noise` "
        r"$=\sqrt{1-\bar\alpha}$, numbers or tensors; the jump has $\alpha = \bar\alpha_t/\bar\alpha_s$. At "
        r"$s=0$, too, both are to be numbers.",
        reference=posterior,
        cases=steps("x0 xt", (1.0, 0.5)),
        also=[_mu_from_abar, _as_a_pair, _regressed],
        hints=[
            r"`(t.signal / s.signal)**2` is the jump's $\alpha$, 1 minus it the jump's $\beta$.",
            "Then it is 03.3 and 03.6, with s in the place of t−1.",
        ],
        mistakes=[
            Mistake(
                "barred root",
                r"$x_t$ is multiplied by $\sqrt{\bar\alpha_t}$; the jump's own root "
                r"$\sqrt{\bar\alpha_t/\bar\alpha_s}$ belongs there.",
                _barred,
            ),
            Mistake(
                "forward variance",
                "The mean is right. The variance is that of the jump forward; the posterior's is smaller, "
                "and 0 at s = 0.",
                _forward_variance,
            ),
            Mistake(
                "deviation",
                "The mean is right. You gave the standard deviation; the variance is asked.",
                _deviation,
            ),
            Mistake("marginal", "That is q($x_s$ | $x_0$): it doesn't look at $x_t$ at all.", _marginal),
            Mistake("no x_0", "$x_0$ is missing in its term: you get the same for every picture.", _ones),
        ],
        worked="For any two times, with the jump's scale and variance from `between`:",
        right="Right. From here on, import it: from ddpm_core import posterior.",
    ),
    Symbolic(
        id="03.9",
        title="One forward kernel, turned round",
        prompt=r"Bayes' rule with $x_0$ given: write $\log q(x_3\mid x_2)$ through $q(x_2\mid x_3,x_0)$, "
        r'$q(x_3\mid x_0)$ and $q(x_2\mid x_0)$. Type, for example, `"log q(x_3|x_0) - log q(x_2|x_0)"`.',
        answer="log q(x_2|x_3,x_0) + log q(x_3|x_0) - log q(x_2|x_0)",
        given=("q(x_2|x_0,x_3)", "q(x_3|x_0)", "q(x_2|x_0)"),
        also=[
            "log(q(x_2|x_3,x_0) q(x_3|x_0) / q(x_2|x_0))",
            "ln q(x_3|x_0) + ln(q(x_2|x_0,x_3)/q(x_2|x_0))",
            "-(log q(x_2|x_0) - log q(x_3|x_0)) + log q(x_2|x_3,x_0)",
        ],
        hints=[
            r"Write the joint $q(x_2, x_3\mid x_0)$ in its two orders.",
            r"$q(x_3\mid x_2)\,q(x_2\mid x_0) = q(x_2\mid x_3,x_0)\,q(x_3\mid x_0)$. Take logarithms.",
        ],
        mistakes=[
            Mistake(
                "marginals exchanged",
                "The two marginals have changed places. The joint of $x_2$ and $x_3$ is q($x_3$ | $x_2$) "
                "q($x_2$ | $x_0$): to have q($x_3$ | $x_2$) alone, q($x_2$ | $x_0$) is divided away.",
                "log q(x_2|x_3,x_0) - log q(x_3|x_0) + log q(x_2|x_0)",
            ),
            Mistake(
                "no logarithm",
                "That is q($x_3$ | $x_2$) itself, by Bayes' rule. Asked is its logarithm: products become "
                "sums.",
                "q(x_2|x_3,x_0)*q(x_3|x_0)/q(x_2|x_0)",
            ),
            Mistake(
                "no marginals",
                "q($x_3$ | $x_2$) and q($x_2$ | $x_3$, $x_0$) are not the same: at t = 3 of linear(1000) "
                "the variances are ⟨beta_3:.5f⟩ and ⟨beta_tilde_3:.6f⟩.",
                "log q(x_2|x_3,x_0)",
            ),
            Mistake(
                "earlier marginal lost",
                "log q($x_2$ | $x_0$) is missing. It is what will telescope against the step before.",
                "log q(x_2|x_3,x_0) + log q(x_3|x_0)",
            ),
            Mistake(
                "later marginal lost",
                "log q($x_3$ | $x_0$) is missing. Of these the last one, q($x_T$ | $x_0$), will be left "
                "over.",
                "log q(x_2|x_3,x_0) - log q(x_2|x_0)",
            ),
            Mistake(
                "inverted",
                "The sign is turned round: this is −log q($x_3$ | $x_2$), as it will stand in the bound.",
                "-log q(x_2|x_3,x_0) - log q(x_3|x_0) + log q(x_2|x_0)",
            ),
        ],
        worked=r"$q(x_3\mid x_2) = q(x_2\mid x_3,x_0)\,\dfrac{q(x_3\mid x_0)}{q(x_2\mid x_0)}$. On the left "
        r"stands $q(x_3\mid x_2, x_0)$ in truth; by the Markov property $x_0$ may go.",
        right="Right. The two marginals are the beginning of a telescope.",
    ),
    Symbolic(
        id="03.10",
        title="The term of the prior",
        prompt=r"For one pixel $q(x_T\mid x_0) = \mathcal N(\sqrt{\bar\alpha_T}\,x_0,\ 1-\bar\alpha_T)$. "
        r"Write $L_T = \mathrm{KL}\big(q(x_T\mid x_0)\,\|\,\mathcal N(0,1)\big)$ in nats, with `abar` for "
        r"$\bar\alpha_T$, and `x_0`.",
        answer="(abar*x_0^2 - abar - log(1-abar))/2",
        given=("abar", "x_0"),
        also=[
            "½(ᾱ x_0² + (1-ᾱ) - 1 - ln(1-ᾱ))",
            "abar*(x_0^2-1)/2 - log(sqrt(1-abar))",
            r"\\frac{1}{2}(\\bar\\alpha (x_0^2 - 1) - \\log(1-\\bar\\alpha))".replace("\\\\", "\\"),
        ],
        hints=[
            r"$\mathrm{KL} = \tfrac12\big[(\mu_1-\mu_2)^2/v_2 + v_1/v_2 - 1 - \log(v_1/v_2)\big]$.",
            r"$v_2 = 1$ and $\mu_2 = 0$, so the squared gap is $\bar\alpha_T x_0^2$ and the ratio "
            r"$1-\bar\alpha_T$.",
        ],
        mistakes=[
            Mistake(
                "half lost",
                r"The half in front is missing. At $x_0$ = 1 and $\bar\alpha$ = ⟨abar_of_100:.3f⟩, the end "
                r"of linear(100), $L_T$ is ⟨L_T:.3f⟩ nats, not ⟨L_T_twice:.3f⟩.",
                "abar*x_0^2 - abar - log(1-abar)",
            ),
            Mistake(
                "sign of the logarithm",
                r"The logarithm has the wrong sign: at $x_0$ = 1 and $\bar\alpha$ = ⟨abar_of_100:.3f⟩ yours "
                r"is negative, and a divergence never is.",
                "(abar*x_0^2 - abar + log(1-abar))/2",
            ),
            Mistake(
                "turned round",
                "That is KL from N(0, 1) to q($x_T$ | $x_0$). The law that is averaged over, q, stands "
                "first.",
                "((1 + abar*x_0^2)/(1-abar) - 1 + log(1-abar))/2",
            ),
            Mistake(
                "root for the mean",
                r"The gap of the means is $\sqrt{\bar\alpha}$ $x_0$, and it is squared.",
                "(sqrt(abar)*x_0 - abar - log(1-abar))/2",
            ),
            Mistake(
                "means only",
                r"That is the part of the means. The variances differ as well, 1 − $\bar\alpha$ against 1; "
                r"at $\bar\alpha$ = ⟨abar_of_100:.3f⟩ they cost ⟨of_variances:.3f⟩ nats more.",
                "abar*x_0^2/2",
            ),
        ],
        worked=r"$L_T = \tfrac12\big(\bar\alpha_T x_0^2 + (1-\bar\alpha_T) - 1 - "
        r"\log(1-\bar\alpha_T)\big)$. For linear(1000) and $x_0=1$ that is ⟨prior_1000:.5f⟩ nats: the "
        r"schedule has done its work, and nothing here is trained.",
        right=r"Right. There is no $\theta$ in it: a constant of the schedule and the data.",
    ),
    Symbolic(
        id="03.11",
        title="What a wrong variance costs",
        prompt=r"Let the network be right, so that both means agree, and let the model use "
        r"$\sigma_t^2=\beta_t$ where the posterior has $\tilde\beta_t$. What is left of $L_{t-1}$ for each "
        r"pixel, in nats? Use `beta` and `beta_tilde`.",
        answer="(beta_tilde/beta - 1 - log(beta_tilde/beta))/2",
        given=("beta", "beta_tilde"),
        also=[
            "½(β̃/β − 1 + ln(β/β̃))",
            "log(sqrt(beta/beta_tilde)) + (beta_tilde - beta)/(2*beta)",
            "(beta_tilde - beta)/(2*beta) - log(beta_tilde)/2 + log(beta)/2",
        ],
        hints=[
            "It is the KL of two Gaussians with one mean: the squared gap is 0.",
            r"With $\rho = \tilde\beta_t/\beta_t$: $\tfrac12(\rho - 1 - \log\rho)$.",
        ],
        mistakes=[
            Mistake(
                "nothing",
                r"Equal means don't make equal laws. At t = 2 of linear(1000) $\tilde\beta$/$\beta$ is "
                r"⟨ratio_2:.3f⟩, and ⟨rest_2:.3f⟩ nats are left.",
                "0",
            ),
            Mistake(
                "turned round",
                r"That is KL(p ‖ q). The average runs over q, whose variance is $\tilde\beta_t$: it stands "
                r"above.",
                "(beta/beta_tilde - 1 - log(beta/beta_tilde))/2",
            ),
            Mistake(
                "half lost",
                "The half in front is missing: at t = 2 of linear(1000) it is ⟨rest_2:.3f⟩ nats, not "
                "⟨rest_2_twice:.3f⟩.",
                "beta_tilde/beta - 1 - log(beta_tilde/beta)",
            ),
            Mistake(
                "logarithm only",
                "The logarithm alone forgets that the spread of q is measured in units of p's variance.",
                "-log(beta_tilde/beta)/2",
            ),
            Mistake(
                "sign of the logarithm",
                "The logarithm has the wrong sign: at t = 2 of linear(1000) yours is ⟨wrong_sign:.2f⟩, and "
                "no divergence is negative.",
                "(beta_tilde/beta - 1 + log(beta_tilde/beta))/2",
            ),
            Mistake(
                "logarithm lost",
                "The logarithm, which comes from the normalisers, is missing: at t = 2 yours is "
                "⟨no_log:.2f⟩, and no divergence is negative.",
                "(beta_tilde/beta - 1)/2",
            ),
        ],
        worked=r"$\tfrac12(\rho-1-\log\rho)$ with $\rho = \tilde\beta_t/\beta_t$: ⟨rest_2:.3f⟩ nats at "
        r"$t=2$, ⟨rest_10:.3f⟩ at $t=10$, ⟨rest_100:.5f⟩ at $t=100$. No $\theta$ in it, so training never "
        r"sees it.",
        right="Right. It is 0 only where the variances agree, and nearly so from t = 100 on.",
    ),
    Symbolic(
        id="03.12",
        title="From divergence to squared error",
        prompt=r"With $\sigma_t^2=\tilde\beta_t$, $L_{t-1} = \mathbb E\,w_t\|x_0-\hat x_0\|^2$. What is "
        r"$w_t$? Use `alpha`, `abar`, `abar_prev`, `beta`.",
        answer="abar_prev*beta/(2*(1-abar_prev)*(1-abar))",
        given=SCHEDULE,
        also=[
            "(abar_prev/(1-abar_prev) - abar/(1-abar))/2",
            "1/2*(abar_prev*beta^2/(1-abar)^2)/(beta*(1-abar_prev)/(1-abar))",
            "½ ᾱ_{t−1} β_t / ((1−ᾱ_{t−1})(1−ᾱ_t))",
        ],
        hints=[
            r"Equal variances: $L_{t-1} = \|\tilde\mu_t-\mu_\theta\|^2/(2\tilde\beta_t)$.",
            r"$x_0$ enters $\tilde\mu_t$ with the factor "
            r"$\sqrt{\bar\alpha_{t-1}}\,\beta_t/(1-\bar\alpha_t)$. Square it, and divide by "
            r"$2\tilde\beta_t$.",
        ],
        mistakes=[
            Mistake(
                "half lost",
                "The half is missing. It is half the *drop* of the SNR over the step: at t = 2, half of "
                "⟨snr_1:.0f⟩ − ⟨snr_2:.0f⟩.",
                "abar_prev*beta/((1-abar_prev)*(1-abar))",
            ),
            Mistake(
                "the other variance",
                r"That belongs to $\sigma_t^2$ = $\beta_t$. At t = 2 it is ⟨ratio_2:.3f⟩ of what is asked.",
                "abar_prev*beta/(2*(1-abar)^2)",
            ),
            Mistake(
                "bar of the step after",
                r"$\bar\alpha_t$ stands above where $\bar\alpha_{t-1}$ belongs: the picture in $x_{t-1}$ "
                r"has the factor $\sqrt{\bar\alpha_{t-1}}$.",
                "abar*beta/(2*(1-abar_prev)*(1-abar))",
            ),
            Mistake(
                "not squared",
                "The factor of $x_0$ in the mean must be squared: the divergence holds a squared gap.",
                "sqrt(abar_prev)/(2*(1-abar_prev))",
            ),
            Mistake(
                "sign",
                "SNR(t) − SNR(t−1) is negative: the SNR falls with t. At t = 2 it falls from ⟨snr_1:.0f⟩ to "
                "⟨snr_2:.0f⟩.",
                "(abar/(1-abar) - abar_prev/(1-abar_prev))/2",
            ),
            Mistake(
                "of the noise",
                "That is the weight of the noise error, ½(SNR(t−1)/SNR(t) − 1).",
                "(abar_prev/(1-abar_prev)*(1-abar)/abar - 1)/2",
            ),
        ],
        worked=r"$w_t = \dfrac{\bar\alpha_{t-1}\beta_t^2}{2\tilde\beta_t(1-\bar\alpha_t)^2} = "
        r"\tfrac12\big(\mathrm{SNR}(t-1)-\mathrm{SNR}(t)\big)$. Every step pays by how much the "
        r"signal-to-noise ratio falls in it.",
        right="Right: ½(SNR(t−1) − SNR(t)). The weights of all steps telescope.",
    ),
    Function(
        id="03.13",
        title="$L_{t-1}$ in code",
        prompt=r"Write `answer(x0, xhat, xt, s, t)`: $L_s$ in nats for each example, (B,). `x0` is the "
        r"truth, `xhat` the network's estimate, $s<t$ are levels, and the model has the variance $\beta$ of "
        r"the jump (`posterior_beta`). You may use `posterior`, `posterior_beta` and the `kl` of a "
        r"`Gaussian`.",
        reference=divergence,
        cases=_term_cases(),
        also=[_term_in_halves, _term_by_weight, _term_torch],
        hints=[
            "Two Gaussians: `posterior(x0, xt, s, t)` knows the truth, the model's knows the estimate.",
            "`p.kl(q)` averages over p. Which of the two is averaged over?",
        ],
        mistakes=[
            Mistake(
                "turned round",
                r"KL($p_\theta$ ‖ q): the two have changed places. The bound averages over q, so q stands "
                r"first.",
                _term_turned,
            ),
            Mistake(
                "remainder lost",
                "That is the squared error with its weight. The variances differ as well, and that leaves a "
                "rest: ⟨rest_2:.3f⟩ nats a pixel at t = 2.",
                _term_squares,
            ),
            Mistake(
                "one variance",
                r"Your model has the variance $\tilde\beta$ of the posterior. Asked is the one with "
                r"$\beta$, `posterior_beta`.",
                _term_one_variance,
            ),
            Mistake(
                "not weighed",
                "That is the squared distance of the two means. The divergence measures it in units of the "
                "variance, and halves it.",
                _term_plain,
            ),
            Mistake(
                "mean for sum",
                "You averaged over the pixels. The nats of an example are a sum over them.",
                _term_mean,
            ),
        ],
        worked="Truth first, model second. (The two variances know nothing of the picture, and the gap of "
        "the means is squared: so truth and estimate may change places, but not the two laws.)",
        right="Right. From here on, import it: from ddpm_core.elbo import divergence.",
    ),
    Number(
        id="03.14",
        title="Weigh a bound yourself",
        prompt=r"Data $\mathcal N(0.3, 0.5^2)$, the perfect denoiser, `linear(10, 1e-3, 0.6)`, "
        r"$\sigma_t^2=\beta_t$. By how many nats does the bound lie above $-\log p_\theta(x_0)$, averaged "
        r"over the data? `weigh(schedule, posterior_beta)` of this lesson gives both.",
        answer=BOUND - EXACT,
        rel=2e-3,
        unit="nats",
        also=["0.791326 - 0.736850", "0.79133-0.73685", 0.054475],
        hints=[
            "`weigh(linear(10, 1e-3, 0.6), posterior_beta)` returns the bound and the exact value.",
            "Subtract the second from the first.",
        ],
        mistakes=[
            Mistake(
                "the bound",
                "That is the bound itself, ⟨bound:.4f⟩ nats. Its distance to the truth is asked.",
                BOUND,
            ),
            Mistake(
                "the truth",
                "That is the exact −log p of the model, ⟨exact:.4f⟩ nats. The distance to its bound is "
                "asked.",
                EXACT,
            ),
            Mistake(
                "entropy",
                "You took the entropy of the data, ⟨entropy:.4f⟩ nats. With 10 steps the model's own −log p "
                "is a little larger.",
                BOUND - ENTROPY,
            ),
            Mistake(
                "published schedule",
                r"That is the gap for linear(10), whose $\beta$ end at 0.02. Here they run from 0.001 to "
                r"0.6.",
                BOUND_10 - EXACT_10,
            ),
            Mistake(
                "bits",
                "That is the gap in bits, nats divided by ⟨bit:.3f⟩. Here nats are asked.",
                (BOUND - EXACT) / math.log(2),
            ),
        ],
        worked="⟨bound:.4f⟩ − ⟨exact:.4f⟩ = ⟨answer:.4f⟩ nats, with a perfect denoiser: the gap is the "
        "price of Gaussian steps with the wrong variance, not of bad training.",
        right="Right. Training harder would not remove one of these nats.",
    ),
    Choice(
        id="03.15",
        title="What is averaged over?",
        prompt=r"The bound is $\mathbb E[\log p_\theta(x_{0:T}) - \log q(x_{1:T}\mid x_0)]$. Over what does "
        r"the expectation run?",
        options={
            "a": "Over the noising of this $x_0$: draw $x_1$, …, $x_T$ from q($x_{1:T}$ | $x_0$).",
            "b": "Over the model's own walks: draw $x_T$ from N(0, I), sample down to $x_1$.",
            "c": "Over the training set; $x_{1:T}$ are fixed numbers.",
            "d": "Over $x_0$ under the model.",
        },
        answer="a",
        why={
            "b": "Then the model would be asked how likely $x_0$ = 1 is after a walk that went elsewhere: "
            "−1250 nats for data N(1, 0.25) at T = 1000, where the average over q is ⟨over_q:+.1f⟩.",
            "c": "The training set is averaged over as well, but later. For a single $x_0$ the bound still "
            "averages over all its noisings, $x_2$ as well as $x_{1000}$.",
            "d": "$x_0$ is given: it is the picture whose likelihood we want. What is averaged over are "
            "$x_1$, …, $x_T$.",
        },
        hints=[
            "Which variables are latent, and whose guess for them stands under the fraction?",
            "What does one do in training: draw from the network, or noise a picture?",
        ],
        worked="**a**. The expectation runs over the *forward* process from the given $x_0$. That is why "
        "training "
        "needs no sampling from the model.",
        right="Right. That is why training can be done by noising pictures.",
    ),
    Choice(
        id="03.16",
        title="A perfect network",
        prompt=r"Your network gives $\mathbb E[x_0\mid x_t]$ exactly, at every $t$. What happens to $\sum_t "
        r"L_{t-1}$?",
        options={
            "a": "It is 0: the model's step equals q($x_{t-1}$ | $x_t$, $x_0$).",
            "b": "It falls towards 0 as training goes on.",
            "c": "It stays well above 0: the posterior looks at $x_0$, and the network can't.",
            "d": "It equals $L_T$.",
        },
        answer="c",
        why={
            "a": "For which $x_0$? The posterior's mean moves with $x_0$, and one $x_t$ belongs to many. "
            "For N(1, 0.25) the best step still pays ⟨floor_2:.3f⟩ nats at t = 2.",
            "b": "The network is already perfect. For N(1, 0.25), T = 1000 and the best variances the sum "
            "is ⟨floors:.3f⟩ nats and stays there.",
            "d": "$L_T$ is ⟨prior_of_data:.5f⟩ nats here; the sum is ⟨floors:.3f⟩.",
        },
        hints=[r"What does $q(x_{t-1}\mid x_t,x_0)$ know that $p_\theta(x_{t-1}\mid x_t)$ doesn't?"],
        worked="**c**. What is left is the information about $x_0$ that each step brings: in all "
        "$I(x_0;x_1)-I(x_0;x_T)$. It is balanced by $L_0$, which becomes strongly negative. A student "
        "who waits for the sum to reach 0 waits for ever.",
        right="Right: ⟨floors:.3f⟩ nats in the world of section 9, for the best network there can be.",
    ),
    Choice(
        id="03.17",
        title="Spot the fault in a line",
        prompt=r"A derivation for $T=2$ goes from $\log\frac{p(x_0,x_1,x_2)}{q(x_1,x_2\mid x_0)}$ to the "
        r"end in four lines. Which line is wrong?",
        options={
            "a": "(1) = log p($x_2$) + log p($x_1$ | $x_2$) + log p($x_0$ | $x_1$) − log q($x_1$ | $x_0$) − "
            "log q($x_2$ | $x_1$)",
            "b": "(2) put in for t = 2: log q($x_2$ | $x_1$) = log q($x_1$ | $x_2$, $x_0$) + log q($x_2$ | "
            "$x_0$) − log q($x_1$ | $x_0$)",
            "c": "(3) = log p($x_2$)/q($x_2$ | $x_0$) + log p($x_1$ | $x_2$)/q($x_1$ | $x_2$, $x_0$) + log "
            "p($x_0$ | $x_1$) − log q($x_1$ | $x_0$)",
            "d": "(4) the expectation of the middle term over q is −E[KL(q($x_1$ | $x_2$, $x_0$) ‖ p($x_1$ "
            "| $x_2$))]",
        },
        answer="c",
        why={
            "a": "Line (1) is the definition: three factors of the model for T = 2, two of the forward "
            "process.",
            "b": "Line (2) is Bayes' rule, right for t = 2: both sides are the joint q($x_1$, $x_2$ | "
            "$x_0$), less log q($x_1$ | $x_0$).",
            "d": "Line (4) is right: given $x_2$, the average over $x_1$ is a divergence, and $x_2$ is "
            "averaged over outside.",
        },
        hints=[
            r"Put line (2) into line (1) and count how often $\log q(x_1\mid x_0)$ stands there.",
            "Once with −, once with +.",
        ],
        worked=r"**c**. Line (1) holds $-\log q(x_1\mid x_0)$, and line (2) brings $+\log q(x_1\mid x_0)$. "
        r"They cancel, so the last term of line (3) has no business there. For $T=2$ it is the whole "
        r"telescope.",
        right="Right: it has cancelled. In line (1) it stands, in line (3) it must be gone.",
    ),
    Choice(
        id="03.18",
        title="Which divergence becomes small?",
        prompt="Averaged over the data, maximising the ELBO minimises which divergence?",
        options={
            "a": r"That between the data and the samples, KL(q($x_0$) ‖ $p_\theta$($x_0$)).",
            "b": "That between q($x_T$) and the prior.",
            "c": r"That between the forward and the reverse process, KL($p_\theta$($x_{0:T}$) ‖ "
            r"q($x_{0:T}$)).",
            "d": r"That between whole trajectories, KL(q($x_{0:T}$) ‖ $p_\theta$($x_{0:T}$)).",
        },
        answer="d",
        why={
            "a": r"It is an upper bound of that one, and may lie far above: for N(1, 0.25), T = 1000 and "
            r"$\sigma_t^2$ = $\tilde\beta_t$ it is ⟨trajectories:.3f⟩ nats, while the samples are 0.00006 "
            r"nats from the data.",
            "b": "That is $L_T$, ⟨prior_1000:.5f⟩ nats at T = 1000 of linear, and a constant.",
            "c": "The average runs over q, so q stands first. At t = 2 as everywhere: KL(q ‖ p).",
        },
        hints=["The gap of the bound is itself a divergence. Between laws of which variables?"],
        worked=r"**d**. $\mathbb E_{q(x_0)}[-\mathrm{ELBO}] = H(q(x_0)) + "
        r"\mathrm{KL}\big(q(x_{0:T})\,\|\,p_\theta(x_{0:T})\big)$: of whole trajectories, $q$ first. It "
        r"bounds the divergence of the pictures from above, and need not be near it.",
        right="Right. Good samples need not mean a tight bound.",
    ),
]
