"""Repetitions of stress tests: a few in `make test`, many in `make soak`."""

import os
import signal
from collections.abc import Callable

import pytest

SOAK = os.environ.get("DDPM_SOAK") == "1"
soak_only = pytest.mark.skipif(not SOAK, reason="long: make soak")


def often(quick: int, soak: int) -> int:
    """The number of repetitions in this run: `soak` if DDPM_SOAK is 1."""
    return soak if SOAK else quick


def interrupted(work: Callable[[], object], after: float) -> KeyboardInterrupt | None:
    """Press Ctrl-C after so many seconds of `work`: the exception with its traceback, None if too late.

    The alarm may go off after `work` has returned and before the timer is stopped; then `armed` is false, and
    it raises nothing.
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
