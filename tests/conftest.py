"""For every test: a fixed seed, a temporary file for progress, and one thread for each worker.

Two workers share the tests (pytest-xdist).  A "story" is a group of tests that build on each other: the cells
of a notebook, or a file that follows one page in a browser.  One worker runs all of it.  Stories come first,
since they are long.  Tests that measure time are marked `alone` and run separately.
"""

import os
import random
import tempfile

import pytest
import torch

STORIES = ("test_browser.py", "test_quiz.py")


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("PYTEST_XDIST_WORKER"):
        torch.set_num_threads(1)
        os.environ["OMP_NUM_THREADS"] = "1"  # notebooks' kernels and other processes inherit it
    folder = tempfile.mkdtemp(prefix="ddpm-")
    os.environ["DDPM_PROGRESS"] = os.path.join(folder, "progress.json")  # notebooks' kernels inherit it


def seed() -> None:
    torch.manual_seed(0)
    random.seed(0)


def pytest_collectstart(collector: pytest.Collector) -> None:
    seed()  # module-level data don't depend on what was imported before


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    seed()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    seed()


def story(item: pytest.Item) -> bool:
    """Whether a test builds on earlier tests in its file."""
    return item.path.suffix == ".ipynb" or item.path.name in STORIES


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if story(item):
            item.add_marker(pytest.mark.xdist_group(item.path.name))
    items.sort(key=lambda item: not (story(item) or item.path.name == "test_lessons.py"))
