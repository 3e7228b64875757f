"""A folder of one's own pictures: decoded once, kept on disk, and read from there as training asks."""

import csv
import hashlib
import io
import json
import os
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image, ImageColor, ImageOps, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from . import checks, files
from .data import Batch, from_bytes, mirrored, rows

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif")
KINDS = "PNG, JPEG, WebP or GIF"
VERSION = 1  # of what is kept; another one is decoded anew
SHARE = 0.1  # of the files: if more can't be read, something is wrong with all of them
AT_ONCE = 512  # files that wait for their turn to be written, at most
Fit = Callable[[Image.Image, int, str], Image.Image]


def crop(image: Image.Image, size: int, background: str) -> Image.Image:
    """The square in the middle of a picture, as large as fits."""
    return ImageOps.fit(image, (size, size), Image.Resampling.LANCZOS)


def pad(image: Image.Image, size: int, background: str) -> Image.Image:
    """The whole picture, on a square of the background's colour."""
    width, height = (max(1, round(side * size / max(image.size))) for side in image.size)
    square = Image.new(image.mode, (size, size), background)
    small = image.resize((width, height), Image.Resampling.LANCZOS)
    square.paste(small, ((size - width) // 2, (size - height) // 2))
    return square


FITS: dict[str, Fit] = {"crop": crop, "pad": pad}


@dataclass(frozen=True, eq=False, repr=False)
class Folder:
    """The pictures of a folder, for `train`: train(denoiser, folder("birds", flip=True), images=...).

    pixels: (N, C, size, size), uint8, in a file that is mapped into memory; files: their names, from the
    folder on.  labels: (N,), the number in `names` of the subfolder that each is in, -1 for none; None if
    there are no subfolders.  words: what is said of each picture, "" for nothing; None if there is no text.
    left_out: what can't be read, with the reason; others: how many files of each other kind there are.
    kept: the file of the pixels; digest: how many pictures, of what size, and a checksum of them all.
    flip: whether each is mirrored half of the times that it is seen.  To train without labels:
    dataclasses.replace(pictures, labels=None).
    """

    pixels: Tensor
    files: list[str]
    labels: Tensor | None
    names: list[str]
    words: list[str] | None
    left_out: dict[str, str]
    others: dict[str, int]
    kept: Path
    digest: str
    flip: bool = False
    levels: ClassVar[int] = 256

    def __repr__(self) -> str:
        return f"<Folder: {self.digest}>"

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.pixels)

    @property
    def shape(self) -> list[int]:
        """Of one picture: [C, H, W]."""
        return list(self.pixels.shape[1:])

    @property
    def images(self) -> Tensor:
        """All of them in memory: (N, C, size, size) in [-1, 1], four bytes a number."""
        return from_bytes(self.pixels)

    def batches(self, size: int = 64, seed: int = 0, seen: int = 0) -> Iterator[Batch]:
        """Batches of pictures in [-1, 1] and their labels, without end; a new random order each time round.

        They depend on the seed and begin with the picture number `seen`, so that a run can be resumed.
        """
        for batch in rows(Batch(self.pixels, self.labels), size, seed, seen):
            x0 = from_bytes(batch.x0)
            if self.flip:
                x0 = mirrored(x0, seed, seen)
            yield batch._replace(x0=x0)
            seen += size


def folder(
    path: str | Path,
    size: int = 32,
    *,
    fit: Fit = crop,
    background: str = "white",
    channels: int = 3,
    flip: bool = False,
    cache: str | Path | None = None,
) -> Folder:
    """The PNG, JPEG, WebP and GIF files in a folder and its subfolders, as squares of size x size pixels.

    fit: `crop`, the square in the middle, or `pad`, all of it on the background; background: the name of a
    colour, such as "white" or "#ffcc00", also for what is transparent; channels: 3, or 1 for grey;
    flip: whether each is mirrored half of the times.  Pictures are turned as their EXIF says, 16 bits become
    8, of a moving one the first frame counts.  Hidden files and folders are passed over.

    A subfolder's name is the label of all pictures below it.  Words to a picture are in a text file of the
    same name (cat.png, cat.txt), or in a table captions.csv beside or above it: a file's name, from the
    table's folder on, then its words; a first line that names no file is a heading.

    Pictures are decoded once and kept in a file in `cache`, by default the user's cache folder; a change
    of the folder is noticed.  What can't be read is left out, with a UserWarning that says which.
    NotADirectoryError, FileNotFoundError, or ValueError if there is no picture, more than a tenth can't be
    read, or an argument makes no sense; OSError if the cache can't be written.
    """
    checks.whole(size, "size", 4, 1024)
    if fit not in FITS.values():
        raise TypeError(f"fit must be crop or pad, of ddpm_core.folders, got {checks.brief(fit)}")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 3, or 1 for grey, got {channels}")
    ImageColor.getrgb(background)  # ValueError for a colour that there isn't
    root = Path(path).expanduser().resolve()
    found, others = _listed(root)
    settings = [VERSION, str(root), size, fit.__name__, background, channels]
    kept = _cache(cache) / f"{_digest(settings)}-{_digest([_state(root / name) for name in found])}.pixels"
    try:
        pixels, told = _opened(kept, (channels, size, size))
    except (OSError, ValueError, KeyError, TypeError):  # there is none, or a damaged one
        mode = "RGB" if channels == 3 else "L"
        _keep(root, found, kept, partial(_decoded, size=size, fit=fit, background=background, mode=mode))
        pixels, told = _opened(kept, (channels, size, size))
    words, (names, labels) = _words(root, told["files"]), _labelled(told["files"])
    digest = f"{len(pixels)} pictures of {channels}x{size}x{size} ({told['sha256'][:8]})"
    own = Folder(pixels, told["files"], labels, names, words, told["left_out"], others, kept, digest, flip)
    if said := losses(own):
        warnings.warn(said, stacklevel=2)
    return own


def losses(own: Folder, most: int = 20) -> str:
    """A sentence that names the files that are left out, the first `most` of them; "" if there are none."""
    if not own.left_out:
        return ""
    count, total = len(own.left_out), len(own) + len(own.left_out)
    said = f"{count} of {total} files can't be read and are left out: {_named(own.left_out, most)}"
    return said.encode("utf-8", "replace").decode()  # names may hold what can't be printed


def _named(left_out: dict[str, str], most: int) -> str:
    rest = f", and {len(left_out) - most} more" if len(left_out) > most else ""
    return ", ".join(f"{name} ({why})" for name, why in [*left_out.items()][:most]) + rest


def _listed(root: Path) -> tuple[list[str], dict[str, int]]:
    """The pictures below a folder, in order, and how many other files of each kind there are."""
    if not root.is_dir():
        if root.exists():
            raise NotADirectoryError(f"{root} is a file; name the folder that the pictures are in")
        raise FileNotFoundError(f"there is no folder {root}")
    found, others, seen = [], Counter[str](), {root}
    for place, folders, names in os.walk(root, onerror=_stop, followlinks=True):
        inside = {Path(place, name).resolve(): name for name in sorted(folders, reverse=True)}
        folders[:] = [name for path, name in inside.items() if path not in seen and name[0] != "."]
        seen |= inside.keys()  # a link back up is not followed round and round
        for path in (Path(place, name).relative_to(root) for name in names if name[0] != "."):
            if path.suffix.lower() in SUFFIXES:
                found.append(path.as_posix())
            else:
                others[path.suffix.lower()] += 1
    if not found:
        there = ", ".join(f"{n} {kind or 'without a suffix'}" for kind, n in sorted(others.items()))
        raise ValueError(f"there is no {KINDS} in {root}, only {there or 'nothing'}")
    return sorted(found), others


def _stop(error: OSError) -> None:
    raise error


def _state(path: Path) -> list[Any]:
    """What changes when a file does."""
    status = path.stat() if path.exists() else path.lstat()
    return [str(path), status.st_size, status.st_mtime_ns, status.st_mode]


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _cache(own: str | Path | None) -> Path:
    if own is not None:
        return Path(own)
    import pooch

    return Path(pooch.os_cache("ddpm_core")) / "folders"


def _keep(root: Path, names: list[str], target: Path, work: Callable[[Path], np.ndarray | str]) -> None:
    """Decode files into `target`: the pixels, then JSON that says what they are, then its length in 8 bytes.

    What was kept of the folder as it was before is deleted.
    """
    kept, left_out, total = [], dict[str, str](), hashlib.sha256()
    with (
        files.writing(target) as file,
        tqdm(total=len(names), unit=" files", desc="decoding") as bar,
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", module=r"PIL\.")  # of what it could mend
        for name, picture in zip(names, _worked(work, [root / name for name in names]), strict=True):
            bar.update()
            if isinstance(picture, str):
                left_out[name] = picture
                continue
            kept.append(name)
            total.update(picture.data)
            file.write(picture.data)
        if len(left_out) > SHARE * len(names):
            raise ValueError(
                f"{len(left_out)} of {len(names)} files in {root} can't be read, more than one in ten: "
                f"{_named(left_out, 3)}; mend them or take them away"
            )
        total.update(json.dumps(kept).encode())
        told = json.dumps({"files": kept, "left_out": left_out, "sha256": total.hexdigest()}).encode()
        file.write(told + len(told).to_bytes(8, "little"))
    for old in target.parent.glob(f"{target.name.split('-')[0]}-*.pixels"):
        if old != target:
            with suppress(OSError):  # another process may be reading it
                old.unlink()


def _worked(work: Callable[[Path], np.ndarray | str], paths: list[Path]) -> Iterator[np.ndarray | str]:
    """The results in order, computed on all cores, a part of the files at a time."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for start in range(0, len(paths), AT_ONCE):
            yield from pool.map(work, paths[start : start + AT_ONCE])


def _decoded(path: Path, size: int, fit: Fit, background: str, mode: str) -> np.ndarray | str:
    """A picture as bytes (C, size, size), or why it can't be read."""
    try:
        if not path.is_file():
            return "it is a link to nothing" if path.is_symlink() else "it is no ordinary file"
        with Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
            image.draft(None, (2 * size, 2 * size))  # a large JPEG is read at a fraction of its size
            image.load()
            square = fit(_flat(image, background).convert(mode), size, background)
    except UnidentifiedImageError:
        return f"no {KINDS} inside"
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        return re.sub(r"\s+", " ", str(error)) or type(error).__name__
    return np.ascontiguousarray(np.asarray(square).reshape(size, size, -1).transpose(2, 0, 1))


def _flat(image: Image.Image, background: str) -> Image.Image:
    """A picture of any kind the right way up, 8 bits deep, without transparency."""
    try:
        image = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF data: the picture itself is sound
        image = image.copy()
    if image.mode.startswith("I"):  # 16 bits of grey
        image = Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, background), image)
    return image


def _opened(path: Path, shape: tuple[int, int, int]) -> tuple[Tensor, dict[str, Any]]:
    """The pixels (N, C, H, W) in a file that `_keep` wrote, mapped into memory, and what it says of them."""
    raw = np.memmap(path, np.uint8, mode="c")  # its pages are this process's own if they are written to
    length = int.from_bytes(raw[-8:].tobytes(), "little")
    told = json.loads(raw[-8 - length : -8].tobytes())
    return torch.from_numpy(raw[: -8 - length].reshape(len(told["files"]), *shape)), told


def _labelled(names: list[str]) -> tuple[list[str], Tensor | None]:
    """The subfolders, and the number of each picture's; no labels if all are in one place."""
    first = [name.split("/")[0] if "/" in name else None for name in names]
    if len(set(first)) < 2:
        return [], None
    known = sorted({name for name in first if name is not None})
    number = {name: k for k, name in enumerate(known)} | {None: -1}
    return known, torch.tensor([number[name] for name in first], device="cpu")


def _words(root: Path, names: list[str]) -> list[str] | None:
    """What is said of each picture, "" for nothing, or None if nothing is said of any."""
    known, said = {_plain(name) for name in names}, dict[str, str]()
    for place in sorted({place for name in names for place in Path(name).parents}):
        if not (table := root / place / "captions.csv").is_file():
            continue
        found = _table(table, place)
        if not found.keys() & known:
            raise ValueError(
                f"{table} names none of the pictures: a line should begin with a file's name, such as "
                f"{Path(names[0]).name}, and go on with a comma and words"
            )
        said |= found
    for name in names:
        if (text := (root / name).with_suffix(".txt")).is_file():
            said[_plain(name)] = _text(text)
    words = [" ".join(said.get(_plain(name), "").split()) for name in names]
    return words if any(words) else None


def _table(path: Path, place: Path) -> dict[str, str]:
    """The second and further columns of a table in the folder `place`, by the first, as a file's name."""
    text = _text(path)
    mark = re.search("[,;\t]", text)  # spreadsheets take either
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=mark[0] if mark else ",")
    try:
        table = [(name, ", ".join(said)) for name, *said in filter(None, lines)]
    except csv.Error as error:
        raise ValueError(f"{path} isn't a table of files and words: {error}") from None
    return {_plain((place / name.strip()).as_posix()): said for name, said in table}


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} isn't text in UTF-8: save it as UTF-8, or take it away") from None


def _plain(name: str) -> str:
    """A name as it is compared: an umlaut is one character, as most systems write it, not two."""
    return unicodedata.normalize("NFC", name)
