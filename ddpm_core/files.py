"""The one way in which the package writes a file: whole or not at all."""

import contextlib
import glob
import os
import secrets
import shutil
import time
from pathlib import Path

STALE = 60.0  # seconds after which a half-written file is nobody's: its writer was killed


def try_write(path: Path) -> None:
    """Find out before time is spent whether `path` can be written: OSError if not."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise NotADirectoryError(f"{path.parent} can't be a folder: a file of that name is there") from None
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; a file is to be written there")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"{path.parent} can't be written to")
    if path.exists():
        open(path, "r+b").close()  # fails for one that is read-only, or that another program holds open


def write(path: Path, raw: bytes, aside: Path | None = None) -> None:
    """Write a file atomically: under a temporary name in its folder, which is made if missing, then renamed.

    What is replaced passes on its mode, and is renamed to `aside` if that is given.  OSError says that the
    file can't be written, from the error that says why, and leaves what was there.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path)
        with open(part, "xb") as file:
            if path.exists():
                shutil.copymode(path, part)
            file.write(raw)
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
    """Remove what writers of this file left behind when they were killed."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()
