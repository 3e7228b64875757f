"""The data of the course: what ships in data/, and MNIST by verified download or from a folder."""

import contextlib
import hashlib
import os
import struct
import urllib.request
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

SHIPPED = Path(__file__).resolve().parents[1] / "data"


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
    return ((images + 1) * ((levels - 1) / 2)).round().clamp(0, levels - 1).to(torch.uint8)


def digits() -> tuple[Dataset, Dataset]:
    """1,437 scanned digits to train on and 360 to test with: (N, 1, 8, 8), 17 grey levels.

    The UCI test set of optical recognition of handwritten digits; data/digits.md is its card.
    """
    path = SHIPPED / "digits.npz"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; it ships with the course: git checkout -- data")
    with np.load(path, allow_pickle=False) as file:
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
            return parse_idx(_unpack(raw, path) if path.suffix == ".gz" else raw, path)
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
    way_out = f"; or put {remote.name}.gz in a folder and name the folder in DDPM_DATA"
    failures = []
    for host in hosts:
        url = f"{host}{remote.name}.gz"
        try:
            request = urllib.request.Request(url, headers={"User-Agent": "ddpm_core"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                packed = answer.read(remote.size + 4096)
            raw = _unpack(packed, url, remote.size)
        except (OSError, ValueError) as error:  # URLError is an OSError
            failures.append(f"{url}: {error}")
            continue
        if len(raw) != remote.size or hashlib.sha256(raw).hexdigest() != remote.sha256:
            failures.append(f"{url}: its content is not the known one (sha256 differs)")
            continue
        store(folder / f"{remote.name}.gz", packed)
        return raw
    raise ConnectionError(f"could not download {remote.name}: {'; '.join(failures)}{way_out}")


def store(path: Path, raw: bytes) -> None:
    """Write a file whole or not at all: under a temporary name first.  OSError leaves what was there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def _unpack(packed: bytes, source: object, limit: int = 1 << 28) -> bytes:
    """gzip's content, at most `limit` bytes and one, or ValueError."""
    try:
        unzip = zlib.decompressobj(wbits=31)
        raw = unzip.decompress(packed, limit + 1)
    except zlib.error as error:
        raise ValueError(f"{source} is no gzip file: it begins with {packed[:16]!r} ({error})") from None
    if len(raw) > limit:
        raise ValueError(f"{source} unpacks to more than {limit} bytes")
    if not unzip.eof:
        raise ValueError(f"{source} is cut: gzip's end is missing")
    return raw
