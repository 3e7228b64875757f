"""The suite keeps its hands off the progress of whoever runs it."""

import os
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    folder = tempfile.mkdtemp(prefix="ddpm-")
    os.environ["DDPM_PROGRESS"] = os.path.join(folder, "progress.json")  # notebooks' kernels inherit it
