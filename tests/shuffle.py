"""The suite in random order, by two workers at once.  From the repository's root:

    python tests/shuffle.py 20 [what pytest takes]     twenty times, each in another order
    python tests/shuffle.py 3 --nbval                  the whole, lessons too, three times

Each time, the files and the tests in each are shuffled.  Two processes run in parallel in one checkout, one
forwards from the first file, one backwards from the last; a test is run by the one that reaches it first.  A
story, which is a lesson or a file that follows one page, is run by one process from beginning to end.
Prints a line for each time, and what failed, with its seed; to repeat it: python tests/shuffle.py 1 --seed 17
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {"test_browser.py", "test_quiz.py"}
names: dict[pytest.Item, str] = {}
mine: dict[str, bool] = {}  # whether a test, or a whole story, is this process's


def story(path: Path) -> bool:
    """Whether the tests in a file build on each other."""
    return path.suffix == ".ipynb" or path.name in PAGES


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, help="of the order")
    parser.addoption("--backwards", action="store_true", help="from the last file to the first")
    parser.addoption("--taken", type=Path, help="a folder with a name for each test that a worker has taken")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    dice = random.Random(config.getoption("seed"))
    files = sorted({item.path for item in items})
    dice.shuffle(files)
    places = {path: k for k, path in enumerate(files)}
    first = {item: k for k, item in enumerate(items)}
    rank = lambda item: first[item] if story(item.path) else 0  # noqa: E731
    dice.shuffle(items)
    turn = -1 if config.getoption("backwards") else 1
    items.sort(key=lambda item: (turn * places[item.path], rank(item)))  # a file's tests stay together
    names.update({item: item.path.name if story(item.path) else str(first[item]) for item in items})


def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """A pytest hook: True skips the test, because the other process has taken it."""
    name = names[item]
    if name not in mine:
        try:
            (item.config.getoption("taken") / name).touch(exist_ok=False)
        except FileExistsError:
            mine[name] = False
        else:
            mine[name] = True
    return None if mine[name] else True


def once(seed: int, flags: list[str]) -> tuple[int, list[str]]:
    """Run the suite once: how many tests passed, and the lines about failures, in both processes."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "shuffle"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "tests"), "OMP_NUM_THREADS": "1"}
    passed, lost = 0, []
    with tempfile.TemporaryDirectory() as taken:
        hands = [
            subprocess.Popen(
                [*command, f"--seed={seed}", f"--taken={taken}", *way, *flags],
                cwd=ROOT,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for way in ([], ["--backwards"])
        ]
        for hand in hands:
            told, _ = hand.communicate()
            found = re.findall(r"^(?:FAILED|ERROR) .*", told, re.M)
            lost += found or ([told[-2000:]] if hand.returncode else [])
            passed += sum(map(int, re.findall(r"(\d+) passed", told)))
    return passed, lost


def main() -> int:
    parser = argparse.ArgumentParser(description="the suite in random order, by two workers at once")
    parser.add_argument("times", type=int)
    parser.add_argument("--seed", type=int, default=0)
    args, flags = parser.parse_known_args()
    bad = 0
    for seed in range(args.seed, args.seed + args.times):
        passed, lost = once(seed, flags)
        bad += bool(lost)
        print(f"seed {seed}: {passed:,} passed, {len(lost) or 'none'} failed", *lost, sep="\n  ", flush=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
