"""VAE, hierarchical VAE, DDPM: who is who."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ... import gaussian
    from ...gaussian import Gaussian
    from ...study import vae
    from . import inputs
else:
    torch, gaussian, vae, inputs = later("torch", "gaussian", "study.vae", "teach.bank.inputs")

TWO = 0.64 * 0.36 + 0.36  # the variance after two steps with beta = 0.36
MODEL = "log p(x_2) + log p(x_1|x_2) + log p(x_0|x_1)"
ENCODER = "log q(x_2|x_0) + log q(x_1|x_2,x_0)"

NUMBERS = {
    "two_steps": math.sqrt(TWO),
    "two_variance": TWO,
    "top": 0.5 * (0.64**2 + TWO - 1 - math.log(TWO)),
    "eight": 0.5 * (0.64**8 + (1 - 0.64**8) - 1 - math.log(1 - 0.64**8)),
    "log_p": -0.25 - 0.5 * math.log(4 * math.pi),
    "lazy": -1 - 0.5 * math.log(2 * math.pi),
    "bit": math.log(2),
    "decimal": math.log10(2),
    "decade": math.log(10),
    "greys": math.log2(17),
    "picture": 64 * -0.5 * math.log(1e-9),
}


def _prior(mean: Tensor) -> Gaussian:
    return gaussian.Gaussian(torch.zeros_like(mean), 1.0)


def _in_one_line(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    square = ((x0 - w * mean) ** 2 + w**2 * var) / noise**2 + math.log(2 * math.pi * noise**2)
    kl = mean**2 + var - 1 - var.log()
    return -0.5 * (square + kl)[:, 0]


def _by_the_gap(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    total = w**2 + noise**2
    exact = gaussian.Gaussian(0 * x0, total).log_prob(x0)
    return exact - gaussian.Gaussian(mean, var).kl(gaussian.Gaussian(w * x0 / total, noise**2 / total))


def _by_entropy(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    joint = gaussian.Gaussian(w * mean, noise**2).log_prob(x0) + _prior(mean).log_prob(mean)
    joint = joint - 0.5 * (var * (w**2 / noise**2 + 1)).sum(1)
    return joint + 0.5 * (1 + math.log(2 * math.pi) + var.log()).sum(1)


def _plugged_in(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return gaussian.Gaussian(w * mean, noise**2).log_prob(x0) - gaussian.Gaussian(mean, var).kl(_prior(mean))


def _kl_added(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return vae.linear_elbo(x0, mean, var, w, noise) + 2 * gaussian.Gaussian(mean, var).kl(_prior(mean))


def _kl_turned(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    q = gaussian.Gaussian(mean, var)
    return vae.linear_elbo(x0, mean, var, w, noise) + q.kl(_prior(mean)) - _prior(mean).kl(q)


def _no_kl(x0: Tensor, mean: Tensor, var: Tensor, w: float, noise: float) -> Tensor:
    return vae.linear_elbo(x0, mean, var, w, noise) + gaussian.Gaussian(mean, var).kl(_prior(mean))


def _halves(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.chunk(2, 1)
    return gaussian.Gaussian(mean.reshape(-1, *shape), log_var.exp().reshape(-1, *shape))


def _sliced(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    d = out.shape[1] // 2
    return gaussian.Gaussian(out[:, :d].unflatten(1, shape), out[:, d:].unflatten(1, shape).exp())


def _viewed(out: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    both = out.reshape(len(out), 2, *shape)
    return both[:, 0], torch.exp(both[:, 1])


def _deviation(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return gaussian.Gaussian(mean, (log_var / 2).exp())


def _log_kept(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return gaussian.Gaussian(mean, log_var)


def _turned(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    log_var, mean = out.unflatten(1, (2, *shape)).unbind(1)
    return gaussian.Gaussian(mean, log_var.exp())


def _squared(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    mean, log_var = out.unflatten(1, (2, *shape)).unbind(1)
    return gaussian.Gaussian(mean, (2 * log_var).exp())


def _interleaved(out: Tensor, shape: tuple[int, ...]) -> Gaussian:
    return gaussian.Gaussian(out[:, 0::2].unflatten(1, shape), out[:, 1::2].unflatten(1, shape).exp())


ANSWERS = {
    "latent-numbers": a_number(
        formula="T*channels*side^2",
        given={"T": 1000, "channels": 3, "side": 32},
        rel=0,
        unit="numbers",
        also=["3 072 000", "1000*32*32*3", "3,072,000"],
        mistakes={
            "one latent": 3072,
            "one number each": 1000,
            "with the data": 3072 * 1001,
            "one channel": 1024 * 1000,
        },
    ),
    "top-level-cost": a_number(
        formula="((signal*x_0)^2 + v - 1 - log(v))/2",
        given={"signal": 0.64, "x_0": 2, "v": TWO},
        instead={"v": {"beta": 0.36}},
        unit="nats",
        also=["(1.28^2 + 0.5904 - 1 - log(0.5904))/2", "0.5*(1.6384 - 0.4096 - ln(0.5904))", 0.87788],
        mistakes={
            "the first pixel": 0.5 * (0.64**2 + TWO - 1 - math.log(TWO)),
            "one step": 0.5 * (1.6**2 + 0.36 - 1 - math.log(0.36)),
            "last noise only": 0.5 * (1.28**2 + 0.36 - 1 - math.log(0.36)),
            "variances added": 0.5 * (1.28**2 + 0.72 - 1 - math.log(0.72)),
            "twice the first": 0.64**2 + TWO - 1 - math.log(TWO),
        },
    ),
    "square-completed": a_number(
        formula="x_0/(1 + v)",
        given={"x_0": 1, "v": 0.25},
        also=["4/5", "1/(1+1/4)", "4/(2*5/2)"],
        mistakes={
            "as before": 0.5,
            "the variance": 0.2,
            "the data": 1.0,
            "not divided": 4.0,
            "once the factor": 1.6,
        },
    ),
    "latent-kl": a_formula(
        answer="(mu^2 + sigma^2 - 1)/2 - log(sigma)",
        given={"mu": 1.0, "sigma": 2.0},
        also=[
            "0.5*(μ² + σ² - 1 - ln(σ²))",
            r"\frac{\mu^2}{2} + \frac{\sigma^2 - 1}{2} - \log(\sigma)",
            "mu^2/2 + sigma^2/2 + log(1/sigma) - 1/2",
        ],
        mistakes={
            "turned round": "log(sigma) + (1 + mu^2)/(2*sigma^2) - 1/2",
            "no logarithm": "(mu^2 + sigma^2 - 1)/2",
            "log of the variance": "(mu^2 + sigma^2 - 1)/2 - log(sigma^2)",
            "not zero": "(mu^2 + sigma^2)/2 - log(sigma)",
            "not halved": "mu^2 + sigma^2 - 1 - log(sigma)",
            "sigma as the variance": "(mu^2 + sigma - 1)/2 - log(sigma)/2",
            "deviation for variance": "(mu^2 + sigma - 1)/2 - log(sigma)",
        },
    ),
    "lazy-gap": a_number(
        formula="(mean^2/variance + 1/variance - 1 - log(1/variance))/2",
        given={"mean": 0.5, "variance": 0.5},
        unit="nats",
        also=["0.75 - log(2)/2", "(0.25/0.5 + 2 - 1 - log(2))/2", "3/4 - ln(sqrt(2))", 0.40343],
        mistakes={
            "turned round": 0.5 * (math.log(2) - 0.25),
            "the bound itself": -1 - 0.5 * math.log(2 * math.pi),
            "to the prior": 0.0,
            "no log": 0.75,
            "not halved": 1.5 - math.log(2),
            "deviations": 0.5 * (0.25 / 0.5**0.5 + 1 / 0.5**0.5 - 1 - 0.5 * math.log(2)),
            "log p itself": -0.25 - 0.5 * math.log(4 * math.pi),
        },
    ),
    "linear-elbo": a_function(
        lambda: fields(
            reference=vae.linear_elbo,
            cases=[
                inputs.Case(
                    "x0 = 1, mean = 0.5, var = 0.5, w = 2, noise = 0.5",
                    (inputs.one(1), inputs.one(0.5), inputs.one(0.5), 2.0, 0.5),
                ),
                inputs.Case(
                    "x0 = 1, mean = 0, var = 1, w = 1, noise = 1",
                    (inputs.one(1), inputs.one(0), inputs.one(1), 1.0, 1.0),
                ),
                inputs.Case(
                    "a batch of three (seeded), w = 0.7, noise = 0.3",
                    (inputs.draw(1, 3, 1), inputs.draw(2, 3, 1), inputs.draw(3, 3, 1).exp(), 0.7, 0.3),
                ),
            ],
            also=[_in_one_line, _by_the_gap, _by_entropy],
            mistakes={
                "plugged in": _plugged_in,
                "kl added": _kl_added,
                "kl turned round": _kl_turned,
                "deviation for variance": lambda x0, mean, var, w, noise: vae.linear_elbo(
                    x0, mean, var, w, noise**0.5
                ),
                "no kl": _no_kl,
                "minus": lambda x0, mean, var, w, noise: -vae.linear_elbo(x0, mean, var, w, noise),
                "w not squared": lambda x0, mean, var, w, noise: (
                    vae.linear_elbo(x0, mean, var, w, noise) + ((w**2 - w) * var / (2 * noise**2)).sum(1)
                ),
            },
        )
    ),
    "network-to-gaussian": a_function(
        lambda: fields(
            reference=vae.diagonal,
            cases=[
                inputs.Case(
                    "out = (0.5, -1), shape = (1,)", (torch.tensor([[0.5, -1.0]], dtype=torch.float64), (1,))
                ),
                inputs.Case("a batch of three, shape = (4,) (seeded)", (inputs.draw(4, 3, 8), (4,))),
                inputs.Case("a batch of two, shape = (2, 3) (seeded)", (inputs.draw(5, 2, 12), (2, 3))),
            ],
            also=[_halves, _sliced, _viewed],
            mistakes={
                "deviation": _deviation,
                "log kept": _log_kept,
                "halves swapped": _turned,
                "squared": _squared,
                "interleaved": _interleaved,
            },
        )
    ),
    "bits-per-dim": a_number(
        formula="nats/(d*log(2))",
        given={"nats": 88, "d": 64},
        instead={"d": {"side": 8}},
        unit="bits/dim",
        units=("bits", "bits per dimension", "bit/dim", "bits/dimension", "bpd"),
        also=["88/(64*log(2))", "88/64/ln(2)", 1.98373],
        mistakes={
            "nats": 1.375,
            "multiplied": 88 / 64 * math.log(2),
            "whole digit": 88 / math.log(2),
            "by the side": 11 / math.log(2),
            "base ten": 88 / 64 / math.log10(2),
            "logarithm taken again": math.log2(88) / 64,
        },
    ),
    "hvae-bound": a_formula(
        answer=f"{MODEL} - ({ENCODER})",
        given=("p(x_2)", "p(x_1|x_2)", "p(x_0|x_1)", "q(x_2|x_0)", "q(x_1|x_0,x_2)"),
        also=[
            "log(p(x_2) p(x_1|x_2) p(x_0|x_1) / (q(x_2|x_0) q(x_1|x_2,x_0)))",
            "ln p_θ(x₀|x₁) - ln(q(x₁|x₂,x₀)/p_θ(x₁|x₂)) - ln(q(x₂|x₀)/p(x₂))",
            "log p(x_0|x_1) + log p(x_1|x_2) - log q(x_1|x_0,x_2) + log p(x_2) - log q(x_2|x_0)",
        ],
        mistakes={
            "inverted": f"{ENCODER} - ({MODEL})",
            "no prior": f"{MODEL} - log p(x_2) - ({ENCODER})",
            "one level": "log p(x_2) + log p(x_0|x_1) - log q(x_2|x_0)",
            "from the bottom up": f"{MODEL} - log q(x_1|x_0) - log q(x_2|x_1)",
            "no encoder": MODEL,
            "likelihood only": f"log p(x_0|x_1) - ({ENCODER})",
            "sum of both": f"{MODEL} + {ENCODER}",
        },
    ),
    "three-properties": a_number(
        formula="(x_0^2 + T*sigma^2 - 1 - log(T*sigma^2))/2",
        given={"x_0": 1, "T": 1000, "sigma": 1e-6},
        unit="nats",
        also=["-log(1e-9)/2", "(1 + 1e-9 - 1 - log(1e-9))/2", "4.5*log(10)", 10.3616],
        mistakes={
            "one step": -0.5 * math.log(1e-12),
            "deviations added": 0.5 * (1e-6 - math.log(1e-6)),
            "no mean": 0.5 * (1e-9 - 1 - math.log(1e-9)),
            "no minus one": 0.5 * (1 + 1e-9 - math.log(1e-9)),
            "nothing": 0.0,
            "base ten": 4.5,
            "whole picture": -32 * math.log(1e-9),
        },
    ),
}
