"""The scrubbers without a browser: what they accept and refuse, what they store, what a notebook keeps."""

import base64
import io
import json

import browser
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from traitlets import TraitError

from ddpm_core import V, cosine, from_betas, linear, q_sample, straight
from ddpm_core.data import to_bytes
from ddpm_core.sampling import Frame, sample
from ddpm_core.study.exact import Mixture
from ddpm_core.teach.page import widgets
from ddpm_core.teach.page.line import one_line
from ddpm_core.teach.page.widgets import export_html, scrub, scrub_noise, shape_schedule

SCHEDULE = linear(20, 1e-3, 0.3)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*shape):
    return torch.rand(shape, generator=generator()) * 2 - 1


def frames(count=5, shape=(2, 1, 4, 4)):
    g = generator()
    xt, x0, noise = (torch.randn((count, *shape), generator=g) for _ in range(3))
    first = Frame(10 * (count - 1), xt[0], None, None)
    return [first, *(Frame(10 * (count - 1 - k), xt[k], x0[k], noise[k]) for k in range(1, count))]


@pytest.fixture(params=["noise", "frames", "shape", "line"])
def scrubber(request):
    make = {
        "noise": lambda: scrub_noise(images(2, 3, 4, 5), SCHEDULE, generator=generator()),
        "frames": lambda: scrub(frames()),
        "shape": shape_schedule,
        "line": lambda: one_line(SCHEDULE),
    }
    return make[request.param]()


# what is stored


def test_all_levels_travel_as_the_clean_pictures_and_their_noise_within_one_grey_level():
    x0, eps = images(4, 3, 9, 7), torch.randn(4, 3, 9, 7, generator=generator(1))
    schedule = linear()
    w = scrub_noise(x0, schedule, eps)
    n, h, wide, c = w.shape
    a, b = (np.frombuffer(x, "<f2").astype(float).reshape(n, h, wide, c) for x in (w.x0, w.eps))
    abar = np.frombuffer(w.abar, "<f8")
    assert abar.tolist() == schedule.abar.tolist()
    for t in (0, 1, 7, 250, 500, 999, 1000):
        drawn = np.floor(np.clip((np.sqrt(abar[t]) * a + np.sqrt(1 - abar[t]) * b) * 127.5 + 128, 0, 255))
        exact = to_bytes(q_sample(x0, eps, schedule.level(t))).permute(0, 2, 3, 1).numpy()
        assert np.abs(drawn - exact).max() <= 1


def test_noise_is_drawn_from_the_generator():
    x0 = images(2, 1, 4, 4)
    one, two = (scrub_noise(x0, SCHEDULE, generator=generator(3)) for _ in range(2))
    assert one.eps == two.eps != scrub_noise(x0, SCHEDULE, generator=generator(4)).eps


def test_sixteen_digits_through_a_thousand_levels_fit_into_200_kB():
    w = scrub_noise(images(16, 1, 28, 28), linear(), generator=generator())
    assert sum(map(len, (w.x0, w.eps, w.abar))) < 100_000
    stored = json.dumps(w._get_embed_state())
    data, metadata = w._repr_mimebundle_()
    assert len(stored) < 200_000
    assert len(stored) + len(json.dumps([data, metadata])) < 300_000


def test_frames_take_at_most_1_4_bytes_a_pixel():
    run = frames(30, (16, 1, 16, 16))
    w = scrub(run)
    buffers = w._get_embed_state()["buffers"]
    shown = sum(x.numel() for f in run for x in f[1:] if x is not None)
    assert sum(len(b["data"]) for b in buffers) < 1.4 * shown


def test_frames_are_the_grey_levels_of_the_run():
    run = frames(3, (2, 3, 4, 5))
    w = scrub(run)
    xt = np.frombuffer(w.xt, np.uint8).reshape(3, *w.shape)
    np.testing.assert_array_equal(xt[1], to_bytes(run[1].xt).permute(0, 2, 3, 1).numpy())
    noise = np.frombuffer(w.noise, np.uint8).reshape(2, *w.shape)
    np.testing.assert_array_equal(noise[1], to_bytes(run[2].noise / 3).permute(0, 2, 3, 1).numpy())
    assert w.pictures(20)[1:] == [None, None]
    for stored, picture in zip((xt[2], noise[1]), w.pictures(0)[::2], strict=True):
        np.testing.assert_array_equal(stored, picture.permute(0, 2, 3, 1).numpy())
    assert w.times == [20, 10, 0]
    assert w.t == 20


def test_play_goes_through_the_log_snr_of_a_walk_given_or_seen():
    schedule = linear(100, 1e-3, 0.2)
    world = Mixture(schedule, images(3, 1, 6, 6), 0.05**2)
    walk = list(sample(world, torch.randn(8, 1, 6, 6, generator=generator(1)), generator=generator(2)))
    given, seen = (torch.tensor(scrub(walk, schedule=s).log_snr) for s in (schedule, None))
    exact = schedule.snr[1:].log().flip(0)
    inside = (exact > 0) & (exact < 5)  # the picture outweighs the noise, and the noise can still be seen
    torch.testing.assert_close(given[:-1], exact.float())
    assert given.diff()[-1] == pytest.approx(given.diff()[-2])  # to t = 0, where it is infinite
    assert (seen.diff() >= 0).all()
    assert (seen - given)[:-1][inside].abs().max() < 1
    assert scrub(walk[:1]).log_snr == [0.0]
    with pytest.raises(ValueError, match="t = 100, beyond the schedule's T = 50"):
        scrub(walk, schedule=linear(50))
    with pytest.raises(TypeError, match="schedule must be a Schedule"):
        scrub(walk, schedule=schedule.abar)


def test_a_generator_of_frames_and_a_single_frame_will_do():
    assert len(scrub(iter(frames())).times) == 5
    assert scrub(frames()[:1]).still()


# t


def test_t_moves_within_its_range_only():
    w = scrub_noise(images(1, 1, 4, 4), SCHEDULE, generator=generator())
    w.t = 20
    assert w.t == 20
    for bad, words in ((21, r"t must be in 0\.\.20, got 21"), (-1, "got -1"), (True, "bool"), (1.5, "float")):
        with pytest.raises(TraitError, match=words):
            w.t = bad
    assert w.t == 20


def test_t_of_a_run_is_that_of_a_frame():
    w = scrub(frames())
    w.t = 10
    with pytest.raises(TraitError, match="t must be one of 40, 30, 20, 10, 0, got 11"):
        w.t = 11


def test_the_schedule_follows_its_traits():
    w = shape_schedule()
    assert w.schedule == linear()
    w.T, w.beta_max = 100, 0.05
    assert w.schedule == linear(100, 1e-4, 0.05)
    w.kind = "cosine"
    assert w.schedule == cosine(100)
    w.t = 100
    w.T = 50
    assert w.t == 50


@pytest.mark.parametrize(
    ("name", "bad"),
    [("T", 5), ("T", True), ("T", 2.5), ("beta_min", 0.0), ("beta_max", float("nan")), ("kind", "cubic")],
)
def test_a_shape_out_of_range_is_refused(name, bad):
    with pytest.raises(TraitError, match=name):
        setattr(shape_schedule(), name, bad)


# bad input

GOOD = images(2, 1, 4, 4)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (([1, 2], SCHEDULE), TypeError, "x0 must be a tensor"),
        (((GOOD * 255).to(torch.uint8), SCHEDULE), TypeError, "uint8; map bytes"),
        ((GOOD[0], SCHEDULE), ValueError, r"\(N, C, H, W\) with C = 1 or 3, got \(1, 4, 4\)"),
        ((GOOD[:0], SCHEDULE), ValueError, "got \\(0, 1, 4, 4\\)"),
        ((GOOD.expand(2, 2, 4, 4), SCHEDULE), ValueError, "C = 1 or 3"),
        ((GOOD / 0, SCHEDULE), ValueError, "NaN or infinite"),
        ((GOOD * 3, SCHEDULE), ValueError, r"x0 must lie in \[-1, 1\]"),
        ((GOOD, SCHEDULE.abar), TypeError, "schedule must be a Schedule"),
        ((GOOD, SCHEDULE, GOOD[:1]), ValueError, "eps must have the shape of x0"),
        ((GOOD, SCHEDULE, GOOD * 1e6), ValueError, "eps must be standard normal"),
        ((GOOD, SCHEDULE, GOOD, generator()), ValueError, "not both"),
    ],
)
def test_scrub_noise_says_what_is_wrong(args, error, words):
    with pytest.raises(error, match=words):
        scrub_noise(*args)


def changed(k, **what):
    run = frames()
    run[k] = run[k]._replace(**what)
    return run


@pytest.mark.parametrize(
    ("run", "error", "words"),
    [
        ([], ValueError, "at least one frame"),
        (None, TypeError, "must be Frames, .*got NoneType None"),
        (GOOD, TypeError, "must be Frames"),
        ([GOOD], TypeError, "frame 0 must be a Frame"),
        (changed(2, xt=GOOD[:, :, :3]), ValueError, r"one shape, got xt of \(2, 1, 3, 4\) at t = 20"),
        (changed(2, x0=GOOD[:1]), ValueError, "got x0 of"),
        (changed(2, x0=None), ValueError, "only the first frames may lack x0, got None at t = 20"),
        (changed(2, xt=GOOD / 0), ValueError, "xt of frame 2 holds"),
        (changed(2, noise=GOOD.to(torch.uint8)), TypeError, "noise of frame 2"),
        (changed(2, t=30), ValueError, "a t of its own"),
        (changed(2, t=True), TypeError, "t of frame 2"),
    ],
)
def test_scrub_says_what_is_wrong(run, error, words):
    with pytest.raises(error, match=words):
        scrub(run)


def test_too_many_frames_are_refused_with_a_way_out(monkeypatch):
    monkeypatch.setattr(widgets, "MAX_FRAMES", 150)
    with pytest.raises(ValueError, match=r"show fewer, such as frames\[::3\]"):
        scrub(frames())
    monkeypatch.setattr(widgets, "MAX_FRAMES", 5)
    with pytest.raises(ValueError, match="show fewer pictures, or smaller ones"):
        scrub(frames()[:1])


def test_too_many_pictures_are_refused_with_a_way_out(monkeypatch):
    x0 = images(5, 1, 4, 4)
    monkeypatch.setattr(widgets, "MAX_FRAMES", 4 * 4 * 4 * 3)
    with pytest.raises(ValueError, match=r"5 images of 1x4x4 and their noise hold .*, such as x0\[:3\]"):
        scrub_noise(x0, SCHEDULE)
    assert scrub_noise(x0[:3], SCHEDULE).shape[0] == 3
    monkeypatch.setattr(widgets, "MAX_FRAMES", 4 * 4 * 3)
    with pytest.raises(ValueError, match="show smaller ones"):
        scrub_noise(x0[:1], SCHEDULE)


def test_what_a_page_is_asked_to_hold_has_a_limit():
    with pytest.raises(ValueError, match=r"hold 39 MB, expected at most 24 MB; .* x0\[:366\]"):
        scrub_noise(torch.zeros(600, 1, 128, 128), SCHEDULE)


@pytest.mark.parametrize("t", [0, 1, 7, 20])
def test_every_pair_on_the_line_gives_the_same_x_t_and_its_velocity(t):
    w, level = one_line(SCHEDULE, xt=-0.7), SCHEDULE.at(t)
    for velocity in (-2.0, 0.0, 0.3):
        x0, eps = (torch.tensor(x, dtype=torch.float64) for x in w.pair(velocity, t))
        assert q_sample(x0, eps, level).item() == pytest.approx(-0.7, abs=1e-12)
        assert V().target(x0, eps, x0, level, level).item() == pytest.approx(velocity, abs=1e-12)


def test_the_line_s_guess_and_its_schedule_have_limits():
    w = one_line(SCHEDULE)
    w.guess = 2.0
    for bad in (2.1, float("nan")):
        with pytest.raises(TraitError, match=r"guess must be in -2\.\.2"):
            w.guess = bad
    with pytest.raises(TypeError, match="schedule must preserve variance"):
        one_line(straight(10))
    with pytest.raises(ValueError, match="truth must lie strictly between -2 and 2"):
        one_line(SCHEDULE, truth=3.0)


# what is left behind


def test_the_repr_is_short_and_the_same_each_time(scrubber):
    text = repr(scrubber)
    assert "0x" not in text
    assert len(text) < 80
    assert scrubber._repr_mimebundle_()[0]["text/plain"] == text
    expected = {
        "NoiseScrubber": "scrub_noise: 2 images of 3x4x5, t = 0..20",
        "FrameScrubber": "scrub: 5 frames of 2 images of 1x4x4, t = 40..0",
        "ScheduleShaper": "shape_schedule: linear, beta = 0.0001..0.02, T = 1000",
        "LineScrubber": "one_line: x_t = 1.1, t = 0..20",
    }
    assert text == expected[type(scrubber).__name__]


def test_a_run_of_one_frame_is_shown():
    w = scrub([Frame(5, GOOD, None, None)])
    assert repr(w) == "scrub: 1 frame of 2 images of 1x4x4, t = 5"
    assert w._repr_mimebundle_()[0]["text/plain"] == repr(w)
    assert "<title>scrub: 1 frame of 2" in export_html(w)


def test_a_still_picture_stays_and_does_not_depend_on_t(scrubber):
    before = scrubber.still()
    assert base64.b64decode(scrubber._repr_mimebundle_()[0]["image/png"]) == before
    with Image.open(io.BytesIO(before)) as picture:
        assert picture.format == "PNG"
        assert 100 < picture.width <= 1000
        assert len(np.unique(np.asarray(picture))) > 10
    scrubber.t = 10
    assert scrubber.still() == before
    assert len(before) < 60_000


def test_a_schedule_of_one_step_has_a_still():
    assert scrub_noise(GOOD, from_betas(torch.tensor([0.5])), generator=generator()).still()


def test_a_page_stands_alone(scrubber):
    html = export_html(scrubber)
    assert "http" not in html.replace("http://www.w3.org/2000/svg", "")
    assert html.count('<div class="scrub-mount">') == 1
    assert ' src="data:image/png' in html


@pytest.mark.parametrize(("demand", "outcome"), [("", pytest.skip.Exception), ("1", pytest.fail.Exception)])
def test_without_a_browser_the_browser_tests_say_so_aloud(monkeypatch, demand, outcome):
    monkeypatch.setenv("DDPM_REQUIRE_BROWSER", demand)
    monkeypatch.setattr(browser, "browsers", list)
    with pytest.raises(outcome, match="NOT tested"):
        browser.chromium()


@pytest.mark.parametrize(("count", "channels"), [(5, 1), (30, 1), (6, 3)])
def test_what_plays_by_itself_has_a_film_as_its_still_which_ends_where_the_walk_does(count, channels):
    run = frames(count, (3, channels, 4, 5))
    w = scrub(run, columns=3, plays=True)
    assert (w.plays, w.columns) == (True, 3)
    assert "film" in w.awakes != scrub(run).awakes
    with Image.open(io.BytesIO(w.still())) as film:
        pages = [page.convert("RGBA") for page in ImageSequence.Iterator(film)]
    still, first, last = pages[0], pages[1], pages[-1]
    assert still.tobytes() == last.tobytes() != first.tobytes()  # where nothing moves, it is the end
    assert still.width <= 720
    scale = still.width // 17  # three pictures of 5 and two gaps
    for page, frame in ((first, run[0]), (last, run[-1])):
        seen = np.asarray(page)[::scale, ::scale].astype(float)
        assert (seen[:, 5, 3], seen[:, 11, 3]) == pytest.approx((0, 0))  # the page shows through
        for k, place in enumerate((0, 6, 12)):
            grey = (frame.xt[k].clamp(-1, 1) + 1).numpy() * 127.5
            assert np.abs(seen[:, place : place + 5, :3].transpose(2, 0, 1) - grey).max() <= 5  # 32 levels


def test_columns_are_a_whole_number():
    assert scrub(frames(shape=(10, 1, 4, 4)), columns=5).columns == 5
    assert scrub(frames(shape=(10, 1, 4, 4))).columns == 4
    with pytest.raises(ValueError, match="columns"):
        scrub(frames(), columns=0)
