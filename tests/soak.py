"""How often a test throws what it throws: a few times in `make test`, long in `make soak`."""

import os

import pytest

SOAK = os.environ.get("DDPM_SOAK") == "1"
soak_only = pytest.mark.skipif(not SOAK, reason="long: make soak")


def often(quick: int, soak: int) -> int:
    """The count for this run: DDPM_SOAK=1 asks for the long one."""
    return soak if SOAK else quick
