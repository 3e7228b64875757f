"""Predicting the noise: five outputs of one network, and the weights between their losses."""

from torch import Tensor

from ...prediction import Eps, Score
from ...schedule import Level
from ..check import SCHEDULE, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import steps


def _eps_split(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt / t.signal - t.noise / t.signal * out


def _eps_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    abar = t.signal**2
    return (xt - (1 - abar) ** 0.5 * out) / abar**0.5


def _eps_ratio(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    signal, noise = t
    return (xt / noise - out) * (noise / signal)


def _eps_plus(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt + t.noise * out) / t.signal


def _eps_no_division(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt - t.noise * out


def _eps_times(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - t.noise * out) * t.signal


def _eps_variance(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - t.noise**2 * out) / t.signal


def _eps_before(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - s.noise * out) / s.signal


def _eps_plain(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt - out


def _score_split(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt / t.signal + t.noise**2 / t.signal * out


def _score_eps(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return Eps().x0(-t.noise * out, xt, s, t)


def _score_abar(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt + (1 - t.signal**2) * out) / t.signal


def _score_minus(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return (xt - t.noise**2 * out) / t.signal


def _score_no_division(out: Tensor, xt: Tensor, s: Level, t: Level) -> Tensor:
    return xt + t.noise**2 * out


EXERCISES = [
    Prose(
        id="04.1",
        title="Why regress on the noise?",
        prompt="In a few sentences: what is gained by letting the network predict the noise, and what is it "
        "not?",
        rubric=[
            "A first benefit: a target of the same scale at every t, training pairs for free at any t, a "
            "plain squared error, or the tie to the score.",
            "A second benefit, of these or better samples in practice.",
            "Given x_t, the mean, x_0 and ε say the same: up to a weight it is the same regression.",
            "A limit: with the weights dropped it isn't the ELBO any more, or ε is hardly predictable at "
            "small t, or errors in x_0 grow at large t.",
        ],
        models=[
            "The noise has the same scale at every t, and pairs for training cost nothing: draw x_0, t and "
            "eps. Given x_t, predicting eps, x_0 or the mean is the same regression up to a weight. But "
            "dropping the weight changes the objective, so it is no longer the ELBO.",
        ],
        mistakes=[
            Mistake(
                "exact noise",
                "The noise can't be known exactly from x_t: at t = 2 hardly anything of it can. The best "
                "network gives its mean, and at t = 100 a loss of 0.685 of 1 remains (data N(1, 0.25)).",
                "It is better because the exact noise can be predicted and then removed.",
                r"exact(ly)?\b.{0,20}noise|noise.{0,30}\bexactly",
            ),
            Mistake(
                "for conditions",
                "Conditions don't need it: a network for x_0 can be given a label just as well. The score "
                "explains guidance; no output is required for it.",
                "We need noise prediction because it is needed for conditional generation.",
                r"(needed|required|necessary|essential) for condition",
            ),
            Mistake(
                "same optimum",
                "Not with weights shared over t. For ε̂ = c · x_t on data N(0, 0.25), L_simple puts c at "
                "1.016, the ELBO at 0.919: they care differently about t = 2 and t = 1000.",
                "It is simply equivalent to the ELBO so we get the same optimum.",
                r"(?<!not )(?<!no longer )equivalent to the elbo|same (optimum|objective) as the elbo",
            ),
        ],
        hints=[
            "What are mean and variance of the target, at t = 2 and at t = 1000?",
            "What does the step from the ELBO to L_simple drop?",
        ],
        worked="The target is $\\mathcal N(0,I)$ at every $t$; pairs are made on the spot for any $t$; the "
        "loss is a plain squared error; the output is the score up to a factor. Given $x_t$, the mean, "
        "$x_0$ and $\\varepsilon$ differ by an affine map, so it is the same regression up to a weight. "
        "Dropping the weight is a choice: $L_{\\text{simple}}$ gives better pictures and a slightly worse "
        "likelihood. And at small $t$ the noise is hardly predictable, while at large $t$ an error in it is "
        "magnified in $\\hat x_0$.",
        right="Good: what is gained, what stays the same, and what it costs.",
    ),
    Symbolic(
        id="04.2",
        title="$x_0$ from $x_t$ and the noise",
        prompt="Given $x_t$ and the noise $\\varepsilon$ in it, what is $x_0$? (The notes pose this with "
        "$\\sqrt{\\alpha_t}$ and $\\sqrt{1-\\alpha_t}$, without bars. That is one step of the chain, and "
        "inverting it gives $x_{t-1}$. Start from the closed form of $x_t$, with bars.)",
        answer="(x_t - sqrt(1-abar)*eps)/sqrt(abar)",
        given=("x_t", "eps", *SCHEDULE),
        also=[
            "x_t/√ᾱ_t − √(1/ᾱ_t − 1) ε",
            r"\frac{x_t - \sqrt{1-\bar\alpha_t}\epsilon}{\sqrt{\bar\alpha_t}}",
            "abar^(-1/2)*(x_t - eps_theta(x_t, t)*(1-abar)^0.5)",
        ],
        hints=[
            "Write down $x_t$ with $x_0$ and ε, and solve.",
            "First take the noise away, then undo the shrink.",
        ],
        mistakes=[
            Mistake(
                "no bars",
                "That inverts *one* step: it gives x_{t−1} from x_t and that step's noise. From x_0 to x_t "
                "there are t steps, and the bars count them all.",
                "(x_t - sqrt(1-alpha)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "mixed",
                "The noise has its bar, the divisor lost its own: the shrink of t steps is undone as if it "
                "were one.",
                "(x_t - sqrt(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "divided by abar",
                "You divided by ᾱ_t; the picture was multiplied by its root.",
                "(x_t - sqrt(1-abar)*eps)/abar",
            ),
            Mistake(
                "plus",
                "The noise is in x_t with a plus, so it is taken away with a minus.",
                "(x_t + sqrt(1-abar)*eps)/sqrt(abar)",
            ),
            Mistake(
                "times",
                "You multiplied by √ᾱ_t once more; the shrink is to be undone.",
                "(x_t - sqrt(1-abar)*eps)*sqrt(abar)",
            ),
            Mistake(
                "not rescaled",
                "The noise is gone, but the picture is still shrunk.",
                "x_t - sqrt(1-abar)*eps",
            ),
            Mistake(
                "lost root",
                "1 − ᾱ_t is the noise's variance; its factor in x_t is the root.",
                "(x_t - (1-abar)*eps)/sqrt(abar)",
            ),
        ],
        worked="$x_0 = (x_t-\\sqrt{1-\\bar\\alpha_t}\\,\\varepsilon)/\\sqrt{\\bar\\alpha_t}$. At $t=500$, "
        "$x_t=1$ and $\\varepsilon=0.5$ it is 1.8551; without the bars it would be 0.9547.",
        right="Right. With a network's ε̂ for ε this is x̂_0, its guess at the picture.",
    ),
    Choice(
        id="04.3",
        title="One step of training",
        prompt="Which of these is a training step for a network that predicts noise?",
        options={
            "a": "Draw x_0, a whole t in 1..T and ε; x_t = √ᾱ_t x_0 + √(1−ᾱ_t) ε; loss ‖ε − net(x_t, t)‖².",
            "b": "Draw x_0, t and ε; noise x_0 step by step up to t; loss ‖ε_t − net(x_t, t)‖² with the "
            "last step's noise.",
            "c": "Draw x_0, t and ε; x_t as in a; loss ‖ε − net(x_t)‖².",
            "d": "Draw x_0, t and ε; x_t as in a; loss ‖(x_t − x_0) − net(x_t, t)‖².",
            "e": "Draw x_0, a real t in [1, T] and ε; x_t as in a; loss ‖ε − net(x_t, t)‖.",
            "f": "Draw x_0, t and ε; x_t = √α_t x_0 + √(1−α_t) ε; loss ‖ε − net(x_t, t)‖².",
            "g": "Draw x_0, t and ε; x_t as in a; loss ‖ε − net(x_t, t)‖², where the network puts out "
            "x_{t−1}.",
        },
        answer="a",
        why={
            "b": "The steps are not needed, for x_t has a closed form; and the last step's noise is not the "
            "noise in x_t. At t = 500 the last step brings a standard deviation of 0.100 of the 0.960 that "
            "are there.",
            "c": "The network isn't told t. One function then has to serve x_2, nearly clean, and x_1000, "
            "pure noise: on data N(0, 1) the best t-free line has a loss of 0.351 instead of 0.276.",
            "d": "x_t − x_0 is not the noise: x_0 has been shrunk as well. At t = 500, with x_0 = 1 and ε = "
            "0.5, it is −0.240, where √(1−ᾱ_t) ε = 0.480.",
            "e": "Two slips: ᾱ_t is a table over whole t, and the norm is not squared. Unsquared, the best "
            "answer is a median: two modes with 0.3 and 0.7 come out as 0.21 and 0.79 in 100 steps.",
            "f": "The bars are lost. At t = 500 the noise would have standard deviation 0.100 instead of "
            "0.960: the network never sees the states that it will meet.",
            "g": "Output and target must mean the same. x_{t−1} is near x_t: at t = 500, with x_0 = 1 and ε "
            "= 0.5, it lies near 0.76, and the target says 0.5.",
        },
        hints=["Check each: bars, t given to the network, same noise on both sides, a square."],
        worked="**a**. In goes $(x_t, t)$, out comes something of $x_t$'s shape, and the loss is the "
        "squared distance to the very $\\varepsilon$ that made $x_t$. One random $t$ for each example, one "
        "pass of the network.",
        right="Right: one t, one pass, and the same ε on both sides.",
    ),
    Choice(
        id="04.4",
        title="Noise or picture: the same knowledge",
        prompt="Why is predicting ε as good as predicting $x_0$?",
        options={
            "a": "Because the noise can be recovered exactly from x_t.",
            "b": "Because given x_t the two are tied by one linear equation with known factors, and so are "
            "their means given x_t.",
            "c": "Because both losses are equal.",
            "d": "Because at t = 1 both are the same.",
        },
        answer="b",
        why={
            "a": "It can't: many pairs (x_0, ε) give the same x_t. At t = 100 a share of 0.685 of the "
            "noise's variance stays open (data N(1, 0.25)). Only their means given x_t are tied.",
            "c": "The losses differ by SNR(t): 526.8 at t = 10, 0.0853 at t = 500. The *estimates* are "
            "equivalent, the weights over t are not.",
            "d": "It holds at every t. At t = 500: ε = (x_t − 0.280 x_0)/0.960.",
        },
        hints=[
            "How many unknowns has $x_t = \\sqrt{\\bar\\alpha_t}x_0+\\sqrt{1-\\bar\\alpha_t}\\varepsilon$, "
            "if $x_t$ is known?"
        ],
        worked="**b**. $\\varepsilon = (x_t-\\sqrt{\\bar\\alpha_t}x_0)/\\sqrt{1-\\bar\\alpha_t}$, with "
        "$x_t$ known. The same affine map carries $\\mathbb E[x_0\\mid x_t]$ to $\\mathbb "
        "E[\\varepsilon\\mid x_t]$. Errors are scaled, so the losses differ by $\\mathrm{SNR}(t)$.",
        right="Right. The estimates are equivalent; the losses differ by SNR(t).",
    ),
    Symbolic(
        id="04.5",
        title="The weight of the noise",
        prompt="In the bound, $L_{t-1} = \\frac{1}{2\\sigma_t^2}\\|\\tilde\\mu_t-\\mu_\\theta\\|^2 + "
        "\\text{const}$. Written with the noise it is $w_t\\|\\varepsilon-\\hat\\varepsilon_\\theta\\|^2 + "
        "\\text{const}$. What is $w_t$, the part that $L_{\\text{simple}}$ drops? Use `sigma`, `alpha`, "
        "`abar`, `beta`.",
        answer="beta^2/(2*sigma^2*alpha*(1-abar))",
        given=("sigma", *SCHEDULE),
        also=[
            "(1-α_t)²/(2σ_t² α_t (1-ᾱ_t))",
            "1/(2 sigma^2) * ((1-alpha)/(sqrt(alpha) sqrt(1-abar)))^2",
            r"\frac{\beta_t^2}{2\sigma_t^2\alpha_t(1-\bar\alpha_t)}",
        ],
        hints=[
            "Write both means with $x_t$ and their noise; $x_t$ cancels.",
            "What stands before ε in μ? Square it.",
            "The factor is $\\beta_t/(\\sqrt{\\alpha_t}\\sqrt{1-\\bar\\alpha_t})$.",
        ],
        mistakes=[
            Mistake(
                "printed weight",
                "1 − ᾱ_t is squared once too often: in the mean it stands under a root. So it is in "
                "print, without 1/(2σ_t²), and there it puts 81 % of the whole weight on t ≤ 10.",
                "beta^2/(2*sigma^2*alpha*(1-abar)^2)",
            ),
            Mistake(
                "not squared",
                "The factor of ε in the mean was not squared; the loss is a squared distance.",
                "beta/(2*sigma^2*sqrt(alpha)*sqrt(1-abar))",
            ),
            Mistake(
                "no variance",
                "1/(2σ_t²) is missing. It is no constant: over t it runs from 5000 down to 25.",
                "beta^2/(alpha*(1-abar))",
            ),
            Mistake(
                "no half", "The ½ of the Gaussian's exponent is missing.", "beta^2/(sigma^2*alpha*(1-abar))"
            ),
            Mistake(
                "bar lost",
                "1 − α_t stands where 1 − ᾱ_t belongs; then one β_t would simply cancel.",
                "beta^2/(2*sigma^2*alpha*(1-alpha))",
            ),
            Mistake(
                "sigma not squared",
                "σ_t stands where the variance σ_t² belongs.",
                "beta^2/(2*sigma*alpha*(1-abar))",
            ),
        ],
        worked="$w_t = \\frac{\\beta_t^2}{2\\sigma_t^2\\,\\alpha_t(1-\\bar\\alpha_t)}$. "
        "$L_{\\text{simple}} = "
        "\\mathbb E_{t,x_0,\\varepsilon}\\|\\varepsilon-\\hat\\varepsilon_\\theta(x_t,t)\\|^2$ sets it to "
        "1: another weighting of the same terms, not the bound. Its $t=1$ stands in for $L_0$.",
        right="Right. Setting it to 1 is a choice, and lesson 04 shows what it buys.",
    ),
    Function(
        id="04.6",
        title="From noise to picture",
        prompt="Write `x0(out, xt, s, t)`: the estimate of $x_0$ if `out` is the network's estimate of the "
        "noise. `s` and `t` are the levels of $t-1$ and $t$; you need only one.",
        reference=Eps().x0,
        cases=steps("out xt", (0.5, 1.0)),
        also=[_eps_split, _eps_abar, _eps_ratio],
        hints=[
            "It is 04.2 in code.",
            "`t.noise` is $\\sqrt{1-\\bar\\alpha_t}$ and `t.signal` is $\\sqrt{\\bar\\alpha_t}$.",
        ],
        mistakes=[
            Mistake("plus", "The noise is added where it is to be taken away.", _eps_plus),
            Mistake(
                "not rescaled",
                "The noise is gone, but the picture is still shrunk by t.signal.",
                _eps_no_division,
            ),
            Mistake("times", "You multiplied by t.signal; the shrink is to be undone.", _eps_times),
            Mistake(
                "variance",
                "You took t.noise squared. It is the standard deviation already, as it stands in x_t.",
                _eps_variance,
            ),
            Mistake(
                "index off by one",
                "That is the level s of t − 1; the noise in x_t is at level t.",
                _eps_before,
            ),
            Mistake("no factors", "x_t − ε has neither factor: x_t holds only a share of each.", _eps_plain),
        ],
        worked="The library has it as a method, beside those for the other outputs:",
        right="Right. In the library it is Eps().x0.",
    ),
    Function(
        id="04.7",
        title="From score to picture",
        prompt="Write `x0(out, xt, s, t)` if `out` is the score, $\\nabla_{x_t}\\log q(x_t)$, estimated by "
        "$-\\varepsilon/\\sqrt{1-\\bar\\alpha_t}$.",
        reference=Score().x0,
        cases=steps("out xt", (0.5, 1.0)),
        also=[_score_split, _score_eps, _score_abar],
        hints=["First write the noise with the score.", "ε̂ = −t.noise · out. Then it is 04.6."],
        mistakes=[
            Mistake(
                "minus", "The sign: the score points *towards* the data, against the noise.", _score_minus
            ),
            Mistake(
                "one factor", "The score is −ε/t.noise, so a second factor t.noise is needed.", _eps_plus
            ),
            Mistake(
                "score as noise",
                "You treated the score as if it were the noise: the sign and a factor are missing.",
                Eps().x0,
            ),
            Mistake(
                "not rescaled",
                "The noise is gone, but the picture is still shrunk by t.signal.",
                _score_no_division,
            ),
        ],
        worked="This is Tweedie's formula:",
        right="Right. This is Tweedie's formula.",
    ),
    Number(
        id="04.8",
        title="How an error grows",
        prompt="At $t=500$ of linear(1000), $\\bar\\alpha_t = 0.078587$. A network is off by 1 in "
        "$\\hat\\varepsilon$. By how much is $\\hat x_0$ off?",
        answer=3.4241,
        also=["sqrt((1-0.078587)/0.078587)", "√(0.921413/0.078587)", "0.9599/0.28033"],
        hints=[
            "Look at 04.2: which factor has ε there?",
            "$\\sqrt{1-\\bar\\alpha_t}/\\sqrt{\\bar\\alpha_t}$.",
        ],
        mistakes=[
            Mistake(
                "upside down",
                "0.292 is the other way round: the error in ε̂ for an error of 1 in x̂_0.",
                0.29204,
            ),
            Mistake("squared", "11.72 is the ratio of the squared errors, 1/SNR(500).", 11.7247),
            Mistake("snr", "0.0853 is SNR(500). The errors go with the root of its reciprocal.", 0.085290),
            Mistake(
                "not rescaled",
                "0.960 is the error in x_t's scale; dividing by 0.280 is still to come.",
                0.95990,
            ),
            Mistake("bars lost", "0.1007 comes from α_500 = 0.98996 instead of ᾱ_500 = 0.078587.", 0.10071),
        ],
        worked="$\\sqrt{(1-\\bar\\alpha_t)/\\bar\\alpha_t} = \\sqrt{0.921413/0.078587} = 3.424$. At "
        "$t=1000$ it is 157, at $t=1$ only 0.01.",
        right="Right. At t = 1000 it is 157: there x̂_0 is a wild guess.",
    ),
    Symbolic(
        id="04.9",
        title="The mean, from the noise",
        prompt="Put $x_0 = (x_t-\\sqrt{1-\\bar\\alpha_t}\\,\\varepsilon)/\\sqrt{\\bar\\alpha_t}$ into "
        "$\\tilde\\mu_t(x_t,x_0)$ and simplify: the mean of the step back, with `x_t` and `eps`.",
        answer="(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)",
        given=("x_t", "eps", *SCHEDULE),
        also=[
            "1/√α_t (x_t − β_t/√(1−ᾱ_t) ε_θ(x_t, t))",
            "(sqrt(alpha)*(1-abar_prev)*x_t + "
            "sqrt(abar_prev)*beta*(x_t-sqrt(1-abar)*eps)/sqrt(abar))/(1-abar)",
            r"\frac{1}{\sqrt{\alpha_t}}\left(x_t-\frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\epsilon\right)",
        ],
        hints=[
            "Collect the terms with $x_t$ first; $\\bar\\alpha_t = \\alpha_t\\bar\\alpha_{t-1}$ lets the "
            "denominator cancel.",
            "The factor of $x_t$ comes out as $1/\\sqrt{\\alpha_t}$.",
        ],
        mistakes=[
            Mistake(
                "barred prefactor",
                "The prefactor is 1/√ᾱ_t where 1/√α_t belongs. One step back undoes one step's shrink, not "
                "all t of them.",
                "(x_t - (1-alpha)/sqrt(1-abar)*eps)/sqrt(abar)",
            ),
            Mistake(
                "bar lost inside",
                "Inside, √(1 − α_t) stands where √(1 − ᾱ_t) belongs: far too much noise is taken away in "
                "each step. The samples keep their mean and lose their spread.",
                "(x_t - (1-alpha)/sqrt(1-alpha)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "plus",
                "The noise is added; it is to be taken away.",
                "(x_t + (1-alpha)/sqrt(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "whole noise",
                "You took away all the noise in x_t. A step takes away only the share β_t/√(1 − ᾱ_t).",
                "(x_t - sqrt(1-abar)*eps)/sqrt(alpha)",
            ),
            Mistake(
                "x_0", "That is x̂_0, the whole way back in one leap.", "(x_t - sqrt(1-abar)*eps)/sqrt(abar)"
            ),
            Mistake(
                "lost root", "1 − ᾱ_t stands without its root.", "(x_t - (1-alpha)/(1-abar)*eps)/sqrt(alpha)"
            ),
            Mistake(
                "not rescaled",
                "The prefactor 1/√α_t is missing: the step's shrink is not undone.",
                "x_t - (1-alpha)/sqrt(1-abar)*eps",
            ),
        ],
        worked="$\\mu = \\frac1{\\sqrt{\\alpha_t}}\\Big(x_t-\\frac{\\beta_t} "
        "{\\sqrt{1-\\bar\\alpha_t}}\\,\\varepsilon\\Big)$. The factor of $x_t$ is "
        "$[\\alpha_t(1-\\bar\\alpha_{t-1})+\\beta_t]/(\\sqrt{\\alpha_t}(1-\\bar\\alpha_t))$, and its "
        "bracket is just $1-\\bar\\alpha_t$.",
        right="Right: no bar in front, a bar inside.",
    ),
    Symbolic(
        id="04.10",
        title="The noise from the picture",
        prompt="The other way: a network has given $\\hat x_0$. Which noise does it claim is in $x_t$? Use "
        "`x_t` and `x_0`.",
        answer="(x_t - sqrt(abar)*x_0)/sqrt(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "(x_t − √ᾱ_t x_0)/√(1−ᾱ_t)",
            "x_t/sqrt(1-abar) - x_0*sqrt(abar/(1-abar))",
            r"\frac{x_t-\sqrt{\bar\alpha_t}\hat{x}_0}{\sqrt{1-\bar\alpha_t}}",
        ],
        hints=["Solve the closed form of $x_t$ for ε."],
        mistakes=[
            Mistake(
                "no bars",
                "The bars are lost: that is the noise of one step that started at x_0.",
                "(x_t - sqrt(alpha)*x_0)/sqrt(1-alpha)",
            ),
            Mistake(
                "difference", "x_t − x_0 is not the noise: x_0 was shrunk, and the noise scaled.", "x_t - x_0"
            ),
            Mistake(
                "not rescaled",
                "That is the noise as it stands in x_t, still multiplied by √(1 − ᾱ_t).",
                "x_t - sqrt(abar)*x_0",
            ),
            Mistake("lost root", "1 − ᾱ_t stands without its root.", "(x_t - sqrt(abar)*x_0)/(1-abar)"),
            Mistake("x_0 not shrunk", "x_0 wants its factor √ᾱ_t.", "(x_t - x_0)/sqrt(1-abar)"),
        ],
        worked="$\\varepsilon = (x_t-\\sqrt{\\bar\\alpha_t}\\,x_0)/\\sqrt{1-\\bar\\alpha_t}$. DDIM uses it "
        "at every step.",
        right="Right. DDIM uses it at every step.",
    ),
]
