"""The data of the course: what ships with it, and MNIST, from a folder or downloaded with checksums.

And data in batches, as training asks for them.
"""

import gzip
import hashlib
import io
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from . import checks

INSTALLED = Path(__file__).resolve().parent / "shipped"  # a wheel has it; a checkout has data/ instead
SHIPPED = INSTALLED if INSTALLED.is_dir() else INSTALLED.parents[1] / "data"
RESTORE = "install ddpm-core again" if SHIPPED == INSTALLED else "restore it: git checkout -- data"
DIGITS_SHA256 = "c76c72d093f163e78de6a54ee12a3d30abd71896335eb89f5e5401eae33f33a2"
EMOJI_SHA256 = "4ba76a58beb2b5108a1d602bc693c5c898a0654be918ce01198569c6452fc55f"
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")
COMPOSITIONS = (
    *("green book", "green heart", "orange heart", "orange square"),
    *("purple square", "blue circle", "yellow circle", "red square"),
)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
TIMEOUT = 30.0  # seconds without data before the next mirror is tried
LARGEST = 1 << 26  # bytes to read from a file at most; MNIST's largest has 47 million
MNIST = {  # sha256 of each file on the mirrors
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

Labels = Callable[[Any, int], Tensor]  # (labels, how many examples) -> the labels, checked


class Dataset(NamedTuple):
    """Pictures (N, C, H, W) in [-1, 1] on a grid of `levels` grey levels, and their labels (N,)."""

    images: Tensor
    labels: Tensor
    levels: int

    @property
    def shape(self) -> list[int]:
        """Of one picture: [C, H, W]."""
        return list(self.images.shape[1:])


class Batch(NamedTuple):
    """What one step of training learns from: x0 (B, ...); labels y (B,), or None; noise eps like x0, or None.

    Without noise of its own, a step draws it.
    """

    x0: Tensor
    y: Tensor | None = None
    eps: Tensor | None = None

    def on(self, device: torch.device, most: int | None = None) -> "Batch":
        """The same on another device, `most` rows of it."""
        return Batch(*(None if part is None else part[:most].to(device) for part in self))  # type: ignore[arg-type]


@runtime_checkable
class Ordered(Protocol):
    """Data in an order that depends on a seed alone, so that a run can be resumed: a `Folder` is one."""

    @property
    def digest(self) -> str:
        """What tells these data from others, in a few words."""

    def batches(self, size: int, seed: int, seen: int) -> Iterator[Batch]:
        """Batches of `size`, without end; they begin with the example number `seen`."""


def rows(whole: Batch, size: int, seed: int, seen: int = 0) -> Iterator[Batch]:
    """Batches of `size` of the rows of `whole`, without end, in a new random order each time round.

    They begin with the image number `seen`.
    """
    draw = lru_cache(1)(permutation)  # once a round, not once a step
    while True:
        now = order(seen, size, len(whole.x0), seed, draw).to(whole.x0.device)
        yield Batch(*(None if part is None else part[now] for part in whole))  # type: ignore[arg-type]
        seen += size


def permutation(n: int, seed: int, r: int) -> Tensor:
    """The order of the n images in round r: (n,).  Depends on nothing else, so that a run can be resumed."""
    die = torch.Generator("cpu").manual_seed(seed * 1_000_003 + r)
    return torch.randperm(n, generator=die, device="cpu")


def order(
    seen: int, size: int, n: int, seed: int, draw: Callable[[int, int, int], Tensor] = permutation
) -> Tensor:
    """Indices of the images number seen .. seen + size - 1: every n of them a new permutation."""
    rounds = range(seen // n, (seen + size - 1) // n + 1)
    return torch.cat([draw(n, seed, r)[max(0, seen - r * n) : seen + size - r * n] for r in rounds])


def mirrored(x0: Tensor, seed: int, seen: int) -> Tensor:
    """A batch of pictures (B, C, H, W), each mirrored by a coin that depends on seed and seen."""
    die = torch.Generator("cpu").manual_seed(seed * 1_000_003 + seen)
    coins = torch.rand(len(x0), 1, 1, 1, generator=die, device="cpu")
    return torch.where(coins < 0.5, x0.flip(-1), x0)


def stream(source: Iterable[Any], labels: Labels = checks.labels) -> Iterator[Batch]:
    """The batches of an iterable, such as a DataLoader, again and again; `labels` checks their labels.

    ValueError once it has no more to give, as a generator hasn't the second time.
    """
    seen = 0
    while True:
        before = seen
        for item in source:
            batch = _batch(item, labels)
            seen += len(batch.x0)
            yield batch
        if seen == before:
            raise ValueError(
                f"x0 ended after {seen} images and gives no more; pass what can be iterated over again and "
                "again, such as a list or a DataLoader"
            )


def _batch(item: Any, labels: Labels) -> Batch:
    """x0, (x0, y), a Batch, or a mapping with the names of its parts; TypeError or ValueError otherwise."""
    try:
        batch = (
            Batch(**item)
            if isinstance(item, Mapping)
            else Batch(*((item,) if isinstance(item, Tensor) else item))
        )
    except TypeError:
        raise TypeError(
            "a batch of x0 must be a tensor, (tensor, labels), or a mapping with the names x0, y and eps, "
            f"got {checks.brief(item)}"
        ) from None
    x0, y, eps = checks.floating(batch.x0, "x0"), batch.y, batch.eps
    if eps is not None:
        checks.same_shape(checks.floating(eps, "eps"), x0, "eps", "x0")
    return Batch(x0, None if y is None else labels(y, len(x0)), eps)


def from_bytes(grey: Tensor, levels: int = 256) -> Tensor:
    """Integer grey levels 0..levels-1 -> [-1, 1], float32.  ValueError for any other number."""
    if grey.numel():
        low, high = (float(v) for v in grey.aminmax())
        if not (low >= 0 and high < levels):  # NaN fails here too
            raise ValueError(f"grey levels must lie in 0..{levels - 1}, got {low:g}..{high:g}; see `levels`")
        if grey.is_floating_point() and bool((grey != grey.round()).any()):
            raise ValueError(
                f"grey levels must be whole numbers, got {low:g}..{high:g}; from 0..1: x * 2 - 1"
            )
    return grey.to(torch.float32, copy=True).mul_(2 / (levels - 1)).sub_(1)


def to_bytes(images: Tensor, levels: int = 256) -> Tensor:
    """[-1, 1] -> the nearest grey level 0..levels-1, uint8; values outside [-1, 1] are clamped.

    ValueError unless levels is in 2..256.
    """
    if not 2 <= levels <= 256:
        raise ValueError(f"a byte holds 2 to 256 grey levels, got {levels}")
    return ((images + 1) * ((levels - 1) / 2)).round().clamp(0, levels - 1).to(torch.uint8)


class Emoji(NamedTuple):
    """Pictures in colour with words: images (N, 3, 32, 32) in [-1, 1]; all else has N entries, too.

    names: such as "red apple"; styles: "fluent", "noto" or "twemoji", the set that drew it; tints: the colour
    word that most of its surface deserves, as measured, "" for none; held: bool, whether its name holds
    one of COMPOSITIONS, colour and thing, which no model that ships has seen together; test: bool, a fifth of
    the names, for judges to be tested on.
    """

    images: Tensor
    names: list[str]
    styles: list[str]
    tints: list[str]
    held: Tensor
    test: Tensor

    @property
    def levels(self) -> int:
        """Of each colour."""
        return 256

    @property
    def shape(self) -> list[int]:
        """Of one picture: [C, H, W]."""
        return list(self.images.shape[1:])

    @property
    def captions(self) -> list[list[str]]:
        """Two texts for each: its name and its style, and the same with its tint.

        Without it if the name has a colour, or if name and tint would hold one of COMPOSITIONS.
        """
        texts = []
        for name, style, tint in zip(self.names, self.styles, self.tints, strict=True):
            coloured = set(COLOURS) & set(name.split()) or composed(f"{tint} {name}")
            said = name if coloured else f"{tint} {name}".strip()
            texts.append([f"{name} {style}", f"{said} {style}"])
        return texts

    def where(self, mask: Tensor) -> "Emoji":
        """Those for which the mask (N,) is true."""
        rows = mask.nonzero().flatten().tolist()
        names, styles, tints = ([column[i] for i in rows] for column in (self.names, self.styles, self.tints))
        return Emoji(self.images[mask], names, styles, tints, self.held[mask], self.test[mask])


def emoji() -> Emoji:
    """4,581 emoji of 1,549 names, in three styles, 32x32 on white; emoji.md in that folder is their card.

    FileNotFoundError or ValueError if the file is missing or damaged.
    """
    with np.load(_shipped("emoji.npz", EMOJI_SHA256), allow_pickle=False) as file:
        images = from_bytes(torch.from_numpy(file["images"])).permute(0, 3, 1, 2).contiguous()
        names, styles, tints = (file[column].tolist() for column in ("names", "styles", "tints"))
    held = [composed(name) for name in names]
    test = [hashlib.sha256(name.encode()).digest()[0] % 5 == 0 for name in names]
    return Emoji(images, names, styles, tints, torch.tensor(held), torch.tensor(test))


def composed(text: str) -> bool:
    """Whether a text has both words of one of COMPOSITIONS."""
    return any(set(pair.split()) <= set(text.split()) for pair in COMPOSITIONS)


def digits() -> tuple[Dataset, Dataset]:
    """1,437 scanned digits to train on and 360 to test with: (N, 1, 8, 8), 17 grey levels.

    The test set of UCI's "Optical Recognition of Handwritten Digits"; digits.md in that folder is its card.
    FileNotFoundError or ValueError if the file is missing or damaged.
    """
    with np.load(_shipped("digits.npz", DIGITS_SHA256), allow_pickle=False) as file:
        grey, labels = torch.from_numpy(file["images"]), torch.from_numpy(file["labels"]).long()
        train, test = (torch.from_numpy(file[name]).long() for name in ("train", "test"))
    images = from_bytes(grey, 17)[:, None]  # (N, 1, 8, 8)
    return Dataset(images[train], labels[train], 17), Dataset(images[test], labels[test], 17)


def _shipped(name: str, sha256: str) -> io.BytesIO:
    """The bytes of a file that ships; FileNotFoundError or ValueError if it is missing or damaged."""
    path = SHIPPED / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; {RESTORE}")
    raw = path.read_bytes()
    if (found := hashlib.sha256(raw).hexdigest()) != sha256:
        raise ValueError(f"{path} is damaged (its sha256 is {found[:8]}…, not {sha256[:8]}…); {RESTORE}")
    return io.BytesIO(raw)


def mnist() -> tuple[Dataset, Dataset]:
    """60,000 handwritten digits to train on and 10,000 to test with: (N, 1, 28, 28), 256 grey levels.

    They are read from the folder named in the environment variable DDPM_DATA.  If it isn't set, they are
    downloaded once (11 MB), to data/mnist in a checkout, or to the user's cache folder if the package was
    installed.  FileNotFoundError if that folder lacks a file, ValueError if a file is damaged,
    ConnectionError if the download fails.
    """
    return _read("train"), _read("t10k")


def _read(part: str) -> Dataset:
    images = read_idx(_find(f"{part}-images-idx3-ubyte.gz"))  # (N, H, W)
    labels = read_idx(_find(f"{part}-labels-idx1-ubyte.gz"))  # (N,)
    if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
        raise ValueError(
            f"images and labels do not belong together: {tuple(images.shape)} and {tuple(labels.shape)}"
        )
    return Dataset(from_bytes(images)[:, None], labels.long(), 256)


def _find(name: str) -> Path:
    """The path of a file of MNIST, compressed or not; if DDPM_DATA isn't set, a missing one is downloaded."""
    own = os.environ.get("DDPM_DATA")
    folder = Path(own).expanduser() if own else _downloads()
    for path in (f / n for f in (folder, folder / "mnist") for n in (name, name.removesuffix(".gz"))):
        if path.is_file():
            return path
    if own:
        raise FileNotFoundError(
            f"DDPM_DATA is {folder}, but there is no {name} in it; put the four MNIST files there, or unset "
            "DDPM_DATA to download them"
        )
    return download(name, folder)


def _downloads() -> Path:
    if SHIPPED != INSTALLED:
        return SHIPPED / "mnist"
    import pooch

    return pooch.os_cache("ddpm_core") / "mnist"


def download(name: str, folder: Path) -> Path:
    """Download a file of MNIST into `folder`, from the first mirror that sends it, and return its path.

    It is written under a temporary name, and renamed once its checksum is verified.  ConnectionError says
    what went wrong with each mirror, and what to do instead.
    """
    import pooch

    fetch, failures, earlier = pooch.HTTPDownloader(timeout=TIMEOUT), [], sys.exception()
    for mirror in MIRRORS:
        try:
            path = Path(pooch.retrieve(mirror + name, MNIST[name], name, folder, downloader=fetch))
            path.chmod(0o644)  # pooch leaves it readable by its owner only
            return path
        except OSError as error:  # from the network, or from the folder
            failures.append(f"{mirror}: {_origin(error, earlier)}")
        except ValueError:  # the checksum differs
            failures.append(f"{mirror} sent another file, perhaps a login page: its sha256 differs")
    raise ConnectionError(
        f"could not download {name}: {'; '.join(failures)}; try again, or put {name} in a "
        "folder and name the folder in DDPM_DATA"
    )


def _origin(error: BaseException, earlier: BaseException | None) -> BaseException:
    """The first error of a chain, such as the system's "Name or service not known".

    earlier: an exception that was already being handled, which isn't part of this chain; None if there is
    none.
    """
    while error.__context__ not in (None, earlier):
        error = error.__context__
    return error


def read_idx(path: Path) -> Tensor:
    """The uint8 array in an idx file, compressed if its name ends in .gz.  ValueError if it is damaged."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            return parse_idx(file.read(LARGEST))
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        again = "" if os.environ.get("DDPM_DATA") else ", or delete it, and it is downloaded again"
        raise ValueError(f"{path} is damaged: {error}; put a good copy there{again}") from None


def parse_idx(raw: bytes) -> Tensor:
    """The uint8 array in the bytes of an idx file, or ValueError.  Format: LeCun's MNIST page."""
    if len(raw) < 4 or raw[:3] != b"\0\0\x08" or not 1 <= raw[3] <= 4 or len(raw) < 4 + 4 * raw[3]:
        raise ValueError(f"no idx file of bytes, it begins with {raw[:8]!r}")
    shape = struct.unpack(f">{raw[3]}I", raw[4 : 4 + 4 * raw[3]])
    body = np.frombuffer(raw, np.uint8, offset=4 + 4 * raw[3])
    if body.size != np.prod(shape, dtype=object):
        raise ValueError(f"it announces {shape} and holds {body.size} entries")
    return torch.from_numpy(body.reshape(shape).copy())
