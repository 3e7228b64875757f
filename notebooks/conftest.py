"""Of `pytest --nbval` here: a student's progress stays out of it, and options are in the author's order."""

import os
import tempfile


def pytest_configure() -> None:
    """Set what the notebooks' kernels inherit, unless it is set."""
    os.environ.setdefault("DDPM_STUDENT", "")
    if "DDPM_PROGRESS" not in os.environ:
        os.environ["DDPM_PROGRESS"] = os.path.join(tempfile.mkdtemp(prefix="ddpm-"), "progress.json")
