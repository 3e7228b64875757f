"""Seconds of training until the digits that a model samples are at 2 x the floor or better.

Every package trains its own network with its own loss, optimiser and average, at each of its `SETTINGS`:
rates, and min-SNR and v where it has a hand for them.  Each budget is a run of its own from the first
weights, because a rate that falls to 0 must know where the end is: they double until one is enough, the step
between it and the last is tried, and a straight line in the logarithms says where between two budgets the
target is met.  Three networks train with each budget, and of each twice 1,437 samples in 50 steps of its own
sampler (after so short a training 100 or 1,000 are no better) are judged by the course's classifier, in time
that doesn't count: one such judgement scatters by a quarter.  The floor is what the 1,437 training digits are
given.  Seconds are CPU seconds by thread, so that what else the machine does counts little.
"""

import itertools
import math
import statistics
import time
from collections.abc import Iterator

import torch
from peers import PEERS, Plan

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
    """For each package and setting, the least budget with samples good enough, and all that was measured."""
    judge, (train_set, test_set) = classifier("digits"), digits()

    def run(name: str, steps: int, **setting: float) -> tuple[float, float]:
        """Mean seconds of training, and mean distance of the samples in units of the floor."""
        seconds, ratios = 0.0, []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            peer = PEERS[name](8, 1000)
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
    """The seconds at which the distance falls to the target, between the two runs round it."""
    for (s, d), (s2, d2) in itertools.pairwise([(0.0, math.inf), *seen]):
        if d2 <= target:
            return s * (s2 / s) ** (math.log(d / target) / math.log(d / d2)) if s else s2
    return None
