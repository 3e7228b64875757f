"""The data of the course: what ships in data/, and MNIST by verified download or from a folder."""

import contextlib
import glob
import hashlib
import http.client
import io
import os
import secrets
import struct
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

SHIPPED = Path(__file__).resolve().parents[1] / "data"
DIGITS_SHA256 = "c76c72d093f163e78de6a54ee12a3d30abd71896335eb89f5e5401eae33f33a2"
PATIENCE = 30.0  # seconds to wait for a byte of a download
SLOWEST = 10_000  # bytes a second that a download must bring after that, on the average
TRIES = 2  # of a download that breaks off
STALE = 60.0  # seconds after which a half-written file is nobody's: its writer was killed


class Dataset(NamedTuple):
    """Pictures (N, C, H, W) in [-1, 1] on a grid of `levels` grey levels, and their labels (N,)."""

    images: Tensor
    labels: Tensor
    levels: int


def from_bytes(grey: Tensor, levels: int = 256) -> Tensor:
    """Whole grey levels 0..levels-1 -> [-1, 1], float32."""
    return grey.float() * (2 / (levels - 1)) - 1


def to_bytes(images: Tensor, levels: int = 256) -> Tensor:
    """[-1, 1] -> the nearest grey level 0..levels-1, uint8; what lies outside goes to the nearest end."""
    if not 2 <= levels <= 256:
        raise ValueError(f"a byte holds 2 to 256 grey levels, got {levels}")
    return ((images + 1) * ((levels - 1) / 2)).round().clamp(0, levels - 1).to(torch.uint8)


def digits() -> tuple[Dataset, Dataset]:
    """1,437 scanned digits to train on and 360 to test with: (N, 1, 8, 8), 17 grey levels.

    The UCI test set of optical recognition of handwritten digits; data/digits.md is its card.
    """
    path = SHIPPED / "digits.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; it ships with the course: git checkout -- data")
    raw = path.read_bytes()
    if (found := hashlib.sha256(raw).hexdigest()) != DIGITS_SHA256:
        raise ValueError(
            f"{path} is damaged (its sha256 is {found[:8]}…, not {DIGITS_SHA256[:8]}…); "
            "it ships with the course: git checkout -- data"
        )
    with np.load(io.BytesIO(raw), allow_pickle=False) as file:
        grey, labels = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"]).long()
        train, test = (torch.from_numpy(file[name]).long() for name in ("train", "test"))
    images = from_bytes(grey, 17)[:, None]  # (N, 1, 8, 8)
    return Dataset(images[train], labels[train], 17), Dataset(images[test], labels[test], 17)


class Remote(NamedTuple):
    """A file to be had from the network: its name, and the size and sha256 of its decompressed bytes."""

    name: str
    size: int
    sha256: str


MNIST_HOSTS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST = (
    (
        Remote(
            "train-images-idx3-ubyte",
            47_040_016,
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        Remote(
            "train-labels-idx1-ubyte",
            60_008,
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
    ),
    (
        Remote(
            "t10k-images-idx3-ubyte",
            7_840_016,
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        Remote(
            "t10k-labels-idx1-ubyte",
            10_008,
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ),
)


def mnist() -> tuple[Dataset, Dataset]:
    """60,000 handwritten digits to train on and 10,000 to test with: (N, 1, 28, 28), 256 grey levels.

    Read from the folder that DDPM_DATA names, or from data/mnist, where they are downloaded to (11 MB,
    checked against their sha256) if they are missing.  FileNotFoundError, ValueError or ConnectionError
    say what to do.
    """
    train, test = ((_idx(images), _idx(labels)) for images, labels in MNIST)
    return _dataset(*train), _dataset(*test)


def _dataset(images: Tensor, labels: Tensor) -> Dataset:
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"images and labels do not belong together: {tuple(images.shape)} and {tuple(labels.shape)}"
        )
    return Dataset(from_bytes(images)[:, None], labels.long(), 256)


def _idx(remote: Remote) -> Tensor:
    """The array of an idx file: from DDPM_DATA, else from data/mnist, else from the network."""
    own = os.environ.get("DDPM_DATA")
    folder = Path(own).expanduser() if own else SHIPPED / "mnist"
    for path in (f / (remote.name + end) for f in (folder, folder / "mnist") for end in (".gz", "")):
        if path.is_file():
            raw = path.read_bytes()
            try:
                return parse_idx(_unpack(raw, path) if path.suffix == ".gz" else raw, path)
            except ValueError as error:
                way_out = "put a good copy there" if own else "delete it, and it is downloaded again"
                raise ValueError(f"{error}; {way_out}") from None
    if own:
        raise FileNotFoundError(
            f"DDPM_DATA is {folder}, but there is no {remote.name}.gz in it; put the four MNIST files "
            "there, or unset DDPM_DATA to download them"
        )
    return parse_idx(download(remote, MNIST_HOSTS, folder), folder / remote.name)


def parse_idx(raw: bytes, source: Path) -> Tensor:
    """The uint8 array in the bytes of an idx file, or ValueError.  Format: LeCun's MNIST page."""
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or not 1 <= raw[3] <= 4 or len(raw) < 4 + 4 * raw[3]:
        raise ValueError(f"{source} is no idx file of bytes: it begins with {raw[:8]!r}")
    shape = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    body = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if body.size != np.prod(shape, dtype=object):
        raise ValueError(f"{source} announces {shape} and holds {body.size} entries: it is cut or damaged")
    return torch.from_numpy(body.reshape(shape).copy())


def download(remote: Remote, hosts: tuple[str, ...], folder: Path) -> bytes:
    """The decompressed bytes of a file from the first host that has it, kept in `folder` as .gz.

    Nothing is kept unless size and sha256 are right.  ConnectionError, ValueError or OSError otherwise.
    """
    way_out = f"or put {remote.name}.gz in a folder and name the folder in DDPM_DATA"
    failures = {}
    for url in (f"{host}{remote.name}.gz" for host in hosts):
        for _ in range(TRIES):
            try:
                packed = _fetch(url, remote.size + 4096)
                raw = _unpack(packed, url, remote.size)
                if len(raw) != remote.size or hashlib.sha256(raw).hexdigest() != remote.sha256:
                    raise ValueError(f"{url} has another content than the known one (sha256 differs)")
            except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
                failures[url] = f"{url} broke off: {_line(error)}"
            except urllib.error.HTTPError as error:
                failures[url] = f"{url}: {_line(error)}"
                break
            except OSError as error:
                failures[url] = f"{url}: no connection ({_line(getattr(error, 'reason', error))})"
                break
            except ValueError as error:
                failures[url] = str(error)
                break
            else:
                _keep(folder / f"{remote.name}.gz", packed, way_out)
                return raw
    raise ConnectionError(f"could not download {remote.name}: {'; '.join(failures.values())}; {way_out}")


def _fetch(url: str, limit: int) -> bytes:
    """The bytes at an address, at most `limit`.  OSError or HTTPException; ValueError if there are more."""
    request = urllib.request.Request(url, headers={"User-Agent": "ddpm_core"})
    raw, start = bytearray(), time.monotonic()
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        announced = answer.length
        while part := answer.read1(1 << 16):
            raw += part
            if len(raw) > limit:
                raise ValueError(f"{url} sends more than {limit:,} bytes")
            if len(raw) < SLOWEST * (time.monotonic() - start - PATIENCE):
                raise TimeoutError(f"less than {SLOWEST:,} bytes a second")
    if announced is not None and len(raw) < announced:
        raise ConnectionError(f"{len(raw):,} of {announced:,} bytes came")
    return bytes(raw)


def _keep(path: Path, raw: bytes, way_out: str) -> None:
    try:
        store(path, raw)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror}; {way_out}") from None


def _line(error: object) -> str:
    return " ".join(str(error).split())


def store(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all: under a temporary name first.  OSError leaves what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "xb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OSError(error.errno, f"{path} can't be written ({error.strerror}); it is as it was") from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what writers of this file left behind when they were killed."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


def _unpack(packed: bytes, source: object, limit: int = 1 << 28) -> bytes:
    """gzip's content, at most `limit` bytes and one, or ValueError."""
    try:
        unzip = zlib.decompressobj(wbits=31)
        raw = unzip.decompress(packed, limit + 1)
    except zlib.error as error:
        page = "; a proxy or a login page may have answered: open the address in a browser"
        why = page if packed.lstrip()[:1] == b"<" else f" ({error})"
        raise ValueError(f"{source} is no gzip file: it begins with {packed[:16]!r}{why}") from None
    if len(raw) > limit:
        raise ValueError(f"{source} unpacks to more than {limit} bytes")
    if not unzip.eof:
        raise ValueError(f"{source} is cut: gzip's end is missing")
    return raw
