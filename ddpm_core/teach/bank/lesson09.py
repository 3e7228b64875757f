"""A text-to-image model of your own: words, guidance with words, latents, patches and their attention."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from torch import Tensor

    from ...study import transformer
    from ..judge.function import Case
    from . import inputs

    Attend = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    Cut = Callable[[Tensor, int], Tensor]
else:
    torch, transformer, inputs = later("torch", "study.transformer", "teach.bank.inputs")


# ── attention ───────────────────────────────────────────────────────────────────────────────────────────────


def _asked() -> list[Case]:
    """Cases for (q, k, v, known)."""

    def column(*numbers: float) -> Tensor:
        return torch.tensor(numbers, dtype=torch.float64)[None, :, None]

    both, few = (
        torch.tensor([[True, True]]),
        torch.tensor([[True, False, True, False], [True, True, True, True]]),
    )
    q, k, v = inputs.draw(0, 2, 3, 4), inputs.draw(1, 2, 4, 4), inputs.draw(2, 2, 4, 4)
    return [
        inputs.Case(
            "one query 1, keys 1 and 0, values 3 and 1", (column(1), column(1, 0), column(3, 1), both)
        ),
        inputs.Case(
            "three patches, two words, all known", (column(0, 1, 2), column(1, 0), column(3, 1), both)
        ),
        inputs.Case("a batch of two, d = 4, with empty places (seeded)", (q, k, v, few)),
        inputs.Case(
            "values of another width, one word known", (q[:1], k[:1], v[:1, :, :3], torch.eye(4)[:1] > 0)
        ),
    ]


def _scores(q: Tensor, k: Tensor) -> Tensor:
    return q @ k.transpose(1, 2) / math.sqrt(q.shape[-1])


def _masked(scores: Tensor, known: Tensor) -> Tensor:
    return scores.masked_fill(~known[:, None], -math.inf)


def _by_torch(q: Tensor, k: Tensor, v: Tensor, known: Tensor) -> Tensor:
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, known[:, None].expand(-1, q.shape[1], -1)
    )


def _by_where(q: Tensor, k: Tensor, v: Tensor, known: Tensor) -> Tensor:
    grown = torch.where(known[:, None], _scores(q, k).exp(), 0.0)
    return (grown / grown.sum(-1, keepdim=True)) @ v


def _by_einsum(q: Tensor, k: Tensor, v: Tensor, known: Tensor) -> Tensor:
    scores = torch.einsum("bpd,bld->bpl", q, k) * q.shape[-1] ** -0.5
    scores = scores + torch.where(known, 0.0, -math.inf)[:, None]
    return torch.einsum("bpl,ble->bpe", torch.softmax(scores, 2), v)


def _even(q: Tensor, k: Tensor, v: Tensor, known: Tensor) -> Tensor:
    share = known / known.sum(1, keepdim=True)
    return (share[:, None].to(v) @ v).expand(-1, q.shape[1], -1)


def _over_patches(q: Tensor, k: Tensor, v: Tensor, known: Tensor) -> Tensor:
    return (_scores(q, k).softmax(1) * known[:, None]) @ v


# ── patches ─────────────────────────────────────────────────────────────────────────────────────────────────


def _pictures() -> list[Case]:
    """Cases for (x, p)."""
    count = torch.arange(16, dtype=torch.float64).reshape(1, 1, 4, 4)
    return [
        inputs.Case("0 to 15 in four lines of four, p = 2", (count, 2)),
        inputs.Case(
            "a batch of two, three channels, 4 by 6, p = 2 (seeded)", (inputs.draw(0, 2, 3, 4, 6), 2)
        ),
        inputs.Case(
            "one picture of 6 by 3 with two channels, p = 3 (seeded)", (inputs.draw(1, 1, 2, 6, 3), 3)
        ),
    ]


def _cut(order: tuple[int, ...]) -> Cut:
    """The axes (B, rows, columns, then C, y and x of a patch), brought into this order and made rows."""

    def cut(x: Tensor, p: int) -> Tensor:
        b, c, h, w = x.shape
        return x.reshape(b, c, h // p, p, w // p, p).permute(order).reshape(b, (h // p) * (w // p), c * p * p)

    return cut


def _by_slices(x: Tensor, p: int) -> Tensor:
    rows, columns = x.shape[2] // p, x.shape[3] // p
    cells = [(p * i, p * j) for i in range(rows) for j in range(columns)]
    return torch.stack([x[:, :, i : i + p, j : j + p].flatten(1) for i, j in cells], 1)


def _by_unfold(x: Tensor, p: int) -> Tensor:
    return x.unfold(2, p, p).unfold(3, p, p).permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


ANSWERS = {
    "sum-by-hand": a_number(
        formula="t + red + heart",
        given={"t": 0.5, "red": -1.5, "heart": 4.0},
        also=["0.5 - 1.5 + 4", "6/2", "3.0"],
        mistakes={"without the time": 2.5, "a mean": 1, "sign lost": 6, "second number": 4},
    ),
    "share-of-a-word": a_number(
        formula="exp(q*k_1)/(exp(q*k_1) + exp(q*k_2))",
        given={"q": 0.5, "k_1": 1.0, "k_2": 0.0},
        also=["exp(0.5)/(exp(0.5)+1)", "1.6487/2.6487", "1/(1+exp(-0.5))"],
        mistakes={
            "heart": 1 / (1 + math.exp(0.5)),
            "odds": math.exp(0.5),
            "the score": 0.5,
            "no exponent": 1,
            "squared": math.e / (1 + math.e),
        },
    ),
    "three-words": a_number(
        formula="(exp(q*k_1)*v_1 + exp(q*k_2)*v_2 + exp(q*k_3)*v_3)/(exp(q*k_1) + exp(q*k_2) + exp(q*k_3))",
        given={"q": 1.0, "k_1": 1.0, "k_2": 0.0, "k_3": -1.0, "v_1": 3.0, "v_2": 1.0, "v_3": 2.0},
        also=["(3*exp(1) + 1 + 2*exp(-1))/(exp(1) + 1 + exp(-1))", "9.8906/4.0862", "2.42"],
        mistakes={
            "two words": (3 * math.e + 1) / (math.e + 1),
            "not divided": 3 * math.e + 1 + 2 / math.e,
            "plain mean": 2,
            "scores as shares": 1,
            "values in the exponent": (3 * math.exp(3) + math.e + 2 * math.exp(2))
            / (math.exp(3) + math.e + math.exp(2)),
        },
    ),
    "cross-attention": a_function(
        lambda: fields(
            reference=transformer.attend,
            cases=_asked(),
            also=[_by_torch, _by_where, _by_einsum],
            mistakes={
                "not scaled": lambda q, k, v, known: _masked(q @ k.mT, known).softmax(-1) @ v,
                "divided by d": lambda q, k, v, known: _masked(q @ k.mT / q.shape[-1], known).softmax(-1) @ v,
                "over the patches": _over_patches,
                "no softmax": lambda q, k, v, known: (_scores(q, k) * known[:, None]) @ v,
                "empty places looked at": lambda q, k, v, known: _scores(q, k).softmax(-1) @ v,
                "scores of 0": lambda q, k, v, known: (_scores(q, k) * known[:, None]).softmax(-1) @ v,
                "masked afterwards": lambda q, k, v, known: (_scores(q, k).softmax(-1) * known[:, None]) @ v,
                "keys for values": lambda q, k, v, known: _masked(_scores(q, k), known).softmax(-1) @ k,
                "all alike": _even,
            },
        )
    ),
    "against": a_number(
        formula="away + w*(told - away)",
        given={"away": 1.25, "w": 3.0, "told": 0.5},
        also=["1.25 + 3*(0.5-1.25)", "3*0.5 - 2*1.25", "-1.0"],
        mistakes={
            "away from nothing": 1,
            "towards it": 2.75,
            "from the face": -1.75,
            "the difference alone": -2.25,
            "not stronger": 0.5,
        },
    ),
    "how-much-smaller": a_number(
        formula="side^2*colours/(small^2*numbers)",
        given={"side": 512.0, "colours": 3.0, "small": 64.0, "numbers": 4.0},
        also=["512*512*3/(64*64*4)", "64*3/4", "786432/16384"],
        mistakes={"area alone": 64, "side alone": 8, "channels turned": 64 * 4 / 3, "turned": 1 / 48},
    ),
    "scale-of-latents": a_number(
        formula="(a*s)^2/b^2",
        given={"a": 0.6, "s": 5.0, "b": 0.8},
        also=["(3/0.8)^2", "25*0.5625", "9/0.64"],
        mistakes={
            "as it should be": 0.5625,
            "not squared": 3.75,
            "five times": 2.8125,
            "noise grows": 0.0225,
        },
    ),
    "noised-latent": a_formula(
        answer="sqrt(abar)*(x_0 - mu)/sigma + sqrt(1 - abar)*eps",
        given={"x_0": 1.7, "mu": 0.4, "sigma": 2.5, "abar": 0.7, "eps": -0.6},
        also=[
            r"\sqrt{\bar\alpha_t}\frac{x_0-\mu}{\sigma} + \sqrt{1-\bar\alpha_t}\varepsilon",
            "abar**0.5*x_0/sigma - abar**0.5*mu/sigma + (1-abar)**0.5*eps",
            "(sqrt(abar)*(x_0-mu) + sigma*sqrt(1-abar)*eps)/sigma",
        ],
        mistakes={
            "not shifted": "sqrt(abar)*x_0/sigma + sqrt(1 - abar)*eps",
            "not scaled": "sqrt(abar)*(x_0 - mu) + sqrt(1 - abar)*eps",
            "scaled the wrong way": "sqrt(abar)*(x_0 - mu)*sigma + sqrt(1 - abar)*eps",
            "noise scaled too": "(sqrt(abar)*(x_0 - mu) + sqrt(1 - abar)*eps)/sigma",
            "noised first": "(sqrt(abar)*x_0 + sqrt(1 - abar)*eps - mu)/sigma",
            "no roots": "abar*(x_0 - mu)/sigma + (1 - abar)*eps",
            "amounts turned": "sqrt(1 - abar)*(x_0 - mu)/sigma + sqrt(abar)*eps",
        },
    ),
    "how-many-patches": a_number(
        formula="(side/p)^2",
        given={"side": 128.0, "p": 2.0},
        also=["64*64", "128*128/4", "4,096"],
        mistakes={"one side": 64, "not halved": 16384, "halved once": 8192, "of pixels": 262144},
    ),
    "patches-as-rows": a_function(
        lambda: fields(
            reference=transformer.patches,
            cases=_pictures(),
            also=[_cut((0, 2, 4, 1, 3, 5)), _by_slices, _by_unfold],
            mistakes={
                "plain reshape": _cut((0, 1, 2, 3, 4, 5)),
                "down first": _cut((0, 4, 2, 1, 3, 5)),
                "channels last": _cut((0, 2, 4, 3, 5, 1)),
                "lines and columns": _cut((0, 2, 4, 1, 5, 3)),
                "patches in columns": lambda x, p: torch.nn.functional.unfold(x, p, stride=p),
            },
        )
    ),
    "passes-saved": a_number(
        formula="steps*2/few",
        given={"steps": 28.0, "few": 4.0},
        also=["28*2/4", "56/4", "14.0"],
        mistakes={"guidance forgotten": 7, "passes themselves": 56, "halved": 3.5},
    ),
}
