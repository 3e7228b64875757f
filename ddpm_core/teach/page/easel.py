"""A box to type into: pictures come out of the noise as the kernel draws them, and words can be left out.

    w = easel(draw)      draw(text, seed) yields pictures (N, C, H, W), those of the result last
w.ask("blue circle"), w.ask("blue circle", without="blue")
"""

import io
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import anywidget
import torch
import traitlets
from PIL import Image
from torch import Tensor

from ... import checks
from ...pictures import tile
from ...words import split
from . import asset
from .film import film
from .still import Pictured

Draw = Callable[[str, int], Iterable[Tensor]]
FRAMES, WIDE = 5, 460  # of the still: how many states it shows, pixels across


class Easel(Pictured, anywidget.AnyWidget):
    """The widget that `easel` returns.  The page wishes (a text, places of words to leave out, a seed)."""

    awakes = "This is a film of one text. Run this cell, and type your own."
    _esm = asset("player.js", "easel.js")
    _css = asset("scrub.css", "easel.css")
    wish = traitlets.Dict(help="page to Python: {n, text, dropped, seed}").tag(sync=True)
    told = traitlets.Dict(help="Python to page: {n, words, said, over}").tag(sync=True)
    full = traitlets.Bytes(help="PNG of the pictures to all words").tag(sync=True)
    less = traitlets.Bytes(help="the same with words left out, empty if none is").tag(sync=True)

    def __init__(self, draw: Draw, text: str):
        self._draw, self._first = draw, text
        states = list(draw(text, 0))
        self._drawn: Tensor | ValueError = states[-1]
        self._film = film(states[:: -max(1, len(states) // FRAMES)][::-1], 4, width=WIDE)  # with the last
        told = {"n": 0, "words": split(text), "said": "", "over": True}
        super().__init__(told=told, full=_png(states[-1]))

    def ask(self, text: str, without: str = "", seed: int = 0) -> Tensor:
        """Draw a text, as if it were typed, and show it: the pictures (N, C, H, W).

        without: words of it to leave out.  ValueError for a text of which the model knows no word.
        """
        words = split(text)
        dropped = [k for k, word in enumerate(words) if word in split(without)]
        self.wish = {"n": self.told["n"] + 1, "text": text, "dropped": dropped, "seed": seed}
        if isinstance(self._drawn, Exception):
            raise self._drawn
        return self._drawn

    @traitlets.observe("wish")
    def _answer(self, change: Any) -> None:
        n, text = change["new"].get("n", 0), str(change["new"].get("text", ""))
        dropped, seed = change["new"].get("dropped", []), int(change["new"].get("seed", 0))
        words = split(text)
        kept = " ".join(word for k, word in enumerate(words) if k not in dropped)
        told = {"n": n, "words": words, "dropped": dropped, "text": text}
        if not dropped:
            self.less = b""
        self.told = told | {"said": "", "over": False}
        try:
            said = self._played(kept, seed, "less" if dropped else "full")
        except ValueError as error:
            self._drawn, said = error, str(error)
        self.told = told | {"said": said, "over": True}

    def _played(self, text: str, seed: int, row: str) -> str:
        """Draw, and send every state to a row of the page; what there is to say about the words."""
        with warnings.catch_warnings(record=True) as unknown:
            warnings.simplefilter("always", UserWarning)
            for pictures in self._draw(text, seed):
                setattr(self, row, _png(pictures))
                self._drawn = pictures
        return " ".join(str(each.message) for each in unknown)

    def still(self) -> bytes:
        """A film of the first text."""
        return self._film

    def __repr__(self) -> str:
        return f"easel: {self._first}"


def easel(draw: Draw, text: str = "red heart") -> Easel:
    """A widget with a box to type into; what is typed is drawn by the kernel, state by state.

    draw: (text, seed) -> the states of a walk as pictures (N, C, H, W) in [-1, 1], C = 1 or 3, N at most 4;
    a ValueError or a warning of its own is shown below the box.  TypeError or ValueError for bad input.
    """
    if not callable(draw):
        raise TypeError(f"draw must be a function (text, seed) -> pictures, got {checks.brief(draw)}")
    if not isinstance(text, str) or not split(text):
        raise ValueError(f"text must have a word, such as 'red heart', got {checks.brief(text)}")
    return Easel(draw, text)


def _png(pictures: Tensor) -> bytes:
    """One row of pictures, with clear pixels between."""
    shades = tile(checks.pictures(pictures, "pictures"), len(pictures), gap=2)
    clear = tile(torch.full_like(pictures[:, :1], -1), len(pictures), gap=2)
    mode = "LA" if shades.ndim == 2 else "RGBA"
    file, grey = io.BytesIO(), shades[..., None] if shades.ndim == 2 else shades
    levels = torch.cat([torch.from_numpy(grey), 1 - torch.from_numpy(clear)[..., None]], -1)
    Image.fromarray((255 * levels).round().to(torch.uint8).numpy(), mode).save(file, "PNG")
    return file.getvalue()
