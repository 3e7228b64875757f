"""shape_posterior without a browser: its bells are the library's, its values are checked, its still stays."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from traitlets import TraitError

from ddpm_core import Schedule, linear, posterior, straight, transition
from ddpm_core.teach.page import asset
from ddpm_core.teach.page.bells import shape_posterior
from ddpm_core.teach.page.figures.style import BLUE, GREEN, RED

EXAMPLE = Schedule([1, 0.9216, 0.64, 0.36])


@pytest.mark.parametrize(
    "schedule", [EXAMPLE, linear(5, 0.1, 0.5), Schedule(signal=[1, 1, 1], noise=[0, 1, 3])]
)
def test_the_third_bell_is_the_posterior_and_the_product_of_the_two_others(schedule):
    w = shape_posterior(schedule, x0=1.7, xt=-0.4)
    x = np.linspace(-3, 3, 7)
    for t in range(2, schedule.T + 1):
        w.t = t
        known, told, both = w.guesses()
        s, now = schedule.level(t - 1), schedule.level(t)
        exact = posterior(1.7, -0.4, s, now)
        assert (both.mean, both.var) == (exact.mean, exact.var)
        logs = [-((x - bell.mean) ** 2) / (2 * bell.var) for bell in (known, told, both)]
        assert np.ptp(logs[0] + logs[1] - logs[2]) < 1e-12  # they differ by a constant
        step = transition(x, s, now)  # as a function of x_s it is the second bell
        assert np.ptp(logs[1] + (-0.4 - step.mean) ** 2 / (2 * step.var)) < 1e-12


def test_it_is_moved_from_code_within_its_limits():
    w = shape_posterior(EXAMPLE)
    assert (w.x0, w.xt, w.t) == (2.0, 0.6, 3)
    assert [round(float(v), 3) for bell in w.guesses() for v in bell] == [1.6, 0.36, 0.8, 0.778, 1.347, 0.246]
    w.t, w.xt = 2, 1.5
    assert repr(w) == "shape_posterior: x_0 = 2, x_2 = 1.5"
    for name, bad, words in (
        ("t", 1, "t must be in 2..3, got 1: at t = 1 the posterior is a point"),
        ("t", 4, "got 4"),
        ("x0", 3.5, "x0 must be in -2..3, got 3.5"),
        ("xt", float("nan"), "got nan"),
    ):
        with pytest.raises(TraitError, match=re.escape(words)):
            setattr(w, name, bad)
    assert (w.x0, w.xt, w.t) == (2.0, 1.5, 2)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        (([1, 0.5],), TypeError, "schedule must be a Schedule"),
        ((linear(1000),), ValueError, "2 to 9 steps, a button for each, got 1000"),
        ((linear(1),), ValueError, "got 1"),
        ((straight(4),), ValueError, "the last signal of the schedule is 0"),
        ((EXAMPLE, 2.0, 0.6, 1), ValueError, "t"),
        ((EXAMPLE, 5.0), TraitError, "x0 must be in -2..3"),
    ],
)
def test_what_it_can_t_show_is_told(args, error, words):
    with pytest.raises(error, match=re.escape(words)):
        shape_posterior(*args)


def test_the_still_shows_two_steps_and_stays():
    w = shape_posterior(EXAMPLE)
    before = w.still()
    with Image.open(io.BytesIO(before)) as picture:
        assert 400 < picture.width <= 1000
        assert np.asarray(picture)[0, 0, 3] == 0  # no paper of its own
    w.t = 2
    assert w.still() == before
    assert len(before) < 60_000
    data, _ = w._repr_mimebundle_()
    assert data["text/plain"] == repr(w)
    assert shape_posterior(linear(2, 0.1, 0.5)).still()


def test_its_colours_are_those_of_the_figures():
    assert set(re.findall("#[0-9a-f]{6}", asset("bells.css"))) == {BLUE, RED, GREEN}
