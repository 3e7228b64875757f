"""The course's own networks, live in a page: what they need there, and the section that shows them.

    live_section(kept)   its HTML
    live_files()         by name, every file that it needs beside its page
    link_picture(kept)   a picture for links from elsewhere

A network runs in the page's own code: `net.c` has the arithmetic, compiled to WebAssembly, `network.js` the
layers, `sample.js` the walk, `crew.js` the workers, `live.js` what hands do.  net.wasm was made of net.c by

    python -m pip install ziglang==0.17.1
    python -m ziglang cc FLAGS -o net.wasm net.c

with `COMPILED` for FLAGS, and net-fma.wasm with -mrelaxed-simd besides, which not every browser has yet.

Weights travel as float16, compressed, in scripts rather than in files of their own: a page that was opened
from a folder, without a server, may load a script and nothing else.
"""

import base64
import hashlib
import html
import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from .... import checkpoints, files, pictures
from ....denoiser import Denoiser
from ....nets import UNet
from ....sampling import Frame, Rule, eta, last, sample
from ....schedule import Level
from ....study import latents
from ...page import asset
from ...page.particles import particle_noise

HERE = Path(__file__).parent
COMPILED = """-target wasm32-freestanding -O2 -msimd128 -nostdlib
-Wl,--no-entry -Wl,--strip-all -Wl,--export=__heap_base"""
PART = 1_000_000  # bytes of weights in one script
STEPS = (5, 10, 20, 50, 100, 250)  # that the slider offers
SKETCH = 20  # steps of a poster
FALLING = (0, 9, 14, 20)  # the steps that a preview shows
PROMPTS = (
    *("tropical fish", "blue butterfly", "purple cat face", "green apple"),
    *("blue whale", "red balloon", "purple umbrella", "snowman"),
)


class Kind(NamedTuple):
    """What the page starts with: a network, its decoder if any, how many pictures, where the knobs stand."""

    network: str
    decoder: str | None
    shape: tuple[int, int, int]  # of what the network sees: C, H, W
    many: int
    steps: int
    eta: float
    strength: float


KINDS = {
    "emoji": Kind("emoji", "emoji-decoder", (4, 8, 8), 4, 20, 0.0, 2.0),
    "digits": Kind("mnist", None, (1, 28, 28), 16, 50, 1.0, 1.0),
}


def live_files() -> dict[str, bytes]:
    """Every file that the section needs beside its page, by name."""
    names = [name for kind in KINDS.values() for name in (kind.network, kind.decoder) if name]
    scripts = {file: text for name in names for file, text in _scripts(name)}
    wasm = [base64.b64encode((HERE / name).read_bytes()).decode() for name in ("net-fma.wasm", "net.wasm")]
    given = f"const WORKER = {json.dumps(_read('network.js'))};\nconst WASM = {json.dumps(wasm)};\n"
    given += f"const STEPS = {json.dumps(STEPS)};\n"
    parts = [asset("player.js", "dice.js"), given, *map(_read, ("sample.js", "crew.js", "live.js"))]
    page = "(() => {\n" + "".join(parts) + "})();\n"
    written = scripts | {"live.js": page, "live.css": asset("scrub.css", "particles.css") + _read("live.css")}
    return {name: text.encode() for name, text in written.items()}


def live_section(kept: Path) -> str:
    """The section as HTML, with its style and script; `kept` is a folder that caches its posters."""
    told: dict[str, Any] = {"prompt": PROMPTS[0], "words": f"{len(pack('emoji')['config']['words']):,}"}
    for name, kind in KINDS.items():
        heavy = sum(len(_light(part)) for part in (kind.network, kind.decoder) if part)
        told[f"weight_{name}"] = f"{heavy / 1e6:.1f}"
        told[f"settings_{name}"] = Template(_read("settings.html")).substitute(
            kind=name,
            poster=_poster(name, kept),
            alt=f"{kind.many} pictures that the network drew" + f" of: {PROMPTS[0]}" * bool(kind.decoder),
            side=65 if kind.decoder else 115,
            steps=STEPS.index(kind.steps),
            last=len(STEPS) - 1,
            strength=kind.strength,
            eta=kind.eta,
            ancestral="checked" * (kind.eta == 1),
            ddim="checked" * (kind.eta == 0),
        )
    told["chips"] = "".join(
        f'<button type="button" class="live-chip particles-button">{html.escape(p)}</button>' for p in PROMPTS
    )
    told["labels"] = "".join(f"<option>{k}</option>" for k in range(10))
    section = Template(_read("live.html")).substitute(told)
    return f'<link rel="stylesheet" href="live.css">{section}<script src="live.js" defer></script>'


def page_noise(seeds: Sequence[int], t: int, shape: Sequence[int]) -> Tensor:
    """The page's standard normal noise at time t, each picture's from its own seed: (n, C, H, W), float32."""
    c, h, w = shape
    rows = torch.arange(c * h * w // 2)
    drawn = torch.stack([particle_noise(seed, t, rows).reshape(h, w, c) for seed in seeds])
    return drawn.permute(0, 3, 1, 2).float()


def page_walk(
    denoiser: Denoiser, x: Tensor, times: Sequence[int], rule: Rule, seeds: Sequence[int]
) -> Iterator[Frame]:
    """`sample`, with the page's noise."""
    arrivals = iter(times[1:])

    def seeded(x0: Tensor, xt: Tensor, s: Level, t: Level, _: Tensor) -> Tensor:
        return rule(x0, xt, s, t, page_noise(seeds, next(arrivals), x.shape[1:]))

    return sample(denoiser, x, times, seeded)


def _read(name: str) -> str:
    return (HERE / name).read_text("utf-8")


@cache
def _light(name: str) -> bytes:
    """A network's float16 numbers, first their high bytes, which are alike, then the low ones; compressed."""
    half = pack(name)["half"]
    return zlib.compress(half[1::2] + half[::2], 9)


def _scripts(name: str) -> Iterator[tuple[str, str]]:
    """A network as scripts: what it is, and its weights in parts."""
    told, light = {key: value for key, value in pack(name).items() if key != "half"}, _light(name)
    parts = [light[at : at + PART] for at in range(0, len(light), PART)]
    told["count"] = len(parts)
    yield f"live-{name}.js", f"window.LIVE[{json.dumps(name)}] = {json.dumps(told, separators=(',', ':'))};\n"
    for k, part in enumerate(parts):
        text = base64.b64encode(part).decode()
        yield f"live-{name}-{k}.js", f'window.LIVE["{name}-{k}"] = "{text}";\n'


def _poster(name: str, kept: Path) -> str:
    """What the network draws, as the page would, as a data URI: a PNG, pixel by pixel."""
    drawn = _cached(name, kept, lambda: _sheet(_drawn(KINDS[name])))
    return "data:image/png;base64," + base64.b64encode(drawn).decode()


def link_picture(kept: Path) -> bytes:
    """A PNG of 1200 by 630 for links from elsewhere: above noise, below what the words made of it."""
    return _cached("emoji", kept, _from_noise, "preview")


def _cached(name: str, kept: Path, draw: Callable[[], Image.Image], what: str = "live") -> bytes:
    """What `draw` draws with a network, as a PNG; drawn again only when the network has changed."""
    kind = KINDS[name]
    weights = b"".join(pack(part)["half"] for part in (kind.network, kind.decoder) if part)
    seen = hashlib.sha256(weights + repr((kind, PROMPTS, SKETCH, FALLING)).encode()).hexdigest()
    path = kept / f"{what}-{name}-{seen[:16]}.png"
    if not path.is_file():
        file = io.BytesIO()
        draw().save(file, "PNG", optimize=True)
        files.write(path, file.getvalue())
    return path.read_bytes()


def _from_noise() -> Image.Image:
    """The colour network's walks for all prompts, a column each, at some steps: (630, 1200)."""
    kind, seeds = KINDS["emoji"], range(len(PROMPTS))
    denoiser = checkpoints.pretrained("emoji").guided([*PROMPTS], kind.strength)
    times = denoiser.schedule.times(SKETCH)
    walk = [*page_walk(denoiser, page_noise(seeds, times[0], kind.shape), times, eta(kind.eta), seeds)]
    paint = latents.pretrained_autoencoder("emoji")
    with torch.no_grad():
        rows = torch.cat([paint.decode(walk[k].xt) for k in FALLING])
    sheet = Image.fromarray((pictures.tile(rows, len(PROMPTS)) * 255).round().astype(np.uint8))
    wide = sheet.resize((1200, 1200 * sheet.height // sheet.width), Image.Resampling.BICUBIC)
    return ImageOps.pad(wide, (1200, 630), color="white")


def _sheet(images: Tensor) -> Image.Image:
    """As many rows as columns, with nothing between the pictures, as on the page's canvas."""
    columns = round(len(images) ** 0.5)
    seen = 1 - pictures.tile(-torch.ones_like(images[:, :1]), columns)  # 0 between
    shown = pictures.tile(images.expand(-1, 3, -1, -1), columns)
    return Image.fromarray((np.dstack([shown, seen]) * 255).round().astype(np.uint8))


def _drawn(kind: Kind) -> Tensor:
    """Pictures in [-1, 1] of the seeds 0, 1, ..., as the page draws them in SKETCH steps: (many, C, H, W)."""
    denoiser, seeds = checkpoints.pretrained(kind.network), range(kind.many)
    told = [PROMPTS[0]] * kind.many if kind.decoder else torch.arange(kind.many) % 10
    denoiser = denoiser.guided(told, kind.strength)
    times = denoiser.schedule.times(SKETCH)
    start = page_noise(seeds, times[0], kind.shape)
    drawn = last(page_walk(denoiser, start, times, eta(kind.eta), seeds)).xt
    with torch.no_grad():
        return latents.pretrained_autoencoder("emoji").decode(drawn) if kind.decoder else drawn


@cache
def pack(name: str) -> dict[str, Any]:
    """A network for the page: its configuration, its tensors' names and shapes, and all of them as float16.

    ValueError if the page can't compute it.
    """
    if name.endswith("-decoder"):
        paint = latents.pretrained_autoencoder(name.removesuffix("-decoder"))
        tensors = {k: v for k, v in paint.state_dict().items() if not k.startswith("encoder")}
        return {"config": paint.config} | _packed(tensors)
    denoiser = checkpoints.pretrained(name)
    net = denoiser.net
    if not isinstance(net, UNet) or net.config["attention"] or not denoiser.schedule.preserving:
        raise ValueError(f"{name} is no U-Net without attention of a schedule that preserves variance")
    told: dict[str, Any] = {
        "abar": denoiser.schedule.abar.tolist(),
        "clip": denoiser.clip,
        "reading": _reading(denoiser),
    }
    if net.config.get("words"):
        told["folded"] = _folded()
    return {"config": net.config} | told | _packed(net.state_dict())


def _folded() -> dict[str, str]:
    """What casefold makes of letters, where that isn't their lower case."""
    letters = (chr(k) for k in range(0x110000) if not 0xD800 <= k < 0xE000)
    return {c: c.casefold() for c in letters if c.casefold() != c.lower()}


def _packed(tensors: dict[str, Tensor]) -> dict[str, Any]:
    half = b"".join(t.half().contiguous().numpy().astype("<f2").tobytes() for t in tensors.values())
    return {"tensors": [[name, list(t.shape)] for name, t in tensors.items()], "half": half}


def _reading(denoiser: Denoiser) -> list[list[float]]:
    """What the estimate of x_0 takes of the output and of x_t, for t = 1..T: (T, 2); what a meaning says."""
    found = []
    for t in range(1, denoiser.schedule.T + 1):
        s, now = denoiser.schedule.at(t - 1), denoiser.schedule.at(t)
        out, xt = torch.eye(2, dtype=torch.float64)
        found.append(denoiser.prediction.x0(out, xt, s, now).tolist())
    return found
