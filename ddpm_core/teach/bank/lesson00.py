"""Start here: one easy exercise of each kind, to see how they work."""

import torch
from torch import Tensor

from ...gaussian import per_example
from ..judge import Case, Choice, Function, Mistake, Number, Prose, Symbolic
from .inputs import draw


def _loop(x: Tensor) -> Tensor:
    return torch.stack([row.sum() for row in x])


def _flattened(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1).sum(1)


def _counted(x: Tensor) -> Tensor:
    return torch.einsum("bn->b", x.flatten(1))


def _everything(x: Tensor) -> Tensor:
    return x.sum().expand(len(x))


def _mean(x: Tensor) -> Tensor:
    return x.flatten(1).mean(1)


EXERCISES = [
    Number(
        id="00.1",
        title="A number",
        prompt="Two independent noises with standard deviations 3 and 4 are added. What is the standard "
        "deviation of the sum?",
        answer=5.0,
        hints=[
            "Which of the two adds up: standard deviations, or variances?",
            "Variances add. They are 9 and 16.",
        ],
        mistakes=[
            Mistake(
                "added deviations",
                "You added the standard deviations: 3 + 4 = 7. Independent noises partly cancel; their "
                "variances add, 9 and 16.",
                7.0,
            ),
            Mistake(
                "variance",
                "25 is the variance of the sum. The standard deviation is its square root.",
                25.0,
            ),
            Mistake(
                "difference",
                "You subtracted something: 16 - 9 = 7 is a difference of variances, and ⟨example:.4f⟩ its "
                "root. Adding noise never makes less of it.",
                7**0.5,
            ),
        ],
        worked=r"Variances of independent quantities add: $3^2 + 4^2 = 25$, and $\sqrt{25} = 5$. This one "
        r"rule carries the whole forward process.",
        right="Right: variances add, 9 + 16 = 25, and the root is 5.",
    ),
    Choice(
        id="00.2",
        title="A choice",
        prompt="In this course $t$ counts the steps of noise. Which of these is $x_0$?",
        options={
            "a": "The clean picture.",
            "b": "Pure noise.",
            "c": "The first noised picture.",
        },
        answer="a",
        why={
            "b": "Pure noise stands at the other end, at the last t: with linear(1000), $x_{1000}$ keeps "
            "⟨signal_1000:.1%⟩ of the picture.",
            "c": "The first noised picture is $x_1$. $x_0$ has seen no step yet, and $x_2$ has seen two.",
        },
        hints=["How many steps of noise has $x_0$ seen?"],
        worked="$x_0$ has seen no step of noise: it is the clean picture, **a**. The last state, $x_T$, has "
        "seen all $T$ steps.",
        right="Right: no step of noise yet.",
    ),
    Symbolic(
        id="00.3",
        title="A formula",
        prompt=r"With $\alpha_t = 1 - \beta_t$ and $\bar\alpha_t = \bar\alpha_{t-1}\,\alpha_t$: write "
        r"$\bar\alpha_t$ with $\bar\alpha_{t-1}$ and $\beta_t$. They are typed `abar_prev` and `beta`. The "
        r'answer is text, such as `"abar_prev + beta"`; `ᾱ` and `β` are read as well.',
        answer="abar_prev*(1 - beta)",
        given=("abar_prev", "beta", "alpha"),
        also=["ᾱ_{t-1} - ᾱ_{t-1} β", "alpha*abar_prev", r"\bar\alpha_{t-1}(1-\beta_t)"],
        hints=[
            r"What is $\alpha_t$ in terms of $\beta_t$?",
            r"Put $1 - \beta_t$ in the place of $\alpha_t$.",
        ],
        mistakes=[
            Mistake(
                "beta for alpha",
                r"$\beta_t$ stands where $\alpha_t$ = 1 − $\beta_t$ belongs.",
                "abar_prev*beta",
            ),
            Mistake(
                "subtracted",
                r"You took $\beta_t$ away from $\bar\alpha_{t-1}$. A step keeps a *share* of what is there: "
                r"it multiplies.",
                "abar_prev - beta",
            ),
        ],
        worked=r"$\bar\alpha_t = \bar\alpha_{t-1}(1-\beta_t)$, or any other way to write the same.",
        right="Right. Any other form of the same formula would have done as well.",
    ),
    Function(
        id="00.4",
        title="A function",
        prompt="Write `per_example(x)`: the sum over everything but the batch, from shape `(B, ...)` to "
        "`(B,)`. `B` is the size of the batch, the number of examples in `x`. Every loss in this course is "
        "counted for each example first.",
        reference=per_example,
        cases=[
            Case("x = [[1, 2], [3, 4]]", (torch.tensor([[1.0, 2], [3, 4]], dtype=torch.float64),)),
            Case("x of shape (2, 1, 3, 2), seeded", (draw(1, 2, 1, 3, 2),)),
        ],
        also=[_loop, _flattened, _counted],
        hints=["`x.flatten(1)` keeps the batch axis and joins all others.", "Sum that over axis 1."],
        mistakes=[
            Mistake(
                "everything",
                "You summed over the batch as well, so every example has the sum of all.",
                _everything,
            ),
            Mistake(
                "mean",
                "That is the mean over the entries, not the sum. The two differ by a factor: the number of "
                "entries.",
                _mean,
            ),
        ],
        worked="All axes but the first are summed away:",
        right="Right. The solution shows the library's own.",
    ),
    Prose(
        id="00.5",
        title="A few sentences",
        prompt="In two or three sentences: what do you hope to understand at the end of this course, and "
        "what do you know about it already? You mark this one yourself.",
        rubric=[
            "I named something that I want to understand.",
            "I named something that I know already.",
        ],
        models=[
            "I want to understand why a network that predicts noise can draw pictures. I know what a "
            "Gaussian is.",
        ],
        mistakes=[
            Mistake(
                "everything",
                "Everything is a lot. Name one thing, small enough that you will notice when you have it.",
                "I want to understand simply everything about it.",
                r"\beverything\b",
            )
        ],
        hints=["One sentence for each point of the rubric is enough."],
        worked="There is no model answer to this one. Come back to your text after the last lesson.",
        right="Good. Come back to it after the last lesson.",
    ),
]
