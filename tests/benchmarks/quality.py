"""Seconds of training until a model's sampled digits reach 2 x the floor.

Every package trains its own network with its own loss, optimiser and averaging, with each of its
`SETTINGS`: learning rates, and min-SNR and v if it supports them.  Each budget of steps is a run of its own
from new weights, because a learning rate that decays to 0 depends on the length of the run.  Budgets double
until one is enough, then one between the last two is tried, and linear interpolation in the logarithms
gives the time at which the target is met.  Three networks are trained with each budget.  From each, twice
1,437 samples in 50 steps of its own sampler (after such short training, 100 or 1,000 steps are no better)
are compared by the course's classifier; that time doesn't count, and one such measurement varies by a
quarter.  The floor is the distance of the 1,437 training digits.  Seconds are CPU seconds per thread, so
other load matters little.
"""

import itertools
import math
import statistics
import time
from collections.abc import Iterator

import torch
from peers import PEERS, SMALL, Plan

from ddpm_core import classifier, digits
from ddpm_core.study.metrics import report

FEWEST, MOST = 400, 12_800  # training steps
SEEDS, DRAWS, WALK = 3, 2, 50
SETTINGS: dict[str, list[dict[str, float]]] = {
    "ddpm_core": [{"lr": 4e-3}, {"lr": 6e-3, "min_snr": 5, "v": True}],
    "diffusers": [{"lr": 4e-3}, {"lr": 2e-3, "min_snr": 5}, {"lr": 2e-3, "min_snr": 5, "v": True}],
    "lucidrains": [{"lr": 3e-3}, {"lr": 3e-3, "min_snr": 5}],
    "smalldiffusion": [{"lr": 3e-3}],
}


def race(names: list[str], target: float = 2.0) -> Iterator[dict[str, object]]:
    """For each package and setting, the smallest sufficient budget, and all measurements."""
    judge, (train_set, test_set) = classifier("digits"), digits()

    def run(name: str, steps: int, **setting: float) -> tuple[float, float]:
        """The mean seconds of training, and the mean distance of the samples in units of the floor."""
        seconds, ratios = 0.0, []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            peer = PEERS[name](SMALL, 1000)
            step, start = peer.start(train_set.images, Plan(steps=steps, **setting)), time.process_time()
            for _ in range(steps):
                step()
            seconds += (time.process_time() - start) / torch.get_num_threads()
            peer.finish()
            for _ in range(DRAWS):
                x = peer.walk(len(train_set.images), WALK).clamp(-1, 1)
                ratios.append(report(x, train_set.images, test_set.images, judge).ratio)
        return seconds / SEEDS, statistics.mean(ratios)

    for name in names:
        for setting in SETTINGS[name]:
            seen, steps = {}, FEWEST
            seen[steps] = run(name, steps, **setting)
            while seen[steps][1] > target and steps < MOST:
                steps *= 2
                seen[steps] = run(name, steps, **setting)
            if seen[steps][1] <= target and steps > FEWEST:
                between = round(steps / 2**0.5)
                seen[between] = run(name, between, **setting)
            yield {
                "package": name,
                **setting,
                "seconds": crossing([seen[s] for s in sorted(seen)], target),
                "times_floor": {s: round(d, 2) for s, (_, d) in sorted(seen.items())},
            }


def crossing(seen: list[tuple[float, float]], target: float) -> float | None:
    """The seconds at which the distance reaches the target, interpolated between the two runs around it."""
    for (s, d), (s2, d2) in itertools.pairwise([(0.0, math.inf), *seen]):
        if d2 <= target:
            return s * (s2 / s) ** (math.log(d / target) / math.log(d / d2)) if s else s2
    return None
