"""The particle widget in a browser, without a kernel or a network: torch's positions, and what hands do."""

import browser
import numpy as np
import pytest
import torch

from ddpm_core import MLP, X0, Denoiser, Eps, Flow, Score, V, cosine, exploding, linear, straight, train
from ddpm_core.sampling import Frame, ancestral, ancestral_beta, ddim, eta, sample
from ddpm_core.study.exact import Mixture
from ddpm_core.teach import particles
from ddpm_core.teach.page.particles import particle_noise
from ddpm_core.teach.page.widgets import export_html

MEANS = torch.tensor([[-1.5, 0.0], [1.0, 1.0], [1.0, -1.0], [0.0, 0.2]]).double()
SDE, ODE = "with noise (SDE)", "without noise (ODE)"


def world(schedule, var=0.15**2):
    return Mixture(schedule, MEANS, var, torch.tensor([0.4, 0.2, 0.3, 0.1]))


def network(schedule, prediction=None, clip=None):
    """A small network after a few steps of training: what a lesson has, if rougher."""
    torch.manual_seed(1)
    net = MLP(2, width=24, depth=2)
    made = Denoiser(net, schedule, Eps() if prediction is None else prediction, clip)
    data = world(schedule, 0.05**2).draw(2000, torch.Generator().manual_seed(0)).float()
    for _ in train(made, data.clamp(-1.7, 1.7), images=150 * 128, batch=128):
        pass
    return made


@pytest.fixture
def opened(chrome):
    """A function that opens a widget's page in a browser without a network; at the end, no error was seen."""
    errors, contexts = [], []

    def show(widget, **options):
        context = chrome.new_context(
            **{"viewport": {"width": 1100, "height": 900}, "has_touch": True, **options}
        )
        contexts.append(context)
        context.set_offline(True)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        tab.set_content(export_html(widget), wait_until="load")
        tab.wait_for_selector("canvas[data-ready]")
        return tab

    yield show
    for context in contexts:
        context.close()
    assert errors == []


def put(tab, **values):
    """Set traits of the widget, as Python would."""
    tab.evaluate(
        """(values) => {
            const { model } = document.querySelector(".scrub-mount");
            for (const [name, value] of Object.entries(values)) model.set(name, value);
        }""",
        values,
    )


def told(tab, name):
    return tab.evaluate("(name) => document.querySelector('.scrub-mount').model.get(name)", name)


def side(tab):
    return tab.locator("canvas[data-t]").first.evaluate("(c) => c.clientWidth")


def on_page(tab, w, xt, t):
    """Where points of the plane belong on a canvas, in pixels of the page: (n, 2)."""
    half = w.reach * max(1.0, float(np.hypot(*w._world.schedule.at(t))))
    unit = side(tab) / 2 / half
    return np.stack([side(tab) / 2 + unit * xt[:, 0].numpy(), side(tab) / 2 - unit * xt[:, 1].numpy()], 1)


def positions(tab):
    found = tab.evaluate("document.querySelector('.scrub').positions()")
    return [np.array(each).reshape(-1, 2) for each in found]


SHORT = linear(150, 1 / 1500, 2 / 15)
RULES = {"ancestral": ancestral, "smaller variance": ancestral_beta, "ODE": ddim}
CASES = {
    "linear": lambda: (world(linear()), None),
    "points": lambda: (world(cosine(150), 0.0), None),
    "flow": lambda: (world(straight(120)), None),
    "exploding": lambda: (world(exploding(90)), None),
    "learned": lambda: (world(linear()), network(linear())),
    "learned score, clipped": lambda: (world(SHORT), network(SHORT, Score(), 1.7)),
    "learned, cosine, clipped": lambda: (world(cosine(80)), network(cosine(80), V(), 1.7)),
    "learned flow": lambda: (world(straight(120)), network(straight(120), Flow())),
    "learned flow, clipped": lambda: (world(straight(60)), network(straight(60), Flow(), 1.7)),
    "learned, exploding": lambda: (world(exploding(90)), network(exploding(90), X0())),
    "learned, exploding, clipped": lambda: (world(exploding(90)), network(exploding(90), Eps(), 1.7)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("seed", [0, 20261130])
def test_positions_are_torch_s_within_a_pixel(opened, case, seed):
    data, net = CASES[case]()
    w = particles(data, net, count=200, seed=seed, rules=RULES)
    tab = opened(w)
    if net is None:
        shown = {None: [("exact", rule) for rule in RULES]}
    else:
        shown = {rule: [("exact", rule), ("learned", rule)] for rule in RULES}
    for chosen, pairs in shown.items():
        walks = [w.walk(rule, field) for field, rule in pairs]
        if net is not None:
            assert not torch.equal(walks[0][-1].xt.float(), walks[1][-1].xt.float())
        for k in (0, 1, len(w.times) // 2, len(w.times) - 3, len(w.times) - 1):
            put(tab, t=w.times[k], **({} if chosen is None else {"rule": chosen}))
            for pair, walk, drawn in zip(pairs, walks, positions(tab), strict=True):
                expected = on_page(tab, w, walk[k].xt.double(), w.times[k])
                assert np.abs(drawn - expected).max() <= 1, (pair, w.times[k])


def test_other_rules_are_torch_s_too(opened):
    rules = {"0": ddim, "1/2": eta(0.5), "1": ancestral}
    w = particles(world(linear(300, 1 / 3000, 1 / 15)), count=50, steps=30, rules=rules)
    tab = opened(w)
    put(tab, t=0)
    for name, drawn in zip(rules, positions(tab), strict=True):
        assert np.abs(drawn - on_page(tab, w, w.walk(name)[-1].xt, 0)).max() <= 1


def dots(canvas, colour):
    """The centre of a canvas' pixels of one colour, in pixels of the page: (x, y)."""
    seen = browser.pixels(canvas).astype(int)
    rows, columns = np.nonzero((np.abs(seen[..., :3] - colour).max(-1) < 30) & (seen[..., 3] > 200))
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5]), len(rows)


@pytest.mark.parametrize("ratio", [1, 2])
def test_a_dot_is_drawn_where_its_particle_is(opened, ratio):
    w = particles(world(linear()), count=1, seed=3)
    w.arrows, w.paths = "none", False
    tab = opened(w, device_scale_factor=ratio)
    for t in (1000, 200, 0):
        put(tab, t=t)
        for rule, canvas in zip((SDE, ODE), tab.locator("canvas[data-t]").all(), strict=True):
            at, size = dots(canvas, (217, 101, 10))
            expected = on_page(tab, w, w.walk(rule)[w.times.index(t)].xt, t)[0]
            assert np.abs(at / ratio - expected).max() <= 1
            assert 4 * ratio**2 <= size <= 30 * ratio**2


def test_what_is_drawn_follows_the_switches(opened):
    tab = opened(particles(world(linear()), network(linear()), count=40))
    put(tab, t=300)
    canvas = tab.locator("canvas[data-t]").first
    root = tab.locator(".scrub")
    seen = [browser.pixels(canvas)]

    def changed():
        seen.append(browser.pixels(canvas))
        return not np.array_equal(seen[-1], seen[-2])

    for name in ("velocity", "none", "score"):
        root.get_by_role("radio", name=name).check(force=True)
        assert changed(), name
        assert told(tab, "arrows") == name
    root.get_by_role("button", name="paths").click()
    assert changed()
    assert told(tab, "paths") is False
    root.get_by_role("radio", name=ODE).check(force=True)
    assert changed()
    assert told(tab, "rule") == ODE


def test_the_legend_names_what_is_drawn_and_nothing_else(opened):
    tab = opened(particles(world(linear()), count=3))
    root, drop = tab.locator(".scrub"), tab.get_by_role("button", name="drop a point")

    def legend():
        return [key.inner_text() for key in tab.locator(".particles-key").all() if key.is_visible()]

    always = ["where xt is likely", "particles"]
    uphill, step = "score: uphill, to likelier places", "velocity: where a step without noise leads"
    paths, yours = "the paths of 3 of them", "your points, and their ways"
    assert legend() == [*always, uphill, paths]
    root.get_by_role("radio", name="velocity").check(force=True)
    drop.click()
    assert legend() == [*always, step, paths, yours]
    root.get_by_role("radio", name="none").check(force=True)
    root.get_by_role("button", name="paths").click()
    root.get_by_role("button", name="clear points").click()
    assert legend() == always


def test_the_arrows_are_the_score_and_the_velocity(opened):
    """On the lattice they are torch's numbers, those of the velocity in proportion."""
    w = particles(Mixture(linear(), torch.tensor([[0.9, -0.4]]).double(), 0.3**2), count=1)
    tab = opened(w)
    for t in (1000, 300, 5):
        put(tab, t=t)
        half, level = w.reach, w._world.schedule.at(t)
        row = int(np.clip(round(side(tab) / 28), 8, 15))
        axis = torch.tensor([(2 * i + 1) / row - 1 for i in range(row)], dtype=torch.float64) * half
        at = torch.cartesian_prod(axis, axis).flip(1)  # x runs fastest
        x0 = w._world(at, torch.full((len(at),), t))
        score = (level.signal * x0 - at) / level.noise
        s = w._world.schedule.at(w.times[w.times.index(t) + 1])
        velocity = ddim(x0, at, s, level, torch.zeros_like(at)) - at
        velocity = velocity / velocity.square().sum(1).mean().sqrt()
        for kind, expected in (("score", score), ("velocity", velocity)):
            put(tab, arrows=kind)
            found = tab.evaluate("document.querySelector('.scrub').arrows()")
            for drawn in found:
                drawn = torch.tensor(drawn, dtype=torch.float64).reshape(-1, 2)
                torch.testing.assert_close(drawn, expected, atol=1e-5, rtol=1e-5)


def test_the_grey_is_the_density(opened):
    w = particles(world(linear(), 0.3**2), count=1)
    w.arrows, w.paths = "none", False
    tab = opened(w)
    for t in (1000, 200, 0):
        put(tab, t=t)
        seen = browser.pixels(tab.locator("canvas[data-t]").first).astype(float)
        pixel = np.arange(6, len(seen) - 6, 9)
        x, y = (pixel + 0.5) / len(seen) * 2 - 1, 1 - (pixel + 0.5) / len(seen) * 2
        points = torch.tensor([[a, b] for b in y for a in x], dtype=torch.float64) * w.reach
        log_q = w._world.log_prob(points, t)
        expected = 175 * (log_q - log_q.max()).div(2).exp().numpy().reshape(len(y), len(x))
        grey = seen[np.ix_(pixel, pixel)]
        plain = (grey[..., 0] < 200) | (grey[..., 3] == 0)  # a dot covers some
        assert np.abs(grey[..., 3] - expected)[plain].max() < 9


def dropped_walk(w, rule, i=0):
    """The walk of a dropped point by torch, with the noise of its number."""
    x, y, t = w.dropped[i]
    times = w.times[w.times.index(t) :]
    arrivals = iter(times[1:])
    rows = torch.tensor([2**20 + i])

    def seeded(x0, xt, s, t, _):
        return w._rules[rule](x0, xt, s, t, particle_noise(w.seed, next(arrivals), rows).to(xt))

    start = torch.tensor([[x, y]], dtype=torch.float64)
    frames: list[Frame] = list(sample(w._world, start, times, seeded))
    return frames


def test_a_click_drops_a_point_that_walks_on_as_torch_s(opened):
    w = particles(world(linear()), count=1)
    w.arrows, w.paths = "none", False
    tab = opened(w)
    put(tab, t=300)
    canvases = tab.locator("canvas[data-t]").all()
    box = canvases[1].bounding_box()
    tab.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.4 * box["height"])
    ((x, y, t),) = w.dropped = told(tab, "dropped")
    assert t == 300
    assert told(tab, "t") == 300
    at = on_page(tab, w, torch.tensor([[x, y]]), 300)[0] / side(tab)
    np.testing.assert_allclose(at, [0.3, 0.4], atol=1.5 / side(tab))
    put(tab, t=0)
    for rule, canvas in zip((SDE, ODE), canvases, strict=True):
        walk = dropped_walk(w, rule)
        expected = on_page(tab, w, walk[-1].xt, 0)[0]
        around = browser.pixels(canvas).astype(int)
        x, y = np.round(expected - 0.5).astype(int)
        assert np.abs(around[y, x, :3] - (15, 145, 102)).max() < 30, rule  # the large dot covers its place
    tab.get_by_role("button", name="clear points").click()
    assert told(tab, "dropped") == []


def test_a_finger_drops_a_point_too(opened):
    tab = opened(particles(world(linear()), count=20))
    box = tab.locator("canvas[data-t]").first.bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4)
    ((x, y, t),) = told(tab, "dropped")
    assert abs(x) < 0.1
    assert y > 1
    assert t == 1000


def test_keys_aim_and_drop(opened):
    w = particles(world(linear()), count=20)
    tab = opened(w)
    button = tab.get_by_role("button", name="drop a point")
    button.focus()
    for key in ["ArrowRight"] * 8 + ["ArrowUp"] * 4 + ["Enter"]:
        tab.keyboard.press(key)
    ((x, y, t),) = told(tab, "dropped")
    assert (x, y, t) == (pytest.approx(0.4 * w.reach), pytest.approx(0.2 * w.reach), 1000)
    assert told(tab, "t") == 1000  # arrows aimed, and moved no slider
    assert "Point dropped at" in tab.locator("[aria-live]").inner_text()
    tab.locator(".scrub-time").focus()
    tab.keyboard.press("ArrowRight")
    assert told(tab, "t") == 995


def test_there_is_an_end_to_dropping(opened):
    w = particles(world(linear()), count=5)
    tab = opened(w)
    button = tab.get_by_role("button", name="drop a point")
    for _ in range(43):
        button.click()
    assert len(told(tab, "dropped")) == 40


def test_a_drag_moves_t_and_drops_nothing(opened):
    w = particles(world(linear()), count=20)
    tab = opened(w)
    box = tab.locator("canvas[data-t]").first.bounding_box()
    y = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + 2, y)
    tab.mouse.down()
    seen = []
    for k in range(1, 21):
        tab.mouse.move(box["x"] + 2 + k * (box["width"] - 4) / 20, y)
        seen.append(told(tab, "t"))
    tab.mouse.up()
    log_snr = np.clip(w.log_snr, -8, 8)
    shares = (6 * (log_snr - log_snr[0]) / np.ptp(log_snr) + np.linspace(0, 1, len(log_snr))) / 7
    for k, t in enumerate(seen, 1):  # as far through the walk's log-SNR as the hand is across the picture
        across = k * (box["width"] - 4) / 20 / box["width"]
        assert abs(w.times.index(t) - np.interp(across, shares, np.arange(len(shares)))) <= 1.5
    assert told(tab, "dropped") == []


def test_everything_has_a_name_and_a_size_for_fingers(opened):
    tab = opened(particles(world(linear()), network(linear()), count=20))
    for canvas, field in zip(tab.locator("canvas[data-t]").all(), ("exact", "learned"), strict=True):
        assert canvas.get_attribute("aria-label") == f"{field} field: density and 20 particles at t = 1000"
    for group in ("rule", "arrows"):
        assert tab.get_by_role("radiogroup", name=group).count() == 1
    for button in tab.get_by_role("button").all():
        assert min(button.bounding_box()[edge] for edge in ("width", "height")) >= 32
    slider = tab.locator(".scrub-time")
    assert slider.get_attribute("aria-valuetext") == "t = 1000: signal 0.01, noise 1.00"


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_its_paper_is_the_page_s(opened, width, scheme):
    tab = opened(
        particles(world(linear()), network(linear()), count=20),
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    assert tab.locator(".scrub").evaluate("(r) => r.scrollWidth <= r.clientWidth")
    assert all(canvas.bounding_box()["width"] >= 140 for canvas in tab.locator("canvas[data-t]").all())
    canvas = browser.pixels(tab.locator("canvas[data-t]").first)
    assert np.median(canvas[..., 3]) < 100  # no slab of its own


def test_play_goes_through_every_state_and_ends(opened):
    w = particles(world(linear()), count=30, steps=25)
    tab = opened(w)
    tab.evaluate(
        """() => {
            const { model } = document.querySelector(".scrub-mount");
            window.seen = [model.get("t")];
            model.on("change:t", () => seen.push(model.get("t")));
        }"""
    )
    tab.locator(".scrub-time").press("Space")
    tab.wait_for_function("document.querySelector('.scrub-mount').model.get('t') === 0", timeout=60_000)
    tab.wait_for_function("!document.querySelector('.scrub-playing')")
    assert tab.evaluate("seen") == w.times
    put(tab, t=0)
    assert np.abs(positions(tab)[0] - on_page(tab, w, w.walk(SDE)[-1].xt, 0)).max() <= 1


def test_who_wants_less_motion_gets_a_few_stills(opened):
    w = particles(world(linear()), count=30)
    tab = opened(w, reduced_motion="reduce")
    tab.evaluate(
        """() => {
            window.seen = new Set();
            const { clearRect } = CanvasRenderingContext2D.prototype;
            const canvas = document.querySelector("canvas[data-t]");
            CanvasRenderingContext2D.prototype.clearRect = function (...args) {
                clearRect.apply(this, args);
                if (this.canvas === canvas) seen.add(document.querySelector(".scrub-time").value);
            };
        }"""
    )
    tab.get_by_role("button", name="play").click()
    tab.wait_for_function("document.querySelector('.scrub-mount').model.get('t') === 0", timeout=60_000)
    assert 5 <= tab.evaluate("seen.size") <= 14
