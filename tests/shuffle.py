"""The suite in random order, by two workers at once.  From the repository's root:

    python tests/shuffle.py 20 [what pytest takes]     twenty times, each in another order

Each time, the tests are shuffled and dealt out to two processes that run side by side in one checkout.
Prints a line for each time, and what failed, with its seed:  python tests/shuffle.py 1 --seed 17
"""

import argparse
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WORKERS = 2


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--hand", help="SEED/WORKER: this worker's share of the tests, shuffled")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed, worker = map(int, config.getoption("hand").split("/"))
    random.Random(seed).shuffle(items)
    items[:] = items[worker::WORKERS]


def failures(seed: int, flags: list[str]) -> list[str]:
    """One time: the lines of what failed in either worker."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "shuffle"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    hands = [
        subprocess.Popen(
            [*command, f"--hand={seed}/{worker}", *(flags or ["tests"])],
            cwd=ROOT,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for worker in range(WORKERS)
    ]
    lost = []
    for hand in hands:
        told, _ = hand.communicate()
        found = re.findall(r"^(?:FAILED|ERROR) .*", told, re.M)
        lost += found or ([told[-2000:]] if hand.returncode not in (0, 5) else [])
    return lost


def main() -> int:
    parser = argparse.ArgumentParser(description="the suite in random order, by two workers at once")
    parser.add_argument("times", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args, flags = parser.parse_known_args()
    bad = 0
    for seed in range(args.seed, args.seed + args.times):
        lost = failures(seed, flags)
        bad += bool(lost)
        print(f"seed {seed}: {len(lost) or 'none'} failed", *lost, sep="\n  ", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
