"""How fast a scrubber reacts in JupyterLab, compared with `interact` and a matplotlib redraw.

    python tests/benchmarks/scrub.py [--moves 60]

16 pictures of 28x28, 1,000 levels.  A script moves the slider at times unrelated to the display's refresh,
150 to 250 ms apart, so that the page is idle in between; then, "hurried", 54 to 90 ms apart.  Measured from
the slider's event: drawn (the new pixels are on the canvas; for interact, the new picture is decoded), the
next animation frame, painted (the first task after that frame, when its picture has been passed on), and
the second animation frame.  At 60 Hz, an idle page starts its next frame at once, and the second frame
comes at the display's next refresh, after 8 ms on average, unless a message to Python delays it; both are
shown beside those of a page on which nothing moves.  Without a display's limit on the frame rate, the
widget's own share shows.  At the end, a drag with the mouse.
"""

import argparse
import contextlib
import itertools
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import browser

SCRUB = """
import torch
from ddpm_core import linear, q_sample
from ddpm_core.teach.page.plots import tile
from ddpm_core.teach.page.widgets import scrub_noise

g = torch.Generator().manual_seed(0)
schedule = linear()
x0 = torch.rand(16, 1, 28, 28, generator=g) * 2 - 1
eps = torch.randn(16, 1, 28, 28, generator=g)
w = scrub_noise(x0, schedule, eps)
w
"""
INTERACT = """
%matplotlib inline
import matplotlib.pyplot as plt
from ipywidgets import interact

@interact(t=(0, 1000))
def redraw(t=0):
    plt.figure(figsize=(9, 2.4))
    plt.imshow(tile(q_sample(x0, eps, schedule.level(t)), 8), cmap="gray", vmin=0, vmax=1)
    plt.axis("off")
    plt.show()
"""
SIZE = """
import base64, json
state = json.dumps(w._get_embed_state())
output = json.dumps(w._repr_mimebundle_()[0])
print(len(w.x0) + len(w.eps) + len(w.abar), len(state), len(state) + len(output))
"""

RESTED, HURRIED = 150, 54  # the shortest time between two moves in ms; the longest is two thirds more

# the rows [drawn, next frame, painted, second frame], each in ms after the event
MOVES = """async ([kind, moves, pause]) => {
    const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
    const frame = () => new Promise(requestAnimationFrame);
    const task = () => new Promise((done) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = done;
        port2.postMessage(0);
    });
    const put = CanvasRenderingContext2D.prototype.putImageData;
    let drawn = 0;
    CanvasRenderingContext2D.prototype.putImageData = function (...args) {
        put.apply(this, args);
        drawn = performance.now();
    };
    const scrub = async (k) => {
        const slider = document.querySelector(".scrub-time");
        slider.value = 5 * k + 1;
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        return drawn;
    };
    const interact = async () => {
        const output = document.querySelector(".widget-interact");
        const before = output.querySelector("img").src;
        const fresh = new Promise((done) => new MutationObserver((_, observer) => {
            const image = output.querySelector("img");
            if (!image || image.src === before) return;
            observer.disconnect();
            done(image);
        }).observe(output, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] }));
        output.querySelector(".noUi-handle").dispatchEvent(new KeyboardEvent("keydown", { key: "Right" }));
        await (await fresh).decode();
        return performance.now();
    };
    const rows = [];
    for (let k = 0; k < moves + 5; k++) {
        await sleep(pause * (1 + Math.random() * 2 / 3));
        const began = performance.now();
        const row = [await ({ scrub, interact }[kind]?.(k) ?? began) - began];
        await frame();
        row.push(performance.now() - began);
        const painted = task().then(() => performance.now() - began);
        await frame();
        const second = performance.now() - began;
        rows.push([...row, await painted, second]);
    }
    CanvasRenderingContext2D.prototype.putImageData = put;
    return rows.slice(5);
}"""
DRAG = """() => {
    const canvas = document.querySelector(".scrub canvas");
    window.drag = { frames: 0, changed: 0, began: performance.now(), on: true };
    let before = canvas.dataset.t;
    const tick = () => {
        if (!window.drag.on) return;
        window.drag.frames++;
        if (canvas.dataset.t !== before) window.drag.changed++;
        before = canvas.dataset.t;
        requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
}"""


def drag(page, seconds: float = 3) -> float:
    """Frames per second in which the picture changed, during a continuous drag with the mouse."""
    slider = page.locator(".scrub .scrub-time").first
    slider.press("Home")
    box = slider.bounding_box()
    x, y, width = box["x"] + 10, box["y"] + box["height"] / 2, box["width"] - 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(DRAG)
    for sweep in itertools.count(1):
        page.mouse.move(x + width * (sweep % 2), y, steps=120)
        spent = page.evaluate("performance.now() - window.drag.began") / 1000
        if spent > seconds:
            break
    changed = page.evaluate("(window.drag.on = false, window.drag.changed)")
    page.mouse.up()
    return changed / spent


@contextlib.contextmanager
def opened(url: str, *flags: str):
    """The notebook, open and run in its own browser."""
    size = {"width": 1280, "height": 900}
    with browser.browser(*flags) as chrome, chrome.new_context(viewport=size) as tabs:
        page = tabs.new_page()
        browser.open_notebook(page, url, "bench.ipynb")
        browser.run_all(page)
        page.wait_for_selector("canvas[data-ready]")
        page.wait_for_selector(".widget-interact img")
        page.wait_for_timeout(1000)
        yield page


def report(name: str, rows: list[list[float]]) -> list[float]:
    """Print the median and the 95th percentile of each column, and return the medians."""
    columns = [sorted(column) for column in zip(*rows, strict=True)]
    cells = [f"{statistics.median(c):.1f} / {c[int(0.95 * len(c))]:.1f}" for c in columns]
    print(f"{name:32}" + "".join(f"{cell:>16}" for cell in cells))
    return [statistics.median(c) for c in columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=60)
    moves = parser.parse_args().moves
    with tempfile.TemporaryDirectory() as folder:
        root, state = Path(folder, "root"), Path(folder, "state")
        root.mkdir()
        state.mkdir()
        browser.notebook(root / "bench.ipynb", SCRUB, INTERACT, SIZE)
        with browser.lab(root, state) as url:
            with opened(url) as page:
                times = {
                    (kind, pause): page.evaluate(MOVES, [kind, moves, pause])
                    for kind, pause in itertools.product(("nothing", "scrub", "interact"), (RESTED, HURRIED))
                }
                rate = drag(page)
                payload, stored, kept = map(int, browser.run_cell(page, 2).split())
            with opened(url, "--disable-frame-rate-limit") as page:
                free = page.evaluate(MOVES, ["scrub", moves, RESTED])
    heads = "drawn", "next frame", "painted", "second frame"
    print(f"{'ms after the event':32}" + "".join(f"{head:>16}" for head in heads))
    report("nothing moves", times["nothing", RESTED])
    fast = report("scrub_noise", times["scrub", RESTED])
    slow = report("interact + matplotlib", times["interact", RESTED])
    print(f"{'ratio of medians':32}" + "".join(f"{b / a:>16.1f}" for a, b in zip(fast, slow, strict=True)))
    report("hurried: nothing moves", times["nothing", HURRIED])
    report("hurried: scrub_noise", times["scrub", HURRIED])
    report("hurried: interact", times["interact", HURRIED])
    report("scrub_noise, frames unlimited", free)
    print(f"\nmedian / 95th percentile of {moves} moves; a drag: {rate:.0f} new pictures a second")
    print(f"payload {payload:,} bytes; state in a notebook {stored:,}, with its still picture {kept:,}")


if __name__ == "__main__":
    main()
