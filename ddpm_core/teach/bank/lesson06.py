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


ENTROPY = -sum(p * math.log2(p) for p in (0.6, 0.3, 0.1))


def _flat(nats: Tensor, x0: Tensor) -> Tensor:
    d = x0.flatten(1).shape[1]
    return nats / d / torch.log(torch.tensor(2.0, dtype=nats.dtype))


def _case(text: str, nats: list[float], *shape: int) -> Case:
    return inputs.Case(text, (torch.tensor(nats, dtype=torch.float64), inputs.draw(0, *shape)))


ANSWERS = {
    "code-length": a_number(
        formula="log2(pictures)",
        given={"pictures": 1024},
        rel=0,
        unit="bits",
        also=["log2(1024)", "-log2(1/1024)", "log(1024)/log(2)"],
        mistakes={
            "natural": math.log(1024),
            "decimal": math.log10(1024),
            "sign": -10,
            "number": 1024,
            "halved": 512,
        },
    ),
    "whole-bits": a_number(
        formula="p_a*short + p_b*long + p_c*long",
        given={"p_a": 0.6, "p_b": 0.3, "p_c": 0.1, "short": 1, "long": 2},
        digits=2,
        unit="bits",
        also=["0.6 + 0.4*2", "0.6*1 + 0.3*2 + 0.1*2", "7/5"],
        mistakes={
            "entropy": ENTROPY,
            "unweighted": 5 / 3,
            "rounded up": 0.6 + 0.3 * 2 + 0.1 * 4,
            "all alike": 2,
            "long one lost": 0.6 + 0.3 * 2,
        },
    ),
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
    "net-of-a-walk": a_number(
        formula="written - back",
        given={"written": 5, "back": 3},
        rel=0,
        unit="bits",
        also=["5-3", "2+1+2-3", "5 - (2 + 1)"],
        mistakes={
            "nothing back": 5,
            "paid twice": 8,
            "only the mail": 3,
            "the old last step": 1,
            "sign": -2,
        },
    ),
    "average-net": a_number(
        formula="p_0*0 + p_1*1 + p_2*2",
        given={"p_0": 1 / 16, "p_1": 1 / 2, "p_2": 7 / 16},
        unit="bits",
        also=["11/8", "1/2 + 2*7/16", "22/16"],
        mistakes={
            "unweighted": 12 / 9,
            "most likely": 1,
            "written": 35 / 8,
            "the zero dropped": 11 / 8 * 16 / 15,
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
    "raw-digit": a_number(
        formula="pixels*log2(greys)",
        given={"pixels": 64, "greys": 17},
        unit="bits",
        also=["64*log2(17)", "64*log(17)/log(2)", 261.6],
        mistakes={
            "one pixel": math.log2(17),
            "product": 64 * 17,
            "sixteen greys": 256,
            "whole bits": 320,
            "nats": 64 * math.log(17),
        },
    ),
    "race-winner": a_number(
        formula="tau*ratio",
        given={"tau": 2.0, "ratio": 0.6},
        instead={"tau": {"tau_1": 0.7, "tau_2": 1.3, "tau_4": 4.1}},
        digits=2,
        also=["2*0.6", "6/5"],
        mistakes={
            "earliest": 0.7 * 3,
            "largest": 1.3 * 2.2,
            "best fit": 4.1 * 0.4,
            "row number": 3,
            "divided": 2 / 0.6,
        },
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
}
