"""A figure for each position of a slider: drawn beforehand, and turned by the page without the kernel.

w = turn({0.0: ends(0.0), 0.5: ends(0.5), 1.0: ends(1.0)}, "η")      three figures, and a slider for η
"""

import io
from collections.abc import Mapping, Sequence

import traitlets
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from ... import checks
from . import asset
from .figures.style import DPI, INK
from .widgets import MAX_FRAMES, Scrubber


class Turner(Scrubber):
    """The widget that `turn` returns; `t` counts the figures from 0, and `value` is what the slider says."""

    _esm = asset("player.js", "turning.js")
    _css = asset("scrub.css", "turning.css")
    name = traitlets.Unicode(help="what the slider changes").tag(sync=True)
    labels = traitlets.List(traitlets.Unicode(), help="its value in each figure").tag(sync=True)
    sheets = traitlets.Bytes(help="the figures, one PNG after another").tag(sync=True)
    sizes = traitlets.List(traitlets.Int(), help="bytes of each").tag(sync=True)
    across = traitlets.Int(help="their width on the page, in pixels").tag(sync=True)

    def __init__(self, figures: Mapping[float, Figure], name: str):
        self._values, self._sheets = list(figures), [_png(figure) for figure in figures.values()]
        super().__init__(
            name=name,
            labels=[f"{value:g}" for value in figures],
            sheets=b"".join(self._sheets),
            sizes=[len(sheet) for sheet in self._sheets],
            across=round(DPI * max(figure.get_figwidth() for figure in figures.values())),
        )

    @property
    def value(self) -> float:
        """The slider's value."""
        return self._values[self.t]

    def _places(self) -> Sequence[int]:
        return range(len(self._values))

    def __repr__(self) -> str:
        return f"turn: {len(self._values)} figures, {self.name} = {self.labels[0]}..{self.labels[-1]}"

    def still(self) -> bytes:
        """The first figure, one from the middle and the last, one below another, each with its value."""
        chosen = sorted({0, len(self._values) // 2, len(self._values) - 1})
        rows = [
            _named(Image.open(io.BytesIO(self._sheets[k])), f"{self.name} = {self.labels[k]}") for k in chosen
        ]
        sheet = Image.new("RGBA", (max(row.width for row in rows), sum(row.height for row in rows)))
        for k, row in enumerate(rows):
            sheet.paste(row, (0, sum(above.height for above in rows[:k])))
        return _small(sheet)

    def _sizes(self) -> dict[str, dict[str, int]]:
        return {"image/png": {"width": self.across}}


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, dpi=2 * DPI)
    return _small(Image.open(picture))


def _named(picture: Image.Image, text: str) -> Image.Image:
    """Half the size, with a line of text above it."""
    small = picture.convert("RGBA").reduce(2)
    room = Image.new("RGBA", (small.width, small.height + 26))
    room.paste(small, (0, 26))
    font = ImageFont.truetype(findfont("DejaVu Sans"), 16)
    ImageDraw.Draw(room).text((small.width / 2, 5), text, INK, font, anchor="mt")
    return room


def _small(picture: Image.Image) -> bytes:
    """A PNG of 128 colours: a third of the bytes, and nobody sees it in a drawing."""
    file = io.BytesIO()
    picture.quantize(128).save(file, "PNG", optimize=True)
    return file.getvalue()


def turn(figures: Mapping[float, Figure], name: str) -> Turner:
    """A widget that shows one of some figures, by a slider with their values; name: of what it changes.

    figures: by the slider's values, which rise; all of one size.  The figures are drawn now, so that the page
    needs no kernel.  TypeError or ValueError for bad input.
    """
    if not isinstance(figures, Mapping) or not all(isinstance(each, Figure) for each in figures.values()):
        raise TypeError(f"figures must be Figures by the slider's values, got {checks.brief(figures)}")
    values = [checks.number(value, "a value of the slider") for value in figures]
    if len(values) < 2 or values != sorted(values):
        raise ValueError(f"figures need two values or more, which rise, got {checks.brief(values)}")
    if len({tuple(figure.get_size_inches()) for figure in figures.values()}) > 1:
        raise ValueError("figures must have one size, or the page would jump")
    made = Turner(figures, name)
    if len(made.sheets) > MAX_FRAMES:
        raise ValueError(f"the figures take {len(made.sheets) / 1e6:.0f} MB, expected at most 24; show fewer")
    return made
