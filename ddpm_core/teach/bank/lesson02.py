"""The forward process: the kernel, the closed form, schedules."""

import math

from torch import Tensor

from ...process import between, q_sample
from ...schedule import Level, linear
from ..judge import SCHEDULE, Case, Choice, Function, Mistake, Number, Prose, Symbolic
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


def _jump_abar(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    stays = t.signal**2 / s.signal**2
    return stays**0.5, 1 - stays


def _jump_noise(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = t.signal / s.signal
    return scale, t.noise**2 - (scale * s.noise) ** 2


def _jump_list(s: Level, t: Level) -> list[Tensor | float]:
    return [t.signal / s.signal, (s.signal**2 - t.signal**2) / s.signal**2]


def _jump_no_root(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    stays = t.signal**2 / s.signal**2
    return stays, 1 - stays


def _jump_from_start(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    return t.signal / s.signal, t.noise**2


def _jump_whole_shrink(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    return t.signal, 1 - t.signal**2 / s.signal**2


def _jump_all_from_start(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    return t.signal, t.noise**2


def _jump_difference(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    return t.signal / s.signal, t.noise**2 - s.noise**2


def _jump_deviation(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = t.signal / s.signal
    return scale, (1 - scale**2) ** 0.5


def _jump_linear(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = t.signal / s.signal
    return scale, 1 - scale


def _jump_backwards(s: Level, t: Level) -> tuple[Tensor | float, Tensor | float]:
    scale = s.signal / t.signal
    return scale, 1 - scale**2


ALPHA, ABAR = LINEAR.alphas[500].item(), LINEAR.abar[500].item()
HALF = (-1 + (1 + 4 * 0.99) ** 0.5) / (2 * 0.99)  # where sqrt(abar) = 0.01 abar + 1 - abar
SNR = float(f"{LINEAR.snr[1000]:.3e}")  # as 02.15 gives it

NUMBERS = {
    "unshrunk": 1 + 2 * 0.19,
    "twice": 0.19**2,
    "after_alpha": (1 - 4e-5**0.05) ** 2,
    "after_sum": (1 - (1 - 4e-5) / 20) ** 20,
    "after_squared": 4e-5**2,
    "after_root": 4e-5**0.5,
    "left_of_100": linear(100).level(100).signal,
    "left_of_small": (1 - 1e-6) ** 500,
    "abar_of_10": linear(10).abar[10],
    "abar_of_100": linear(100).abar[100],
    "two_betas": LINEAR.betas[:3].sum(),
    "all_betas": LINEAR.betas.sum(),
    "widened": LINEAR.betas.sum() ** 0.5,
    "point_hills": 0.01 * 0.5 + 1 - 0.5,
    "whole_distance": (1 - 0.99 / 4.99) ** 0.5,
    "half_distance": HALF,
    "their_deviation": (1 - 0.99 * HALF**2) ** 0.5,
    "as_they_were": (1 - 0.99 * 0.01) ** 0.5,
    "meeting": (LINEAR.abar > 1 / 1.99).sum(),
    "snr": SNR,
    "bits_100": 0.5 * math.log2(1 + 0.25 * LINEAR.snr[100]),
    "bits_500": 0.5 * math.log2(1 + 0.25 * LINEAR.snr[500]),
    "pull": 0.5 / (1 - linear(100).abar[100]),
    "endless": -0.5 * math.log(1 - 0.999),
}

EXERCISES = [
    Number(
        id="02.1",
        title="How much a step shrinks",
        prompt=r"A step has $\beta_t = 0.19$. By which factor does it multiply $x_{t-1}$?",
        answer=0.9,
        also=["sqrt(0.81)", "sqrt(1 - 0.19)", "√(1−0.19)"],
        hints=[
            r"The step is $x_t = \sqrt{1-\beta_t}\,x_{t-1} + \sqrt{\beta_t}\,\varepsilon_t$.",
            "Take $1 - 0.19$ first. You are not done yet.",
        ],
        mistakes=[
            Mistake(
                "no root",
                r"⟨example⟩ is 1 − $\beta$, the share of the *variance* that stays. The picture itself is "
                r"multiplied by the root: only two such steps leave ⟨example⟩ of it.",
                0.81,
            ),
            Mistake(
                "no shrink",
                "A factor of 1 would only add noise. Then the variance grows without end: from 1 to "
                "⟨unshrunk⟩ after two such steps, where it should stay 1.",
                1.0,
            ),
            Mistake(
                "noise factor",
                "⟨example:.4f⟩ = √0.19 is what multiplies the noise. The picture has the other share of the "
                "variance: 0.81 + 0.19 = 1.",
                0.19**0.5,
            ),
            Mistake(
                "beta",
                r"⟨example⟩ is $\beta$ itself, the variance of the new noise. With it as factor, $x_2$ "
                r"would keep ⟨twice:.1%⟩ of $x_0$.",
                0.19,
            ),
        ],
        worked=r"$\sqrt{1-0.19} = \sqrt{0.81} = ⟨answer⟩$. With this factor a variance of 1 stays 1: "
        r"$0.81\cdot1 + 0.19 = 1$.",
        right="Right: √0.81. The variance stays 1, for 0.81 + 0.19 = 1.",
    ),
    Number(
        id="02.2",
        title="The variance of $x_t$",
        prompt=r"The data have variance $\tfrac14$, and $\bar\alpha_t = \tfrac12$. What is the variance of "
        r"$x_t$?",
        answer=0.625,
        also=["5/8", "0.5/4 + 0.5"],
        hints=[
            "$x_t$ is a sum of two independent parts. What is the variance of each?",
            r"The picture's part is multiplied by $\sqrt{\bar\alpha_t}$, so its variance by $\bar\alpha_t$.",
        ],
        mistakes=[
            Mistake(
                "only the picture",
                "⟨example⟩ is the picture's part. The noise brings a variance of its own: 1 − 0.5 = 0.5.",
                0.125,
            ),
            Mistake(
                "only the noise",
                "⟨example⟩ is the noise's part. The picture still brings 0.5 · 0.25 = 0.125.",
                0.5,
            ),
            Mistake(
                "no shrink",
                r"⟨example⟩ = 0.25 + 0.5: the picture's part was not shrunk. At $\bar\alpha_t$ = 0.5 half "
                r"of its variance is gone.",
                0.75,
            ),
            Mistake(
                "unit data",
                r"The variance is 1 only if the data have variance 1. Here they have 0.25 to begin with; at "
                r"$\bar\alpha_t$ = 0.5 the chain is still on its way to 1.",
                1.0,
            ),
            Mistake(
                "squared share",
                r"⟨example⟩ = 0.5² · 0.25 + 0.5. The factor of $x_0$ is $\sqrt{\bar\alpha_t}$; squared, it "
                r"is $\bar\alpha_t$ and not $\bar\alpha_t^2$.",
                0.5625,
            ),
            Mistake(
                "squared noise",
                r"⟨example⟩ = 0.5 · 0.25 + 0.5². The noise's factor is $\sqrt{1 - \bar\alpha_t}$; its "
                r"variance is 0.5, not 0.25.",
                0.375,
            ),
        ],
        worked=r"$\mathrm{Var}(x_t) = \bar\alpha_t\mathrm{Var}(x_0) + 1-\bar\alpha_t = "
        r"\tfrac12\cdot\tfrac14+\tfrac12 = ⟨answer⟩$. It is on its way from $\tfrac14$ to 1.",
        right="Right: 0.125 of the picture and 0.5 of the noise.",
    ),
    Symbolic(
        id="02.3",
        title="All steps at once",
        prompt=r"Write $x_t$ with $x_0$ and one noise $\varepsilon\sim\mathcal N(0,I)$, without a loop. You "
        r"may use `abar` ($\bar\alpha_t$), `alpha`, `beta`, `abar_prev`, `x_0` and `eps`.",
        answer="sqrt(abar)*x_0 + sqrt(1-abar)*eps",
        given=("x_0", "eps", *SCHEDULE),
        also=[
            "√ᾱ_t x_0 + √(1−ᾱ_t) ε",
            r"\sqrt{\bar\alpha_t} x_0 + \sqrt{1-\bar{\alpha}_t}\epsilon",
            "abar**0.5*x0 + (1 - alpha*abar_prev)**0.5*eps",
        ],
        hints=[
            "Put the step for $x_1$ into the step for $x_2$. Two independent noises are as good as one.",
            r"The factors of $x_0$ multiply: $\sqrt{\alpha_1\alpha_2\cdots\alpha_t}$.",
            "With data of variance 1 the variance of $x_t$ is 1. So what is left for the noise?",
        ],
        mistakes=[
            Mistake(
                "one bar lost",
                r"The picture's factor lost its bar: $\sqrt{\alpha_t}$ is one step's, and here all t steps "
                r"count. The variance of $x_t$ would not be 1.",
                "sqrt(alpha)*x_0 + sqrt(1-abar)*eps",
            ),
            Mistake(
                "both bars lost",
                "That is one step of the chain, with $x_0$ in the place of $x_{t-1}$. It holds at t = 1 "
                "only.",
                "sqrt(alpha)*x_0 + sqrt(1-alpha)*eps",
            ),
            Mistake(
                "noise bar lost",
                r"The noise's factor lost its bar: $\sqrt{1 - \alpha_t}$ is what the last step adds, and "
                r"all earlier noise is still there.",
                "sqrt(abar)*x_0 + sqrt(1-alpha)*eps",
            ),
            Mistake(
                "lost root",
                r"1 − $\bar\alpha_t$ is a variance; the noise is scaled by a standard deviation. The harm "
                r"is early in the chain.",
                "sqrt(abar)*x_0 + (1-abar)*eps",
            ),
            Mistake(
                "no roots",
                r"Both roots are missing: $\bar\alpha_t$ and 1 − $\bar\alpha_t$ are variances.",
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
                r"1 − $\sqrt{\bar\alpha_t}$ is not $\sqrt{1 - \bar\alpha_t}$. Not the factors add up to 1, "
                r"but their squares.",
                "sqrt(abar)*x_0 + (1-sqrt(abar))*eps",
            ),
        ],
        worked=r"$x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\varepsilon$. The factors of "
        r"$x_0$ multiply; the variances of the noises add up to what is missing to 1.",
        right="Right: this line replaces t steps.",
    ),
    Function(
        id="02.4",
        title="`q_sample`",
        prompt=r"Write `answer(x0, eps, t)`: the state $x_t$ of a batch. `x0` and `eps` have shape `(B, "
        r"...)`, `t` is a level with `t.signal` $= \sqrt{\bar\alpha_t}$ and `t.noise` $= "
        r"\sqrt{1-\bar\alpha_t}$: two numbers, or two tensors already shaped for the batch.",
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
                r"You squared the level: it holds the roots $\sqrt{\bar\alpha_t}$ and $\sqrt{1 - "
                r"\bar\alpha_t}$ already.",
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
                r"The noise is subtracted. Its law would be the same, but the network is asked for *this* "
                r"$\varepsilon$, with its sign.",
                _minus,
            ),
        ],
        worked="One line, for every shape and every t:",
        right="Right. From here on, import it: from ddpm_core import q_sample.",
    ),
    Number(
        id="02.5",
        title="A chain of twenty steps",
        prompt=r"You want $T = 20$ steps, all with the same $\beta$, that leave as little of the picture as "
        r"linear(1000): $\bar\alpha_{20} = 4\cdot10^{-5}$. Which $\beta$ does it take?",
        answer=1 - 4e-5 ** (1 / 20),
        also=["1 - 0.00004^(1/20)", "1 - (4e-5)**0.05", 0.3973],
        hints=[
            r"$\bar\alpha_{20}$ is a product of 20 equal factors.",
            r"$(1-\beta)^{20} = 4\cdot10^{-5}$.",
        ],
        mistakes=[
            Mistake(
                "alpha",
                r"⟨example:.4f⟩ is $\alpha$, the share that stays. $\beta$ is the rest. With $\beta$ = "
                r"⟨example:.4f⟩, $\bar\alpha_2$ is ⟨after_alpha:.3f⟩.",
                4e-5**0.05,
            ),
            Mistake(
                "sum",
                r"You shared the loss out evenly, as if the $\beta$ added up. The factors 1 − $\beta$ "
                r"multiply: with this $\beta$, $\bar\alpha_{20}$ is still ⟨after_sum:.3f⟩.",
                (1 - 4e-5) / 20,
            ),
            Mistake(
                "squared",
                r"You took 4·10⁻⁵ for $\sqrt{\bar\alpha_{20}}$, the picture's factor. It is "
                r"$\bar\alpha_{20}$ itself, the *square*; with this $\beta$, $\bar\alpha_{20}$ is "
                r"⟨after_squared:.1e⟩.",
                1 - 4e-5 ** (1 / 10),
            ),
            Mistake(
                "root",
                r"You took $\bar\alpha_t$ = $(1-\beta)^{40}$. One factor a step is enough; with this "
                r"$\beta$, $\bar\alpha_{20}$ is ⟨after_root:.4f⟩.",
                1 - 4e-5 ** (1 / 40),
            ),
        ],
        worked=r"$(1-\beta)^{20} = 4\cdot10^{-5}$, so $\beta = 1-(4\cdot10^{-5})^{1/20} \approx "
        r"⟨answer:.4f⟩$: twenty times the largest step of linear(1000).",
        right="Right. Steps that large have a price, which lesson 05 will show.",
    ),
    Choice(
        id="02.6",
        title="What is left at the end",
        prompt="What decides how much of the picture is left in $x_T$?",
        options={
            "a": "The number of steps T: after many steps the state is pure noise.",
            "b": r"The last step's $\beta_T$.",
            "c": r"The product of all 1 − $\beta_t$, that is $\bar\alpha_T$.",
            "d": r"The sum of all $\beta_t$, which must reach 1.",
        },
        answer="c",
        why={
            "a": r"Not the number alone. With the betas of linear, from 0.0001 to 0.02, T = 100 leaves "
            r"⟨left_of_100:.0%⟩ of the picture's amplitude. And 1000 steps with $\beta$ = 0.000001 leave "
            r"⟨left_of_small:.2%⟩ of it.",
            "b": r"The last step is only one of many. linear(10) and linear(1000) both end at $\beta_T$ = "
            r"0.02; they leave $\bar\alpha_T$ = ⟨abar_of_10:.3f⟩ and ⟨abar_1000:.5f⟩.",
            "d": r"The sum is near it while the $\beta$ are small, but steps multiply. Two steps with "
            r"$\beta$ = 0.5 have sum 1 and leave $\bar\alpha_2$ = 0.25.",
        },
        hints=["Write $x_T$ with $x_0$: which factor does $x_0$ have?"],
        worked=r"**c**: $x_0$ enters $x_T$ with the factor $\sqrt{\bar\alpha_T}$, and $\bar\alpha_T = "
        r"\prod_t (1-\beta_t)$. The number of steps matters only through this product.",
        right=r"Right: $\bar\alpha_T$, and nothing else.",
    ),
    Choice(
        id="02.7",
        title="Spot the fault: only adding",
        prompt=r"A text says: “each step adds a little noise, $x_t = x_{t-1} + "
        r"\sqrt{\beta_t}\,\varepsilon_t$”. What goes wrong with linear(1000)?",
        options={
            "a": r"The mean never fades, and the variance grows by $\sum_t\beta_t \approx ⟨all_betas:.0f⟩$ "
            r"instead of settling at 1.",
            "b": "Nothing: the noise wins in the end.",
            "c": "The state becomes deterministic.",
            "d": "The states shrink to 0.",
        },
        answer="a",
        why={
            "b": "It wins, but never wholly: the mean of $x_T$ is still $x_0$. At $x_0$ = 1 it is 1, where "
            "N(0, I) has 0, and the standard deviation is about ⟨widened:.1f⟩. Sampling would start from "
            "the wrong law.",
            "c": r"Fresh noise comes in at every step: after t = 2 its variance is $\beta_1$ + $\beta_2$ = "
            r"⟨two_betas:.5f⟩ and rising.",
            "d": "Nothing shrinks here; that is the fault. After t = 1000 the variance has grown by "
            "⟨all_betas:.2f⟩.",
        },
        hints=["What is the mean of $x_t$, if $x_0 = 1$? What is its variance?"],
        worked=r"**a**. Without $\sqrt{1-\beta_t}$ the mean stays $x_0$ and the variance is "
        r"$\mathrm{Var}(x_0)+\sum_t\beta_t$. With it the chain forgets where it began and settles at 1.",
        right="Right: shrink and add, or the chain never settles.",
    ),
    Number(
        id="02.8",
        title="Spot the fault: a bar lost",
        prompt=r"In print one finds $x_t = \sqrt{\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon$. At $t "
        r"= 500$ of linear(1000), $\alpha_t = ⟨alpha_500:.5f⟩$ and $\bar\alpha_t = ⟨abar_500:.6f⟩$. With "
        r"data of variance 1, what is the variance of this $x_t$?",
        answer=ALPHA + 1 - ABAR,
        also=["0.98996 + 1 - 0.078587", "0.98996 + 0.921413", 1.9114],
        hints=[
            "Square each factor, then add.",
            r"The square of $\sqrt{\alpha_t}$ is $\alpha_t = ⟨alpha_500:.5f⟩$.",
        ],
        mistakes=[
            Mistake(
                "as it should be",
                r"1 is what it should be, with $\bar\alpha_t$ under both roots. Here one bar is lost, and "
                r"at t = 500 the picture keeps ⟨alpha_500:.5f⟩ of its variance instead of ⟨abar_500:.4f⟩.",
                1.0,
            ),
            Mistake(
                "picture only",
                "⟨alpha_500:.5f⟩ is the picture's part. The noise still brings 1 − ⟨abar_500:.6f⟩.",
                ALPHA,
            ),
            Mistake(
                "noise only",
                "⟨variance_500:.6f⟩ is the noise's part. The picture still brings ⟨alpha_500:.5f⟩.",
                1 - ABAR,
            ),
            Mistake(
                "factors added",
                "You added the factors, ⟨root_alpha_500:.3f⟩ + ⟨noise_500:.3f⟩. Variances add: square the "
                "factors first.",
                ALPHA**0.5 + (1 - ABAR) ** 0.5,
            ),
        ],
        worked=r"$\alpha_t + 1-\bar\alpha_t = ⟨alpha_500:.5f⟩+⟨variance_500:.5f⟩ = ⟨answer:.5f⟩$. The "
        r"picture is hardly touched at $t=500$, and a network trained on such states never sees the ones it "
        r"meets when sampling.",
        right="Right: almost twice too much, for the picture is still there.",
    ),
    Symbolic(
        id="02.9",
        title="Many steps in one",
        prompt=r"For $s < t$ the kernel of the whole jump is $q(x_t\mid x_s)$, a Gaussian. What is its "
        r"variance? Use `abar` ($\bar\alpha_t$) and `abar_s` ($\bar\alpha_s$).",
        answer="1 - abar/abar_s",
        given=("abar", "abar_s"),
        also=["(ᾱ_s - ᾱ_t)/ᾱ_s", "1 - ᾱ_t/ᾱₛ", "(1-abar) - (abar/abar_s)*(1-abar_s)"],
        hints=[
            "It is the closed form once more, with $x_s$ in the place of $x_0$.",
            r"Which product of $\alpha$s belongs to the steps $s+1, \dots, t$?",
        ],
        mistakes=[
            Mistake(
                "from the start",
                r"1 − $\bar\alpha_t$ is the noise since $x_0$. Here the jump begins at $x_s$.",
                "1 - abar",
            ),
            Mistake(
                "difference",
                r"$\bar\alpha_s$ − $\bar\alpha_t$ compares shares of $x_0$. Of $x_s$, the jump keeps the "
                r"share $\bar\alpha_t$/$\bar\alpha_s$.",
                "abar_s - abar",
            ),
            Mistake(
                "upside down",
                r"$\bar\alpha_s$/$\bar\alpha_t$ is larger than 1, so this is negative.",
                "1 - abar_s/abar",
            ),
            Mistake(
                "deviation", "That is the standard deviation; the variance is asked.", "sqrt(1 - abar/abar_s)"
            ),
            Mistake(
                "share",
                "That is the share of $x_s$'s variance that stays, not the noise that comes.",
                "abar/abar_s",
            ),
        ],
        worked=r"The steps $s+1,\dots,t$ have the product $\bar\alpha_t/\bar\alpha_s$, so the variance is "
        r"$1-\bar\alpha_t/\bar\alpha_s$. For $s=0$ it is $1-\bar\alpha_t$, for $s=t-1$ it is $\beta_t$.",
        right=r"Right. At s = t − 1 it is $\beta_t$, at s = 0 it is 1 − $\bar\alpha_t$.",
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
        worked=r"$\mathrm{SNR}(t) = \bar\alpha_t/(1-\bar\alpha_t)$. It falls from infinity at $t = 0$ to "
        r"⟨snr_1000:.5f⟩ at the end of linear(1000).",
        right="Right. It is the one number by which schedules are compared.",
    ),
    Function(
        id="02.11",
        title="`between`",
        prompt=r"Write `answer(s, t)`: what the jump from level `s` to a later level `t` does, as a pair. "
        r"First the factor of $x_s$, then the *variance* of the noise that comes in. A level has `.signal` "
        r"$= \sqrt{\bar\alpha}$ and `.noise` $= \sqrt{1-\bar\alpha}$, numbers or tensors.",
        reference=between,
        cases=[
            Case("s = 200 and t = 500 of linear(1000)", (LINEAR.level(200), LINEAR.level(500))),
            Case("s = 1 and t = 2 of linear(1000)", (LINEAR.level(1), LINEAR.level(2))),
            Case(
                "a batch with s = 1, 99, 500 and t = 2, 100, 900", (levels(1, 99, 500), levels(2, 100, 900))
            ),
            Case("s = 0 and t = 500 of linear(1000)", (LINEAR.level(0), LINEAR.level(500))),
        ],
        also=[_jump_abar, _jump_noise, _jump_list],
        hints=[
            r"The factor is $\sqrt{\bar\alpha_t/\bar\alpha_s}$, and a level holds both roots.",
            "The variance follows from the factor: what was there is multiplied by its square, and in the "
            "end the noise must be `t.noise**2`.",
        ],
        mistakes=[
            Mistake(
                "no root",
                r"$\bar\alpha_t$/$\bar\alpha_s$ is the share of the *variance* that stays; the picture is "
                r"multiplied by its root. The signals are roots already.",
                _jump_no_root,
            ),
            Mistake(
                "noise from the start",
                "The factor is right. t.noise**2 is all the noise since $x_0$, and some of it is in $x_s$ "
                "already.",
                _jump_from_start,
            ),
            Mistake(
                "shrink from the start",
                "The variance is right. t.signal is the shrink since $x_0$, and $x_s$ has been shrunk by "
                "s.signal already.",
                _jump_whole_shrink,
            ),
            Mistake(
                "from the start",
                "That is the jump from $x_0$. Here it begins at $x_s$.",
                _jump_all_from_start,
            ),
            Mistake(
                "old noise kept",
                "The jump shrinks the noise that is in $x_s$ already, so more than the difference of the "
                "two variances has to come in.",
                _jump_difference,
            ),
            Mistake(
                "deviation",
                "The variance is asked; that is the standard deviation of the noise.",
                _jump_deviation,
            ),
            Mistake(
                "one minus factor",
                "1 minus the factor is no variance. Not the factors add up to 1, but their squares.",
                _jump_linear,
            ),
            Mistake(
                "backwards",
                "The ratio stands upside down: from s to t the picture shrinks, so the factor is below 1.",
                _jump_backwards,
            ),
        ],
        worked="The library's `transition` is these two numbers around $x_s$: mean `scale * xs`, variance "
        "`var`.",
        right="Right. transition(xs, s, t) of the library is this pair and $x_s$.",
    ),
    Symbolic(
        id="02.12",
        title="Data with too much contrast",
        prompt=r"Somebody forgot to scale the pictures: their pixels have variance 4. Write "
        r"$\mathrm{Var}(x_t)$ with `abar`.",
        answer="1 + 3*abar",
        given=SCHEDULE,
        also=["4ᾱ + 1 - ᾱ_t", "4*abar + (1 - abar)", "1 + (4-1)*alpha*abar_prev"],
        hints=[
            "The picture's part and the noise are independent: their variances add.",
            r"A factor of $\sqrt{\bar\alpha_t}$ multiplies the variance by $\bar\alpha_t$.",
        ],
        mistakes=[
            Mistake("only the picture", "That is the picture's part. The noise is missing.", "4*abar"),
            Mistake("only adding", "The picture's variance stays 4 here: it isn't shrunk.", "4 + 1 - abar"),
            Mistake(
                "squared share",
                r"The picture's factor is $\sqrt{\bar\alpha_t}$; squared, that is $\bar\alpha_t$ and not "
                r"$\bar\alpha_t^2$.",
                "4*abar^2 + 1 - abar",
            ),
            Mistake(
                "deviation",
                "The data have variance 4; you took their standard deviation 2.",
                "2*abar + 1 - abar",
            ),
            Mistake(
                "one step",
                r"That is one step from the data. All t steps count, so it is $\bar\alpha_t$.",
                "4*alpha + 1 - alpha",
            ),
            Mistake("settled", "1 is where the chain settles. On its way there it is more.", "1"),
            Mistake(
                "noise root",
                r"The noise has variance 1 − $\bar\alpha_t$; you took its standard deviation.",
                "4*abar + sqrt(1-abar)",
            ),
            Mistake(
                "whole noise",
                r"The picture's part is right. The noise has variance 1 − $\bar\alpha_t$; it is 1 only at "
                r"the end.",
                "4*abar + 1",
            ),
            Mistake("unit data", "That would be the way from 0 to 1: data without any spread.", "1 - abar"),
        ],
        worked=r"$4\bar\alpha_t + 1-\bar\alpha_t = 1 + 3\bar\alpha_t$: the distance from 1 is 3 at the "
        r"start, and each step multiplies it by $\alpha_t$.",
        right=r"Right. The 3 is how far the data are from variance 1, and $\bar\alpha_t$ is how much of "
        r"that is left.",
    ),
    Number(
        id="02.13",
        title="When two hills become one",
        prompt=r"Half of the data lie around $-1$ and half around $+1$, each hill with standard deviation "
        r"$0.1$. In $x_t$ the hills stand at $\pm\sqrt{\bar\alpha_t}$. Two equal hills become one as soon "
        r"as half the distance of their centres is down to their standard deviation. At which "
        r"$\bar\alpha_t$ is that?",
        answer=1 / 1.99,
        also=["1/(2 - 0.01)", "1/1.99", 0.50251],
        hints=[
            r"What is the variance of one hill of $x_t$? It is the formula for $\mathrm{Var}(x_t)$ with "
            r"variance 0.01 for the data.",
            r"Half the distance is $\sqrt{\bar\alpha_t}$, so $\bar\alpha_t = 0.01\,\bar\alpha_t + 1 - "
            r"\bar\alpha_t$.",
        ],
        mistakes=[
            Mistake(
                "point hills",
                r"0.5 would be right for hills without a width of their own. Each brings a variance of 0.01 "
                r"$\bar\alpha_t$; at $\bar\alpha_t$ = 0.5 that makes ⟨point_hills:.3f⟩, a little more than "
                r"0.5.",
                0.5,
            ),
            Mistake(
                "deviation for variance",
                "You put the hill's standard deviation, 0.1, where its variance, 0.01, belongs.",
                1 / 1.9,
            ),
            Mistake(
                "sign",
                r"⟨example:.4f⟩ is 1/2.01. Collect the terms with $\bar\alpha_t$ on one side: 1 − 0.01 + 1 "
                r"of it make 1.99.",
                1 / 2.01,
            ),
            Mistake(
                "whole distance",
                r"You took the whole distance, $2\sqrt{\bar\alpha_t}$. It is half of it, "
                r"$\sqrt{\bar\alpha_t}$; at $\bar\alpha_t$ = ⟨example:.4f⟩ the standard deviation is "
                r"⟨whole_distance:.3f⟩, twice as much as half the distance.",
                1 / 4.99,
            ),
            Mistake(
                "variance for deviation",
                r"You set $\sqrt{\bar\alpha_t}$ equal to the *variance* of a hill. At $\bar\alpha_t$ = "
                r"⟨example:.3f⟩ the half distance is ⟨half_distance:.2f⟩, and the standard deviation is "
                r"⟨their_deviation:.3f⟩.",
                HALF**2,
            ),
            Mistake(
                "the time",
                r"⟨example⟩ is the time, with linear(1000). Asked is the $\bar\alpha_t$ at that time, "
                r"between 0 and 1.",
                259,
            ),
            Mistake(
                "hills as they were",
                r"You kept the hills at standard deviation 0.1. The noise makes them wider: at "
                r"$\bar\alpha_t$ = 0.01 the standard deviation is ⟨as_they_were:.3f⟩, not 0.1.",
                0.01,
            ),
        ],
        worked=r"$\bar\alpha_t = 0.01\,\bar\alpha_t + 1-\bar\alpha_t$ gives $\bar\alpha_t = 1/1.99 \approx "
        r"⟨answer:.4f⟩$. With linear(1000) that is at $t = ⟨meeting:.0f⟩$.",
        right="Right: at t = ⟨meeting:.0f⟩ of linear(1000), a quarter of the way.",
    ),
    Symbolic(
        id="02.14",
        title=r"From $\bar\alpha$ to $\beta$",
        prompt=r"You have drawn a curve for $\bar\alpha_t$ and need its steps. Write $\beta_t$ with `abar` "
        r"($\bar\alpha_t$) and `abar_prev` ($\bar\alpha_{t-1}$).",
        answer="1 - abar/abar_prev",
        given=("abar", "abar_prev"),
        also=[
            "(abar_prev - abar)/abar_prev",
            "1 - ᾱ_t/ᾱ_{t-1}",
            r"1 - \frac{\bar\alpha_t}{\bar\alpha_{t-1}}",
        ],
        hints=[r"$\bar\alpha_t = \alpha_t\,\bar\alpha_{t-1}$.", r"And $\beta_t = 1 - \alpha_t$."],
        mistakes=[
            Mistake(
                "alpha", r"That is $\alpha_t$, the share that stays. $\beta_t$ is the rest.", "abar/abar_prev"
            ),
            Mistake(
                "difference",
                r"The difference compares shares of $x_0$. $\beta_t$ is the share of $x_{t-1}$ that goes, "
                r"so it wants to be divided by $\bar\alpha_{t-1}$.",
                "abar_prev - abar",
            ),
            Mistake("all steps", r"1 − $\bar\alpha_t$ is the noise of all steps together.", "1 - abar"),
            Mistake("upside down", r"That is negative, for $\bar\alpha$ falls.", "1 - abar_prev/abar"),
            Mistake(
                "root",
                r"$\sqrt{\alpha_t}$ is the factor of the picture. $\beta_t$ is a variance: 1 − $\alpha_t$, "
                r"without a root.",
                "1 - sqrt(abar/abar_prev)",
            ),
            Mistake(
                "wrong share",
                r"You divided by $\bar\alpha_t$, which comes after the step. The share is one of what was "
                r"there before it.",
                "(abar_prev - abar)/abar",
            ),
        ],
        worked=r"$\alpha_t = \bar\alpha_t/\bar\alpha_{t-1}$, so $\beta_t = "
        r"1-\bar\alpha_t/\bar\alpha_{t-1}$. Any curve that falls from 1 and stays above 0 is a schedule.",
        right="Right. Any curve that starts at 1, falls, and stays above 0 is a schedule.",
    ),
    Number(
        id="02.15",
        title="How large a picture betrays itself",
        prompt=r"A picture has all its $d$ values at $+1$, and linear(1000) takes it to $x_T$, with "
        r"$\mathrm{SNR}(T) = ⟨snr:.3e⟩$. From how many values $d$ on is the mean of $x_T$ two of its "
        r"standard deviations away from 0?",
        answer=4 / SNR,
        rel=3e-3,
        unit="values",
        also=["4/4.036e-5", "2^2/(4.036*10^-5)", 99108],
        hints=[
            r"Of $d$ values, each with noise of variance $1-\bar\alpha_T$, the mean has variance "
            r"$(1-\bar\alpha_T)/d$.",
            r"The mean is shifted by $\sqrt{\bar\alpha_T}$. In standard deviations that is "
            r"$\sqrt{d\,\mathrm{SNR}(T)}$.",
        ],
        mistakes=[
            Mistake(
                "no square",
                r"The shift is $\sqrt{d\,\mathrm{SNR}(T)}$. At d = ⟨example:_.0f⟩ that is √2 = 1.41 "
                r"standard deviations, not 2.",
                2 / SNR,
            ),
            Mistake(
                "one",
                "⟨example:_.0f⟩ values give a shift of one standard deviation. For twice the shift it takes "
                "four times as many.",
                1 / SNR,
            ),
            Mistake(
                "root of SNR",
                "You divided by √SNR = ⟨root_snr:.5f⟩. That is the shift of one value; the mean of d values "
                "is √d times better at seeing it, so d is (2/⟨root_snr:.5f⟩)².",
                2 / SNR**0.5,
            ),
            Mistake(
                "side",
                "182 pixels is the side of a square picture with three colours, rounded up. d counts values, "
                "and the smallest d is asked for.",
                182,
            ),
            Mistake(
                "pixels",
                "⟨example:_.0f⟩ pixels of three colours have ⟨answer:_.0f⟩ values. d counts the values.",
                4 / SNR / 3,
            ),
        ],
        worked=r"$\sqrt{d\,\mathrm{SNR}(T)} = 2$ gives $d = 4/\mathrm{SNR}(T) \approx 99\,100$: a colour "
        r"picture of 182 by 182 pixels.",
        right="Right: a colour picture of 182 by 182 pixels. Many are larger.",
    ),
    Symbolic(
        id="02.16",
        title="What is left to know",
        prompt="The data are one Gaussian number of variance 1. How many nats does $x_t$ still hold about "
        "$x_0$? Write $I(x_0; x_t)$ with `abar`.",
        answer="-log(1-abar)/2",
        given=SCHEDULE,
        also=["1/2 log(1 + abar/(1-abar))", "0.5*log(1/(1-ᾱ))", "-ln(sqrt(1 - alpha*abar_prev))"],
        hints=[
            r"$\tfrac12\log\big(1 + V_0\,\mathrm{SNR}(t)\big)$, and here $V_0 = 1$.",
            r"$1 + \bar\alpha_t/(1-\bar\alpha_t)$ is one fraction.",
        ],
        mistakes=[
            Mistake(
                "no half",
                "The half is missing: a logarithm of variances is twice one of deviations.",
                "-log(1-abar)",
            ),
            Mistake(
                "no one",
                "The 1 is missing under the logarithm. Where the noise wins, that would be less than "
                "nothing.",
                "log(abar/(1-abar))/2",
            ),
            Mistake(
                "small signals",
                "That is SNR/2, the first term for a small SNR. It is right at the end of the chain only.",
                "abar/(1-abar)/2",
            ),
            Mistake(
                "the ratio", "That is the SNR itself, a ratio and not a number of nats.", "abar/(1-abar)"
            ),
            Mistake(
                "one step", "That is what $x_t$ holds about $x_{t-1}$. All t steps count.", "-log(1-alpha)/2"
            ),
            Mistake(
                "bits",
                "Those are bits. One nat is 1/log 2 of them; here nats are asked.",
                "-log(1-abar)/(2*log(2))",
            ),
            Mistake(
                "of the signal",
                r"That is −½ log $\bar\alpha_t$, which *grows* along the chain.",
                "-log(abar)/2",
            ),
        ],
        worked=r"$\tfrac12\log\big(1+\tfrac{\bar\alpha_t}{1-\bar\alpha_t}\big) = "
        r"-\tfrac12\log(1-\bar\alpha_t)$: infinite at $t=0$, nearly nothing at the end.",
        right="Right: infinitely much at t = 0, nearly nothing at the end.",
    ),
    Choice(
        id="02.17",
        title="Spot the fault: nothing compressed",
        prompt="A text says: “a diffusion model has no bottleneck; $x_t$ has as many numbers as $x_0$, so "
        "the forward process does not compress information.” What is wrong?",
        options={
            "a": "Nothing: as many numbers hold as much information.",
            "b": "The information is only scrambled; a good enough network brings it back.",
            "c": "The dimension shrinks as well, a little with every step.",
            "d": "The dimension stays, but the information goes.",
        },
        answer="d",
        why={
            "a": "Count bits, not numbers. Of data N(0, ¼) there are ⟨bits_100:.2f⟩ bits per number left at "
            "t = 100 of linear(1000), and ⟨bits_500:.3f⟩ at t = 500, with just as many numbers.",
            "b": "Fresh noise is no code. Of data N(0, ¼) the best reader of $x_{500}$ is left with a "
            "variance of ⟨open_500:.3f⟩ of 0.25, however good it is.",
            "c": "$x_{500}$ of an 8×8 digit has 64 numbers, as $x_0$ has. Nothing is cut off.",
        },
        hints=["How many numbers has $x_T$? How much do they say about $x_0$?"],
        worked="**d**. $x_t$ keeps its 64 numbers, and what they say about $x_0$ falls from everything to "
        "nearly nothing. That no bottleneck is needed is true; that nothing is lost is not.",
        right="Right: every number stays, and says less and less.",
    ),
    Symbolic(
        id="02.18",
        title="The pull on the schedule",
        prompt=r"For one pixel $L_T = \tfrac12\big(\bar\alpha_T x_0^2 - \bar\alpha_T - "
        r"\log(1-\bar\alpha_T)\big)$. Write its derivative with respect to $\bar\alpha_T$, with `abar` and "
        r"`x_0`.",
        answer="(x_0^2 - 1 + 1/(1-abar))/2",
        given=("abar", "x_0"),
        also=["x_0^2/2 + abar/(2*(1-abar))", "0.5*(x0² − 1 + 1/(1−ᾱ))", "(x_0^2 + abar/(1-abar))/2"],
        hints=[
            r"Term by term. What is the derivative of $-\log(1-u)$?",
            "It is $+1/(1-u)$: two signs turn round.",
        ],
        mistakes=[
            Mistake(
                "inner derivative",
                "A sign is lost: the derivative of −log(1 − u) is +1/(1 − u).",
                "(x_0^2 - 1 - 1/(1-abar))/2",
            ),
            Mistake("no half", "The half in front is lost.", "x_0^2 - 1 + 1/(1-abar)"),
            Mistake("log lost", r"The logarithm depends on $\bar\alpha_T$ as well.", "(x_0^2 - 1)/2"),
            Mistake(
                "not divided out",
                r"The derivative of $\bar\alpha_T$ $x_0^2$ is $x_0^2$; you kept the $\bar\alpha_T$.",
                "(abar*x_0^2 - abar + 1/(1-abar))/2",
            ),
            Mistake(
                "one lost",
                r"The −1 is missing: the derivative of the −$\bar\alpha_T$ in the middle.",
                "(x_0^2 + 1/(1-abar))/2",
            ),
            Mistake("only the log", "$x_0^2$ and −1 have gone missing.", "1/(1-abar)/2"),
            Mistake(
                "data lost",
                "$x_0^2$ has gone missing: the derivative depends on the data.",
                "(1/(1-abar) - 1)/2",
            ),
        ],
        worked=r"$\tfrac12\big(x_0^2 - 1 + \tfrac{1}{1-\bar\alpha_T}\big)$. It is never negative: to make "
        r"$L_T$ small one would make $\bar\alpha_T$ small, and that means larger $\beta$.",
        right=r"Right. It is positive for every picture: $L_T$ wants larger $\beta$.",
    ),
    Choice(
        id="02.19",
        title=r"If $\beta$ were learned",
        prompt=r"Suppose $\beta_1, \dots, \beta_T$ were trained together with the network. What changes?",
        options={
            "a": "Nothing: $L_T$ is a constant.",
            "b": "$L_T$ has a gradient, and the other terms need one through $x_t$, which now depends on "
            "parameters.",
            "c": "The forward process becomes a neural network, as the encoder of a VAE is one.",
            "d": r"All $\beta$ go to 0, so that the network has nothing left to do.",
        },
        answer="b",
        why={
            "a": r"It is constant only while $\beta$ is fixed. At $\bar\alpha_T$ = ⟨abar_of_100:.3f⟩, the "
            r"end of linear(100), its derivative with respect to $\bar\alpha_T$ is ⟨pull:.2f⟩ for a pixel "
            r"with $x_0^2$ = 1.",
            "c": "It stays linear and Gaussian. It gets T numbers, 1000 or so, and no layer that looks at "
            "the picture.",
            "d": r"$L_T$ holds against that: for $x_0^2$ = 1 and $\bar\alpha_T$ near 1 it is −½ log(1 − "
            r"$\bar\alpha_T$), ⟨endless:.1f⟩ nats per pixel at $\bar\alpha_T$ = 0.999, and growing without "
            r"end.",
        },
        hints=[r"Which terms of the bound contain $\bar\alpha_t$, directly or in $x_t$?"],
        worked=r"**b**. The encoder has no parameters only because $\beta$ is fixed. With $\beta$ learned, "
        r"$L_T$ pulls at $\bar\alpha_T$, and $x_t = "
        r"\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon$ passes gradients on to $\beta$.",
        right=r"Right. With $\beta$ fixed both are gone, and that is what makes the training so simple.",
    ),
    Number(
        id="02.20",
        title="Spot the fault: both bars lost",
        prompt=r"A question in print has $x_t = \sqrt{\alpha_t}\,x_0+\sqrt{1-\alpha_t}\,\varepsilon$. At "
        r"$t=500$ of linear(1000), $\alpha_t = ⟨alpha_500:.5f⟩$. Which signal-to-noise ratio would this "
        r"$x_{500}$ have?",
        answer=ALPHA / (1 - ALPHA),
        also=["0.98996/(1-0.98996)", "1/0.01004 - 1", 98.6],
        hints=["The variance of the picture's part over that of the noise.", r"$\alpha_t/(1-\alpha_t)$."],
        mistakes=[
            Mistake(
                "as it should be",
                r"⟨example:.4f⟩ = $\bar\alpha_t$/(1 − $\bar\alpha_t$) is what $x_{500}$ has in truth. By "
                r"the printed line it is 1000 times more.",
                ABAR / (1 - ABAR),
            ),
            Mistake(
                "amplitudes",
                "⟨example:.2f⟩ is the ratio of the factors. The SNR compares variances.",
                (ALPHA / (1 - ALPHA)) ** 0.5,
            ),
            Mistake(
                "upside down",
                "That is noise over signal: ⟨beta_500:.5f⟩ over ⟨alpha_500:.5f⟩.",
                (1 - ALPHA) / ALPHA,
            ),
            Mistake(
                "one over the noise",
                "⟨example:.2f⟩ is 1/⟨beta_500:.5f⟩. The signal's variance, ⟨alpha_500:.5f⟩, stands above.",
                1 / (1 - ALPHA),
            ),
            Mistake(
                "one bar",
                r"⟨example:.3f⟩ has $\alpha_t$ above and 1 − $\bar\alpha_t$ below, one bar lost. Here both "
                r"are lost: 1 − $\alpha_t$ = ⟨beta_500:.5f⟩ stands below.",
                ALPHA / (1 - ABAR),
            ),
        ],
        worked=r"$⟨alpha_500:.5f⟩/⟨beta_500:.5f⟩ \approx ⟨answer:.1f⟩$, where the truth is ⟨snr_500:.4f⟩. "
        r"The line is one step of the chain, with $x_0$ in the place of $x_{t-1}$, so at every $t$ the "
        r"picture is nearly clean.",
        right="Right: nearly clean at every t, where the truth at t = 500 is ⟨snr_500:.4f⟩.",
    ),
    Prose(
        id="02.21",
        title="In your own words",
        prompt=r"In a few sentences, for somebody who missed this lesson: why may one start sampling from "
        r"$\mathcal N(0, I)$, without any picture, and what must be true of the schedule for that?",
        rubric=[
            r"$x_T$ is a mixture in closed form: $\sqrt{\bar\alpha_T}$ of the picture and "
            r"$\sqrt{1-\bar\alpha_T}$ of noise.",
            "Each step shrinks as well as adds, so that mean and variance go to 0 and 1 whatever $x_0$ was.",
            r"What must be small is $\bar\alpha_T$; the number of steps alone says nothing.",
            r"It is an approximation: $q(x_T\mid x_0)$ and $p(x_T)$ are two laws, and $L_T$ measures how "
            r"far apart they are.",
        ],
        models=[
            "All steps together leave sqrt(abar_T) of the picture and sqrt(1 - abar_T) of noise. Since a "
            "step shrinks as well as adds, mean and variance go to 0 and 1 whatever the picture was. How "
            "near depends on abar_T and not on T. It stays an approximation: q(x_T | x_0) is not quite "
            "p(x_T), and L_T is the divergence between the two.",
        ],
        mistakes=[
            Mistake(
                "many steps",
                r"Many steps alone don't do it: 1000 steps with $\beta$ = 0.000001 leave "
                r"⟨left_of_small:.2%⟩ of the picture's amplitude.",
                "After enough steps the picture is pure noise, so one may start there.",
                r"\b(after|because|since|with)( so)? (enough|many|a large number of|1000) steps(?! alone)",
            ),
            Mistake(
                "only adds",
                "A step that only adds never forgets: without the shrink, $x_T$ of linear(1000) still has "
                "mean $x_0$, and a variance of about ⟨all_betas:.0f⟩.",
                "The process only adds noise until the picture is gone.",
                r"(?<!if )\b(the|each|every|a) (process|step|chain) (only|just|simply) adds? .{0,12}noise",
            ),
            Mistake(
                "exactly noise",
                "Not exactly: at the end of linear(1000) ⟨signal_1000:.1%⟩ of the amplitude is left, and in "
                "a large picture the mean shows it.",
                "At the end of the chain x_T is exactly standard normal noise.",
                r"^(?!.*\bif\b).*\b(exactly|precisely|perfectly)\b.{0,25}(noise|normal|gaussian|n\(0)",
            ),
        ],
        hints=[
            "Write down $x_T$ with $x_0$ and one noise. Which number must be small?",
            "Which two laws does $L_T$ compare?",
        ],
        worked=r"All steps together leave $\sqrt{\bar\alpha_T}$ of the picture and $\sqrt{1-\bar\alpha_T}$ "
        r"of noise. As a step shrinks as well as adds, mean and variance go to 0 and 1 whatever $x_0$ was. "
        r"How near they come depends on $\bar\alpha_T$, not on $T$. It stays an approximation: $q(x_T\mid "
        r"x_0)$ and $p(x_T) = \mathcal N(0, I)$ are two laws, and $L_T$ is the divergence between them.",
        right="Good. With that you can take any schedule apart.",
    ),
]
