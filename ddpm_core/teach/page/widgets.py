"""Scrubbers: widgets that show pictures at a time t set by a slider, drawn by the page without the kernel.

    w = scrub_noise(images, linear())      every x_t of q(x_t | x_0), computed in the page
    w = scrub(sample(denoiser, x_T))       a sampling run, frame by frame
    w = shape_schedule()                   change a schedule

`w.t` is the slider's position, and setting it moves the slider.  The notebook also stores a still picture of
each, and `export_html` makes a page in which it works without a kernel and without a network.
"""

import base64
import gzip
import html
import io
import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

import anywidget
import numpy as np
import torch
import traitlets
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from ... import checks
from ...data import digits, to_bytes
from ...process import q_sample
from ...sampling import Frame, randn
from ...schedule import Schedule, cosine, linear
from . import asset
from .figures.style import BLUE, FAINT, INK
from .film import film
from .pace import log_snr, seen_log_snr
from .still import Pictured

MAX_FRAMES = 24_000_000  # bytes of pixels that one widget may send to the page
BOUNDS = {"beta_min": (1e-6, 1e-2), "beta_max": (1e-3, 0.1), "T": (10, 2000)}
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


class Scrubber(Pictured, anywidget.AnyWidget):
    """Base class of the scrubbers: `t`, the still picture, a short repr."""

    _css = asset("scrub.css")
    t = traitlets.Int(0, help="where the slider stands").tag(sync=True)
    shape = traitlets.List(traitlets.Int(), help="n, height, width, channels").tag(sync=True)
    columns = traitlets.Int(1, help="pictures in a row").tag(sync=True)

    @traitlets.validate("t")
    def _t_within(self, proposal: dict[str, Any]) -> int:
        t = proposal["value"]
        if isinstance(t, bool):
            raise traitlets.TraitError(f"t must be a whole number, got bool {t}")
        if t not in (places := self._places()):
            raise traitlets.TraitError(f"t must be {_listed(places)}, got {t}")
        return int(t)

    def _places(self) -> Sequence[int]:
        raise NotImplementedError

    def pictures(self, t: int) -> Sequence[Tensor | None]:
        """What the page draws at t, computed by torch: grey levels (n, c, h, w) each, None if it's empty."""
        raise NotImplementedError


class NoiseScrubber(Scrubber):
    """The widget that `scrub_noise` returns."""

    _esm = asset("player.js", "noise.js")
    x0 = traitlets.Bytes(help="float16 (n, h, w, c)").tag(sync=True)
    eps = traitlets.Bytes(help="float16 (n, h, w, c)").tag(sync=True)
    abar = traitlets.Bytes(help="float64 (T+1,)").tag(sync=True)

    def __init__(self, x0: Tensor, eps: Tensor, schedule: Schedule):
        self._data, self._schedule = (x0, eps), schedule
        super().__init__(
            x0=_halves(x0),
            eps=_halves(eps),
            abar=_doubles(schedule.abar),
            shape=_shape(x0),
            columns=min(len(x0), 8),
        )

    def _places(self) -> Sequence[int]:
        return range(self._schedule.T + 1)

    def __repr__(self) -> str:
        return f"scrub_noise: {_count(self._data[0])}, t = 0..{self._schedule.T}"

    def pictures(self, t: int) -> list[Tensor]:
        """x_t of all pictures: (n, c, h, w)."""
        return [to_bytes(q_sample(*self._data, self._schedule.level(t)))]

    def still(self) -> bytes:
        """Up to four of the pictures at nine levels from 0 to T."""
        times = self._schedule.times(min(8, self._schedule.T))[::-1]
        rows = torch.stack([self.pictures(t)[0][:4] for t in times], 1)  # (4, 9, c, h, w)
        return _contact_sheet(list(rows), [f"t = {t}" for t in times], [""] * len(rows))


class FrameScrubber(Scrubber):
    """The widget that `scrub` returns."""

    _esm = asset("player.js", "frames.js")
    times = traitlets.List(traitlets.Int(), help="the t of each frame").tag(sync=True)
    log_snr = traitlets.List(traitlets.Float(), help="of each frame, as play goes").tag(sync=True)
    xt = traitlets.Bytes(help="grey levels (frames, n, h, w, c)").tag(sync=True)
    x0 = traitlets.Bytes(help="the same, without the frames that have none").tag(sync=True)
    noise = traitlets.Bytes(help="the same; z = -3..3 is black..white").tag(sync=True)
    plays = traitlets.Bool(False, help="plays once when it is first seen").tag(sync=True)

    def __init__(self, frames: Sequence[Frame], columns: int | None, plays: bool, schedule: Schedule | None):
        self._frames = frames
        if plays:
            self.awakes = "This is a film. Run this cell, and it follows your hand."
        first, times = frames[0].xt, [f.t for f in frames]
        super().__init__(
            times=times,
            t=frames[0].t,
            log_snr=seen_log_snr(frames) if schedule is None else log_snr(schedule, times),
            shape=_shape(first),
            columns=columns or math.ceil(math.sqrt(len(first))),
            plays=plays,
            xt=_greys([f.xt for f in frames]),
            x0=_greys([f.x0 for f in frames if f.x0 is not None]),
            noise=_greys([f.noise / 3 for f in frames if f.noise is not None]),
        )

    def _places(self) -> Sequence[int]:
        return self.times

    def __repr__(self) -> str:
        first, last = self._frames[0], self._frames[-1]
        times = f"{first.t}..{last.t}" if len(self._frames) > 1 else first.t
        return f"scrub: {_frames(self._frames)} of {_count(first.xt)}, t = {times}"

    def pictures(self, t: int) -> list[Tensor | None]:
        """x_t, the estimate and the step's noise, of all pictures: (n, c, h, w)."""
        _, xt, x0, noise = self._frames[self.times.index(t)]
        return [None if x is None else to_bytes(x) for x in (xt, x0, None if noise is None else noise / 3)]

    def still(self) -> bytes:
        """The first picture's x_t, estimate and noise at up to nine frames; of one that plays, a film."""
        if self.plays:
            fewer = self._frames[:: -max(1, len(self._frames) // 25)][::-1]  # with the last
            return film([f.xt for f in fewer], self.columns)
        count = min(9, len(self._frames))
        chosen = [self._frames[round(k * (len(self._frames) - 1) / max(1, count - 1))] for k in range(count)]
        columns = [self.pictures(f.t) for f in chosen]
        named = zip(("x_t", "estimate", "noise"), zip(*columns, strict=True), strict=True)
        rows = {
            name: [x if x is None else x[0] for x in row]
            for name, row in named
            if any(x is not None for x in row)
        }
        return _contact_sheet([*rows.values()], [f"t = {f.t}" for f in chosen], [*rows])


class ScheduleShaper(Scrubber):
    """The widget that `shape_schedule` returns.  Like `t`, the four values of the schedule can be set."""

    _esm = asset("player.js", "shape.js")
    kind = traitlets.Enum(("linear", "cosine"), "linear").tag(sync=True)
    beta_min = traitlets.Float(1e-4).tag(sync=True)
    beta_max = traitlets.Float(0.02).tag(sync=True)
    T = traitlets.Int(1000).tag(sync=True)
    bounds = traitlets.Dict(help="lowest and highest of each slider").tag(sync=True)
    x0 = traitlets.Bytes(help="float16 (1, h, w, c)").tag(sync=True)
    eps = traitlets.Bytes(help="float16 (1, h, w, c)").tag(sync=True)

    def __init__(self, x0: Tensor, eps: Tensor):
        self._data = x0, eps
        super().__init__(x0=_halves(x0), eps=_halves(eps), shape=_shape(x0), bounds=BOUNDS, t=200)

    @property
    def schedule(self) -> Schedule:
        """The current schedule."""
        return cosine(self.T) if self.kind == "cosine" else linear(self.T, self.beta_min, self.beta_max)

    @traitlets.validate("beta_min", "beta_max", "T")
    def _within(self, proposal: dict[str, Any]) -> float:
        name, value = proposal["trait"].name, proposal["value"]
        low, high = BOUNDS[name]
        if isinstance(value, bool):
            raise traitlets.TraitError(f"{name} must be a number, got bool {value}")
        if not low <= value <= high:  # NaN fails here too
            raise traitlets.TraitError(f"{name} must be in {low:g}..{high:g}, got {value}")
        return value

    @traitlets.observe("T")
    def _keep_t_within(self, change: dict[str, Any]) -> None:
        self.t = min(self.t, self.T)

    def _places(self) -> Sequence[int]:
        return range(self.T + 1)

    def __repr__(self) -> str:
        betas = f", beta = {self.beta_min:g}..{self.beta_max:g}" if self.kind == "linear" else ""
        return f"shape_schedule: {self.kind}{betas}, T = {self.T}"

    def pictures(self, t: int) -> list[Tensor]:
        """x_t: (1, c, h, w)."""
        return [to_bytes(q_sample(*self._data, self.schedule.level(t)))]

    def still(self) -> bytes:
        """The curves of abar and SNR, and the picture at eleven levels, for the current schedule."""
        schedule = self.schedule
        times = schedule.times(10)[::-1]
        row = torch.cat([self.pictures(t)[0] for t in times])  # (11, c, h, w)
        strip = _contact_sheet([list(row)], [f"t = {t}" for t in times], [""], cell=64)
        under = Image.open(io.BytesIO(strip))
        sheet = Image.new("RGBA", (under.width, under.height + 190))
        half = under.width // 2
        decades = (torch.log10(schedule.snr[1:]) + 8) / 14
        sheet.paste(_plot(schedule.abar, half, 180, "abar over t", ("0", "1")), (0, 0))
        sheet.paste(_plot(decades, under.width - half, 180, "SNR over t", ("1e-8", "1e6")), (half, 0))
        sheet.paste(under, (0, 190))
        return _png(sheet)


def scrub_noise(
    x0: Tensor, schedule: Schedule, eps: Tensor | None = None, generator: torch.Generator | None = None
) -> NoiseScrubber:
    """A widget with x_t at t = 0..T for pictures x0 (N, C, H, W) in [-1, 1], C = 1 or 3.

    eps: noise of the shape of x0, drawn from `generator` (torch's own if None) if it isn't given.  The page
    computes every level from x0, eps and the table of abar; its grey levels differ from `q_sample`'s by at
    most one.  TypeError or ValueError for bad input.
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be a Schedule, such as linear(), got {checks.brief(schedule)}")
    x0 = _pictures(x0, "x0")
    if (peak := float(x0.abs().max())) > 1.001:
        raise ValueError(f"x0 must lie in [-1, 1], got pixels up to {peak:g} in size")
    if (size := 4 * x0.numel()) > MAX_FRAMES:  # two bytes each for x0 and eps
        most = MAX_FRAMES * len(x0) // size
        raise ValueError(
            f"{_count(x0)} and their noise hold {size / 1e6:.0f} MB, expected at most "
            f"{MAX_FRAMES // 1_000_000} MB; show {f'fewer, such as x0[:{most}]' if most else 'smaller ones'}"
        )
    if eps is None:
        eps = randn(x0, generator)
    elif generator is not None:
        raise ValueError("give eps or a generator to draw it from, not both")
    eps = _pictures(eps, "eps")
    checks.same_shape(eps, x0, "eps", "x0")
    if (peak := float(eps.abs().max())) > 1000:
        raise ValueError(f"eps must be standard normal noise, got entries up to {peak:g} in size")
    return NoiseScrubber(x0, eps, schedule)


def scrub(
    frames: Iterable[Frame],
    schedule: Schedule | None = None,
    columns: int | None = None,
    plays: bool = False,
) -> FrameScrubber:
    """A widget with the frames of `sample`: x_t, the estimate of x_0 and the step's noise side by side.

    columns: pictures in a row, about as many as rows if None.  plays: it plays once by itself when it is
    first seen (not where the system asks for less motion), and its still picture is a film.

    All frames hold pictures (N, C, H, W) of one shape, C = 1 or 3, each at another time; x0 and noise may be
    None in the first ones.  Values outside [-1, 1] are shown black or white; the noise is shown from -3 to 3.
    Play goes evenly through log-SNR: that of the walk's schedule, or if it isn't given, what the frames show
    of it (`seen_log_snr`).  TypeError or ValueError for bad input.
    """
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"schedule must be a Schedule, such as linear(), got {checks.brief(schedule)}")
    if isinstance(frames, Tensor) or not isinstance(frames, Iterable):
        raise TypeError(f"frames must be Frames, such as list(sample(...)), got {checks.brief(frames)}")
    frames = [_checked(frame, k) for k, frame in enumerate(frames)]
    if not frames:
        raise ValueError("frames must hold at least one frame, got none; is the generator used up?")
    first = frames[0].xt
    for frame in frames:
        for name, x in frame._asdict().items():
            if isinstance(x, Tensor) and x.shape != first.shape:
                raise ValueError(
                    f"all frames must have one shape, got {name} of {tuple(x.shape)} at t = {frame.t} "
                    f"after {tuple(first.shape)}"
                )
    if len({frame.t for frame in frames}) < len(frames):
        raise ValueError(f"each frame must have a t of its own, got {checks.brief([f.t for f in frames])}")
    for name in ("x0", "noise"):
        missing = [getattr(frame, name) is None for frame in frames]
        if missing != sorted(missing, reverse=True):
            k = missing.index(True, missing.index(False))
            raise ValueError(f"only the first frames may lack {name}, got None at t = {frames[k].t}")
    _small_enough(frames)
    if schedule is not None and (most := max(frame.t for frame in frames)) > schedule.T:
        raise ValueError(f"the frames go up to t = {most}, beyond the schedule's T = {schedule.T}")
    columns = None if columns is None else checks.whole(columns, "columns", 1)
    return FrameScrubber(frames, columns, plays, schedule)


def _small_enough(frames: Sequence[Frame]) -> None:
    size = sum(x.numel() for frame in frames for x in frame[1:] if x is not None)
    if size > MAX_FRAMES:
        stride = -(-size // MAX_FRAMES)
        fewer = (
            f"fewer, such as frames[::{stride}]"
            if stride < len(frames)
            else "fewer pictures, or smaller ones"
        )
        raise ValueError(
            f"{_frames(frames)} of {_count(frames[0].xt)} hold {size / 1e6:.0f} MB of pixels, expected at "
            f"most {MAX_FRAMES // 1_000_000} MB; show {fewer}"
        )


def shape_schedule() -> ScheduleShaper:
    """A widget to change beta_1, beta_T, T or the kind of schedule, with abar, SNR and a digit's x_t.

    `.schedule` is the result.
    """
    x0 = digits()[1].images[:1]
    return ScheduleShaper(x0, randn(x0, torch.Generator().manual_seed(0)))


def export_html(widget: Scrubber) -> str:
    """An HTML page in which the widget works without a kernel, a network or another file."""
    mount = mounted(widget.model_id, widget._get_embed_state(), widget.still(), repr(widget))
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{widget!r}</title>\n{mount}\n{loader()}\n</html>\n"
    )


def mounted(model_id: str, entry: dict[str, Any], still: bytes, words: str) -> str:
    """The HTML of one widget: its state as JSON for `loader`, and its still picture where no script runs."""
    source = f"data:image/png;base64,{base64.b64encode(still).decode()}" if still else ""
    text = _stored(model_id, entry).replace("<", "\\u003c")
    return _mount(entry, f'<script type="application/json">{text}</script>', source, words)


def mounted_apart(file: str, entry: dict[str, Any], still: str, words: str) -> str:
    """Like `mounted`, with the widget's state in a script, and its still in a file, which pages may share."""
    return _mount(entry, f'<script src="{html.escape(file)}" defer></script>', still, words)


def stored_apart(file: str, model_id: str, entry: dict[str, Any]) -> str:
    """The script of that name: a widget's state, compressed."""
    light = base64.b64encode(gzip.compress(_stored(model_id, entry).encode(), 9, mtime=0)).decode()
    return f"(window.WIDGETS ??= {{}})[{json.dumps(file)}] = {json.dumps(light)};\n"


def _stored(model_id: str, entry: dict[str, Any]) -> str:
    hidden = {"layout", "tabbable", "tooltip"}
    state = {k: v for k, v in entry["state"].items() if k == "_esm" or (k[0] != "_" and k not in hidden)}
    return json.dumps({"id": model_id, "state": state, "buffers": entry.get("buffers", [])})


def _mount(entry: dict[str, Any], script: str, still: str, words: str) -> str:
    picture = f'<img alt="{html.escape(words)}" src="{still}">' if still else html.escape(words)
    return (
        f"<style>{entry['state'].get('_css', '')}</style>\n"
        f'<div class="scrub-mount">{script}<noscript>{picture}</noscript></div>'
    )


def loader() -> str:
    """The script that starts all widgets made by `mounted`; a page needs it once."""
    return f'<script type="module">\n{asset("model.js", "mount.js")}</script>'


def _pictures(x: object, name: str) -> Tensor:
    """Finite floating-point pictures (N, C, H, W) on the CPU in float32, or TypeError / ValueError."""
    x = checks.floating(x, name)
    if x.ndim != 4 or x.shape[1] not in (1, 3) or not x.numel():
        raise ValueError(f"{name} must hold pictures (N, C, H, W) with C = 1 or 3, got {tuple(x.shape)}")
    return checks.batch(x, name).detach().to("cpu", torch.float32)


def _checked(frame: object, k: int) -> Frame:
    if not isinstance(frame, tuple) or len(frame) != 4:
        raise TypeError(f"frame {k} must be a Frame(t, xt, x0, noise), got {checks.brief(frame)}")
    t, xt, x0, noise = frame
    return Frame(
        checks.whole(t, f"the t of frame {k}", 0),
        _pictures(xt, f"xt of frame {k}"),
        None if x0 is None else _pictures(x0, f"x0 of frame {k}"),
        None if noise is None else _pictures(noise, f"noise of frame {k}"),
    )


def _listed(places: Sequence[int]) -> str:
    if isinstance(places, range):
        return f"in 0..{places[-1]}"
    some = places if len(places) < 9 else [places[0], places[1], "...", places[-1]]
    return f"one of {', '.join(map(str, some))}"


def _channels_last(x: Tensor) -> np.ndarray:
    return x.permute(0, 2, 3, 1).contiguous().numpy()  # (N, H, W, C)


def _greys(all: Sequence[Tensor]) -> bytes:
    return b"".join(_channels_last(to_bytes(x)).tobytes() for x in all)


def _halves(x: Tensor) -> bytes:
    return _channels_last(x).astype("<f2").tobytes()


def _doubles(x: Tensor) -> bytes:
    return x.numpy().astype("<f8").tobytes()


def _shape(x: Tensor) -> list[int]:
    n, c, h, w = x.shape
    return [n, h, w, c]


def _count(x: Tensor) -> str:
    n, c, h, w = x.shape
    return f"{n} image{'s' * (n > 1)} of {c}x{h}x{w}"


def _frames(frames: Sequence[Frame]) -> str:
    return f"{len(frames)} frame{'s' * (len(frames) > 1)}"


def _contact_sheet(
    rows: Sequence[Iterable[Tensor | None]], heads: Sequence[str], names: Sequence[str], cell: int = 84
) -> bytes:
    """Rows of pictures (C, H, W) in grey levels as a PNG; heads: of the columns; names: of the rows."""
    font = ImageFont.load_default(13)
    left, top, gap = (74 if any(names) else 0), 24, 6
    size = (left + len(heads) * (cell + gap) - gap, top + len(rows) * (cell + gap) - gap)
    sheet = Image.new("RGBA", size)
    draw = ImageDraw.Draw(sheet)
    for k, head in enumerate(heads):
        draw.text((left + k * (cell + gap) + cell / 2, 10), head, INK, font, anchor="mm")
    for j, (row, name) in enumerate(zip(rows, names, strict=True)):
        y = top + j * (cell + gap)
        draw.text((0, y + cell / 2), name, INK, font, anchor="lm")
        for k, x in enumerate(row):
            if x is not None:
                tile = Image.fromarray(x.permute(1, 2, 0).numpy().repeat(3 // len(x), 2))
                sheet.paste(tile.resize((cell, cell), Image.Resampling.NEAREST), (left + k * (cell + gap), y))
    return _png(sheet)


def _plot(values: Tensor, width: int, height: int, title: str, ends: tuple[str, str]) -> Image.Image:
    """A curve of values, those in 0..1, drawn at three times the size and reduced, for smooth lines."""
    n, pad = 3, 34
    big = Image.new("RGBA", (width * n, height * n))
    draw, font = ImageDraw.Draw(big), ImageFont.load_default(13 * n)
    low, high, right = (height - 22) * n, 12 * n, (width - 12) * n
    xs = torch.linspace(pad * n, right, len(values), dtype=torch.float64)
    ys = low + (high - low) * values.clamp(-9, 9)
    draw.line(torch.stack([xs, ys], 1).flatten().tolist(), BLUE, 2 * n, joint="curve")
    for top, bottom in ((0, high - 2 * n), (low + 2 * n, height * n)):  # what lies outside is cut off
        draw.rectangle((0, top, width * n, bottom), (0, 0, 0, 0))
    for y, label in zip((low, high), ends, strict=True):
        draw.line((pad * n, y, right, y), FAINT, n)
        draw.text(((pad - 5) * n, y), label, INK, font, anchor="rm")
    draw.text((right, high + 12 * n), title, INK, font, anchor="rm")
    return big.resize((width, height), Image.Resampling.LANCZOS)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()
