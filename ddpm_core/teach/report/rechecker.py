"""Judges answers in a process of its own, which is killed when one takes too long."""

import json
import multiprocessing
from multiprocessing.connection import Connection
from pkgutil import resolve_name
from typing import Any

METHOD = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
LIMIT = 1.0  # seconds; timeout of one recheck
HEAVY = "ddpm_core.teach.judge.function"  # loads torch, which takes longer than all the rest


class Rechecker:
    """Checks answers in a process of its own, which is killed when one takes longer than LIMIT.

    A context manager: the process ends with it.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.context: Any = multiprocessing.get_context(METHOD)
        if METHOD == "forkserver":  # loaded once, so a process that was killed is soon replaced
            self.context.set_forkserver_preload([HEAVY, source.partition(":")[0]])
        self.process: Any = None
        self.pipe: Connection | None = None

    def __enter__(self) -> "Rechecker":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def __call__(self, name: str, data: object) -> tuple[str, str]:
        """(outcome, "") of the recheck of one answer, or ("", why there is none)."""
        pipe = self.pipe or self.start()
        try:
            tell(pipe, [name, data])
            if pipe.poll(LIMIT):
                outcome, why = hear(pipe)
                return str(outcome), str(why)
            why = f"recheck cut after {LIMIT:g} s"
        except (EOFError, OSError, ValueError):
            why = "recheck ended its process"
        self.end()
        return "", why

    def start(self) -> Connection:
        """Start a process and wait until it is ready.  OSError if it doesn't start."""
        self.pipe, theirs = self.context.Pipe()
        self.process = self.context.Process(target=serve, args=(theirs, self.source), daemon=True)
        self.process.start()
        theirs.close()
        try:
            ready = self.pipe.poll(120) and hear(self.pipe) == "ready"
        except EOFError:
            ready = False
        if not ready:
            self.end()
            raise OSError("the process that rechecks does not start")
        return self.pipe

    def end(self) -> None:
        """End the process, if there is one."""
        if self.pipe is not None:
            self.pipe.close()
            self.process.kill()
            self.process.join()
        self.pipe = None


def serve(pipe: Connection, source: str) -> None:
    """The other process: check what comes through the pipe until it is closed."""
    bank = resolve_name(source)
    list(bank.values())  # each exercise is made, with what it needs, before the clock runs
    tell(pipe, "ready")
    while True:
        try:
            name, data = hear(pipe)
        except (EOFError, OSError):
            return
        try:
            tell(pipe, [bank[name].recheck(data).outcome.name, ""])
        except Exception as error:  # `recheck` doesn't raise; if it does, the report goes on
            tell(pipe, ["", f"recheck failed: {type(error).__name__}"])


def tell(pipe: Connection, what: object) -> None:
    """Send as JSON, not as pickle: an answer that takes over the other process can't take over this one."""
    pipe.send_bytes(json.dumps(what).encode())


def hear(pipe: Connection) -> Any:
    """Receive what `tell` sent."""
    return json.loads(pipe.recv_bytes())
