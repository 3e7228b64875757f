"""A limit for the time that an answer takes."""

import contextlib
import ctypes
import io
import os
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch

R = TypeVar("R")


class Stop(BaseException):
    """Raised inside a thread whose time is over."""


class Failed(Exception):
    """The work raised; `cause` is what."""

    def __init__(self, cause: BaseException):
        super().__init__()
        self.cause = cause


def with_timeout(seconds: float, work: Callable[[], R]) -> R:
    """The result of `work`, done in a thread of its own.  TimeoutError if late, Failed if it raised."""
    box: list[R] = []
    failure: list[BaseException] = []
    over = threading.Lock()  # held by whoever ends it: the work, for good, or the clock, to stop the work

    def run() -> None:
        with contextlib.suppress(Stop):
            try:
                box.append(work())
            except BaseException as error:
                failure.append(error)
            over.acquire()
            time.sleep(0)  # a stop that is on its way arrives here, and no later

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        if over.acquire(blocking=False):
            ident, stop = ctypes.c_ulong(thread.ident or 0), ctypes.py_object(Stop)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, stop)
            over.release()
        raise TimeoutError
    if failure:
        raise Failed(failure[0])
    return box[0]


def hangs(seconds: float, work: Callable[[], object]) -> bool:
    """Whether `work` still computes after so many seconds, tried in a copy of this process.

    No thread can stop a call into C that holds the interpreter, such as 9**9**9**9; a process can be
    killed.  What comes of the work doesn't count, for a copy may fail where the original doesn't; nor does
    waiting, for a copy may wait for a lock that nobody is left to release.  False, untried, where a process
    can't be copied safely: off Linux, and once CUDA has started.
    """
    if sys.platform != "linux" or torch.cuda.is_initialized():
        return False
    ended, held = os.pipe()  # the copy holds an end for as long as it lives
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of forking with threads: see above
            copy = os.fork()
    except OSError:  # no room for one
        os.close(held)
        os.close(ended)
        return False
    if copy == 0:
        with contextlib.suppress(BaseException):
            sys.stdout = sys.stderr = io.StringIO()
            torch.set_num_threads(1)  # the others were not copied
            work()
        os._exit(0)
    os.close(held)
    try:
        late = not select.select([ended], [], [], seconds)[0]
    finally:
        os.close(ended)
        os.kill(copy, signal.SIGKILL)
        _, _, used = os.wait4(copy, 0)
    return late and used.ru_utime + used.ru_stime > 0.2 * seconds
