"""For every test: a fixed seed, a temporary file for progress, and one thread for each worker.

Two workers share the tests (pytest-xdist), file by file: the cells of a notebook, and the tests that follow
one page in a browser, build on each other.  Tests that measure time are marked `alone` and run separately.
"""

import os
import random
import tempfile

import pytest
import torch


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("PYTEST_XDIST_WORKER"):
        torch.set_num_threads(1)
        os.environ["OMP_NUM_THREADS"] = "1"  # notebooks' kernels and other processes inherit it
    folder = tempfile.mkdtemp(prefix="ddpm-")
    os.environ["DDPM_PROGRESS"] = os.path.join(folder, "progress.json")  # notebooks' kernels inherit it
    os.environ["DDPM_STUDENT"] = ""  # options in the author's order


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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long files first, so that both workers end at about the same time."""
    long = ("test_lessons.py", "test_browser.py", "test_quiz.py", "test_site.py", "test_exercises.py")
    items.sort(key=lambda item: not (item.path.suffix == ".ipynb" or item.path.name in long))
