"""Timeouts for what an answer runs."""

import contextlib
import ctypes
import gc
import io
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import TypeVar

R = TypeVar("R")
PATIENCE = 5


class Stop(BaseException):
    """Raised inside a thread whose time is up."""


class Failed(Exception):
    """The work raised an exception, `cause`."""

    def __init__(self, cause: BaseException):
        super().__init__()
        self.cause = cause


def with_timeout(seconds: float, work: Callable[[], R]) -> R:
    """The result of `work`, run in a thread.  TimeoutError after so many seconds, Failed if it raised.

    It has longer on a busy machine: see `_patiently`.  In a browser's page there are no threads: it is run at
    once, and the page itself puts an end to what takes too long.
    """
    if sys.platform == "emscripten":
        return _at_once(work)
    box: list[R] = []
    failure: list[BaseException] = []
    clocks: list[int | None] = []
    over = threading.Lock()  # taken by the work when it ends, for good, or by the timeout while it stops it

    def run() -> None:
        with contextlib.suppress(Stop):
            try:
                clocks.append(_own_clock())
                box.append(work())
            except BaseException as error:
                failure.append(error)
            over.acquire()
            time.sleep(0)  # a Stop that is still pending is raised here at the latest

    def ended(seconds: float) -> bool:
        thread.join(seconds)
        return not thread.is_alive()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    if not _patiently(seconds, ended, lambda: _used(clocks[0] if clocks else None)):
        if over.acquire(blocking=False):
            ident, stop = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stop)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, stop)
            over.release()
        raise TimeoutError
    if failure:
        raise Failed(failure[0])
    return box[0]


def _patiently(seconds: float, ended: Callable[[float], bool], used: Callable[[], float]) -> bool:
    """Whether work ends in so many seconds, by `ended`, which waits for that long and tells.

    On a machine that is busy elsewhere, work that computes has up to PATIENCE times as long, until it has
    used so many seconds of a processor.
    """
    for _ in range(PATIENCE):
        if ended(seconds):
            return True
        if not 0.05 * seconds < used() < seconds:
            return False
    return False


def _closed(pipe: int, seconds: float) -> bool:
    """Whether nobody holds the other end of a pipe any more; waits for that for so many seconds."""
    return bool(select.select([pipe], [], [], seconds)[0])


def _at_once(work: Callable[[], R]) -> R:
    try:
        return work()
    except Exception as error:
        raise Failed(error) from None


def _own_clock() -> int | None:
    """The clock that counts this thread's processor time, None where the system has none."""
    return time.pthread_getcpuclockid(threading.get_ident()) if sys.platform == "linux" else None


def _used(clock: int | None) -> float:
    """Seconds of a processor that a thread or a process has used; 0 if that isn't known, or it has ended."""
    with contextlib.suppress(OSError):
        return 0.0 if clock is None else time.clock_gettime(clock)
    return 0.0


def hangs(seconds: float, work: Callable[[], object]) -> bool:
    """Whether `work` still computes after so many seconds, tried in a fork of this process.

    A thread can't be stopped in a C call that holds the interpreter's lock, such as 9**9**9**9; a process can
    be killed.  The result of the work doesn't count, because a fork may fail where the original doesn't; nor
    does waiting, because in a fork nobody may be left to release a lock.  False, without trying, where
    forking isn't safe: outside Linux, and once CUDA is initialized.
    """
    torch = sys.modules.get("torch")
    if sys.platform != "linux" or (torch is not None and torch.cuda.is_initialized()):
        return False
    ended, held = os.pipe()  # `held` stays open in the fork for as long as it lives
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about forking a process with threads: see above
            copy = os.fork()
    except OSError:  # no resources for another process
        os.close(held)
        os.close(ended)
        return False
    if copy == 0:
        with contextlib.suppress(BaseException):
            gc.freeze()  # going through all that is held copies it, page by page
            sys.stdout = sys.stderr = io.StringIO()
            if torch is not None:
                torch.set_num_threads(1)  # the other threads don't exist in the fork
            work()
        os._exit(0)
    os.close(held)
    clock = ~copy << 3 | 2  # of a process: clock_getcpuclockid(3), which Python doesn't have
    try:
        late = not _patiently(seconds, partial(_closed, ended), partial(_used, clock))
    finally:
        os.close(ended)
        os.kill(copy, signal.SIGKILL)
        _, _, used = os.wait4(copy, 0)
    return late and used.ru_utime + used.ru_stime > 0.2 * seconds
