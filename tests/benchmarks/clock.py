"""Ratios measured side by side: A B C A B C ..., and the medians, because a machine is never quiet."""

import statistics
import time
from collections.abc import Callable, Mapping


def medians(works: Mapping[str, Callable[[], object]], rounds: int = 7) -> dict[str, float]:
    """Median seconds of each, over `rounds` turns in which all of them run one after the other."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()  # warm
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}
