"""Pictures as files: a grid of them as PNG, a walk as GIF or WebP; and a look at a run as it trains."""

import builtins
import io
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from . import checks, files, parallel
from .sampling import ddim, last, randn, sample
from .training import Run, Step

LEAST = 64  # pixels: smaller pictures are shown larger, by a whole factor
PACE, REST = 80, 2000  # milliseconds that a frame is shown, and the last one


def tile(images: Tensor, columns: int, gap: int = 1) -> np.ndarray:
    """Pictures (N, C, H, W) in [-1, 1] as one array (height, width) or (height, width, 3) in [0, 1].

    gap: white pixels between pictures.  TypeError or ValueError unless N and columns are at least 1, C is 1
    or 3, and there is no NaN.
    """
    n, c, h, w = checks.pictures(images, "images").shape
    columns = checks.whole(columns, "columns", 1)
    rows = -(-n // columns)
    sheet = np.ones((rows * (h + gap) - gap, columns * (w + gap) - gap, c))
    for i, picture in enumerate(((images.detach().cpu().float() + 1) / 2).clamp(0, 1)):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        sheet[top : top + h, left : left + w] = picture.permute(1, 2, 0).numpy()
    return sheet[..., 0] if c == 1 else sheet


def sheet(images: Tensor, columns: int | None = None) -> Image.Image:
    """Pictures (N, C, H, W) in [-1, 1] in rows, by default as many as columns, small ones enlarged.

    TypeError or ValueError as for `tile`.
    """
    n, _, h, w = checks.pictures(images, "images").shape
    grid = (tile(images, columns or math.ceil(n**0.5)) * 255).round().astype(np.uint8)
    page = Image.fromarray(grid)
    return page.resize([side * max(1, LEAST // max(h, w)) for side in page.size], Image.Resampling.NEAREST)


def write_grid(path: str | Path, images: Tensor, columns: int | None = None) -> None:
    """Write pictures (N, C, H, W) in [-1, 1] as one PNG file; see `sheet`."""
    files.write(Path(path), _encoded([sheet(images, columns)], "PNG"))


def write_walk(path: str | Path, frames: Iterable[Tensor], columns: int | None = None) -> None:
    """Write frames, each (N, C, H, W), as a moving picture that stays a while on the last: GIF, or WebP.

    ValueError for a path with another suffix.
    """
    kind = {".gif": "GIF", ".webp": "WEBP"}.get(Path(path).suffix.lower())
    if kind is None:
        raise ValueError(f"a walk is written as .gif or .webp, got {path}")
    files.write(Path(path), _encoded([sheet(frame, columns) for frame in frames], kind))


def _encoded(pages: Sequence[Image.Image], kind: str) -> bytes:
    file = io.BytesIO()
    pace = [*[PACE] * (len(pages) - 1), REST]
    moving: dict[str, Any] = {
        "save_all": True,
        "append_images": pages[1:],
        "duration": pace,
        "loop": 0,
        "lossless": True,
    }
    pages[0].save(file, kind, **(moving if len(pages) > 1 else {}))
    return file.getvalue()


def preview(
    steps: Iterable[Step],
    every: int,
    out: str | Path | None = None,
    draw: Callable[[Run], Tensor] | None = None,
) -> Iterator[Step]:
    """The same steps; every `every` images some samples are shown in a notebook, and written to a folder.

    out: the folder, or None.  draw: what makes pictures (N, C, H, W) of `step.run`, by default `few`.  The
    run itself draws no other numbers than without.
    """
    checks.whole(every, "every", 1)
    shown: Any = None
    for step in steps:
        before = step.images - len(step.t) * parallel.count()
        if step.images // every > before // every:
            page = sheet((draw or few)(step.run))
            if out is not None:
                files.write(Path(out) / f"preview-{step.images:07d}.png", _encoded([page], "PNG"))
            shown = _show(page, shown)
        yield step


def few(run: Run, n: int = 16, steps: int = 25) -> Tensor:
    """Samples of a run's average so far, without noise (DDIM) and always from the same x_T: (n, ...).

    Of a network with labels, they take turns; of one with words, n of them, from first to last.
    """
    model, config = run.average, getattr(run.average.net, "config", {})
    classes, words = config.get("classes"), config.get("words")
    die = torch.Generator("cpu").manual_seed(0)
    x_T = model.schedule.start(randn(torch.empty(n, *run.settings["shape"], device=run.device), die))
    if classes:
        model = model.given(torch.arange(n, device=run.device) % classes)
    if words:
        model = model.given([words[k * len(words) // n] for k in range(n)])
    return last(sample(model, x_T, model.schedule.times(min(steps, run.T)), ddim, die)).xt


def _show(page: Image.Image, shown: Any) -> Any:
    """Show a picture in a notebook, in place of the one before; elsewhere nothing."""
    display = getattr(builtins, "display", None)  # IPython's own, which it puts there
    if display is None:
        return None
    if shown is None:
        return display(page, display_id=True)
    shown.update(page)
    return shown
