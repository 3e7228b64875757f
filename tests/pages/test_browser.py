"""The scrubbers in a real browser: in JupyterLab with a kernel, in the lessons, and in exported pages."""

import base64
import json
import os
import re
import symtable
from pathlib import Path

import browser
import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from ddpm_core import cosine, digits, linear, q_sample
from ddpm_core.data import to_bytes
from ddpm_core.sampling import Frame
from ddpm_core.study.exact import Mixture, gaussian
from ddpm_core.teach import particles
from ddpm_core.teach.judge import Prose
from ddpm_core.teach.maths.faults import FAULTS
from ddpm_core.teach.page.errata import watch_fault
from ddpm_core.teach.page.line import one_line
from ddpm_core.teach.page.quiz import quiz
from ddpm_core.teach.page.widgets import export_html, loader, mounted, scrub, scrub_noise, shape_schedule

SETUP = """
import torch
from ddpm_core import linear
from ddpm_core.sampling import Frame
from ddpm_core.teach.page.widgets import scrub, scrub_noise, shape_schedule

g = torch.Generator().manual_seed(0)
x0 = torch.rand(16, 1, 28, 28, generator=g) * 2 - 1
eps = torch.randn(16, 1, 28, 28, generator=g)
w = scrub_noise(x0, linear(), eps)
w
"""
RUN = """
xs = torch.randn(3, 21, 4, 3, 8, 8, generator=g)
first = Frame(20, xs[0, 0], None, None)
run = scrub([first, *(Frame(20 - k, xs[0, k], xs[1, k], xs[2, k]) for k in range(1, 21))])
run
"""
SHAPE = "shaper = shape_schedule()\nshaper"
REPORT = "print(w.t, run.t, shaper.t, shaper.schedule)"
CELLS = (SETUP, RUN, SHAPE, REPORT, "None")
TELL, MOVE = 3, 4

here: dict = {}
exec(SETUP, here)
exec(RUN, here)
X0, EPS, XS = here["x0"], here["eps"], here["xs"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def executed(folder):
    """An untrusted notebook: it was run elsewhere, and saved with its widgets' state."""
    path = browser.notebook(folder / "executed.ipynb", SETUP, RUN, "shape_schedule()", "w")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()
    nbformat.write(notebook, path)
    return path


def opened(context, errors):
    """A page of a browser context; its errors are added to `errors`."""
    tab = context.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda m: errors.append(f"{m.text} {m.location}") if m.type == "error" else None)
    return tab


@pytest.fixture(scope="module")
def errors():
    return []


@pytest.fixture(scope="module")
def tab(chrome, folder, errors, tmp_path_factory):
    """The notebook, open and run in JupyterLab."""
    browser.notebook(folder / "live.ipynb", *CELLS)
    with (
        browser.lab(folder, tmp_path_factory.mktemp("jupyter")) as url,
        chrome.new_context(viewport={"width": 1280, "height": 900}) as context,
    ):
        tab = opened(context, errors)
        tab.lab = url
        browser.open_notebook(tab, url, "live.ipynb")
        browser.run_all(tab)
        tab.wait_for_function("document.querySelectorAll('canvas[data-t][data-ready]').length === 3")
        yield tab


def scrubber(tab, k):
    """The k-th scrubber of a page: its root, its main canvas, its slider for t."""
    root = tab.locator(".scrub").nth(k)
    return root, root.locator("canvas[data-t]"), root.locator(".scrub-time")


def shown(canvas, n, h, w, columns):
    return browser.pictures(browser.pixels(canvas), n, h, w, columns).astype(int)


def shot(root, name):
    """Save a screenshot of a scrubber in the folder named in DDPM_SHOTS, if it is set."""
    if os.environ.get("DDPM_SHOTS"):
        root.screenshot(path=Path(os.environ["DDPM_SHOTS"]) / name)


def assert_drawn(canvas, t):
    """The noise scrubber's canvas shows x_t as torch computes it, within one grey level."""
    assert canvas.get_attribute("data-t") == str(t)
    exact = to_bytes(q_sample(X0, EPS, linear().level(t))).numpy().astype(int)
    assert np.abs(shown(canvas, 16, 28, 28, 8) - exact).max() <= 1


def python_t(tab, k, t):
    """Wait until a cell finds this value in the widget's t."""
    for _ in range(20):
        found = browser.run_cell(tab, TELL).split()[k]
        if found == str(t):
            break
        tab.wait_for_timeout(100)
    assert found == str(t)


def reloaded(tab, count):
    """Save the notebook, reload the page, and wait until it shows so many scrubbers."""
    browser.command(tab, "docmanager:save")
    tab.wait_for_function("!window.jupyterapp.shell.currentWidget.context.model.dirty")
    tab.reload()
    browser.connected(tab)
    ready = "(n) => document.querySelectorAll('canvas[data-t][data-ready]').length === n"
    tab.wait_for_function(ready, arg=count)


# with a kernel


def test_the_notebook_runs_and_shows_three_scrubbers(tab):
    assert_drawn(scrubber(tab, 0)[1], 0)
    assert scrubber(tab, 1)[1].get_attribute("data-t") == "20"


def test_the_mouse_drags_the_slider_and_python_knows(tab):
    _, canvas, slider = scrubber(tab, 0)
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box["height"] >= 32
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 10, middle)
    tab.mouse.down()
    seen = set()
    for k in range(1, 21):
        tab.mouse.move(box["x"] + 10 + k * (box["width"] - 20) / 40, middle)
        t = int(slider.input_value())
        seen.add(t)
        if k % 5 == 0:
            assert_drawn(canvas, t)
    tab.mouse.up()
    assert len(seen) > 15
    t = int(slider.input_value())
    assert 480 <= t <= 520
    assert_drawn(canvas, t)
    python_t(tab, 0, t)


def test_sixty_presses_of_a_key_are_sixty_steps(tab):
    _, canvas, slider = scrubber(tab, 0)
    slider.focus()
    tab.keyboard.press("Home")
    for _ in range(60):
        tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(300)  # time for an echo of the message to reset the slider
    assert slider.input_value() == "60"
    assert_drawn(canvas, 60)
    python_t(tab, 0, 60)


def test_the_keys(tab):
    root, canvas, slider = scrubber(tab, 0)
    slider.focus()
    for key, t in (
        ("Home", 0), ("PageUp", 100), ("ArrowUp", 101), ("ArrowLeft", 100), ("ArrowDown", 99),
        ("End", 1000), ("ArrowRight", 1000), ("PageDown", 900),
    ):  # fmt: skip
        tab.keyboard.press(key)
        assert canvas.get_attribute("data-t") == str(t), key
    cells = tab.locator(".jp-Cell").count()
    for letter in "xddab":  # JupyterLab's own: cut, delete, insert above and below
        tab.keyboard.press(letter)
    assert tab.locator(".jp-Cell").count() == cells
    tab.keyboard.press("Space")
    assert root.get_by_label("pause").is_visible()
    tab.keyboard.press("Space")
    assert root.get_by_label("play").is_visible()


def test_the_slider_speaks(tab):
    _, _, slider = scrubber(tab, 0)
    slider.focus()
    tab.keyboard.press("Home")
    for _ in range(4):
        tab.keyboard.press("PageUp")
    assert slider.get_attribute("aria-label") == "noise level t"
    assert slider.get_attribute("aria-valuetext") == "t = 400: 0.44 of the picture, 0.90 of the noise"
    for button in tab.locator(".scrub button").all():
        assert button.get_attribute("aria-label")
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 32


def test_buttons_step_play_and_loop(tab):
    root, canvas, slider = scrubber(tab, 1)
    slider.focus()
    tab.keyboard.press("End")
    assert canvas.get_attribute("data-t") == "0"
    root.get_by_label("step back").click()
    root.get_by_label("step back").click()
    root.get_by_label("step forward").click()
    assert canvas.get_attribute("data-t") == "1"
    python_t(tab, 1, 1)
    loop = root.get_by_role("button", name="loop")
    loop.click()
    assert loop.get_attribute("aria-pressed") == "true"
    root.get_by_label("play").click()
    tab.wait_for_function("document.querySelectorAll('canvas[data-t]')[1].dataset.t > 10")  # past the end
    loop.click()
    tab.wait_for_function("document.querySelectorAll('canvas[data-t]')[1].dataset.t == 0")
    tab.wait_for_function("!document.querySelector('.scrub-playing')")
    python_t(tab, 1, 0)


def test_a_run_shows_state_estimate_and_noise(tab):
    root, _, slider = scrubber(tab, 1)
    slider.focus()
    tab.keyboard.press("Home")
    assert root.locator(".scrub-none").count() == 2  # no estimate, no noise yet
    tab.keyboard.press("PageUp")
    tab.keyboard.press("ArrowRight")
    assert root.locator(".scrub-none").count() == 0
    for row, panel in zip((XS[0, 3], XS[1, 3], XS[2, 3] / 3), root.locator("canvas").all(), strict=True):
        np.testing.assert_array_equal(shown(panel, 4, 8, 8, 2), to_bytes(row).numpy())


def test_python_moves_the_picture(tab):
    browser.run_cell(tab, MOVE, "w.t = 400")
    _, canvas, slider = scrubber(tab, 0)
    tab.wait_for_function("document.querySelector('canvas[data-t]').dataset.t === '400'")
    assert slider.input_value() == "400"
    assert_drawn(canvas, 400)


def test_the_shaped_schedule_is_python_s(tab):
    root, _, _ = scrubber(tab, 2)
    root.locator(".scrub-knob input").nth(1).focus()
    for _ in range(3):
        tab.keyboard.press("ArrowLeft")
    root.locator(".scrub-knob input").nth(2).press("PageDown")
    T, beta_T = (root.locator("output").nth(k).text_content() for k in (2, 1))
    assert (int(T), float(beta_T)) != (1000, 0.02)
    expected = linear(int(T), 1e-4, float(beta_T))
    for _ in range(20):
        told = browser.run_cell(tab, TELL)
        if told.endswith(repr(expected)):
            break
    assert told.endswith(repr(expected))
    page_s = torch.tensor(root.evaluate("(r) => Array.from(r.abar)"), dtype=torch.float64)
    torch.testing.assert_close(page_s, expected.abar, rtol=1e-12, atol=0)


# the smallest WCAG contrast of a scrubber's text and icons with their background
CONTRAST = """(root) => {
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const part = (v) => v <= 10 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
    const luminance = (colour) => {
        const rgb = channels(colour).map(part);
        return 0.2126 * rgb[0] + 0.7152 * rgb[1] + 0.0722 * rgb[2];
    };
    const behind = (at) => {
        const { backgroundColor } = getComputedStyle(at);
        return channels(backgroundColor)[3] === 0 ? behind(at.parentElement) : backgroundColor;
    };
    const texts = ".scrub-clock, small, .scrub-formula, .scrub-head, button, output, text, .scrub-heads span";
    return Math.min(...[...root.querySelectorAll(texts)].map((at) => {
        const { color, fill } = getComputedStyle(at);
        const pair = [at.matches("text") ? fill : color, behind(at)].map(luminance).sort((a, b) => b - a);
        return (pair[0] + 0.05) / (pair[1] + 0.05);
    }));
}"""


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_both_themes_and_a_narrow_window_are_legible(tab, theme):
    browser.command(tab, "apputils:change-theme", {"theme": f"JupyterLab {theme}"})
    tab.wait_for_selector(f"body[data-jp-theme-name='JupyterLab {theme}']", state="attached")
    tab.wait_for_timeout(300)
    for width in (768, 1280):
        tab.set_viewport_size({"width": width, "height": 900})
        for k in range(3):
            root = scrubber(tab, k)[0]
            root.scroll_into_view_if_needed()
            tab.wait_for_timeout(100)
            assert root.evaluate(CONTRAST) >= 4.5
            assert root.evaluate("(r) => r.scrollWidth <= r.clientWidth && r.clientWidth > 400")
            assert root.locator("canvas").first.evaluate("(c) => c.clientWidth") >= 96
            shot(root, f"lab-{k}-{theme}-{width}.png")


def test_after_saving_and_reloading_it_is_where_it_was(tab):
    reloaded(tab, 3)
    _, canvas, slider = scrubber(tab, 0)
    assert_drawn(canvas, 400)
    slider.focus()
    tab.keyboard.press("ArrowRight")
    assert_drawn(canvas, 401)


def test_the_console_held_no_error(tab, errors):
    assert errors == []


def test_a_notebook_from_elsewhere_shows_the_still_pictures(tab, executed):
    browser.open_notebook(tab, tab.lab, executed.name)
    tab.wait_for_selector(".jp-OutputArea img")
    assert tab.locator(".jp-OutputArea img").count() == 4
    assert tab.locator(".scrub").count() == 0


# in the lessons: every notebook that makes a scrubber, with those of its cells that its scrubbers depend on

MAKES = re.compile(r"\b(scrub|scrub_noise|shape_schedule)\(")


def names(table):
    """The names that code uses but doesn't define, and those that it binds; `table`: its symbol table."""
    symbols = table.get_symbols()
    outer = table.get_type() == "module"
    used = {s.get_name() for s in symbols if s.is_referenced() and (outer or s.is_global())}
    bound = {s.get_name() for s in symbols if s.is_assigned() or s.is_imported()}
    return used.union(*(names(inner)[0] for inner in table.get_children())), bound


def scrubbing(path):
    """The code cells of a notebook that make a scrubber, and the earlier ones that they depend on."""
    cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    needed, wanted = [], set()
    for source in reversed(cells):
        used, bound = names(symtable.symtable(source, "cell", "exec"))
        if MAKES.search(source) or bound & wanted:
            needed.insert(0, source)
            wanted = wanted - bound | used
    return needed


NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LESSONS = {path.name: cells for path in NOTEBOOKS if (cells := scrubbing(path))}
# Prints a scrubber's t, its sizes, and the pictures that it should draw at some times.
ASK = """
import base64, json
from ddpm_core.teach.page.widgets import Scrubber
_w = next(w for w in list(globals().values()) if isinstance(w, Scrubber) and w.model_id == {model!r})
_sheets = [_w.pictures(t) for t in {times}]
_text = lambda x: x if x is None else base64.b64encode(x.numpy().tobytes()).decode()
_bytes = [[_text(x) for x in sheet] for sheet in _sheets]
print(json.dumps([_w.t, _w.shape, _w.columns, _bytes]))
"""
# Adds to each scrubber's element the id of its model.
MARK = """() => {
    const view = "application/vnd.jupyter.widget-view+json";
    for (const cell of window.jupyterapp.shell.currentWidget.content.widgets) {
        const outputs = cell.model.outputs?.toJSON() ?? [];
        const places = cell.node.querySelectorAll(".jp-OutputArea-child");
        outputs.forEach(({ data }, i) => {
            const root = places[i]?.querySelector(".scrub");
            if (root) root.dataset.model = data[view].model_id;
        });
    }
}"""


def asked(tab, root, times):
    """A scrubber's n, h, w, c, columns and pictures in Python, once it has arrived at the last time."""
    source = ASK.format(model=root.get_attribute("data-model"), times=times)
    for _ in range(20):
        t, shape, columns, sheets = json.loads(browser.run_cell(tab, -1, source))
        if t == times[-1]:
            break
        tab.wait_for_timeout(100)
    assert t == times[-1]
    return *shape, columns, sheets


def dragged(tab, root):
    """Drag a scrubber's slider, then move it by a key: four times, and what its canvases show at each."""
    slider = root.locator(".scrub-time")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    x, y, width = box["x"] + 10, box["y"] + box["height"] / 2, box["width"] - 20
    times, sheets = [], []

    def look():
        times.append(int(root.locator("canvas[data-t]").get_attribute("data-t")))
        sheets.append([browser.pixels(canvas) for canvas in root.locator("canvas").all()])

    tab.mouse.move(x + width / 10, y)
    tab.mouse.down()
    for k in range(2, 19):
        tab.mouse.move(x + k * width / 20, y)
        if k % 6 == 0:
            look()
    tab.mouse.up()
    slider.focus()
    tab.keyboard.press("ArrowLeft")
    look()
    return times, sheets


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_s_scrubbers_follow_the_mouse_and_draw_what_torch_computes(tab, folder, errors, name):
    browser.notebook(folder / name, *LESSONS[name], "None")
    url, tab = tab.lab, opened(tab.context, errors)
    browser.open_notebook(tab, url, name)
    browser.run_all(tab)
    tab.evaluate(MARK)
    roots = tab.locator(".scrub[data-model]").all()
    assert roots
    for root in roots:
        times, sheets = dragged(tab, root)
        assert len(set(times)) >= 3
        n, h, w, c, columns, expected = asked(tab, root, times)
        for t, canvases, pictures in zip(times, sheets, expected, strict=True):
            for canvas, picture in zip(canvases, pictures, strict=False):  # a schedule also has a strip
                if picture is not None:
                    exact = np.frombuffer(base64.b64decode(picture), np.uint8).reshape(n, c, h, w).astype(int)
                    drawn = browser.pictures(canvas, n, h, w, columns).astype(int)
                    assert np.abs(drawn - exact).max() <= 1, t
    stood = [root.locator(".scrub-time").input_value() for root in roots]
    reloaded(tab, len(roots))
    assert [slider.input_value() for slider in tab.locator(".scrub .scrub-time").all()] == stood
    tab.close()


def test_of_two_views_the_last_hand_wins_and_python_knows(tab, folder, errors):
    browser.notebook(folder / "twice.ipynb", SETUP, "w", "print(w.t)")
    url, tab = tab.lab, opened(tab.context, errors)
    browser.open_notebook(tab, url, "twice.ipynb")
    browser.run_all(tab)
    tab.wait_for_function("document.querySelectorAll('canvas[data-ready]').length === 2")
    one, _, first = scrubber(tab, 0)
    _, canvas, second = scrubber(tab, 1)
    one.get_by_label("play").click()
    tab.wait_for_function("document.querySelector('.scrub-time').valueAsNumber > 20")
    second.focus()
    for key in ("End", "PageDown", "ArrowLeft"):
        tab.keyboard.press(key)
    tab.wait_for_timeout(500)
    assert first.input_value() == second.input_value() == "899"
    assert_drawn(canvas, 899)
    assert tab.locator(".scrub-playing").count() == 0
    assert browser.run_cell(tab, 2) == "899"
    tab.close()
    assert errors == []


# without a kernel, without a network


@pytest.fixture
def offline(chrome, errors):
    """A function that opens a page in a browser without a network: the tab, and the requests it makes."""
    asked = []
    with chrome.new_context(viewport={"width": 1280, "height": 800}, has_touch=True) as context:
        context.route("**/*", lambda route: (asked.append(route.request.url), route.abort()))

        def show(html):
            tab = opened(context, errors)
            tab.set_content(html, wait_until="load")
            return tab

        context.set_offline(True)
        show.asked = asked
        yield show


def test_all_noise_levels_are_torch_s_within_one_grey_level_in_colour_too(offline):
    g = torch.Generator().manual_seed(1)
    x0, eps = torch.rand(3, 3, 9, 7, generator=g) * 2 - 1, torch.randn(3, 3, 9, 7, generator=g)
    schedule = cosine(40)
    tab = offline(export_html(scrub_noise(x0, schedule, eps)))
    tab.wait_for_selector("canvas[data-ready]")
    _, canvas, slider = scrubber(tab, 0)
    slider.focus()
    for t in range(41):
        exact = to_bytes(q_sample(x0, eps, schedule.level(t))).numpy().astype(int)
        assert np.abs(shown(canvas, 3, 9, 7, 3) - exact).max() <= 1
        tab.keyboard.press("ArrowRight")


def dots(svg):
    """Where the truth and the guess stand in a line's plane, as pairs (x_0, eps) of 2.7 to either side."""
    places = svg.locator("circle[cx].line-truth, circle[cx].line-guess").all()
    return [
        tuple(sign * (2 * float(dot.get_attribute(c)) / 380 - 1) * 2.7 for c, sign in (("cx", 1), ("cy", -1)))
        for dot in places
    ]


def test_the_line_s_pairs_are_torch_s_within_a_pixel_and_the_guess_is_dragged(offline):
    w = one_line(linear())
    tab = offline(export_html(w))
    tab.wait_for_selector("svg[data-ready]")
    root, svg, slider = tab.locator(".scrub"), tab.locator("svg[data-t]"), tab.locator(".scrub-time")
    pixel = 2 * 2.7 / svg.bounding_box()["width"]
    slider.focus()
    for key in ("Home", "PageUp", "PageUp", "ArrowLeft", "End"):
        tab.keyboard.press(key)
        t = int(svg.get_attribute("data-t"))
        for velocity, dot in zip((w.truth, w.guess), dots(svg), strict=True):
            assert np.abs(np.subtract(dot, w.pair(velocity, t))).max() < pixel
    tab.keyboard.press("Home")
    for _ in range(3):
        tab.keyboard.press("PageUp")
    box, level = svg.bounding_box(), linear().at(300)
    for velocity in (-1.5, 1.2):
        x0, eps = w.pair(velocity, 300)
        tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        tab.mouse.down()
        # beside the line, at a right angle to it: the guess is the nearest place on it
        x, y = x0 + 0.3 * level.signal, eps + 0.3 * level.noise
        tab.mouse.move(
            box["x"] + box["width"] * (1 + x / 2.7) / 2, box["y"] + box["height"] * (1 - y / 2.7) / 2
        )
        tab.mouse.up()
        assert np.abs(np.subtract(dots(svg)[1], (x0, eps))).max() < pixel
    gaps = [abs(float(out)) for out in root.locator("output:nth-of-type(3n)").all_text_contents()]
    assert gaps == pytest.approx([level.noise * 0.6, level.signal * 0.6, 0.6], abs=0.011)


def test_a_finger_moves_it_and_nothing_moves_by_itself(offline):
    tab = offline(export_html(scrub_noise(X0, linear(), EPS)))
    tab.wait_for_selector("canvas[data-ready]")
    _, canvas, slider = scrubber(tab, 0)
    tab.wait_for_timeout(300)
    assert_drawn(canvas, 0)
    box = slider.bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    t = int(slider.input_value())
    assert 730 <= t <= 770
    assert_drawn(canvas, t)


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_walk_that_plays_does_so_once_and_not_where_less_motion_is_asked_for(chrome, motion):
    widget = scrub([Frame(20 - k, XS[0, k], None, None) for k in range(21)], plays=True)
    with chrome.new_context(reduced_motion=motion) as context:
        tab = context.new_page()
        tab.set_content(export_html(widget))
        tab.wait_for_selector("canvas[data-ready]")
        root, canvas, _ = scrubber(tab, 0)
        assert root.locator(".scrub-head").count() == 0  # one panel needs no name
        if motion == "no-preference":
            tab.wait_for_selector("canvas[data-t='0']", timeout=60_000)
        tab.wait_for_timeout(1500)
        assert canvas.get_attribute("data-t") == {"no-preference": "0", "reduce": "20"}[motion]
        assert not root.evaluate("(node) => node.classList.contains('scrub-playing')")


@pytest.mark.parametrize("ratio", [1, 1.5, 2])
def test_pixels_are_whole_device_pixels(chrome, ratio):
    with chrome.new_context(viewport={"width": 1280, "height": 800}, device_scale_factor=ratio) as context:
        tab = context.new_page()
        tab.set_content(export_html(scrub_noise(X0, linear(), EPS)))
        tab.wait_for_selector("canvas[data-ready]")
        canvas = scrubber(tab, 0)[1]
        for width in (1280, 768):
            tab.set_viewport_size({"width": width, "height": 800})
            tab.wait_for_timeout(100)
            scale = canvas.evaluate("(c) => c.getBoundingClientRect().width * devicePixelRatio / c.width")
            assert scale == pytest.approx(round(scale), abs=0.01)
            assert scale >= 2
        assert canvas.evaluate("(c) => getComputedStyle(c).imageRendering") == "pixelated"


def test_the_page_computes_python_s_schedules(offline):
    tab = offline(export_html(shape_schedule()))
    tab.wait_for_selector("canvas[data-ready]")
    root = scrubber(tab, 0)[0]
    betas = ((1e-4, 0.02), (1e-6, 0.1), (1e-2, 1e-3))
    asked = [("linear", T, *ends) for T in (10, 501, 1000, 2000) for ends in betas]
    asked += [("cosine", T, 1e-4, 0.02) for T in (10, 501, 1000, 2000)]
    image = digits()[1].images[:1]
    eps = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    for kind, T, *ends in asked:
        schedule = linear(T, *ends) if kind == "linear" else cosine(T)
        abar, snr = tab.evaluate(
            """([kind, T, low, high]) => {
                const { model } = document.querySelector(".scrub-mount");
                const shape = { kind, T, beta_min: low, beta_max: high };
                for (const [name, value] of Object.entries(shape)) model.set(name, value);
                const { abar, snr } = document.querySelector(".scrub");
                return [[...abar], [...snr].slice(1)];
            }""",
            [kind, T, *ends],
        )
        torch.testing.assert_close(torch.tensor(abar, dtype=torch.float64), schedule.abar, rtol=1e-9, atol=0)
        torch.testing.assert_close(
            torch.tensor(snr, dtype=torch.float64), schedule.snr[1:], rtol=1e-9, atol=0
        )
        strip = root.locator("canvas[data-times]")
        times = [int(t) for t in strip.get_attribute("data-times").split()]
        exact = (
            torch.cat([to_bytes(q_sample(image, eps, schedule.level(t))) for t in times]).numpy().astype(int)
        )
        assert np.abs(shown(strip, 11, 8, 8, 11) - exact).max() <= 1


def test_a_curve_ends_where_it_leaves_the_picture(offline):
    """Far below the axis of SNR neither curve nor dot lies on it, as if 4e-30 were 1e-8."""
    widget = shape_schedule()
    widget.T, widget.beta_min, widget.beta_max, widget.t = 1830, 0.00457, 0.0676, 1500
    tab = offline(export_html(widget))
    tab.wait_for_selector("canvas[data-ready]")
    root = scrubber(tab, 0)[0]
    dots = root.locator(".scrub-dot")
    assert [dots.nth(k).is_visible() for k in range(2)] == [True, False]
    ends = (
        root.locator(".scrub-curve")
        .nth(1)
        .evaluate(
            """(curve) => {
            const window = document.getElementById(curve.getAttribute("clip-path").slice(5, -1)).firstChild;
            const { y, height } = window.getBBox();
            return [curve.getBBox().y + curve.getBBox().height, y + height];
        }"""
        )
    )
    assert ends[0] > ends[1] + 50  # it goes on below, and is cut off there
    root.get_by_role("slider").last.fill("300")
    assert dots.nth(1).is_visible()


@pytest.mark.parametrize("width", [360, 390, 640, 1280])
def test_the_ends_of_an_axis_have_room(offline, width):
    widget = shape_schedule()
    widget.T = 2000
    tab = offline(export_html(widget))
    tab.set_viewport_size({"width": width, "height": 800})
    tab.wait_for_selector("canvas[data-ready]")
    tab.wait_for_timeout(100)
    boxes = tab.evaluate(
        """() => [...document.querySelectorAll(".scrub-plot")].map((plot) => {
            const low = [...plot.querySelectorAll("text")].filter((text) => +text.getAttribute("y") > 160);
            return low.map((text) => text.getBoundingClientRect()).map(({ left, right }) => [left, right]);
        })"""
    )
    for (_, zero_ends), (end_begins, end_ends) in boxes:
        assert zero_ends + 8 < end_begins
        assert end_ends <= width


def test_the_kind_is_chosen_by_key_and_the_betas_then_follow(offline):
    tab = offline(export_html(shape_schedule()))
    tab.wait_for_selector("canvas[data-ready]")
    root = scrubber(tab, 0)[0]
    root.get_by_role("radio", name="linear").focus()
    tab.keyboard.press("ArrowRight")
    assert root.get_by_role("radio", name="cosine").is_checked()
    assert root.locator(".scrub-knob input").nth(0).is_disabled()
    assert root.locator("output").nth(1).text_content() == "0.999"
    shot(root, "cosine.png")


def page(*shown):
    """A page with several widgets, some of them twice."""
    return "".join(mounted(w.model_id, w._get_embed_state(), b"", repr(w)) for w in shown) + loader()


WIDGETS = {
    "noise": lambda: scrub_noise(X0, linear(), EPS),
    "frames": lambda: here["run"],
    "shape": shape_schedule,
    "fault": lambda: watch_fault(gaussian(linear(), 1.0, 0.5), [FAULTS["E31"]], particles=20),
    "particles": lambda: particles(Mixture(linear(), torch.eye(2).double(), 0.1), count=30),
}


def shares(widget):
    """How far play has come at each place of the slider, 0 to 1: by log-SNR within ±8, a seventh evenly."""
    log_snr = getattr(widget, "log_snr", None) or linear().snr.log().clamp(-20, 20).tolist()
    at = np.clip(log_snr, -8, 8)
    return (6 * np.abs(at - at[0]) / np.ptp(at) + np.linspace(0, 1, len(at))) / 7


@pytest.mark.parametrize("name", WIDGETS)
def test_a_picture_that_is_dragged_moves_t(offline, errors, name):
    """A drag across a share of the picture goes through that share of what play does."""
    widget = WIDGETS[name]()
    tab = offline(page(widget))
    slider = tab.locator(".scrub-time")
    slider.press("Home")
    tab.wait_for_timeout(100)
    box = tab.locator(".scrub-drag").first.bounding_box()
    y, seen = box["y"] + box["height"] / 2, []
    tab.mouse.move(box["x"] + 1, y)
    tab.mouse.down()
    for k in range(1, 21):
        tab.mouse.move(box["x"] + 1 + k * box["width"] / 20, y)
        seen.append(int(slider.input_value()))
    tab.mouse.move(box["x"] + 1 + box["width"] / 2, y)
    back = int(slider.input_value())
    tab.mouse.up()
    tab.mouse.move(box["x"] + 1, y)  # no longer held
    pace, pixel = shares(widget), 1 / box["width"]
    for k, place in enumerate(seen, 1):
        low, high = (np.searchsorted(pace, k / 20 + off, "right") - 1 for off in (-pixel, pixel))
        assert low <= place <= high
    assert seen[-1] == int(slider.get_attribute("max")) == len(pace) - 1
    assert int(slider.input_value()) == back == seen[9]  # half the width is half of the pace
    tab.keyboard.press("ArrowLeft")  # the keys are at hand
    assert int(slider.input_value()) == back - 1
    assert errors == []


def test_play_goes_evenly_through_log_snr(offline):
    schedule = linear()
    tab = offline("<p>")
    tab.clock.install()
    tab.set_content(page(scrub_noise(X0, schedule, EPS)))
    tab.clock.run_for(200)
    slider = tab.locator(".scrub-time")
    tab.get_by_label("play").click()
    seen = []
    for _ in range(7):
        tab.clock.run_for(1000)
        seen.append(int(slider.input_value()))
    log_snr = schedule.snr.log().clamp(-8, 8)
    steps = log_snr[[0, *seen]].diff().abs()  # in each second
    whole = steps[steps > 0][1:-1]  # without the seconds in which it starts and ends
    assert len(whole) >= 3
    assert whole.max() < 1.4 * whole.min()


@pytest.mark.parametrize("name", WIDGETS)
def test_of_two_views_the_last_hand_wins(offline, errors, name):
    widget = WIDGETS[name]()
    tab = offline(page(widget, widget))
    tab.wait_for_function("document.querySelectorAll('.scrub-time').length === 2")
    roots, sliders = tab.locator(".scrub"), tab.locator(".scrub-time")
    playing = "(scrubs) => scrubs.map((scrub) => scrub.classList.contains('scrub-playing'))"
    sliders.first.press("Home")
    roots.first.get_by_label("play").click()
    tab.wait_for_function("document.querySelector('.scrub-time').valueAsNumber > 2")
    sliders.nth(1).focus()
    for key in ("End", "ArrowLeft", "ArrowLeft"):
        tab.keyboard.press(key)
    tab.wait_for_timeout(500)
    last = int(sliders.first.get_attribute("max"))
    assert [slider.input_value() for slider in sliders.all()] == [str(last - 2)] * 2
    assert roots.evaluate_all(playing) == [False, False]
    sliders.first.press("Home")
    for k in (0, 1, 0):
        roots.nth(k).get_by_label("play").click()
        assert roots.evaluate_all(playing) == [k == 0, k == 1]
    assert errors == []


# Renders a scrubber again with a model that counts listeners and messages, moves it, and removes it.
COUNT = """async () => {
    const { model } = document.querySelector(".scrub-mount");
    let [listening, saved] = [0, 0];
    const counting = {
        ...model,
        on: (events) => { listening += events.split(" ").length; },
        off: (events) => { listening -= events.split(" ").length; },
        save_changes: () => { saved++; },
    };
    const url = URL.createObjectURL(new Blob([model.get("_esm")], { type: "text/javascript" }));
    const { default: widget } = await import(url);
    const el = document.body.appendChild(document.createElement("div"));
    const clean = await widget.render({ model: counting, el });
    const before = listening;
    el.querySelectorAll(".scrub-button")[2].click(); // step forward
    clean();
    return [before, listening, saved];
}"""


@pytest.mark.parametrize("name", WIDGETS)
def test_a_view_that_goes_listens_no_more_and_has_told_all(offline, name):
    tab = offline(page(WIDGETS[name]()))
    tab.wait_for_selector(".scrub-time")
    before, after, saved = tab.evaluate(COUNT)
    assert before > 0
    assert (after, saved) == (0, 1)


def test_a_widget_that_fails_leaves_its_still_and_the_others_alive(chrome):
    good = WIDGETS["noise"]()
    entry = good._get_embed_state()
    still = good.still()

    def with_script(id, script):
        changed = {**entry, "state": {**entry["state"], "_esm": script}}
        return mounted(id, changed, still, id)

    draws = "{ render({ el }) { el.append('drawn ' + el.tagName) } }"
    html = with_script("in words", "this is no script")
    html += with_script("in render", "export default { render({ el }) { el.append('half'); throw 'up' } }")
    html += '<div class="scrub-mount"></div>' + with_script("drawn", f"export default async () => ({draws})")
    with chrome.new_context() as context:
        tab = context.new_page()
        tab.set_content(html + page(good))
        tab.wait_for_selector("canvas[data-ready]")
        assert tab.locator("img").evaluate_all("(all) => all.map((img) => img.alt)") == [
            "in words",
            "in render",
        ]
        assert tab.get_by_text("half").count() == 0
        assert tab.get_by_text("drawn DIV").count() == 1
        scrubber(tab, 0)[2].press("End")
        assert_drawn(scrubber(tab, 0)[1], 1000)


def test_a_written_answer_opens_its_rubric_by_key(offline):
    rubric = ["Names what is known.", "Names what is not."]
    why = Prose(id="97.2", title="Two", prompt="Why?", rubric=rubric, models=["..."], worked="...")
    tab = offline(page(quiz(why)))
    tab.locator("textarea").press("Control+Enter")
    assert tab.locator(".result").inner_text() == "Write an answer first."
    tab.locator("textarea").fill("Noise is known there.")
    tab.locator("textarea").press("Control+Enter")
    assert tab.locator(".rubric").is_visible()
    assert tab.locator(".result").inner_text() == ""
    assert tab.locator(".rubric input").first.evaluate("(input) => input === document.activeElement")
    tab.keyboard.press("Space")
    tab.keyboard.press("Control+Enter")
    tab.get_by_text("Checking").wait_for()
    asked = tab.evaluate("document.querySelector('.scrub-mount').model.get('asked')")
    assert asked == {"n": 1, "text": "Noise is known there.", "marks": [True, False]}


def test_no_page_held_an_error(errors):
    assert errors == []
