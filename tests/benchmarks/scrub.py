"""How fast a scrubber follows the hand, in JupyterLab, next to `interact` over a matplotlib redraw.

    python tests/benchmarks/scrub.py [--moves 60]

16 pictures of 28x28, 1,000 levels.  A key is pressed with the slider in focus; from its event in the page:
drawn (the new pixels are on the canvas; for interact, the new picture is decoded), painted (the first task
after the next animation frame) and the second animation frame.  Then a drag with the mouse.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
import browser

SCRUB = """
import torch
from ddpm_core import linear, q_sample
from ddpm_core.teach.plots import tile
from ddpm_core.teach.widgets import scrub_noise

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

# window.times fills with [drawn, painted, second frame], each in ms after the event
WATCH = """(kind) => {
    window.times = [];
    const frame = () => new Promise(requestAnimationFrame);
    const task = () => new Promise((done) => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = done;
        port2.postMessage(0);
    });
    const rest = async (began, drawn) => {
        await frame();
        const next = task().then(() => performance.now() - began);
        await frame();
        window.times.push([drawn, await next, performance.now() - began]);
    };
    let began = 0;
    if (kind === "scrub") {
        const root = document.querySelector(".scrub");
        root.addEventListener("keydown", (event) => { began = event.timeStamp; }, true);
        const put = CanvasRenderingContext2D.prototype.putImageData;
        CanvasRenderingContext2D.prototype.putImageData = function (...args) {
            put.apply(this, args);
            if (began) { const at = began; began = 0; rest(at, performance.now() - at); }
        };
    } else {
        const output = document.querySelector(".widget-interact");
        document.addEventListener("keydown", (event) => { began = event.timeStamp; }, true);
        new MutationObserver(async () => {
            const image = output.querySelector("img");
            if (!image || !began || image.dataset.seen === image.src) return;
            image.dataset.seen = image.src;
            const at = began;
            began = 0;
            await image.decode();
            rest(at, performance.now() - at);
        }).observe(output, { childList: true, subtree: true, attributes: true, attributeFilter: ["src"] });
    }
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


def presses(page, target, kind: str, moves: int) -> list[list[float]]:
    """Press a key `moves` times, each after the last one was seen: [drawn, painted, second frame] each."""
    target.scroll_into_view_if_needed()
    target.focus()
    page.evaluate(WATCH, kind)
    for k in range(moves + 5):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(k) => window.times.length > k", arg=k, timeout=20_000)
        page.wait_for_timeout(7 * (k % 7))
    return page.evaluate("window.times")[5:]


def drag(page, seconds: float = 3) -> float:
    """Frames a second in which the picture changed, while the mouse drags without a pause."""
    slider = page.locator(".scrub .scrub-time").first
    slider.press("Home")
    box = slider.bounding_box()
    x, y, width = box["x"] + 10, box["y"] + box["height"] / 2, box["width"] - 20
    page.mouse.move(x, y)
    page.mouse.down()
    page.evaluate(DRAG)
    while True:
        page.mouse.move(x + width, y, steps=int(width))
        page.mouse.move(x, y, steps=int(width))
        spent = page.evaluate("performance.now() - window.drag.began") / 1000
        if spent > seconds:
            break
    changed = page.evaluate("(window.drag.on = false, window.drag.changed)")
    page.mouse.up()
    return changed / spent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--moves", type=int, default=60)
    moves = parser.parse_args().moves
    with tempfile.TemporaryDirectory() as folder, browser.browser() as chrome:
        root, state = Path(folder, "root"), Path(folder, "state")
        root.mkdir()
        state.mkdir()
        browser.notebook(root / "bench.ipynb", SCRUB, INTERACT, SIZE)
        with (
            browser.lab(root, state) as url,
            chrome.new_context(viewport={"width": 1280, "height": 900}) as context,
        ):
            page = context.new_page()
            browser.open_notebook(page, url, "bench.ipynb")
            browser.run_all(page)
            page.wait_for_selector("canvas[data-ready]")
            page.wait_for_selector(".widget-interact img")
            payload, stored, kept = map(int, browser.run_cell(page, 2).split())
            scrub = presses(page, page.locator(".scrub-time").first, "scrub", moves)
            rate = drag(page)
            redraw = presses(page, page.locator(".widget-interact .noUi-handle").first, "interact", moves)
    print(f"{'ms after the event':24}{'drawn':>16}{'painted':>16}{'second frame':>16}")
    for name, rows in (("scrub_noise", scrub), ("interact + matplotlib", redraw)):
        columns = [sorted(c) for c in zip(*rows, strict=True)]
        cells = [f"{statistics.median(c):.1f} / {c[int(0.95 * len(c))]:.1f}" for c in columns]
        print(f"{name:24}" + "".join(f"{cell:>16}" for cell in cells))
    medians = [[statistics.median(c) for c in zip(*rows, strict=True)] for rows in (scrub, redraw)]
    ratios = [slow / fast for fast, slow in zip(*medians, strict=True)]
    print(f"{'ratio of medians':24}" + "".join(f"{ratio:>16.1f}" for ratio in ratios))
    print(f"\nmedian / 95th percentile of {moves} moves; a drag: {rate:.0f} new pictures a second")
    print(f"payload {payload:,} bytes; state in a notebook {stored:,}, with its still picture {kept:,}")


if __name__ == "__main__":
    main()
