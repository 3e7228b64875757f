"""Atomic writes: every file that the package writes is written whole or not at all."""

import contextlib
import glob
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

STALE = 60.0  # seconds after which a temporary file counts as abandoned: its writer was killed


def try_write(path: Path) -> None:
    """Check that `path` can be written, before time is spent on what goes there.  OSError if it can't.

    Its folder is made if it is missing.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"{path.parent} can't be a folder: a file of that name is there") from None
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; a file is to be written there")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} can't be written to")
    if path.exists():
        open(path, "r+b").close()  # fails if it is read-only, or another program has locked it


def write(path: Path, raw: bytes, aside: Path | None = None) -> None:
    """Write a file atomically; see `writing`."""
    with writing(path, aside) as file:
        file.write(raw)


@contextlib.contextmanager
def writing(path: Path, aside: Path | None = None) -> Iterator[BinaryIO]:
    """Context manager: a file to write to, under a temporary name; at the end it takes the place of `path`.

    The folder is made if it is missing.  A file that is replaced passes on its permissions; it is kept as
    `aside` if that is given.  OSError if the file can't be written, chained from the error that says why;
    after an error or an interrupt the old file is as it was.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with open(part, "xb") as file:
            if path.exists():
                shutil.copymode(path, part)
            yield file
            file.flush()
            os.fsync(file.fileno())
        if aside is not None:
            path.rename(aside)
        part.replace(path)
    except OSError as error:
        said = f"{path} can't be written ({error.strerror}); it is as it was"
        raise OSError(error.errno, said) from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove temporary files that killed writers of this path left behind."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
