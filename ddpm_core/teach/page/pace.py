"""How fast play goes: evenly through log-SNR, by a schedule or by what a walk's frames show of it."""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ...sampling import Frame
from ...schedule import Schedule


def log_snr(schedule: Schedule, times: Sequence[int]) -> list[float]:
    """Of the levels at some times, cut at 20 in size, for play to go evenly through it.

    At t = 0, where it is infinite, it goes as far beyond its neighbour as that beyond its own.
    """
    values = [min(20.0, max(-20.0, 2 * schedule.half_log_snr(t))) for t in times]
    return _closed(values if times[-1] else values[:-1], times[-1])


def seen_log_snr(frames: Sequence[Frame]) -> list[float]:
    """What a walk shows of its log-SNR, cut at 20 in size and monotone: each frame's x_t against the next
    one's estimate of x_0, which was made from it, by least squares.  A frame without one has its neighbour's.
    """
    seen = []
    for frame, after in pairwise(frames):
        if after.x0 is not None:
            signal = (frame.xt * after.x0).mean() / after.x0.square().mean().clamp(min=1e-12)
            noise = (frame.xt - signal * after.x0).square().mean().clamp(min=1e-12)
            seen.append(float((signal.square() / noise).clamp(math.exp(-20), math.exp(20)).log()))
    missing = len(frames) - 1 - len(seen)
    rising = np.maximum.accumulate(seen or [0.0]).tolist()
    known = [rising[0]] * missing + rising[: len(seen)]
    return _closed(known + rising[-1:] * bool(frames[-1].t), frames[-1].t)


def _closed(values: list[float], t: int) -> list[float]:
    """The values, and if the last time is t = 0 one more: a step like the last one."""
    step = values[-1] - values[-2] if len(values) > 1 else 0.0
    return values if t else [*values, (values or [0.0])[-1] + step]
