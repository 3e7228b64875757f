"""Information and compression: bits, rate and distortion, and the use of a shared source of noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ... import elbo
    from ..judge import Case
    from . import inputs
else:
    torch, elbo, inputs = later("torch", "elbo", "teach.bank.inputs")

NUMBERS = {
    "bit": math.log(2),
    "one_step": 14 + math.log2(11),
    "log2_11": math.log2(11),
    "ln_11": math.log(11),
}


def _flat(nats: Tensor, x0: Tensor) -> Tensor:
    d = x0.flatten(1).shape[1]
    return nats / d / torch.log(torch.tensor(2.0, dtype=nats.dtype))


def _case(text: str, nats: list[float], *shape: int) -> Case:
    return inputs.Case(text, (torch.tensor(nats, dtype=torch.float64), inputs.draw(0, *shape)))


ANSWERS = {
    "nats-to-bits": a_number(
        formula="nats/log(2)",
        given={"nats": 0.7269},
        unit="bits per dimension",
        units=("bits", "bits/dim", "bits/dimension", "bpd"),
        also=["0.7269/ln 2", "0.7269/0.693147", 1.0487],
        mistakes={
            "left in nats": 0.7269,
            "times": 0.7269 * math.log(2),
            "decimal": 0.7269 / math.log(10),
            "exponent": math.exp(0.7269),
            "power of two": 2**0.7269,
            "base ten": 0.7269 / math.log10(2),
        },
    ),
    "unseen-share": a_number(
        formula="distortion/(rate + distortion)",
        given={"rate": 1.78, "distortion": 1.97},
        also=["1.97/(1.78+1.97)", 0.5253, "1/(1+1.78/1.97)"],
        mistakes={
            "the rate's": 1.78 / 3.75,
            "of the rate": 1.97 / 1.78,
            "the whole": 3.75,
            "rate to distortion": 1.78 / 1.97,
            "of eight bits": 1.97 / 8,
            "difference": 1.97 - 1.78,
        },
    ),
    "bits-back": a_formula(
        answer="-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1) + log q(x_1|x_0) + log q(x_2|x_1)",
        given=("p(x_2)", "p(x_1|x_2)", "p(x_0|x_1)", "q(x_1|x_0)", "q(x_2|x_1)"),
        also=[
            "log(q(x_1|x_0) q(x_2|x_1) / (p(x_2) p(x_1|x_2) p(x_0|x_1)))",
            "ln q(x_2|x_1) + ln q(x_1|x_0) - ln(p(x_0|x_1) p(x_1|x_2) p(x_2))",
            "log q(x_1|x_0) - log p(x_0|x_1) + log(q(x_2|x_1)/(p(x_2) p(x_1|x_2)))",
        ],
        mistakes={
            "nothing back": "-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1)",
            "sign": "log p(x_2) + log p(x_1|x_2) + log p(x_0|x_1) - log q(x_1|x_0) - log q(x_2|x_1)",
            "paid twice": "-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1) - log q(x_1|x_0) - log q(x_2|x_1)",
            "one back": "-log p(x_2) - log p(x_1|x_2) - log p(x_0|x_1) + log q(x_1|x_0)",
            "no prior": "-log p(x_1|x_2) - log p(x_0|x_1) + log q(x_1|x_0) + log q(x_2|x_1)",
        },
    ),
    "calibrated-step": a_formula(
        answer="0.5*log(1 + abar_s/(1-abar_s) - abar/(1-abar))",
        given=("abar", "abar_s"),
        also=[
            "log(1 + 1/(1-abar_s) - 1/(1-abar))/2",
            "log(sqrt(1 + abar_s/(1-abar_s) - abar/(1-abar)))",
            "ln(1 - ᾱ_t/(1-ᾱ_t) + ᾱ_s/(1-ᾱ_s))/2",
        ],
        mistakes={
            "a half lost": "log(1 + abar_s/(1-abar_s) - abar/(1-abar))",
            "the posterior's variance": "0.5*(abar_s/(1-abar_s) - abar/(1-abar))",
            "the 1 lost": "0.5*log(abar_s/(1-abar_s) - abar/(1-abar))",
            "the logarithm lost": "0.5*(1 + abar_s/(1-abar_s) - abar/(1-abar))",
            "ratio of SNRs": "0.5*log(abar_s*(1-abar)/((1-abar_s)*abar))",
            "signals alone": "0.5*log(1 + abar_s - abar)",
            "of x_s": "0.5*log((1-abar)/(1-abar_s))",
        },
    ),
    "bits-per-dim": a_function(
        lambda: fields(
            reference=elbo.bits_per_dim,
            cases=[
                _case("nats = [64], a picture of 8x8", [64.0], 1, 1, 8, 8),
                _case("two colour pictures of 2x2", [1.0, 10.0], 2, 3, 2, 2),
                _case("three points in the plane", [0.5, 3.0, -2.0], 3, 2),
            ],
            also=[
                lambda nats, x0: nats * math.log2(math.e) / x0[0].numel(),
                _flat,
                lambda nats, x0: nats / math.prod(x0.shape[1:]) / math.log(2),
            ],
            mistakes={
                "left in nats": lambda nats, x0: nats / x0[0].numel(),
                "per picture": lambda nats, x0: nats / math.log(2),
                "times ln 2": lambda nats, x0: nats * math.log(2) / x0[0].numel(),
                "batch too": lambda nats, x0: nats / (x0.numel() * math.log(2)),
                "batch only": lambda nats, x0: nats / (len(x0) * math.log(2)),
                "channels": lambda nats, x0: nats / (x0.shape[1] * math.log(2)),
                "one colour": lambda nats, x0: nats / (math.prod(x0.shape[-2:]) * math.log(2)),
                "decimal digits": lambda nats, x0: nats / (x0[0].numel() * math.log(10)),
                "logarithm taken again": lambda nats, x0: nats.log2() / x0[0].numel(),
            },
        )
    ),
    "least-steps": a_number(
        formula="ceil(bits/log2(candidates))",
        given={"bits": 98, "candidates": 65_536},
        rel=0,
        unit="steps",
        also=["7", "98/14", "ceil(98/16)"],
        mistakes={
            "not rounded": 6.125,
            "rounded down": 6,
            "ten bits a step": 10,
            "one": 1,
            "a step a bit": 98,
            "candidates for bits": 98 / 65_536,
        },
    ),
    "ten-small-steps": a_number(
        formula="n*(D + log2(D + 1) + c) - (n*D + log2(n*D + 1) + c)",
        given={"n": 10, "D": 1, "c": 4},
        unit="bits",
        also=["10*(1+1+4) - (10 + log(11)/log(2) + 4)", "46 - log(11)/log(2)", 42.5406],
        mistakes={
            "the ten alone": 60,
            "the one alone": 14 + math.log2(11),
            "one of ten": 8 + math.log2(11),
            "natural": 10 * (5 + math.log(2)) - (14 + math.log(11)),
            "natural at the large one": 60 - (14 + math.log(11)),
            "without logarithm": 36,
            "overhead once": 15 - (14 + math.log2(11)),
        },
    ),
}
