"""The course's networks at work in a page, offline: torch's pictures of the same noise; what hands do."""

import gzip
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path

import browser
import numpy as np
import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from endurance import soak_only

from ddpm_core import pretrained
from ddpm_core.data import to_bytes
from ddpm_core.process import q_sample
from ddpm_core.sampling import dpm_2m, eta, keeping
from ddpm_core.study.latents import pretrained_autoencoder
from ddpm_core.teach.site import live
from ddpm_core.words import Vocabulary, split

HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Live</title>
<link rel="stylesheet" href="site.css"><main><h1>Live</h1>"""
SURE = "Math.random = () => 0;"  # so that the seeds are 0, 1, 2, ...
SLOW = """const sound = WebAssembly.validate;
let asked = 0; // of two versions, the first is refused
WebAssembly.validate = (bytes) => asked++ % 2 === 1 && sound(bytes);"""
CLOSE = {"digits": 1, "emoji": 2}  # grey levels


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("live")
    for name, content in live.live_files().items():
        (out / name).write_bytes(content)
    (out / "site.css").write_bytes((Path(live.__file__).parents[1] / "site.css").read_bytes())
    (out / "index.html").write_text(HEAD + live.live_section(out) + "</main>", "utf-8")
    return out


@pytest.fixture
def opened(chrome, folder):
    """A function that opens the page in a browser without a network; at the end, no error was seen."""
    errors, contexts = [], []

    def show(script=SURE, kind="digits", **options):
        context = chrome.new_context(**{"viewport": {"width": 1100, "height": 900}, **options})
        contexts.append(context)
        context.set_offline(True)
        context.add_init_script(script)
        tab = context.new_page()
        tab.set_default_timeout(240_000)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        tab.goto((folder / "index.html").as_uri())
        if kind == "digits":
            tab.get_by_role("radio", name="Digits from noise").check()
        return tab

    yield show
    for context in contexts:
        context.close()
    assert errors == []


def knobs(tab, kind, **values):
    """Turn the knobs of a kind, as a hand would."""
    tab.evaluate(
        """([kind, values]) => {
            for (const [name, value] of Object.entries(values)) {
                const input = document.querySelector(`[data-kind="${kind}"] .live-${name} input`);
                input.value = value;
                input.dispatchEvent(new Event("input"));
            }
        }""",
        [kind, values | ({"steps": live.STEPS.index(values["steps"])} if "steps" in values else {})],
    )


def press(tab, kind):
    """Start a walk and wait until it has ended."""
    root = tab.locator(f'[data-kind="{kind}"]')
    root.locator(".live-status").evaluate("(s) => s.textContent = ''")
    root.locator(".live-go").click()
    ended(tab, kind)
    assert "on this device" in root.locator(".live-status").text_content()


def ended(tab, kind):
    tab.wait_for_function(
        """(kind) => {
            const { idle, run } = document.getElementById("live").studios[kind];
            const status = document.querySelector(`[data-kind="${kind}"] .live-status`);
            return idle() && run() && status.textContent;
        }""",
        arg=kind,
        polling=50,
    )


def frames(tab, kind):
    """What the page has of its walk: times, and grey levels (frames, n, C, H, W) of x_t and the estimates."""
    got = tab.evaluate(
        """(kind) => document.getElementById("live").studios[kind].run().frames.map(
            ({ t, xt, x0 }) => [t, Array.from(xt), x0 && Array.from(x0)])""",
        kind,
    )
    times, xt, x0 = zip(*got, strict=True)
    return list(times), pictures(kind, xt), pictures(kind, x0[1:])


def pictures(kind, rows):
    count, side, c = (4, 32, 3) if kind == "emoji" else (16, 28, 1)
    return np.array(rows, int).reshape(len(rows), count, side, side, c).transpose(0, 1, 4, 2, 3)


def expected(kind, walk):
    """The same of torch's walk."""
    paint = pretrained_autoencoder("emoji").decode if kind == "emoji" else (lambda x: x)
    with torch.no_grad():
        shown = [(f.t, paint(f.xt), None if f.x0 is None else paint(f.x0)) for f in walk]
    times, xt, x0 = zip(*shown, strict=True)
    return list(times), *(np.stack([to_bytes(x).numpy() for x in xs]).astype(int) for xs in (xt, x0[1:]))


def agree(kind, tab, walk):
    told, seen = frames(tab, kind), expected(kind, list(walk))
    assert told[0] == seen[0]
    for page, torch_s in zip(told[1:], seen[1:], strict=True):
        assert np.abs(page - torch_s).max() <= CLOSE[kind]
    return told


def model(kind, told, strength):
    """The denoiser of a kind, its start and its seeds."""
    known = live.KINDS[kind]
    made = pretrained(known.network).guided(told, strength)
    seeds = range(known.many)
    return made, live.page_noise(seeds, 1000, known.shape), seeds


TURNS = torch.arange(16) % 10


@pytest.mark.parametrize(("rule", "strength"), [(1.0, 1.0), (0.0, 2.5), (0.4, 1.0), ("2M", 1.0), (1.0, 0.0)])
def test_the_digits_are_torch_s(opened, rule, strength):
    tab = opened()
    knobs(tab, "digits", steps=5, strength=strength)
    if rule == "2M":
        tab.locator('[data-kind="digits"] .live-rule').get_by_role("radio", name="2M").check(force=True)
    else:
        knobs(tab, "digits", eta=rule)
    press(tab, "digits")
    made, start, seeds = model("digits", TURNS, strength)
    times = made.schedule.times(5)
    if rule == "2M":
        agree("digits", tab, dpm_2m(made, start, times))
    else:
        agree("digits", tab, live.page_walk(made, start, times, eta(rule), seeds))


@pytest.mark.slow
def test_fifty_steps_of_digits_are_torch_s(opened):
    tab = opened()
    press(tab, "digits")
    made, start, seeds = model("digits", TURNS, 1.0)
    _, xt, _ = agree("digits", tab, live.page_walk(made, start, made.schedule.times(50), eta(1.0), seeds))
    assert xt[-1].std() > 50  # digits, not grey


@pytest.mark.parametrize("script", [SURE, SURE + SLOW], ids=["fast", "every browser's"])
def test_pictures_of_words_are_torch_s(opened, script):
    tab = opened(script, "emoji")
    knobs(tab, "emoji", steps=10)
    for text in ("Green BOOK!", "", "blue whale zzyzx"):
        tab.get_by_label("What shall it draw?").fill(text)
        press(tab, "emoji")
        made, start, seeds = model("emoji", [text.replace("zzyzx", "")] * 4, 2.0)
        agree("emoji", tab, live.page_walk(made, start, made.schedule.times(10), eta(0.0), seeds))
    assert "zzyzx" in tab.locator('[data-kind="emoji"] .live-status').text_content()


def test_words_that_none_knows_are_told_and_nothing_is_drawn(opened):
    tab = opened(kind="emoji")
    tab.get_by_label("What shall it draw?").fill("qwxyz Öäü")
    tab.get_by_role("button", name="Draw").click()
    tab.get_by_text("It knows none of these words: qwxyz, öäü").wait_for()
    assert tab.evaluate("document.getElementById('live').studios.emoji.run()") is None


PROMPTS = [
    *("red heart", "RED HEART", "  Red...heart!? ", "a red-hot heart", "red_heart", "red heart red", ""),
    *("Straße", "piñata", "PIÑATA", "pin\u0303ata", "Ｈｅａｒｔ", "heart²", "1st 2nd", "HEART\u0130", "ﬁre"),
    *("ΣΑΣ ς", "ẞ", "…", "🐟 fish", "fish🐟fish", "été", "hеart", "fish\u200bfish", "fish\u00adfish"),
    *("naïve cat's", "ſun", "\u212a", "ŉ"),
]


def test_every_prompt_has_the_words_that_python_finds(opened):
    tab = opened(kind="emoji")
    known = pretrained("emoji").net.config["words"]
    numbers = Vocabulary(known)
    letters = [chr(k) for k in range(0x20000) if unicodedata.category(chr(k)) not in ("Cn", "Cs")]
    texts = [*PROMPTS, *known, *(word.title() for word in known), *(f"red{c}heart {c}" for c in letters)]
    found = tab.evaluate("(texts) => document.getElementById('live').studios.emoji.numbers(texts)", texts)
    rows = ([k for k in row if k >= 0] for row in numbers.known(texts).tolist())
    for text, row, told in zip(texts, rows, found, strict=True):
        assert told["known"] == row, text
        assert told["unknown"] == [w for w in split(text) if w not in numbers.places], text


def test_a_digit_of_one_s_own_comes_back_and_what_is_rubbed_out_is_filled_in(opened):
    tab = opened()
    knobs(tab, "digits", steps=10)
    root = tab.locator('[data-kind="digits"]')
    pad = root.locator(".live-pad")
    root.get_by_role("radio", name="Your digit").check(force=True)
    root.get_by_role("button", name="Clear").click()
    assert browser.pixels(pad)[..., 0].max() == 0
    box = pad.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 30, steps=4)
    tab.mouse.up()
    drawn = browser.pixels(pad)[..., 0]
    assert 30 < (drawn == 255).sum() < 150  # a one
    press(tab, "digits")
    x0 = torch.tensor(tab.evaluate("Array.from(document.getElementById('live').studios.digits.own.x0)"))
    x0 = x0.reshape(1, 1, 28, 28)
    assert np.abs(to_bytes(x0)[0, 0].numpy().astype(int) - drawn).max() <= 1
    made, eps, seeds = model("digits", torch.full((16,), -1), 1.0)
    start = q_sample(x0, eps, made.schedule.at(500))
    times = [500, 400, 300, 200, 100, 0]
    agree("digits", tab, live.page_walk(made, start, times, eta(1.0), seeds))

    root.get_by_role("radio", name="Fill in").check(force=True)
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    tab.mouse.down()
    tab.mouse.up()
    seen = browser.pixels(pad)
    rubbed = torch.from_numpy(seen[..., 0].astype(int) != seen[..., 2])[None, None]
    assert 10 < rubbed.sum() < 60
    press(tab, "digits")
    walk = live.page_walk(made, eps, made.schedule.times(10), keeping(x0, ~rubbed, eta(1.0)), seeds)
    _, xt, _ = agree("digits", tab, walk)
    assert (xt[-1][:, 0][:, ~rubbed[0, 0].numpy()] - drawn[~rubbed[0, 0].numpy()]).max() <= 1


def test_the_noise_under_the_brush_is_drawn_anew_and_only_that_digit_walks(opened):
    tab = opened("let k = 0; Math.random = () => (k++ * 64) / 2 ** 32;")
    knobs(tab, "digits", steps=5)
    press(tab, "digits")
    _, before, _ = frames(tab, "digits")
    box = tab.locator('[data-kind="digits"] .live-stage canvas').bounding_box()
    x, y = box["x"] + box["width"] * 3 / 8, box["y"] + box["height"] * 5 / 8  # the middle of digit 9
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x + 10, y, steps=2)
    tab.mouse.up()
    tab.locator('[data-kind="digits"] .live-status').get_by_text("Digit 10").wait_for()
    ended(tab, "digits")
    _, after, _ = frames(tab, "digits")
    changed = np.abs(after - before).max((0, 2, 3, 4))
    assert changed[9] > 50
    assert np.delete(changed, 9).max() == 0
    repainted = (after[0, 9, 0] != before[0, 9, 0]).sum()
    assert 40 < repainted < 200  # of 784
    start = tab.evaluate("Array.from(document.getElementById('live').studios.digits.run().start)")
    start = torch.tensor(start).reshape(16, 1, 28, 28)
    made, _, _ = model("digits", TURNS, 1.0)
    *_, end = live.page_walk(made, start, made.schedule.times(5), eta(1.0), range(16))
    assert np.abs(to_bytes(end.xt).numpy().astype(int) - after[-1]).max() <= 1
    tab.locator('[data-kind="digits"] .live-stage canvas').press(
        "Space"
    )  # by hand of the keys: the first digit
    tab.locator('[data-kind="digits"] .live-status').get_by_text("Digit 1,").wait_for()
    ended(tab, "digits")
    assert np.abs(frames(tab, "digits")[1] - after).max((0, 2, 3, 4))[0] > 50


def test_what_did_not_start_from_noise_alone_is_not_walked_again(opened):
    """Neither by a key nor by the brush: its start isn't what the sampler begins with."""
    tab = opened()
    root = tab.locator('[data-kind="digits"]')
    canvas, status = root.locator(".live-stage canvas"), root.locator(".live-status")
    knobs(tab, "digits", steps=10)
    for way in ("Your digit", "Fill in"):
        root.get_by_role("radio", name=way).check(force=True)
        if way == "Fill in":
            root.locator(".live-pad").click()
        press(tab, "digits")
        root.get_by_role("radio", name="From noise").check(force=True)
        _, before, _ = frames(tab, "digits")
        told = status.text_content()
        canvas.press("Space")
        canvas.click()
        tab.wait_for_timeout(600)
        assert status.text_content() == told
        assert (frames(tab, "digits")[1] == before).all()


def test_a_walk_stops_in_between_goes_on_and_can_be_walked_back(opened):
    tab = opened()
    knobs(tab, "digits", steps=250)
    root = tab.locator('[data-kind="digits"]')
    root.locator(".live-go").click()
    tab.wait_for_function("document.getElementById('live').studios.digits.run()?.done > 3")
    root.get_by_role("button", name="Stop").click()
    root.locator(".live-stage canvas").press("Space")  # a half walk isn't walked again either
    tab.wait_for_timeout(500)
    here = tab.evaluate("document.getElementById('live').studios.digits.run().done")
    tab.wait_for_timeout(1500)
    assert tab.evaluate("document.getElementById('live').studios.digits.run().done") == here
    root.locator(".scrub-time").press("Home")
    assert root.locator(".live-stage canvas").get_attribute("data-t") == "1000"
    root.get_by_role("button", name="Go on").click()
    tab.wait_for_function(
        "(here) => document.getElementById('live').studios.digits.run().done > here + 1", arg=here
    )
    root.get_by_role("button", name="Stop").click()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_without_a_shift_and_is_accessible(opened, width, scheme):
    watch = """window.shifts = [];
        new PerformanceObserver((list) => shifts.push(...list.getEntries().map((e) => e.value)))
            .observe({ type: "layout-shift", buffered: true });"""
    tab = opened(SURE + watch, "emoji", viewport={"width": width, "height": 900}, color_scheme=scheme)
    knobs(tab, "emoji", steps=5)
    press(tab, "emoji")
    assert sum(tab.evaluate("shifts")) < 0.005
    for kind in ("emoji", "digits"):
        if kind == "digits":
            tab.get_by_role("radio", name="Digits from noise").check(force=True)
            tab.get_by_role("radio", name="Your digit").check(force=True)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(tab, options=browser.AXE)
        assert found.violations_count == 0, found.generate_report()


def test_the_networks_are_light_and_nothing_of_them_is_loaded_unasked(opened, folder):
    def weighs(*names):
        files = [path for name in names for path in folder.glob(f"live-{name}*.js")]
        return sum(len(gzip.compress(path.read_bytes())) for path in [*files, folder / "live.js"])

    assert weighs("mnist") <= 6e6
    assert weighs("emoji") <= 12e6  # its decoder among it
    tab = opened(kind="emoji")
    loaded = tab.evaluate("performance.getEntriesByType('resource').map((e) => e.name.split('/').at(-1))")
    assert not [name for name in loaded if name.startswith("live-")]


@soak_only
@pytest.mark.alone
@pytest.mark.parametrize("kind", ["digits", "emoji"])
def test_it_is_quick(opened, kind):
    """16 digits in 50 steps, or four pictures, within three seconds of the click, once they are loaded."""
    tab = opened(kind=kind)
    took = []
    for _ in range(4):
        press(tab, kind)
        took.append(float(tab.locator(f'[data-kind="{kind}"]').get_attribute("data-took")))
    print(kind, took)
    assert min(took) <= 3000, took


@pytest.mark.parametrize(("name", "more"), [("net.wasm", []), ("net-fma.wasm", ["-mrelaxed-simd"])])
def test_what_is_compiled_is_its_source(tmp_path, name, more):
    pytest.importorskip("ziglang", reason="no compiler: pip install ziglang==0.17.1")
    source = Path(live.__file__).with_name("net.c")
    command = [sys.executable, "-m", "ziglang", "cc", *shlex.split(live.COMPILED), *more]
    subprocess.run([*command, "-o", tmp_path / name, source], check=True)
    assert (tmp_path / name).read_bytes() == source.with_name(name).read_bytes()
