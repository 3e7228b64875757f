"""How often a test throws what it throws: a few times in `make test`, long in `make soak`."""

import os
import signal
from collections.abc import Callable

import pytest

SOAK = os.environ.get("DDPM_SOAK") == "1"
soak_only = pytest.mark.skipif(not SOAK, reason="long: make soak")


def often(quick: int, soak: int) -> int:
    """The count for this run: DDPM_SOAK=1 asks for the long one."""
    return soak if SOAK else quick


def interrupted(work: Callable[[], object], after: float) -> KeyboardInterrupt | None:
    """What Ctrl-C after so many seconds of `work` raises, kept as a notebook keeps it; else None.

    The alarm goes off once, and may do so late, when `work` has returned and the timer isn't stopped yet:
    then it finds `armed` false and raises nothing.
    """
    armed = True

    def interrupt(*_):
        if armed:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, after)
        work()
        armed = False
    except KeyboardInterrupt as error:
        return error
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return None
