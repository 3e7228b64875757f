"""What holds for every test: a seed of its own, and hands off the progress of whoever runs it."""

import os
import random
import tempfile

import pytest
import torch


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.mkdtemp(prefix="ddpm-")
    os.environ["DDPM_PROGRESS"] = os.path.join(folder, "progress.json")  # notebooks' kernels inherit it


def seed() -> None:
    torch.manual_seed(0)
    random.seed(0)


def pytest_collectstart(collector: pytest.Collector) -> None:
    seed()  # what a file makes when it is imported is the same whatever was imported before


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    seed()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    seed()
