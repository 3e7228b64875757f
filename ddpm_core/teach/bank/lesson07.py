"""Conditions and scores: the slope of the noised data, guidance, and filling in."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ...denoiser import guide
from ...sampling import langevin
from ..judge import SCHEDULE, Case, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import draw, one

Move = Callable[[Tensor, Tensor, float, Tensor], Tensor]


def _moves() -> list[Case]:
    """Cases for (x, score, step, noise)."""
    return [
        Case("x = 1, score = -1, step = 0.08, noise = 0.5", (one(1), one(-1), 0.08, one(0.5))),
        Case("x = -0.3, score = 2, step = 0.5, noise = 1", (one(-0.3), one(2), 0.5, one(1))),
        Case("a batch of three (seeded), step = 0.02", (draw(0, 3, 2), draw(1, 3, 2), 0.02, draw(2, 3, 2))),
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
        Case("plain = 0.2, conditional = 0.6, strength = 3", (one(0.2), one(0.6), 3.0)),
        Case("plain = 0.2, conditional = 0.6, strength = 0", (one(0.2), one(0.6), 0.0)),
        Case("a batch of three (seeded), strength = 1.5", (draw(0, 3, 2), draw(1, 3, 2), 1.5)),
    ]


def _mix(
    plain_share: Callable[[float], float], told_share: Callable[[float], float]
) -> Callable[..., Tensor]:
    """A sum of the two outputs, with shares that depend on the strength."""

    def mix(plain: Tensor, conditional: Tensor, strength: float) -> Tensor:
        return plain_share(strength) * plain + told_share(strength) * conditional

    return mix


PULL = 2 / (1 + math.exp(2))  # the derivative of log p(y=1 | x_t) at x_t = 1

NUMBERS = {"pull": PULL, "root": 0.75**0.5}

EXERCISES = [
    Choice(
        id="07.1",
        title="Which gradient?",
        prompt='The notes call the score "the gradient of the log probability density function". A '
        "diffusion model has several densities and several things to differentiate by. Which gradient is "
        "meant?",
        options={
            "a": r"Of log $p_\theta$($x_0$) with respect to the network's weights $\theta$.",
            "b": "Of log q($x_0$), the law of clean data, with respect to $x_0$.",
            "c": "Of log q($x_t$ | $x_0$), with $x_0$ the picture that $x_t$ was made of, with respect to "
            "$x_t$.",
            "d": "Of log q($x_t$), the law of all data noised to level t, with respect to $x_t$.",
        },
        answer="d",
        why={
            "a": "That gradient trains a likelihood and has as many entries as the network has weights. The "
            "score has as many as the picture: 64 for an 8×8 digit.",
            "b": "That is the limit t → 0, where nothing was noised. For points, such as 1,437 training "
            "digits, there isn't even a density there.",
            "c": r"That is the *target* of a training pair, −$\varepsilon$/$\sqrt{1-\bar\alpha_t}$, and it "
            r"needs an $x_0$ that a sampler doesn't have. Its mean over all $x_0$ that fit $x_t$ is the "
            r"score.",
        },
        hints=[
            "What does the sampler hold in its hands, and what could it move?",
            "Noised by how much? And is $x_0$ known?",
        ],
        worked=r"**d**: $\nabla_{x_t}\log q(x_t)$, with $q(x_t) = \mathbb E\,q(x_t\mid x_0)$, the *noised "
        r"marginal*. With it comes the tie to the best noise: $\mathbb E[\varepsilon\mid x_t] = "
        r"-\sqrt{1-\bar\alpha_t}\,\nabla\log q(x_t)$.",
        right="Right: by $x_t$, of the noised data as a whole, one field for each t.",
    ),
    Number(
        id="07.2",
        title="Tweedie's formula with numbers",
        prompt=r"At a level with $\bar\alpha_t = 0.64$ a state is $x_t = 1.2$, and the score there is "
        r"$-1.5$. What is $\mathbb E[x_0\mid x_t]$?",
        answer=0.825,
        also=["(1.2 - 0.36*1.5)/0.8", "0.66/0.8", "33/40"],
        hints=[
            "Go up the slope by the *variance* of the noise, then undo the shrink.",
            r"$(x_t + (1-\bar\alpha_t)\,\text{score})/\sqrt{\bar\alpha_t}$.",
        ],
        mistakes=[
            Mistake(
                "against the slope",
                "⟨example⟩ goes down the slope. The score points to where more data are: 0.54 back, not on.",
                2.175,
            ),
            Mistake(
                "not rescaled",
                r"⟨example⟩ is $\sqrt{\bar\alpha_t}$ E[$x_0$ | $x_t$]: the shrink by 0.8 is still in it.",
                0.66,
            ),
            Mistake(
                "deviation",
                "⟨example⟩ goes up by 0.6, the noise's standard deviation; its variance, 0.36, belongs "
                "there.",
                0.375,
            ),
            Mistake(
                "as noise",
                "⟨example⟩ treats the score as if it were the noise. The noise is −0.6 times it, 0.9.",
                2.625,
            ),
            Mistake(
                "multiplied", "⟨example⟩ multiplies by 0.8. $x_0$ was multiplied by it, so now divide.", 0.528
            ),
            Mistake(
                "divided by abar",
                "⟨example:.3f⟩ divides by 0.64; $x_0$ was multiplied by its root, 0.8.",
                1.03125,
            ),
        ],
        worked=r"$(1.2 - 0.36\cdot 1.5)/0.8 = 0.66/0.8 = ⟨answer⟩$. The same by way of the noise: "
        r"$\hat\varepsilon = 0.6\cdot 1.5 = 0.9$, and $(1.2 - 0.6\cdot 0.9)/0.8$.",
        right="Right: the variance times the score, added, then the shrink undone.",
    ),
    Symbolic(
        id="07.3",
        title="The score of a network for noise",
        prompt=r"A network puts out $\hat\varepsilon$. Which score does it claim? Write `eps` for its "
        r"output.",
        answer="-eps/sqrt(1-abar)",
        given=("eps", *SCHEDULE),
        also=["−ε/√(1−ᾱ_t)", r"-\frac{\epsilon}{\sqrt{1-\bar\alpha_t}}", "-(1-abar)^(-1/2)*eps"],
        hints=[
            "Towards the data is against the noise.",
            r"Differentiate $-\|x_t-\sqrt{\bar\alpha_t}\,x_0\|^2/(2(1-\bar\alpha_t))$ by $x_t$, then write "
            r"the bracket with $\varepsilon$.",
        ],
        mistakes=[
            Mistake("sign", "Up the slope is away from the noise: the sign.", "eps/sqrt(1-abar)"),
            Mistake(
                "variance",
                r"You divided by the noise's variance. One root of it cancels: $x_t$ − "
                r"$\sqrt{\bar\alpha_t}$ $x_0$ is already $\sqrt{1-\bar\alpha_t}$ $\varepsilon$.",
                "-eps/(1-abar)",
            ),
            Mistake("no scale", "That is the direction. The length is still missing.", "-eps"),
            Mistake(
                "times",
                r"You multiplied by $\sqrt{1-\bar\alpha_t}$. Little noise makes a narrow hill, and a narrow "
                r"hill is steep.",
                "-sqrt(1-abar)*eps",
            ),
            Mistake(
                "bar lost",
                r"1 − $\alpha_t$ is one step's noise; in $x_t$ is that of t steps.",
                "-eps/sqrt(1-alpha)",
            ),
            Mistake("signal", r"You divided by the signal's root, $\sqrt{\bar\alpha_t}$.", "-eps/sqrt(abar)"),
            Mistake(
                "by x_0",
                r"With the factor $\sqrt{\bar\alpha_t}$ it is the slope by $x_0$, turned round. The score "
                r"is the slope by $x_t$.",
                "-sqrt(abar)*eps/sqrt(1-abar)",
            ),
        ],
        worked=r"$-\hat\varepsilon/\sqrt{1-\bar\alpha_t}$: the same field in units that grow as the noise "
        r"gets small.",
        right="Right: turned round, and steep where there is little noise.",
    ),
    Symbolic(
        id="07.4",
        title="The target of denoising score matching",
        prompt=r"The score of all noised data is unknown, so a network is trained on one that is known: "
        r"$\nabla_{x_t}\log q(x_t\mid x_0)$. Write it with `x_t` and `x_0`.",
        answer="(sqrt(abar)*x_0 - x_t)/(1-abar)",
        given=("x_t", "x_0", *SCHEDULE),
        also=[
            "-(x_t − √ᾱ_t x_0)/(1−ᾱ_t)",
            r"\frac{\sqrt{\bar\alpha_t}x_0 - x_t}{1-\bar\alpha_t}",
            "x_0*sqrt(abar)/(1-abar) - x_t/(1-abar)",
        ],
        hints=[
            r"$q(x_t\mid x_0)$ is a Gaussian: which mean, which variance?",
            "The gradient of $-(x-m)^2/(2v)$ is $(m-x)/v$.",
        ],
        mistakes=[
            Mistake("sign", "That points away from the mean: downhill.", "(x_t - sqrt(abar)*x_0)/(1-abar)"),
            Mistake(
                "not shrunk",
                r"The hill stands at $\sqrt{\bar\alpha_t}$ $x_0$, not at $x_0$: the forward process shrinks.",
                "(x_0 - x_t)/(1-abar)",
            ),
            Mistake(
                "deviation",
                "You divided by the standard deviation; a Gaussian's slope is the gap over its variance.",
                "(sqrt(abar)*x_0 - x_t)/sqrt(1-abar)",
            ),
            Mistake(
                "bars lost",
                r"Without bars this is the score of one step from $x_0$, q($x_1$ | $x_0$) with $\beta_t$.",
                "(sqrt(alpha)*x_0 - x_t)/(1-alpha)",
            ),
            Mistake(
                "no scale",
                "That is the gap to the mean. Its variance has to divide it.",
                "sqrt(abar)*x_0 - x_t",
            ),
            Mistake(
                "lost root",
                r"$x_0$ is multiplied by the root of $\bar\alpha_t$.",
                "(abar*x_0 - x_t)/(1-abar)",
            ),
            Mistake(
                "not differentiated",
                "That is the exponent itself, log q($x_t$ | $x_0$) but for a constant. Differentiate it by "
                "$x_t$.",
                "-(x_t - sqrt(abar)*x_0)^2/(2*(1-abar))",
            ),
            Mistake(
                "exponent without its half",
                "That is twice the exponent of q($x_t$ | $x_0$), and not yet differentiated.",
                "-(x_t - sqrt(abar)*x_0)^2/(1-abar)",
            ),
            Mistake(
                "by x_0",
                "You differentiated by $x_0$. The score is the slope by $x_t$.",
                "sqrt(abar)*(x_t - sqrt(abar)*x_0)/(1-abar)",
            ),
        ],
        worked=r"$(\sqrt{\bar\alpha_t}\,x_0 - x_t)/(1-\bar\alpha_t) = -\varepsilon/\sqrt{1-\bar\alpha_t}$, "
        r"`Score().target` in the library. Its mean given $x_t$ is the score, and a mean is what a squared "
        r"error finds.",
        right="Right: a target for each pair, whose mean is the score.",
    ),
    Function(
        id="07.5",
        title="One move of Langevin's",
        prompt="Write `answer(x, score, step, noise)`, the new x: `step` times the score up the slope, and "
        "as much noise as makes many small moves sample the law that the score is of. `noise` is standard "
        "normal; `step` is a number.",
        reference=langevin,
        cases=_moves(),
        also=[
            _move(lambda h: h, lambda h: (2 * h) ** 0.5),
            _move_torch,
            _move(lambda h: h, lambda h: 2**0.5 * h**0.5),
        ],
        hints=[
            r"Try it on $\mathcal N(0, 1)$, whose score is $-x$: one move is $(1-h)x + c\,z$.",
            r"At rest the variance V fulfils $V = (1-h)^2V + c^2$, so $V \approx c^2/(2h)$.",
        ],
        mistakes=[
            Mistake(
                "half the variance",
                "The noise is √step. Such a chain rests, but at half the variance that it should have: on "
                "N(0, 1) at 0.5. The mean is right, so only the variance shows it.",
                _move(lambda h: h, lambda h: h**0.5),
            ),
            Mistake(
                "noise by the step",
                "The noise is `step` itself. Its variance is then step², far too little: with small steps "
                "the chain rests on the hilltop, on N(0, 1) at variance step/2.",
                _move(lambda h: h, lambda h: h),
            ),
            Mistake(
                "variance",
                "You multiplied by 2·step, the variance of the noise. Its standard deviation is the root; "
                "else, on N(0, 1), the chain rests at variance 2·step.",
                _move(lambda h: h, lambda h: 2 * h),
            ),
            Mistake(
                "root of the 2 alone",
                "The root is to be drawn from 2·step as a whole; you drew it from the 2. With small steps "
                "that is far too little: on N(0, 1) the chain rests at variance step.",
                _move(lambda h: h, lambda h: 2**0.5 * h),
            ),
            Mistake(
                "the move alone",
                "That is the move; add it to x.",
                lambda x, score, step, noise: step * score + (2 * step) ** 0.5 * noise,
            ),
            Mistake(
                "no noise",
                "Without noise it climbs to the nearest hilltop and stays: variance 0. That finds modes and "
                "draws no samples.",
                _move(lambda h: h, lambda h: 0.0),
            ),
            Mistake(
                "downhill",
                "It goes down the slope, away from the data, and ever faster: the variance has no limit.",
                _move(lambda h: -h, lambda h: (2 * h) ** 0.5),
            ),
            Mistake(
                "half the slope",
                "The slope counts half a step and the noise a whole one: the chain rests at twice the "
                "variance, on N(0, 1) at 2.",
                _move(lambda h: h / 2, lambda h: (2 * h) ** 0.5),
            ),
            Mistake(
                "another step",
                "That is Langevin's move as well, and rests at the right variance, but of half the step. "
                "Here `step` multiplies the score whole.",
                _move(lambda h: h / 2, lambda h: h**0.5),
            ),
        ],
        worked="Drift $h$, noise of variance $2h$:",
        right="Right: √(2 step). With √step the mean would still be right, and the variance half of it.",
    ),
    Number(
        id="07.6",
        title="What a large step costs",
        prompt=r"Langevin's moves with $h = 0.5$ on $\mathcal N(0, 1)$, with the right noise "
        r"$\sqrt{2h}\,z$. At which variance does the chain rest?",
        answer=4 / 3,
        also=["1/(1 - 0.25)", "1/(1 - 0.5/2)", "4/3"],
        hints=[
            r"One move is $(1-h)\,x + \sqrt{2h}\,z$. At rest the variance doesn't change.",
            "$V = (1-h)^2V + 2h$.",
        ],
        mistakes=[
            Mistake("the limit", "1 is reached as h goes to 0. A step of 0.5 is no small one.", 1.0),
            Mistake("noise alone", "2 forgets the square: 2h/h instead of 2h/(1 − (1 − h)²) = 1/0.75.", 2.0),
            Mistake("upside down", "0.75 is 1 − h/2; the variance is its reciprocal.", 0.75),
            Mistake(
                "deviation",
                "⟨example:.3f⟩ is the standard deviation; the variance is its square.",
                (4 / 3) ** 0.5,
            ),
        ],
        worked="$V = 2h/(1-(1-h)^2) = 1/(1-h/2) = 4/3$. So a finite step overshoots, and at $h = 2$ it "
        "flies off. Wide steps are for wide laws: the noisier the level, the larger they may be.",
        right="Right: 1/(1 − h/2), a third too wide.",
    ),
    Number(
        id="07.7",
        title="Bayes for scores",
        prompt=r"At some level two classes are equally frequent, $\mathcal N(-1, 1)$ and $\mathcal N(1, "
        r"1)$, so that $p(y{=}1\mid x_t) = 1/(1+e^{-2x_t})$. At $x_t = 1$ the score of class 1 is 0. What "
        r"is the score guided to class 1 with strength 3?",
        answer=2 * PULL,
        rel=2e-3,
        also=["-0.238406 + 3*0.238406", "2*0.238406", "3*0.238406 - 0.238406"],
        hints=[
            r"$\nabla\log p(y\mid x_t) = \nabla\log p(x_t\mid y) - \nabla\log p(x_t)$.",
            r"The derivative of $\log p(y{=}1\mid x_t)$ is $2\,(1 - p(y{=}1\mid x_t))$: at 1 it is "
            r"⟨pull:.4f⟩.",
            "So the score without a label is −⟨pull:.4f⟩. Add 3 times the other.",
        ],
        mistakes=[
            Mistake("strength 1", "0 is the score of the class itself, strength 1.", 0.0),
            Mistake("no label", "⟨example:.3f⟩ is the score without a label, strength 0.", -PULL),
            Mistake(
                "one too many",
                "⟨example:.3f⟩ is 3 × ⟨pull:.3f⟩ on top of the *class*, or without the score −⟨pull:.3f⟩ of "
                "all data: strength 4.",
                3 * PULL,
            ),
            Mistake(
                "once",
                "⟨example:.3f⟩ is the pull of the label counted once, or the derivative without its factor "
                "2.",
                PULL,
            ),
        ],
        worked=r"$-⟨pull:.4f⟩ + 3\cdot ⟨pull:.4f⟩ = ⟨answer:.4f⟩$. At $x_t = 1$, the very centre of its "
        r"class, the guided state is still pushed outwards, away from the other class.",
        right="Right. The guided field pushes outwards even at the centre of its class.",
    ),
    Function(
        id="07.8",
        title="Guidance in code",
        prompt="Write `answer(plain, conditional, strength)`: the network's output without a label and with "
        "it, mixed so that strength 0 is `plain`, 1 is `conditional`, and 2 is as far again.",
        reference=guide,
        names=("plain", "conditional", "strength"),
        cases=_mixes(),
        also=[
            _mix(lambda w: 1 - w, lambda w: w),
            lambda plain, conditional, strength: conditional + (strength - 1) * (conditional - plain),
            lambda plain, conditional, strength: strength * conditional - (strength - 1) * plain,
        ],
        hints=["A straight line through two points.", "Start at `plain`. How far is it to `conditional`?"],
        mistakes=[
            Mistake(
                "the paper's w",
                "That is the formula with the paper's w, which counts from `conditional`: w = 0 is "
                "`conditional`. The "
                "strength here is w + 1.",
                _mix(lambda w: -w, lambda w: 1 + w),
            ),
            Mistake(
                "turned round",
                "The label pushes the wrong way: conditional − plain is the way towards it.",
                _mix(lambda w: 1 + w, lambda w: -w),
            ),
            Mistake(
                "a sum",
                "plain + strength · conditional grows with the strength whatever the label says. Only the "
                "difference is the label's.",
                _mix(lambda w: 1.0, lambda w: w),
            ),
            Mistake(
                "conditional alone",
                "strength · conditional is another scale, not another direction; `plain` has no part in it.",
                _mix(lambda w: 0.0, lambda w: w),
            ),
            Mistake(
                "the pull alone",
                "That is the label's pull alone; it has to be added to `plain`.",
                _mix(lambda w: -w, lambda w: w),
            ),
            Mistake(
                "exchanged",
                "`plain` and `conditional` have changed places.",
                _mix(lambda w: w, lambda w: 1 - w),
            ),
            Mistake(
                "clipped",
                "At strength 3 you return `conditional`: past 1 the line goes on.",
                lambda plain, conditional, strength: plain + min(strength, 1.0) * (conditional - plain),
            ),
        ],
        worked="A straight line through the two outputs:",
        right=r"Right. It holds for $\hat\varepsilon$, $\hat x_0$, $\hat v$ and the score alike, since each "
        r"is affine in the others.",
    ),
    Number(
        id="07.9",
        title="Two conventions",
        prompt=r"Ho & Salimans write $\tilde\varepsilon = (1+w)\,\varepsilon(x_t, y) - "
        r"w\,\varepsilon(x_t)$. Without a label a network says 0.2, with it 0.6. What is "
        r"$\tilde\varepsilon$ for $w = 0.5$?",
        answer=0.8,
        also=["1.5*0.6 - 0.5*0.2", "0.2 + 1.5*(0.6-0.2)", "4/5"],
        hints=["Put the numbers in.", "In this lesson's words the strength is 1 + w."],
        mistakes=[
            Mistake("w as strength", "⟨example⟩ takes w for the strength: half way from 0.2 to 0.6.", 0.4),
            Mistake("not subtracted", "⟨example⟩ is 1.5 × 0.6; the other output, 0.5 × 0.2, goes off.", 0.9),
            Mistake("added", "1 adds 0.5 × 0.2 where it is to be taken off.", 1.0),
            Mistake(
                "pull alone", "0.6 is the output with the label, w = 0; or 1.5 × 0.4, without the 0.2.", 0.6
            ),
            Mistake("no label", "0.2 is the output without the label.", 0.2),
        ],
        worked=r"$1.5\cdot 0.6 - 0.5\cdot 0.2 = ⟨answer⟩$, the same as strength 1.5 from 0.2: $0.2 + "
        r"1.5\cdot 0.4$. A strength without its formula says nothing; both conventions are in use.",
        right="Right: w = 0.5 is strength 1.5.",
    ),
    Choice(
        id="07.10",
        title="What does the strength mean?",
        prompt="A network with labels is perfect, with a label and without. What is sampled at the "
        "strengths 0, 1 and 2?",
        options={
            "a": "p(x); p(x | y); and p(x | y) p(y | x), scaled to sum to 1.",
            "b": "p(x); p(x | y); and something narrower and further out, for which there is no simple "
            "formula.",
            "c": "p(x | y); p(x | y) p(y | x); p(x | y) p(y | x)².",
            "d": "p(x); p(x | y) blurred; and p(x | y) itself, which is why strength 2 looks best.",
        },
        answer="b",
        why={
            "a": "It would be so if the guided field at each t were the score of that law, noised to t. It "
            "isn't: noising and multiplying don't commute. In the exact world of this lesson, strength 3, "
            "the means are 1.05 and 1.24.",
            "c": "At strength 0 the label's output counts 0 times. And a power of p(y | x) is what the "
            "field looks like at t → 0 alone.",
            "d": "With a perfect network, 1 is exact. That a higher strength often looks better says that "
            "the network isn't perfect, or that one prefers typical pictures to true ones.",
        },
        hints=[
            "For strengths 0 and 1 put the number into the formula.",
            "Is the guided field at t the score of anything noised to t?",
        ],
        worked=r"**b**. 0 and 1 are exact by construction. Past 1 the field is the score of "
        r"$q(x_t)\,q(y\mid x_t)^w$ at each $t$, and these are not the noised versions of one another, so no "
        r"sampler that follows them ends at $p(x)\,p(y\mid x)^w$.",
        right="Right: 0 and 1 are laws, 2 is a recipe.",
    ),
    Number(
        id="07.11",
        title="A known number on the way",
        prompt=r"A pixel is known to be $x_0 = 0.9$. A step arrives at a level with $\bar\alpha_s = 0.25$, "
        r"and the noise drawn for the pixel is $-0.4$. Which value does `keeping` put there?",
        answer=0.45 - 0.4 * 0.75**0.5,
        also=["0.5*0.9 - 0.4*sqrt(0.75)", "0.45 - 0.34641", "√0.25*0.9 − √0.75*0.4"],
        hints=[
            r"A draw of $q(x_s\mid x_0)$.",
            r"$\sqrt{\bar\alpha_s}\,x_0 + \sqrt{1-\bar\alpha_s}\,z$.",
        ],
        mistakes=[
            Mistake(
                "clean",
                "0.9 is the clean pixel. At this level the network expects pixels with noise of standard "
                "deviation ⟨root:.3f⟩.",
                0.9,
            ),
            Mistake(
                "no noise",
                "⟨example⟩ is the mean. A state without noise in some pixels is none that the network knows.",
                0.45,
            ),
            Mistake(
                "noise not scaled",
                "⟨example⟩ adds the noise as it was drawn; at this level it counts ⟨root:.3f⟩.",
                0.05,
            ),
            Mistake(
                "nothing scaled", "⟨example⟩ adds the two as they are: both have a factor at this level.", 0.5
            ),
            Mistake(
                "sign",
                "⟨example:.3f⟩ takes the noise off. It is −0.4 itself: add it, scaled.",
                0.45 + 0.4 * 0.75**0.5,
            ),
            Mistake(
                "variance",
                "⟨example⟩ multiplies by the variance 0.75; its root, ⟨root:.3f⟩, belongs there.",
                0.15,
            ),
            Mistake(
                "lost root",
                "⟨example:.3f⟩ shrinks by 0.25; its root, 0.5, belongs there.",
                0.225 - 0.4 * 0.75**0.5,
            ),
        ],
        worked=r"$0.5\cdot 0.9 - ⟨root:.3f⟩\cdot 0.4 = ⟨answer:.4f⟩$. So the network sees a state as noisy "
        r"in the known places as anywhere else.",
        right="Right: noised to the level of the step, like all the rest.",
    ),
    Choice(
        id="07.12",
        title="What replacement leaves out",
        prompt=r"Even with a perfect network, filling in by replacement is no sample of "
        r"$p(\text{unknown}\mid\text{known})$. Why?",
        options={
            "a": "The known numbers come out slightly wrong at the end.",
            "b": "The network was never trained on pictures with a part cut out.",
            "c": "At each t the unknown part is told of the known numbers only through their noise, so "
            "early choices are made as if hardly anything were known, and kept.",
            "d": "There are too few steps; with T to infinity it becomes exact.",
        },
        answer="c",
        why={
            "a": "At s = 0 the level's noise is 0, and they are put in as they are, to the last digit.",
            "b": "It needn't be: it never sees a hole. All of $x_t$ is there, noised to the same level, as "
            "in any of the 1,000 tasks that it was trained for.",
            "d": "In the exact world 1,000 steps give the lower cloud a share of 0.58 where Bayes gives it "
            "0.965; 100 steps give the same.",
        },
        hints=[r"What does $\hat x_0$ depend on, and what would the right estimate depend on?"],
        worked=r"**c**. The step uses $\mathbb E[x_0\mid x_t]$, where $\mathbb E[x_0\mid x_t, "
        r"\text{known}]$ is wanted. The two differ by the gradient of $\log p(\text{known}\mid x_t)$, which "
        r"replacement leaves out. Going back and forth lets early choices be revised and makes the error "
        r"smaller.",
        right="Right: it uses E[$x_0$ | $x_t$] where E[$x_0$ | $x_t$, known] is wanted.",
    ),
    Choice(
        id="07.13",
        title="The step in the limit",
        prompt=r"Let $\beta_t$ be small. To first order, what is the step back, $x_{t-1}$, with $s$ the "
        r"score at $x_t$?",
        options={
            "a": r"$x_t - \frac{\beta_t}2x_t + \sqrt{\beta_t}\,z$",
            "b": r"$x_t + \frac{\beta_t}2x_t + \beta_t\,s + \sqrt{\beta_t}\,z$",
            "c": r"$x_t + \frac{\beta_t}2x_t + \frac{\beta_t}2\,s + \sqrt{\beta_t}\,z$",
            "d": r"$x_t + \frac{\beta_t}2x_t + \beta_t\,s$",
        },
        answer="b",
        why={
            "a": "That is a step *forward*: it shrinks and adds noise. From $x_T$ it leads nowhere but to "
            "N(0, 1).",
            "c": r"Half the score goes with no noise at all: that is DDIM's step, the flow. With noise as "
            r"well, data N(0, 1), whose score is −x, would gain a variance of $\beta_t$ in each step.",
            "d": r"The noise is missing. The whole score without noise contracts: data N(0, 1) lose a "
            r"variance of $\beta_t$ in each step.",
        },
        hints=[
            r"$\mu = (x_t + \beta_t s)/\sqrt{\alpha_t}$, from lesson 04 with the score for the noise.",
            r"$1/\sqrt{1-\beta} \approx 1 + \beta/2$. Test each on $\mathcal N(0, 1)$, where $s = -x$.",
        ],
        worked=r"**b**. Test it on $\mathcal N(0, 1)$, $s = -x$: the variance goes to $(1-\beta_t/2)^2 + "
        r"\beta_t \approx 1$. In the limit it is the reverse stochastic differential equation; c without "
        r"its noise is the flow.",
        right="Right: the whole score with noise, or half of it without.",
    ),
    Prose(
        id="07.14",
        title="A scan that looks real",
        prompt='A hospital has 300 labelled scans and is offered a diffusion model to "make more data, since '
        'labels are scarce". What would you ask or say before you agree? A few sentences.',
        rubric=[
            "Training needs many pictures, though no labels: scarce labels and scarce pictures are two "
            "things. What was it trained on?",
            "A realistic picture isn't a right one: whether the finding is there, and where, has to be "
            "checked by somebody or something else.",
            "With few pictures a model may return training pictures: a question of privacy, to be measured.",
            "The generated pictures hold no knowledge that wasn't in the training data or the conditions; "
            "guidance makes rare forms rarer. Whether they help shows only on real test data.",
        ],
        models=[
            "Labels may be scarce, but the model itself needs many thousands of pictures, so I'd ask what "
            "it was trained on. A scan that looks real need not show the disease that was asked for, so an "
            "expert has to check it. From few patients it may return a patient's own scan, which I'd "
            "measure by nearest neighbours. And it can add no case that it has never seen; guidance makes "
            "rare ones rarer. I'd judge it by what it does for a test on real scans.",
        ],
        mistakes=[
            Mistake(
                "no data needed",
                "Unsupervised means without labels, not without data: the digits of this course took 1,437 "
                "pictures, MNIST 60,000.",
                "It is unsupervised, so it needs no data and is ideal where data are scarce.",
                r"need(s|ed|ing)? (no|little|hardly any) (training )?(data|pictures|images|scans)"
                r"|without (any )?data",
            ),
            Mistake(
                "looks right",
                "Looks are what the model was trained for. In this lesson strength 2 leaves hardly 1 digit "
                "in 100 misread, and yet spreads a class less than real digits do.",
                "To a radiologist they look like real ones: they are realistic and therefore correct.",
                r"(realistic|look(s|ing)? real).{0,40}(therefore|thus|hence|so)"
                r".{0,20}(correct|valid|right|useful)",
            ),
        ],
        hints=[
            "What does a diffusion model need to be trained, and what not?",
            "What does a Fréchet distance not see?",
        ],
        worked="It learns from pictures without labels, but from many. It returns what such pictures look "
        "like, not what a patient has: the finding must be verified. Trained on few, it may copy them, and "
        "then privacy is at stake. It can't bring cases that the data don't hold, and a high strength of "
        "guidance thins out the rare ones. Whether it helps is a question for real test data.",
        right="Good: data, truth, copies, and a test on real scans.",
    ),
]
