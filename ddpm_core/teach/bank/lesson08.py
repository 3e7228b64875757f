"""From steps to flows: the velocity of a straight path, how it is learned, and better steps along it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from .later import later
from .pairs import a_formula, a_function, a_number, fields

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ... import prediction, process, schedule
    from ...study import flows
    from ..judge.function import Case
    from . import inputs

    Net = Callable[[Tensor, Tensor], Tensor]
    Velocity = Callable[[Tensor, float], Tensor]
    Amounts = Callable[[float], tuple[float, float]]
    Loss = Callable[[Net, Tensor, Tensor, Tensor], Tensor]
    Step = Callable[[Velocity, Tensor, float, float], Tensor]
else:
    torch, prediction, process, schedule, flows, inputs = later(
        "torch", "prediction", "process", "schedule", "study.flows", "teach.bank.inputs"
    )


# ── what a network that was trained wrongly leads to, in the world N(1, 1/4) ────────────────────────────────

MEAN, VARIANCE, STEPS = 1.0, 0.25, 100


class Ends(NamedTuple):
    """Mean and standard deviation of what a walk ends at."""

    mean: float
    sd: float


def _line(a: float, b: float, c: float, d: float) -> tuple[float, float]:
    """Offset and slope of E[c x_0 + d eps | a x_0 + b eps] for the data N(1, 1/4)."""
    slope = (c * a * VARIANCE + d * b) / (a**2 * VARIANCE + b**2)
    return c * MEAN - slope * a * MEAN, slope


def _ends(mixed: Amounts, target: Amounts) -> Ends:
    """Of 100 steps of Euler down the straight path, with the best network for this mixture and this target.

    mixed, target: the factors of x_0 and of the noise at t.
    """
    mean, factor = 0.0, 1.0
    for k in range(STEPS, 0, -1):
        offset, slope = _line(*mixed(k / STEPS), *target(k / STEPS))
        mean, factor = mean - (offset + slope * mean) / STEPS, factor * (1 - slope / STEPS)
    return Ends(mean, abs(factor))


def _straight(t: float) -> tuple[float, float]:
    return 1 - t, t


def _flow(t: float) -> tuple[float, float]:
    return -1, 1


COIN = math.tanh(0.6)  # the coin's estimate of x_0 at x = 0.3, t = 1/2

RIGHT, NOISE = _ends(_straight, _flow), _ends(_straight, lambda t: (0, 1))
NUMBERS = {
    "right_mean": RIGHT.mean,
    "right_sd": RIGHT.sd,
    "reversed_mean": _ends(lambda t: (t, 1 - t), _flow).mean,
    "turned_sd": _ends(_straight, lambda t: (1, -1)).sd,
    "round_mean": _ends(_straight, lambda t: (-t, 1 - t)).mean,
    "noisy_sd": _ends(lambda t: (1 - t, 1), _flow).sd,
    "rooted_mean": _ends(lambda t: ((1 - t) ** 0.5, t**0.5), _flow).mean,
    "noise_mean": NOISE.mean,
    "noise_sd": NOISE.sd,
    "picture_mean": _ends(_straight, lambda t: (1, 0)).mean,
    "anew_sd": _ends(_straight, lambda t: (-1, 0)).sd,
}


# ── the two functions ───────────────────────────────────────────────────────────────────────────────────────


def _net(x: Tensor, t: Tensor) -> Tensor:
    """The velocity of entries that are -1 or 1, with chances 0.3 and 0.7, give or take 0.1: (B, D)."""
    a, spread = 1 - t, 0.01 * (1 - t) ** 2 + t**2  # variance of x_t in each mode
    mode = torch.tanh(a * x / spread + 0.5 * math.log(0.7 / 0.3))  # the mean of the modes given x_t
    return (t - 0.01 * a) * (x - a * mode) / spread - mode


def _network() -> torch.nn.Module:
    class Network(torch.nn.Module):
        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            return _net(x, t)

    return Network()


def _velocity(x: Tensor, t: float) -> Tensor:
    return _net(x, torch.as_tensor(t, dtype=x.dtype, device=x.device))


def _lessons() -> list[Case]:
    """Cases for (net, x0, t, eps)."""
    net, modes = _network(), torch.tensor([[1.0, -1], [1, 1], [-1, 1]], dtype=torch.float64)  # (3, 2)
    three = torch.tensor([[0.1], [0.5], [0.9]], dtype=torch.float64)  # (3, 1)
    return [
        inputs.Case("x0 = 1, t = 0.5, eps = 0.4", (net, inputs.one(1), inputs.one(0.5), inputs.one(0.4))),
        inputs.Case("x0 = -1, t = 0.2, eps = 0.4", (net, inputs.one(-1), inputs.one(0.2), inputs.one(0.4))),
        inputs.Case(
            "a batch of three at t = 0.1, 0.5, 0.9 (seeded)", (net, modes, three, inputs.draw(1, 3, 2))
        ),
    ]


def _moves() -> list[Case]:
    """Cases for (velocity, x, s, t)."""
    return [
        inputs.Case("x = 0.6, from t = 1 to s = 0.5", (_velocity, inputs.one(0.6), 0.5, 1.0)),
        inputs.Case("x = -0.2, from t = 0.5 to s = 0.25", (_velocity, inputs.one(-0.2), 0.25, 0.5)),
        inputs.Case(
            "a batch of three (seeded), from t = 0.8 to s = 0.6", (_velocity, inputs.draw(0, 3, 2), 0.6, 0.8)
        ),
        inputs.Case("x = 0.9, the last step, from t = 0.1 to s = 0", (_velocity, inputs.one(0.9), 0.0, 0.1)),
    ]


def _loss_by_library(net: Net, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    level = schedule.Level(1 - t, t)
    xt = process.q_sample(x0, eps, level)
    gap = net(xt, t) - prediction.Flow().target(x0, eps, xt, level, level)
    return (gap * gap).flatten(1).sum(1)


def _loss_by_norm(net: Net, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    u = eps - x0
    return torch.linalg.vector_norm(net(x0 + t * u, t) - u, dim=1) ** 2


def _compared(
    mixed: Callable[[Tensor, Tensor, Tensor], Tensor],
    target: Callable[[Tensor, Tensor, Tensor], Tensor],
    how: Callable[[Tensor], Tensor] = lambda gap: (gap**2).sum(1),
) -> Loss:
    """The loss with another x_t, another target, each of (x0, t, eps), or another measure of the gap."""

    def loss(net: Net, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        return how(target(x0, t, eps) - net(mixed(x0, t, eps), t))

    return loss


def _mix(x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    return (1 - t) * x0 + t * eps


def _pair(x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    return eps - x0


def _tangent(x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
    return (1 - t) * eps - t * x0


def _heun_short(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    h, u = s - t, velocity(x, t)
    return x + 0.5 * h * (u + velocity(x + h * u, s))


def _heun_halves(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    guess = x + (s - t) * velocity(x, t)
    return (x + guess + (s - t) * velocity(guess, s)) / 2


def _moved(*slopes: Callable[..., Tensor], factor: float = 1.0) -> Step:
    """A step with the sum of these slopes, each of (velocity, x, s, t), times a factor."""

    def step(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
        total = sum((slope(velocity, x, s, t) for slope in slopes), torch.zeros_like(x))
        return x + factor * (s - t) * total

    return step


def _here(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    return velocity(x, t)


def _there(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    return velocity(x + (s - t) * velocity(x, t), s)


def _later_here(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    return velocity(x, s)


def _guess_early(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    return velocity(x + (s - t) * velocity(x, t), t)


def _halfway(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    return velocity(x + (s - t) / 2 * velocity(x, t), (s + t) / 2)


def _away(velocity: Velocity, x: Tensor, s: float, t: float) -> Tensor:
    return velocity(x + (t - s) * velocity(x, t), s)


ANSWERS = {
    "in-and-out": a_number(
        formula="(p_l*u_l - p_r*u_r)/width",
        given={"p_l": 0.4, "u_l": 3.0, "p_r": 0.5, "u_r": 1.9, "width": 0.1},
        also=["(1.2-0.95)/0.1", "0.25/0.1", "10*(0.4*3-0.5*1.9)"],
        mistakes={
            "not divided": 0.25,
            "the other way": -2.5,
            "only what comes in": 12,
            "the densities alone": -1,
            "velocities alone": 11,
            "both come in": 21.5,
        },
    ),
    "crossing-lines": a_number(
        formula="p*u_1 + (1 - p)*u_2",
        given={"p": 0.75, "u_1": -2.0, "u_2": 1.2},
        also=["-1.5 + 0.3", "(3*-2+1.2)/4", "-6/5"],
        mistakes={
            "plain mean": -0.4,
            "the majority": -2,
            "swapped": 0.4,
            "the sum": -0.8,
            "sizes": 1.8,
        },
    ),
    "pair-velocity": a_formula(
        answer="(x_t - x_0)/sigma",
        given={"x_t": 0.4, "x_0": 1.0, "sigma": 0.3},
        also=[
            "(x_t-(1-sigma)*x_0)/sigma - x_0",
            r"\frac{x_t-x_0}{\sigma}",
            "x_t/σ - x_0/σ",
        ],
        mistakes={
            "towards the picture": "(x_0 - x_t)/sigma",
            "the noise": "(x_t - (1-sigma)*x_0)/sigma",
            "not divided": "x_t - x_0",
            "divided by the signal": "(x_t - x_0)/(1-sigma)",
            "multiplied": "(x_t - x_0)*sigma",
        },
    ),
    "euler-by-hand": a_number(
        formula="x + (s - t)*(x - x_0)/t",
        given={"x": 0.45, "x_0": 0.1974, "t": 0.75, "s": 0.5},
        also=["0.45 - 0.25*(0.45-0.1974)/0.75", "0.45 - 0.25*0.3368", "(2*0.45+0.1974)/3"],
        mistakes={
            "wrong way": 0.45 + 0.0842,
            "all the way": 0.1974,
            "step of s": 0.45 - 0.5 * 0.3368,
            "noise for velocity": 0.45 - 0.25 * (0.45 - 0.25 * 0.1974) / 0.75,
            "not divided": 0.45 - 0.25 * 0.2526,
            "the velocity": 0.3368,
            "divided by s": 0.45 - 0.25 * 0.2526 / 0.5,
        },
    ),
    "flow-training-step": a_function(
        lambda: fields(
            reference=flows.flow_loss,
            cases=_lessons(),
            gradients=True,
            also=[
                _loss_by_library,
                _loss_by_norm,
                lambda net, x0, t, eps: (x0 - eps + net(torch.lerp(x0, eps, t), t)).square().sum(-1),
            ],
            mistakes={
                "time reversed": _compared(lambda x0, t, eps: t * x0 + (1 - t) * eps, _pair),
                "time and target reversed": _compared(
                    lambda x0, t, eps: t * x0 + (1 - t) * eps, lambda x0, t, eps: x0 - eps
                ),
                "told another time": lambda net, x0, t, eps: (
                    (eps - x0 - net(_mix(x0, t, eps), 1 - t)) ** 2
                ).sum(1),
                "target turned": _compared(_mix, lambda x0, t, eps: x0 - eps),
                "noise at both ends": _compared(lambda x0, t, eps: (1 - t) * x0 + eps, _pair),
                "noise drawn anew": _compared(_mix, lambda x0, t, eps: torch.randn_like(eps) - x0),
                "v for u": _compared(_mix, _tangent),
                "noise as target": _compared(_mix, lambda x0, t, eps: eps),
                "picture as target": _compared(_mix, lambda x0, t, eps: x0),
                "x_t as an end": _compared(_mix, lambda x0, t, eps: _mix(x0, t, eps) - x0),
                "roots": _compared(lambda x0, t, eps: (1 - t) ** 0.5 * x0 + t**0.5 * eps, _pair),
                "clean input": _compared(lambda x0, t, eps: x0, _pair),
                "not squared": _compared(_mix, _pair, lambda gap: gap.norm(dim=1)),
                "averaged": _compared(_mix, _pair, lambda gap: (gap**2).mean(1)),
            },
        )
    ),
    "heun-by-hand": a_number(
        formula="x + (s - t)*(u_t + u_s)/2",
        given={"x": 0.6, "t": 1.0, "s": 0.5, "u_t": 0.6, "u_s": (0.3 - COIN) / 0.5},
        rel=2e-3,  # of rounded velocities
        also=["0.6 - 0.5*(0.6-0.4741)/2", "0.6-0.25*0.1259", "0.6 - 0.5*0.06295"],
        mistakes={
            "euler": 0.3,
            "second slope alone": 0.6 + 0.5 * 0.4741,
            "sum": 0.6 - 0.5 * 0.1259,
            "wrong way": 0.6 + 0.5 * 0.06295,
            "from the guess": 0.3 - 0.5 * 0.06295,
            "difference": 0.6 - 0.25 * (0.6 + 0.4741),
        },
    ),
    "heun-step": a_function(
        lambda: fields(
            reference=flows.heun_step,
            cases=_moves(),
            also=[
                _heun_short,
                _heun_halves,
                _moved(_here, _there, factor=0.5),
            ],
            mistakes={
                "euler": _moved(_here),
                "euler from s": _moved(_later_here),
                "second slope alone": _moved(_there),
                "second slope at the old place": _moved(_here, _later_here, factor=0.5),
                "second slope at the old time": _moved(_here, _guess_early, factor=0.5),
                "sum": _moved(_here, _there),
                "wrong way": _moved(_here, _there, factor=-0.5),
                "guess the wrong way": _moved(_here, _away, factor=0.5),
                "midpoint": _moved(_halfway),
                "from the guess": lambda velocity, x, s, t: (
                    x
                    + (s - t) * velocity(x, t)
                    + (s - t) * (_here(velocity, x, s, t) + _there(velocity, x, s, t)) / 2
                ),
            },
        )
    ),
    "second-order": a_number(
        formula="error/more^2",
        given={"error": 0.02, "more": 4.0},
        also=["0.02/16", "0.02/4/4", "1.25e-3"],
        mistakes={"first order": 0.005, "third order": 0.02 / 64, "one halving": 0.02 / 8, "halved": 0.01},
    ),
    "same-ratio": a_number(
        formula="noise/(signal + noise)",
        given={"signal": 0.8, "noise": 0.6},
        also=["3/7", "0.6/1.4", "0.75/(1+0.75)"],
        mistakes={
            "the noise itself": 0.6,
            "the variance": 0.36,
            "the ratio": 0.75,
            "from the picture": 4 / 7,
        },
    ),
    "velocity-from-noise": a_formula(
        answer="(eps - x_t)/(1 - sigma)",
        given={"x_t": 0.4, "eps": -0.5, "sigma": 0.3},
        also=[
            "eps - (x_t - sigma*eps)/(1-sigma)",
            r"\frac{\hat\epsilon-x_t}{1-\sigma}",
            "(ε − x_t)/(1 − σ)",
        ],
        mistakes={
            "turned": "(x_t - eps)/(1 - sigma)",
            "the picture": "(x_t - sigma*eps)/(1 - sigma)",
            "not divided": "eps - x_t",
            "divided by the noise": "(eps - x_t)/sigma",
            "picture not rescaled": "eps - (x_t - sigma*eps)",
            "round path": "eps - (x_t - sigma*eps)/sqrt(1 - sigma^2)",
        },
    ),
    "volume-by-hand": a_number(
        formula="-z^2/2 - log(2*pi)/2 - log(stretch)",
        given={"z": 2.0, "stretch": 0.5},
        also=["-2 - 0.9189 + 0.6931", "-0.5*4 - 0.5*log(2*pi) + log(2)", "log(2*exp(-2)/sqrt(2*pi))"],
        mistakes={
            "no stretch": -2 - math.log(2 * math.pi) / 2,
            "stretch the wrong way": -2 - math.log(2 * math.pi) / 2 - math.log(2),
            "at the picture": -0.5 - math.log(2 * math.pi) / 2 + math.log(2),
            "no constant": -2 + math.log(2),
            "the density": 2 * math.exp(-2) / (2 * math.pi) ** 0.5,
        },
    ),
}
