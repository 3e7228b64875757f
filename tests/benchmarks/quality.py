"""Seconds of training until the digits that a model samples are at 2 x the floor or better.

Every package trains its own network with its own loss, optimiser and average, at the best rate of `RATES`.
Budgets grow by a factor; each is a run of its own from the first weights, because a rate that falls to 0 must
know where the end is.  360 samples in 250 steps of its own sampler are judged by the course's classifier, in
time that doesn't count.  The floor is 36 real training digits of each class against the test digits, mean of
20 draws.
"""

import time
from collections.abc import Iterator

import torch
from peers import PEERS
from torch import Tensor

from ddpm_core import classifier, digits
from ddpm_core.metrics import floor, frechet

BUDGETS = [round(100 * 2 ** (k / 2)) for k in range(15)]  # training steps: 100 to 12,800
RATES = {
    "ddpm_core": (4e-3,),
    "diffusers": (1e-3, 4e-3),
    "lucidrains": (1e-3, 3e-3),
    "smalldiffusion": (1e-3, 3e-3),
}


def race(
    names: list[str], target: float = 2.0, n: int = 360, patience: float = 600
) -> Iterator[dict[str, object]]:
    """For each package and rate, the first budget whose samples are good enough, and all that was measured.

    patience: seconds of one run after which a package is given up.
    """
    judge, (train_set, test_set) = classifier("digits"), digits()
    real = judge.features(test_set.images)
    unit = floor(judge.features(train_set.images), train_set.labels, real, n // 10).mean().item()

    def distance(samples: Tensor) -> float:
        return frechet(judge.features(samples.clamp(-1, 1)), real) / unit

    for name in names:
        for lr in RATES[name]:
            seen, took = {}, 0.0
            for steps in BUDGETS:
                torch.manual_seed(0)
                peer = PEERS[name](8, 1000)
                step, start = peer.start(train_set.images, lr=lr, steps=steps), time.perf_counter()
                for _ in range(steps):
                    step()
                took = time.perf_counter() - start
                peer.finish()
                seen[steps] = distance(peer.walk(n, 250))
                if seen[steps] <= target or took > patience:
                    break
            yield {
                "package": name,
                "lr": lr,
                "seconds": took if seen[steps] <= target else None,
                "times_floor": {s: round(d, 2) for s, d in seen.items()},
            }
