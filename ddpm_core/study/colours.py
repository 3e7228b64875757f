"""What colour a picture has, and the same pictures in other colours: words for colours mean more then.

more = recoloured(emoji()).names  # "blue tiger face", "purple umbrella", ...
"""

from collections import Counter

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..data import COLOURS, Emoji, composed, from_bytes, to_bytes

HUES = {"red": 16, "orange": 36, "yellow": 70, "green": 170, "blue": 245, "purple": 300, "pink": 340}  # up to
PURE = {"red": 0, "orange": 27, "yellow": 50, "green": 120, "blue": 212, "purple": 272}  # degrees
KEPT = {"man", "men", "woman", "women", "person", "people", "boy", "girl", "baby", "child", "flag", "flags"}


def tint(image: Tensor) -> str:
    """The colour word that three fifths of the coloured surface deserve, "" if there is none.

    image: (3, H, W) in [-1, 1].  Coloured are pixels with a saturation of at least 0.3 and a value of at
    least 0.4, if they are a seventh of all.  Red and orange are called brown where they are dark.
    """
    return _tint(_hsv(_bytes(image[None])[0]))


def _tint(hsv: np.ndarray) -> str:
    hue, saturation, value = hsv.reshape(-1, 3).astype(float).T
    coloured = (saturation >= 77) & (value >= 100)
    degrees, value = hue[coloured] * (360 / 255), value[coloured]
    if len(degrees) < hue.size / 7:
        return ""
    words = np.array([*HUES, "red", "brown"])[np.searchsorted(list(HUES.values()), degrees, side="right")]
    words[(degrees >= 8) & (degrees < 40) & (value < 200)] = "brown"
    (word, count), *_ = Counter(words.tolist()).most_common(1)
    return word if count > 0.6 * len(words) else ""


def recoloured(known: Emoji) -> Emoji:
    """The pictures of one colour again in each other colour of PURE, and named so; none of COMPOSITIONS.

    All hues are turned by as much as the tint needs.  Neither people nor flags; nor where what comes out
    has another tint, as of a dark or a pale colour, or where the name has a colour that one doesn't see.
    """
    rows, images, names, tints = _recoloured(known)
    styles = [known.styles[row] for row in rows]
    return Emoji(from_bytes(images), names, styles, tints, known.held[rows], known.test[rows])


def varied(known: Emoji) -> Emoji:
    """All that is known, and again what of it can be had in other colours."""
    rows, images, names, tints = _recoloured(known)
    every = from_bytes(torch.cat([to_bytes(known.images), images]))  # from bytes: four times smaller
    rows = [*range(len(known.names)), *rows]
    styles = [known.styles[row] for row in rows]
    return Emoji(every, known.names + names, styles, known.tints + tints, known.held[rows], known.test[rows])


def _recoloured(known: Emoji) -> tuple[list[int], Tensor, list[str], list[str]]:
    """Rows of `known`, and for each of them a picture in bytes (N, 3, H, W), its name and its tint."""
    kept = {name for name in known.names if KEPT & {*name.split()} or f"man {name}" in known.names}
    pictures = _bytes(known.images)
    rows, images, names, tints = [], [pictures[:0]], [], []
    for row, (picture, name, old) in enumerate(zip(pictures, known.names, known.tints, strict=True)):
        for new in PURE if old in PURE and name not in kept else ():
            called = _renamed(name, old, new)
            if new == old or called is None or composed(called):
                continue
            turned = _turned(picture, old, new)
            if _tint(_hsv(turned)) == new:
                rows.append(row)
                images.append(turned[None])
                names.append(called)
                tints.append(new)
    return rows, torch.from_numpy(np.concatenate(images)).permute(0, 3, 1, 2).contiguous(), names, tints


def _renamed(name: str, old: str, new: str) -> str | None:
    """The name with the new colour in place of the old, or before it; None if it has another colour."""
    words = name.split()
    if colours := set(words) & set(COLOURS):
        return " ".join(new if w == old else w for w in words) if colours == {old} else None
    return f"{new} {name}"


def _turned(picture: np.ndarray, old: str, new: str) -> np.ndarray:
    """The picture with all hues turned: what has the colour `old` gets the hue of `new`, in the mean."""
    hsv = _hsv(picture).copy()
    degrees = hsv[..., 0] * (360 / 255)
    ends = [HUES["pink"] - 360, *HUES.values()]
    k = list(HUES).index(old)
    near = np.where(degrees > HUES["pink"], degrees - 360, degrees)
    own = (ends[k] <= near) & (near < ends[k + 1]) & (hsv[..., 1] >= 77) & (hsv[..., 2] >= 100)
    turn = round((PURE[new] - near[own].mean()) * (255 / 360))
    hsv[..., 0] = (hsv[..., 0].astype(int) + turn) % 256
    return np.array(Image.fromarray(hsv, "HSV").convert("RGB"))


def _bytes(images: Tensor) -> np.ndarray:
    """Pictures (N, 3, H, W) in [-1, 1] as bytes, (N, H, W, 3)."""
    return to_bytes(images).permute(0, 2, 3, 1).numpy()


def _hsv(picture: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).convert("HSV"))
