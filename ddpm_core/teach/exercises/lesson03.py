"""The ELBO of a DDPM: which factors, which Bayes, what cancels."""

from torch import Tensor

from ...gaussian import Gaussian
from ...process import between, posterior
from ...schedule import Level
from ..check import SCHEDULE, Choice, Function, Mistake, Prose, Symbolic
from .inputs import steps


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


def _ones(x0: Tensor, xt: Tensor, s: Level, t: Level) -> Gaussian:
    return posterior(x0 * 0 + 1, xt, s, t)


P = ("p(x_3)", "p(x_2|x_3)", "p(x_1|x_2)", "p(x_0|x_1)")
CHAIN = ("q(x_1|x_0)", "q(x_2|x_1)", "q(x_3|x_2)")
MODEL = "log p(x_3) + log p(x_2|x_3) + log p(x_1|x_2) + log p(x_0|x_1)"
FORWARD = "log q(x_1|x_0) + log q(x_2|x_1) + log q(x_3|x_2)"
BACKWARD = "log q(x_3|x_0) + log q(x_2|x_3,x_0) + log q(x_1|x_2,x_0)"

EXERCISES = [
    Choice(
        id="03.1",
        title="VAE and DDPM, part by part",
        prompt="The bound reads $\\log p_\\theta(\\text{observed}) \\ge \\mathbb E_q[\\log "
        "p_\\theta(\\text{observed}, \\text{latent}) - \\log q(\\text{latent}\\mid\\text{observed})]$ in "
        "both models. Which match is right?",
        options={
            "a": "latent z ↔ x_T; encoder ↔ the U-Net; decoder ↔ p(x_{0:T})",
            "b": "latent z ↔ x_{1:T}; encoder ↔ q(x_{1:T} | x_0), fixed; decoder ↔ the kernels p(x_{t−1} | "
            "x_t); prior p(z) ↔ p(x_T)",
            "c": "latent z ↔ x_{1:T}; encoder ↔ q(x_{1:T} | x_0); decoder ↔ p(x_{0:T}); prior p(z) ↔ q(x_T "
            "| x_0)",
            "d": "as in b, but the expectation runs over p(x_{1:T}) instead of q",
        },
        answer="b",
        why={
            "a": "All of x_1, …, x_T are latent, x_2 as much as x_T: with T = 1000 that is 1000 latents. "
            "And the U-Net sits in the decoder.",
            "c": "p(x_{0:T}) is the joint: it holds the prior p(x_T) as well, so the prior would count "
            "twice. And q(x_T | x_0) is part of the encoder: N(0.0064 x_0, 0.99996) at T = 1000, close to "
            "the prior but not it.",
            "d": "The expectation must run over q(x_{1:T} | x_0). Over the model's own x_1, log p(x_0 | "
            "x_1) averages to −1246 nats at x_0 = 1 in a case (data N(1, 0.25), T = 1000) where the right "
            "average is +3.2.",
        },
        hints=[
            "What is observed? Everything else is latent.",
            "Which of them would change if you trained on?",
        ],
        worked="**b**. Observed is $x_0$, latent are *all* of $x_{1:T}$. The encoder has no weights. The "
        "gap of the bound is $\\mathrm{KL}(q(x_{1:T}\\mid x_0)\\,\\|\\,p_\\theta(x_{1:T}\\mid x_0))$, as in "
        "a VAE.",
        right="Right. One bound, two models.",
    ),
    Symbolic(
        id="03.2",
        title="What stands inside the bound",
        prompt="For $T = 3$ write what stands inside $\\mathbb E_{q(x_{1:3}\\mid "
        "x_0)}[\\,\\cdot\\,]$ in the ELBO, as a "
        "sum of logarithms of the model's kernels and of the forward kernels $q(x_t\\mid x_{t-1})$. "
        "Type, for example, "
        '`"log p(x_3) - log q(x_1|x_0)"`; one log of a quotient does as well.',
        answer=f"{MODEL} - ({FORWARD})",
        given=(*P, *CHAIN),
        also=[
            "log(p(x_3) p(x_2|x_3) p(x_1|x_2) p(x_0|x_1) / (q(x_1|x_0) q(x_2|x_1) q(x_3|x_2)))",
            "ln p_θ(x₃) + ln(p_θ(x₂|x₃)/q(x₃|x₂)) + ln(p_θ(x₁|x₂)/q(x₂|x₁)) + ln(p_θ(x₀|x₁)/q(x₁|x₀))",
        ],
        hints=[
            "The joint of the model over that of the forward process, in a logarithm.",
            "$p_\\theta(x_{0:3})$ has four factors, one of them the prior.",
            "$q(x_{1:3}\\mid x_0)$ has three: x_0 is given.",
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
                "The prior p(x_3) is missing. The joint p(x_{0:3}) begins with it; without it L_T has "
                "nothing to compare with.",
                f"{MODEL} - log p(x_3) - ({FORWARD})",
            ),
            Mistake(
                "q from 2",
                "The product of the forward kernels begins at t = 2 here. Its first factor is q(x_1 | x_0).",
                f"{MODEL} - log q(x_2|x_1) - log q(x_3|x_2)",
            ),
            Mistake(
                "likelihood only",
                "log p(x_0 | x_1) alone is the reconstruction. The joint also holds p(x_3), p(x_2 | x_3) "
                "and p(x_1 | x_2).",
                f"log p(x_0|x_1) - ({FORWARD})",
            ),
            Mistake(
                "sum of both",
                "The forward terms have a plus. The logarithm of a quotient is a difference.",
                f"{MODEL} + {FORWARD}",
            ),
            Mistake("no q", "The forward process is missing: that is log of the joint alone.", MODEL),
        ],
        worked="$\\log\\frac{p(x_3)\\,p_\\theta(x_2|x_3)\\,p_\\theta(x_1|x_2)\\,p_\\theta(x_0|x_1)}"
        "{q(x_1|x_0)\\,q(x_2|x_1)\\,q(x_3|x_2)}$: "
        "four factors of the model, three of the forward process.",
        right="Right: four factors above, three below.",
    ),
    Symbolic(
        id="03.3",
        title="The posterior mean",
        prompt="Multiply out $q(x_t\\mid x_{t-1})\\,q(x_{t-1}\\mid x_0)$ and complete the square: what is "
        "the mean $\\tilde\\mu_t(x_t, x_0)$ of $q(x_{t-1}\\mid x_t, x_0)$? You may use `alpha`, `abar`, "
        "`abar_prev`, `beta`, `x_t`, `x_0`.",
        answer="(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0)/(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "√ᾱ_{t−1} β_t/(1−ᾱ_t) x_0 + √α_t (1−ᾱ_{t−1})/(1−ᾱ_t) x_t",
            r"\frac{\sqrt{\alpha_t}(1-\bar\alpha_{t-1})x_t + "
            r"\sqrt{\bar\alpha_{t-1}}(1-\alpha_t)x_0}{1-\bar\alpha_t}",
            "(sqrt(alpha)/beta*x_t + sqrt(abar_prev)/(1-abar_prev)*x_0)/(alpha/beta + 1/(1-abar_prev))",
        ],
        hints=[
            "Precisions add: from the first factor $\\alpha_t/\\beta_t$, from the second "
            "$1/(1-\\bar\\alpha_{t-1})$.",
            "The mean is the average of $x_t/\\sqrt{\\alpha_t}$ and $\\sqrt{\\bar\\alpha_{t-1}}\\,x_0$, "
            "weighted by these.",
            "The sum of the precisions is $(1-\\bar\\alpha_t)/(\\beta_t(1-\\bar\\alpha_{t-1}))$.",
        ],
        mistakes=[
            Mistake(
                "barred root",
                "x_t has √ᾱ_t where √α_t belongs: the step back is one step, not all t of them.",
                "(sqrt(abar)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0)/(1-abar)",
            ),
            Mistake(
                "no x_0",
                "x_0 is missing in its term. That acts as if every picture were 1 everywhere: a sampler "
                "would paint white.",
                "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta)/(1-abar)",
            ),
            Mistake(
                "no denominator",
                "The denominator 1 − ᾱ_t is missing: the two weights are not normalised.",
                "sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*beta*x_0",
            ),
            Mistake(
                "no beta",
                "The factor β_t of x_0 is missing, and with it the right weight of the two terms.",
                "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*x_0)/(1-abar)",
            ),
            Mistake(
                "noise for x_0",
                "In the second term stands the noise ε where β_t x_0 belongs, and the denominator 1 − ᾱ_t "
                "is missing.",
                "sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar_prev)*eps",
            ),
            Mistake(
                "weights swapped",
                "The two weights have changed places. Close to x_t lies what is sure: one step's noise is "
                "small.",
                "(sqrt(alpha)*(1-abar_prev)*x_0 + sqrt(abar_prev)*beta*x_t)/(1-abar)",
            ),
            Mistake(
                "abar for abar_prev",
                "x_0 has √ᾱ_t where √ᾱ_{t−1} belongs: x_{t−1}, not x_t, is at home at the level t − 1.",
                "(sqrt(alpha)*(1-abar_prev)*x_t + sqrt(abar)*beta*x_0)/(1-abar)",
            ),
        ],
        worked="$\\tilde\\mu_t = \\frac{\\sqrt{\\alpha_t}(1-\\bar\\alpha_{t-1})\\,x_t + "
        "\\sqrt{\\bar\\alpha_{t-1}}\\,\\beta_t\\,x_0}{1-\\bar\\alpha_t}$. A check that catches every "
        "misprint: put $x_t = \\sqrt{\\bar\\alpha_t}\\,x_0$; out must come "
        "$\\sqrt{\\bar\\alpha_{t-1}}\\,x_0$.",
        right="Right. With x_t = √ᾱ_t x_0 it gives √ᾱ_{t−1} x_0, as it must.",
    ),
    Symbolic(
        id="03.4",
        title="After Bayes and telescoping",
        prompt="The same quantity as in 03.2, for $T = 3$, now grouped for the terms $L_3 + L_2 + "
        "L_1 + L_0$. Use Bayes with "
        "$x_0$ given, $q(x_t\\mid x_{t-1}) = q(x_{t-1}\\mid x_t, x_0)\\,q(x_t\\mid "
        "x_0)/q(x_{t-1}\\mid x_0)$ for "
        "$t \\ge 2$, and let cancel what cancels. Allowed are the model's kernels, $q(x_3\\mid x_0)$, "
        '$q(x_2\\mid x_3,x_0)$ and $q(x_1\\mid x_2,x_0)$, such as `"log q(x_2|x_3,x_0)"`.',
        answer=f"{MODEL} - ({BACKWARD})",
        given=(*P, "q(x_3|x_0)", "q(x_2|x_0,x_3)", "q(x_1|x_0,x_2)"),
        also=[
            "log(p(x_3)/q(x_3|x_0)) + log(p(x_2|x_3)/q(x_2|x_3,x_0)) + log(p(x_1|x_2)/q(x_1|x_2,x_0)) + log "
            "p(x_0|x_1)",
            "ln p_θ(x_0|x_1) + ln(p(x_3)) - ln(q(x_3|x_0)) + ln(p(x_2|x_3) p(x_1|x_2)/(q(x_2|x_0,x_3) "
            "q(x_1|x_0,x_2)))",
        ],
        hints=[
            "Leave $q(x_1\\mid x_0)$ alone; put Bayes into the other two.",
            "The marginals $q(x_2\\mid x_0)$ and $q(x_1\\mid x_0)$ appear once above and once below.",
        ],
        mistakes=[
            Mistake(
                "first form",
                "That is right, but it is the form before Bayes, with q(x_t | x_{t−1}). Now trade q(x_3 | "
                "x_2) and q(x_2 | x_1) for posteriors.",
                f"{MODEL} - ({FORWARD})",
            ),
            Mistake(
                "q(x_1|x_0) kept",
                "−log q(x_1 | x_0) is still there. The telescoping takes it away: it comes once with a "
                "plus, from Bayes at t = 2.",
                f"{MODEL} - ({BACKWARD}) - log q(x_1|x_0)",
            ),
            Mistake(
                "no end",
                "log q(x_3 | x_0) is missing: of the telescoping sum one marginal is left over, the last.",
                f"{MODEL} - log q(x_2|x_3,x_0) - log q(x_1|x_2,x_0)",
            ),
            Mistake(
                "sum to T-1",
                "The sum ends at t = 2; the pair for t = 3, p(x_2 | x_3) over q(x_2 | x_3, x_0), is missing.",
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
        worked="$\\log\\frac{p(x_3)}{q(x_3|x_0)} + \\log\\frac{p_\\theta(x_2|x_3)}{q(x_2|x_3,x_0)} + "
        "\\log\\frac{p_\\theta(x_1|x_2)}{q(x_1|x_2,x_0)} + \\log p_\\theta(x_0|x_1)$. In expectation these "
        "are $-L_3$, $-L_2$, $-L_1$ and $-L_0$.",
        right="Right: −L_3, −L_2, −L_1, −L_0, once the expectation is taken.",
    ),
    Prose(
        id="03.5",
        title="Why the forward process factorises",
        prompt="In a few sentences: why is $q(x_{1:T}\\mid x_0) = \\prod_t q(x_t\\mid x_{t-1})$, and what "
        "would be lost without it?",
        rubric=[
            "The chain rule alone gives factors q(x_t | x_{t−1}, …, x_0).",
            "Given x_{t−1}, the earlier states add nothing: conditional independence, the Markov property.",
            "It holds by construction, since each step draws fresh noise; it is no approximation.",
            "One consequence: closed-form q(x_t | x_0), any t drawn directly, the telescoping, or the "
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
                "x_t is not independent of x_0: at t = 2 their correlation is 0.9999 (data of variance 1). "
                "It is independent *given* x_{t−1}.",
                "It factorises because x_t is independent of x_0 in this chain.",
                r"(?<!conditionally )independent of x_?0(?!.{0,20}\b(given|once))",
            ),
            Mistake(
                "all independent",
                "The states are far from independent: x_2 and x_3 have correlation √α_3 = 0.9999. Only the "
                "*noises* are independent.",
                "Because all the x_t are independent of each other we can multiply.",
                r"(all|the)( the)? (x_?t|states|latents|steps)( are| is)?( mutually)? independent",
            ),
            Mistake(
                "approximation",
                "Nothing is approximated. q is *defined* by its steps, x_t = √α_t x_{t−1} + √β_t ε_t, at t "
                "= 2 as at any t.",
                "It is an approximation that makes the calculation simpler for us.",
                r"(?<!no )(?<!not )(is|as) an? approximation",
            ),
        ],
        hints=[
            "Begin with the chain rule; it always holds.",
            "What is $x_t$ made of?",
            "Name one thing the course needs it for.",
        ],
        worked="The chain rule gives $q(x_1|x_0)\\,q(x_2|x_1,x_0)\\cdots$. But $x_t$ is *made* from "
        "$x_{t-1}$ and fresh noise, so given $x_{t-1}$ the rest tells nothing more and drops out. Exactly "
        "so, by construction. From it come the closed form, the jump to any $t$ in training, the "
        "telescoping and the Gaussian posterior.",
        right="Good: chain rule, Markov, by construction, and what for.",
    ),
    Symbolic(
        id="03.6",
        title="The posterior variance",
        prompt="And its variance, $\\tilde\\beta_t$? Use `alpha`, `abar`, `abar_prev`, `beta`.",
        answer="beta*(1-abar_prev)/(1-abar)",
        given=SCHEDULE,
        also=[
            "β_t (1−ᾱ_{t−1})/(1−ᾱ_t)",
            "1/(alpha/beta + 1/(1-abar_prev))",
            "(1-alpha)*(1-abar/alpha)/(1-abar)",
        ],
        hints=[
            "Precisions add. Variances don't, here.",
            "$1/\\tilde\\beta_t = \\alpha_t/\\beta_t + 1/(1-\\bar\\alpha_{t-1})$.",
        ],
        mistakes=[
            Mistake(
                "beta",
                "β_t is the variance of the step *forward*. Knowing x_0 as well makes the step back surer.",
                "beta",
            ),
            Mistake("marginal", "1 − ᾱ_t is the variance of x_t given x_0, of all noise so far.", "1-abar"),
            Mistake(
                "marginal before",
                "1 − ᾱ_{t−1} is the variance of x_{t−1} given x_0 alone. x_t tells more.",
                "1-abar_prev",
            ),
            Mistake(
                "upside down",
                "The quotient is turned round: this is larger than β_t, as if knowing x_0 made things less "
                "sure.",
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
        worked="$\\tilde\\beta_t = \\beta_t\\,\\frac{1-\\bar\\alpha_{t-1}}{1-\\bar\\alpha_t}$, always below "
        "$\\beta_t$: 0.455 of it at $t=2$, 0.999 of it at $t=500$, and 0 at $t=1$, where $x_0$ itself is "
        "drawn.",
        right="Right. At t = 1 it is 0: the posterior of x_0 given x_0 is a point.",
    ),
    Choice(
        id="03.7",
        title="Why $t = 1$ stands apart",
        prompt="Bayes is put in for $t \\ge 2$ only, and $t = 1$ is left as $L_0$. Why?",
        options={
            "a": "For convenience; it could be treated like the others.",
            "b": "At t = 1 the posterior q(x_0 | x_1, x_0) is a point mass: it has no density, and the KL "
            "would be infinite.",
            "c": "Because x_1 is hardly noisy, so the term can be neglected.",
            "d": "Because β_1 = 0.",
        },
        answer="b",
        why={
            "a": "Try it: β̃_1 = 0. Against a model variance of 0.0001 the KL of a point mass is infinite. "
            "At t = 2, β̃_2 = 0.0000545 and all is well.",
            "c": "It is not small: in bits per number it is over half of the whole bound on CIFAR-10, 1.97 "
            "of 3.75. All terms from t = 2 to 1000 together are the other 1.78.",
            "d": "β_1 = 0.0001 in linear(1000). It is β̃_1 that is 0; β̃_2 is 0.0000545.",
        },
        hints=["What is $\\tilde\\beta_1$, with $\\bar\\alpha_0 = 1$?"],
        worked="**b**. $\\bar\\alpha_0 = 1$ makes $\\tilde\\beta_1 = 0$ and $\\tilde\\mu_1 = x_0$: given "
        "$x_0$, nothing about $x_0$ is open. So the last term stays a likelihood, $L_0 = -\\log "
        "p_\\theta(x_0\\mid x_1)$.",
        right="Right: given x_0, nothing about x_0 is open.",
    ),
    Function(
        id="03.8",
        title="`posterior`",
        prompt="Write `posterior(x0, xt, s, t)`: mean and variance of $q(x_s\\mid x_t,x_0)$ for two levels "
        "$s<t$, as a pair (a `Gaussian` is one). A level has `.signal` $=\\sqrt{\\bar\\alpha}$ and `.noise` "
        "$=\\sqrt{1-\\bar\\alpha}$; the jump has $\\alpha = \\bar\\alpha_t/\\bar\\alpha_s$.",
        reference=posterior,
        cases=steps("x0 xt", (1.0, 0.5)),
        also=[_mu_from_abar, _as_a_pair, _regressed],
        hints=[
            "`(t.signal / s.signal)**2` is the jump's α, 1 minus it the jump's β.",
            "Then it is 03.3 and 03.6, with s in the place of t−1.",
        ],
        mistakes=[
            Mistake(
                "barred root",
                "x_t is multiplied by √ᾱ_t; the jump's own root √(ᾱ_t/ᾱ_s) belongs there.",
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
            Mistake("marginal", "That is q(x_s | x_0): it doesn't look at x_t at all.", _marginal),
            Mistake("no x_0", "x_0 is missing in its term: you get the same for every picture.", _ones),
        ],
        worked="For any two times, with the jump's scale and variance from `between`:",
        right="Right. From here on, import it: from ddpm_core import posterior.",
    ),
]
