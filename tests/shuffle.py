"""The suite in random order, by two workers at once.  From the repository's root:

    python tests/shuffle.py 20 [what pytest takes]     twenty times, each in another order

Each time, the files and the tests in each are shuffled, and the files dealt out to two processes that run
side by side in one checkout.
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
STORIES = {"test_browser.py", "test_quiz.py"}  # one page from opening to closing: in their own order


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--hand", help="SEED/WORKER: this worker's share of the tests, shuffled")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed, worker = map(int, config.getoption("hand").split("/"))
    dice = random.Random(seed)
    files = sorted({item.path for item in items})
    dice.shuffle(files)
    places = {path: k for k, path in enumerate(files)}
    first = {item: k for k, item in enumerate(items)}
    rank = lambda item: first[item] if item.path.name in STORIES else 0  # noqa: E731
    dice.shuffle(items)
    items[:] = [item for item in items if places[item.path] % WORKERS == worker]
    items.sort(key=lambda item: (places[item.path], rank(item)))  # a file's tests share what was made for it


def failures(seed: int, flags: list[str]) -> list[str]:
    """One time: the lines of what failed in either worker."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "shuffle"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "OMP_NUM_THREADS": "1"}
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
