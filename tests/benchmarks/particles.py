"""Frames a second of the particle widget while it plays, in a browser without a graphics card.

    python tests/benchmarks/particles.py [--count 2000] [--width 64] [--seconds 5]

A spiral of 60 Gaussians and an MLP, two panels with arrows and paths.  Counted are the animation frames in
which the widget has drawn a new picture; beside them stand the median, the 95th percentile and the longest of
the times between two frames, and what the page's main thread works for a new picture: its own seconds, which
don't grow when other programs want the processor (60 frames a second leave 16.7 ms).  First right after the
page has opened, when every state has yet to be computed, then once all states are there; then a drag across
the picture.
"""

import argparse
import math
import os
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
import browser

from ddpm_core import MLP, Denoiser, Eps, linear
from ddpm_core.study.exact import Mixture
from ddpm_core.teach import particles
from ddpm_core.teach.page.widgets import export_html

COUNT = """() => {
    const canvas = document.querySelector("canvas[data-t]").getContext("2d");
    const clear = CanvasRenderingContext2D.prototype.clearRect;
    const seen = (window.seen = { drawn: 0, gaps: [], on: true, began: performance.now() });
    let [fresh, before] = [false, 0];
    CanvasRenderingContext2D.prototype.clearRect = function (...args) {
        fresh ||= this === canvas;
        clear.apply(this, args);
    };
    const tick = (now) => {
        if (before) seen.gaps.push(now - before);
        before = now;
        if (fresh) seen.drawn++;
        fresh = false;
        if (seen.on) requestAnimationFrame(tick);
        else CanvasRenderingContext2D.prototype.clearRect = clear;
    };
    requestAnimationFrame(tick);
}"""
STOP = """() => {
    seen.on = false;
    return [seen.drawn, seen.gaps, performance.now() - seen.began];
}"""


def spiral() -> Mixture:
    """Sixty small Gaussians along a spiral."""
    turn = torch.linspace(0.6, 3.6, 60).double() * math.pi
    return Mixture(linear(), 0.17 * turn[:, None] * torch.stack([turn.cos(), turn.sin()], 1), 0.08**2)


def busy(session) -> float:
    """Processor time of the page's main thread, in ms."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def report(name: str, told: list, worked: float) -> None:
    """Print what COUNT has seen.  worked: ms of the main thread meanwhile."""
    drawn, gaps, spent = told
    gaps = sorted(gaps)
    middle, slow = statistics.median(gaps), gaps[int(0.95 * len(gaps))]
    gone = f"{middle:12.1f}{slow:12.1f}{gaps[-1]:12.1f}{worked / max(1, drawn):12.1f}"
    print(f"{name:24}{1000 * drawn / spent:8.1f}{gone}")


def main() -> None:
    """Open the widget, play it twice, and drag its picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--width", type=int, default=64, help="of the network; 0 for none")
    parser.add_argument("--seconds", type=float, default=5)
    args = parser.parse_args()
    world = spiral()
    learned = Denoiser(MLP(2, width=args.width), world.schedule, Eps()) if args.width else None
    html = export_html(particles(world, learned, count=args.count))
    print(f"{args.count} particles, two panels; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'':24}{'frames/s':>8}{'median ms':>12}{'95 % ms':>12}{'longest':>12}{'work ms':>12}")
    with browser.browser() as chrome:
        page = chrome.new_page(viewport={"width": 1280, "height": 900})
        page.set_content(html)
        page.wait_for_selector("canvas[data-ready]")
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for name in ("playing, just opened", "playing, all computed"):
            page.locator(".scrub-time").press("Home")
            page.evaluate(COUNT)
            before = busy(session)
            page.get_by_role("button", name="play").click()
            page.wait_for_timeout(1000 * args.seconds)
            report(name, page.evaluate(STOP), busy(session) - before)
            page.get_by_role("button", name="pause").click()
            page.wait_for_selector(".scrub[data-whole]", timeout=120_000)
        box = page.locator("canvas[data-t]").first.bounding_box()
        y = box["y"] + box["height"] / 2
        page.locator(".scrub-time").press("Home")
        page.mouse.move(box["x"] + 5, y)
        page.mouse.down()
        page.evaluate(COUNT)
        began, before = time.monotonic(), busy(session)
        while time.monotonic() < began + args.seconds:
            page.mouse.move(box["x"] + box["width"] - 5, y, steps=60)
            page.mouse.move(box["x"] + 5, y, steps=60)
        report("dragged", page.evaluate(STOP), busy(session) - before)


if __name__ == "__main__":
    main()
