"""The forward process: the kernel, the closed form, schedules."""

from torch import Tensor

from ...process import q_sample
from ...schedule import Level
from ..check import SCHEDULE, Case, Choice, Function, Mistake, Number, Symbolic
from .inputs import SCHEDULE as LINEAR
from .inputs import draw, levels, one


def _swapped_terms(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return eps * t.noise + x0 * t.signal


def _from_abar(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    abar = t.signal**2
    return abar**0.5 * x0 + (1 - abar) ** 0.5 * eps


def _unpacked(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    signal, noise = t
    xt = signal * x0
    return xt.add(noise * eps)


def _no_roots(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return t.signal**2 * x0 + t.noise**2 * eps


def _variance(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return t.signal * x0 + t.noise**2 * eps


def _changed_places(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return t.noise * x0 + t.signal * eps


def _only_adding(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return x0 + t.noise * eps


def _one_minus(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return t.signal * x0 + (1 - t.signal) * eps


def _minus(x0: Tensor, eps: Tensor, t: Level) -> Tensor:
    return t.signal * x0 - t.noise * eps


EXERCISES = [
    Number(
        id="02.1",
        title="How much a step shrinks",
        prompt="A step has $\\beta_t = 0.19$. By which factor does it multiply $x_{t-1}$?",
        answer=0.9,
        also=["sqrt(0.81)", "sqrt(1 - 0.19)", "√(1−0.19)"],
        hints=[
            "The step is $x_t = \\sqrt{1-\\beta_t}\\,x_{t-1} + \\sqrt{\\beta_t}\\,\\varepsilon_t$.",
            "Take $1 - 0.19$ first. You are not done yet.",
        ],
        mistakes=[
            Mistake(
                "no root",
                "0.81 is 1 − β, the share of the *variance* that stays. The picture itself is multiplied by "
                "the root: two such steps leave 0.81 of it, t = 2.",
                0.81,
            ),
            Mistake(
                "no shrink",
                "A factor of 1 would only add noise. Then the variance grows without end: from 1 to 1.38 "
                "after two such steps, where it should stay 1.",
                1.0,
            ),
            Mistake(
                "noise factor",
                "0.4359 = √0.19 is what multiplies the noise. Check: 0.81 + 0.19 = 1 at every t, also at t "
                "= 2.",
                0.19**0.5,
            ),
            Mistake(
                "beta",
                "0.19 is β itself, the variance of the new noise. With it as factor, x_2 would keep 3.6 % "
                "of x_0.",
                0.19,
            ),
        ],
        worked="$\\sqrt{1-0.19} = \\sqrt{0.81} = 0.9$. With this factor a variance of 1 stays 1: "
        "$0.81\\cdot1 + 0.19 = 1$.",
        right="Right: √0.81. The variance stays 1, for 0.81 + 0.19 = 1.",
    ),
    Number(
        id="02.2",
        title="The variance of $x_t$",
        prompt="The data have variance $\\tfrac14$, and $\\bar\\alpha_t = \\tfrac12$. What is the variance "
        "of $x_t$?",
        answer=0.625,
        also=["5/8", "0.5/4 + 0.5"],
        hints=[
            "$x_t$ is a sum of two independent parts. What is the variance of each?",
            "The picture's part is multiplied by $\\sqrt{\\bar\\alpha_t}$, so its variance by "
            "$\\bar\\alpha_t$.",
        ],
        mistakes=[
            Mistake(
                "only the picture",
                "0.125 is the picture's part. The noise brings a variance of its own: 1 − 0.5 = 0.5.",
                0.125,
            ),
            Mistake(
                "only the noise", "0.5 is the noise's part. The picture still brings 0.5 · 0.25 = 0.125.", 0.5
            ),
            Mistake(
                "no shrink",
                "0.75 = 0.25 + 0.5: the picture's part was not shrunk. At ᾱ_t = 0.5 half of its variance is "
                "gone.",
                0.75,
            ),
            Mistake(
                "unit data",
                "The variance is 1 only if the data have variance 1. Here they have 0.25 to begin with; at "
                "ᾱ_t = 0.5 the chain is still on its way to 1.",
                1.0,
            ),
            Mistake(
                "squared share",
                "0.5625 = 0.5² · 0.25 + 0.5. The factor of x_0 is √ᾱ_t; squared, it is ᾱ_t and not ᾱ_t².",
                0.5625,
            ),
            Mistake(
                "squared noise",
                "0.375 = 0.5 · 0.25 + 0.5². The noise's factor is √(1 − ᾱ_t); its variance is 0.5, not 0.25.",
                0.375,
            ),
        ],
        worked="$\\operatorname{Var}(x_t) = \\bar\\alpha_t\\operatorname{Var}(x_0) + 1-\\bar\\alpha_t = "
        "\\tfrac12\\cdot\\tfrac14+\\tfrac12 = 0.625$. It is on its way from $\\tfrac14$ to 1.",
        right="Right: 0.125 of the picture and 0.5 of the noise.",
    ),
    Symbolic(
        id="02.3",
        title="All steps at once",
        prompt="Write $x_t$ with $x_0$ and one noise $\\varepsilon\\sim\\mathcal N(0,I)$, without a loop. "
        "You may use `abar` ($\\bar\\alpha_t$), `alpha`, `beta`, `abar_prev`, `x_0` and `eps`.",
        answer="sqrt(abar)*x_0 + sqrt(1-abar)*eps",
        given=("x_0", "eps", *SCHEDULE),
        also=[
            "√ᾱ_t x_0 + √(1−ᾱ_t) ε",
            r"\sqrt{\bar\alpha_t} x_0 + \sqrt{1-\bar{\alpha}_t}\epsilon",
            "abar**0.5*x0 + (1 - alpha*abar_prev)**0.5*eps",
        ],
        hints=[
            "Put the step for $x_1$ into the step for $x_2$. Two independent noises are as good as one.",
            "The factors of $x_0$ multiply: $\\sqrt{\\alpha_1\\alpha_2\\cdots\\alpha_t}$.",
            "With data of variance 1 the variance of $x_t$ is 1. So what is left for the noise?",
        ],
        mistakes=[
            Mistake(
                "one bar lost",
                "The picture's factor lost its bar: √α_t is one step's, and here all t steps count. The "
                "variance of x_t would not be 1.",
                "sqrt(alpha)*x_0 + sqrt(1-abar)*eps",
            ),
            Mistake(
                "both bars lost",
                "That is one step of the chain, with x_0 in the place of x_{t−1}. It holds at t = 1 only.",
                "sqrt(alpha)*x_0 + sqrt(1-alpha)*eps",
            ),
            Mistake(
                "noise bar lost",
                "The noise's factor lost its bar: √(1 − α_t) is what the last step adds, and all earlier "
                "noise is still there.",
                "sqrt(abar)*x_0 + sqrt(1-alpha)*eps",
            ),
            Mistake(
                "lost root",
                "1 − ᾱ_t is a variance; the noise is scaled by a standard deviation. The harm is early in "
                "the chain.",
                "sqrt(abar)*x_0 + (1-abar)*eps",
            ),
            Mistake(
                "no roots",
                "Both roots are missing: ᾱ_t and 1 − ᾱ_t are variances.",
                "abar*x_0 + (1-abar)*eps",
            ),
            Mistake(
                "only adding",
                "The picture isn't shrunk. The steps multiply it as well as adding to it.",
                "x_0 + sqrt(1-abar)*eps",
            ),
            Mistake(
                "changed places", "The two factors have changed places.", "sqrt(1-abar)*x_0 + sqrt(abar)*eps"
            ),
            Mistake(
                "one minus root",
                "1 − √ᾱ_t is not √(1 − ᾱ_t). Not the factors add up to 1, but their squares.",
                "sqrt(abar)*x_0 + (1-sqrt(abar))*eps",
            ),
        ],
        worked="$x_t = \\sqrt{\\bar\\alpha_t}\\,x_0 + \\sqrt{1-\\bar\\alpha_t}\\,\\varepsilon$. The factors "
        "of $x_0$ multiply; the variances of the noises add up to what is missing to 1.",
        right="Right: this line replaces t steps.",
    ),
    Function(
        id="02.4",
        title="`q_sample`",
        prompt="Write `q_sample(x0, eps, t)`: the state $x_t$ of a batch. `x0` and `eps` have shape $(B, "
        "\\dots)$, `t` is a level with `t.signal` $= \\sqrt{\\bar\\alpha_t}$ and `t.noise` $= "
        "\\sqrt{1-\\bar\\alpha_t}$, already shaped for the batch.",
        reference=q_sample,
        cases=[
            Case("t = 500 of linear(1000), x0 = 1, eps = 0.5", (one(1), one(0.5), LINEAR.level(500))),
            Case("t = 10 of linear(1000), x0 = 1, eps = 0.5", (one(1), one(0.5), LINEAR.level(10))),
            Case(
                "a batch of three at t = 2, 100, 1000 (seeded)",
                (draw(1, 3, 2), draw(2, 3, 2), levels(2, 100, 1000)),
            ),
        ],
        also=[_swapped_terms, _from_abar, _unpacked],
        hints=[
            "It is one line of arithmetic; there is no loop over t.",
            "The level holds the roots already.",
        ],
        mistakes=[
            Mistake(
                "no roots",
                "You squared the level: it holds the roots √ᾱ_t and √(1 − ᾱ_t) already.",
                _no_roots,
            ),
            Mistake(
                "variance",
                "The noise is multiplied by its variance. t.noise is the standard deviation already; no "
                "square.",
                _variance,
            ),
            Mistake("changed places", "Signal and noise have changed places.", _changed_places),
            Mistake("only adding", "The picture isn't shrunk: x0 wants its factor t.signal.", _only_adding),
            Mistake(
                "one minus signal",
                "1 − t.signal is not the noise's factor. The squares add up to 1, not the factors.",
                _one_minus,
            ),
            Mistake(
                "minus",
                "The noise is subtracted. Its law would be the same, but the network is asked for *this* ε, "
                "with its sign.",
                _minus,
            ),
        ],
        worked="One line, for every shape and every t:",
        right="Right. From here on, import it: from ddpm_core import q_sample.",
    ),
    Number(
        id="02.5",
        title="A chain of twenty steps",
        prompt="You want $T = 20$ steps, all with the same $\\beta$, that end as quiet as linear(1000): "
        "$\\bar\\alpha_{20} = 4\\cdot10^{-5}$. Which $\\beta$ does it take?",
        answer=1 - 4e-5 ** (1 / 20),
        also=["1 - 0.00004^(1/20)", "1 - (4e-5)**0.05", 0.3973],
        hints=[
            "$\\bar\\alpha_{20}$ is a product of 20 equal factors.",
            "$(1-\\beta)^{20} = 4\\cdot10^{-5}$.",
        ],
        mistakes=[
            Mistake(
                "alpha",
                "0.6027 is α, the share that stays. β is the rest. With β = 0.6027, ᾱ_2 is 0.158.",
                4e-5**0.05,
            ),
            Mistake(
                "sum",
                "You shared the loss out evenly, as if the β added up. The factors 1 − β multiply: with "
                "this β, ᾱ_20 is still 0.358.",
                (1 - 4e-5) / 20,
            ),
            Mistake(
                "squared",
                "You took √ᾱ_t = (1 − β)^20. The *square* of the picture's factor is ᾱ_t; with this β it is "
                "1.6e-9.",
                1 - 4e-5 ** (1 / 10),
            ),
            Mistake(
                "root",
                "You took ᾱ_t = (1 − β)^40. One factor a step is enough; with this β, ᾱ_20 is 0.0063.",
                1 - 4e-5 ** (1 / 40),
            ),
        ],
        worked="$(1-\\beta)^{20} = 4\\cdot10^{-5}$, so $\\beta = 1-(4\\cdot10^{-5})^{1/20} \\approx "
        "0.3973$: twenty times the largest step of linear(1000).",
        right="Right. Steps that large have a price, which lesson 05 will show.",
    ),
    Choice(
        id="02.6",
        title="What is left at the end",
        prompt="What decides how much of the picture is left in $x_T$?",
        options={
            "a": "The number of steps T: after many steps the state is pure noise.",
            "b": "The last step's β_T.",
            "c": "The product of all 1 − β_t, that is ᾱ_T.",
            "d": "The sum of all β_t, which must reach 1.",
        },
        answer="c",
        why={
            "a": "Not the number alone. With the betas of linear, from 0.0001 to 0.02, T = 100 leaves 60 % "
            "of the picture's amplitude. And 1000 steps with β = 0.000001 leave 99.95 % of it.",
            "b": "The last step is only one of many. linear(10) and linear(1000) both end at β_T = 0.02; "
            "they leave ᾱ_T = 0.904 and 0.00004.",
            "d": "The sum is near it while the β are small, but steps multiply. Two steps with β = 0.5 have "
            "sum 1 and leave ᾱ_2 = 0.25.",
        },
        hints=["Write x_T with x_0: which factor does x_0 have?"],
        worked="**c**: $x_0$ enters $x_T$ with the factor $\\sqrt{\\bar\\alpha_T}$, and $\\bar\\alpha_T = "
        "\\prod_t (1-\\beta_t)$. The number of steps matters only through this product.",
        right="Right: ᾱ_T, and nothing else.",
    ),
    Choice(
        id="02.7",
        title="Spot the fault: only adding",
        prompt="A text says: “each step adds a little noise, $x_t = x_{t-1} + "
        "\\sqrt{\\beta_t}\\,\\varepsilon_t$”. What goes wrong with linear(1000)?",
        options={
            "a": "Nothing: the noise wins in the end.",
            "b": "The mean never fades, and the variance grows by $\\sum_t\\beta_t \\approx 10$ "
            "instead of settling at 1.",
            "c": "The state becomes deterministic.",
            "d": "The states shrink to 0.",
        },
        answer="b",
        why={
            "a": "It wins, but never wholly: the mean of x_T is still x_0. At x_0 = 1 it is 1, where N(0, "
            "I) has 0, and the standard deviation is about 3.2. Sampling would start from the wrong law.",
            "c": "Fresh noise comes in at every step: after t = 2 its variance is β_1 + β_2 = 0.00022 and "
            "rising.",
            "d": "Nothing shrinks here; that is the fault. After t = 1000 the variance has grown by 10.05.",
        },
        hints=["What is the mean of $x_t$, if $x_0 = 1$? What is its variance?"],
        worked="**b**. Without $\\sqrt{1-\\beta_t}$ the mean stays $x_0$ and the variance is "
        "$\\operatorname{Var}(x_0)+\\sum_t\\beta_t$. With it the chain forgets where it began and settles "
        "at 1.",
        right="Right: shrink and add, or the chain never settles.",
    ),
    Number(
        id="02.8",
        title="Spot the fault: a bar lost",
        prompt="In print one finds $x_t = \\sqrt{\\alpha_t}\\,x_0+\\sqrt{1-\\bar\\alpha_t}\\,\\varepsilon$. "
        "At $t = 500$ of linear(1000), $\\alpha_t = 0.98996$ and $\\bar\\alpha_t = 0.078587$. With data of "
        "variance 1, what is the variance of this $x_t$?",
        answer=1.911373,
        also=["0.98996 + 1 - 0.078587", "0.98996 + 0.921413", 1.9114],
        hints=[
            "Square each factor, then add.",
            "The square of $\\sqrt{\\alpha_t}$ is $\\alpha_t = 0.98996$.",
        ],
        mistakes=[
            Mistake(
                "as it should be",
                "1 is what it should be, with ᾱ_t under both roots. Here one bar is lost, and at t = 500 "
                "the picture keeps 0.98996 of its variance instead of 0.0786.",
                1.0,
            ),
            Mistake(
                "picture only", "0.98996 is the picture's part. The noise still brings 1 − 0.078587.", 0.98996
            ),
            Mistake(
                "noise only", "0.921413 is the noise's part. The picture still brings 0.98996.", 0.921413
            ),
            Mistake(
                "factors added",
                "You added the factors, 0.995 + 0.960. Variances add: square the factors first.",
                0.98996**0.5 + 0.921413**0.5,
            ),
        ],
        worked="$\\alpha_t + 1-\\bar\\alpha_t = 0.98996+0.92141 = 1.91137$. The picture is hardly touched "
        "at $t=500$, and a network trained on such states never sees the ones it meets when sampling.",
        right="Right: almost twice too much, for the picture is still there.",
    ),
    Symbolic(
        id="02.9",
        title="Many steps in one",
        prompt="For $s < t$ the kernel of the whole jump is $q(x_t\\mid x_s)$, a Gaussian. What is its "
        "variance? Use `abar` ($\\bar\\alpha_t$) and `abar_s` ($\\bar\\alpha_s$).",
        answer="1 - abar/abar_s",
        given=("abar", "abar_s"),
        also=["(ᾱ_s - ᾱ_t)/ᾱ_s", "1 - ᾱ_t/ᾱₛ", "(1-abar) - (abar/abar_s)*(1-abar_s)"],
        hints=[
            "It is the closed form once more, with $x_s$ in the place of $x_0$.",
            "Which product of $\\alpha$s belongs to the steps $s+1, \\dots, t$?",
        ],
        mistakes=[
            Mistake(
                "from the start", "1 − ᾱ_t is the noise since x_0. Here the jump begins at x_s.", "1 - abar"
            ),
            Mistake(
                "difference",
                "ᾱ_s − ᾱ_t compares shares of x_0. Of x_s, the jump keeps the share ᾱ_t/ᾱ_s.",
                "abar_s - abar",
            ),
            Mistake("upside down", "ᾱ_s/ᾱ_t is larger than 1, so this is negative.", "1 - abar_s/abar"),
            Mistake(
                "deviation", "That is the standard deviation; the variance is asked.", "sqrt(1 - abar/abar_s)"
            ),
            Mistake(
                "share",
                "That is the share of x_s's variance that stays, not the noise that comes.",
                "abar/abar_s",
            ),
        ],
        worked="The steps $s+1,\\dots,t$ have the product $\\bar\\alpha_t/\\bar\\alpha_s$, so the variance "
        "is $1-\\bar\\alpha_t/\\bar\\alpha_s$. For $s=0$ it is $1-\\bar\\alpha_t$, for $s=t-1$ it is "
        "$\\beta_t$.",
        right="Right. At s = t − 1 it is β_t, at s = 0 it is 1 − ᾱ_t.",
    ),
    Symbolic(
        id="02.10",
        title="The signal-to-noise ratio",
        prompt="Write the signal-to-noise ratio of $x_t$, for data of variance 1: the variance of the "
        "picture's part over that of the noise. Use `abar`.",
        answer="abar/(1-abar)",
        given=("abar", "alpha", "abar_prev", "beta"),
        also=["1/(1/ᾱ - 1)", r"\frac{\bar\alpha_t}{1-\bar\alpha_t}", "-1 + 1/(1-abar)"],
        hints=["A ratio of variances, not of factors."],
        mistakes=[
            Mistake(
                "amplitudes",
                "That is a ratio of amplitudes. The SNR compares variances.",
                "sqrt(abar/(1-abar))",
            ),
            Mistake("upside down", "It stands upside down: noise over signal.", "(1-abar)/abar"),
            Mistake(
                "bars lost", "The bars are lost: all t steps count, not just the last.", "alpha/(1-alpha)"
            ),
            Mistake("noise over one", "That is the reciprocal of the noise's variance alone.", "1/(1-abar)"),
        ],
        worked="$\\mathrm{SNR}(t) = \\bar\\alpha_t/(1-\\bar\\alpha_t)$. It falls from infinity at $t = 0$ "
        "to 0.00004 at the end of linear(1000).",
        right="Right. It is the one number by which schedules are compared.",
    ),
]
