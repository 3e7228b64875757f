"""The notes' faults: each is refuted, has the effect that the lessons state, and is hidden where they say."""

import io
import json
import math

import browser
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from oracles import close, normal
from PIL import Image
from traitlets import TraitError

from ddpm_core import Level, ancestral_beta, linear, q_sample, sample
from ddpm_core.study.exact import Mixture, gaussian, law
from ddpm_core.teach.maths import symbols as sym
from ddpm_core.teach.maths.faults import FAULTS, LECTURES, RIGHT
from ddpm_core.teach.maths.wrong import (
    as_it_is,
    both_bars_lost,
    implied_noise,
    one_bar_lost,
    only_added,
    trained_on,
)
from ddpm_core.teach.page.errata import FaultWatcher, SideBySide, watch_fault
from ddpm_core.teach.page.widgets import export_html

pytestmark = pytest.mark.slow

SCHEDULE = linear()
HILL = gaussian(SCHEDULE, 1.0, 0.5)
SHORT = linear(40, 1e-3, 0.25)
HILLS = Mixture(SHORT, torch.tensor([[-1.0], [1.0]]), 0.01, torch.tensor([0.3, 0.7]))

# mean and standard deviation of what 1,000 steps make of N(1, 0.5^2), relative to 2 %
DAMAGE = {
    "E01": (0.204, 0.189),
    "E03": (1.0, 0.175),
    "E06": (1.556, 0.577),
    "E07": (6.40, 4.61),
    "E08": (-1.04e22, 10**23.57),
    "E09": (1.0, 0.0),
    "E14": (-67.9, 47.5),
    "E15": (1.0, 0.50085),
    "E30": (1.940, 0.996),
    "E31": (1.0, 0.00159),
    "E33": (-1.04e35, 1.64e37),
}


@pytest.mark.parametrize("number", DAMAGE)
def test_the_damage_is_what_the_list_says(number):
    fault, (mean, std) = FAULTS[number], DAMAGE[number]
    made = law(fault.denoiser(HILL), rule=fault.rule)
    assert made.mean.item() == pytest.approx(mean, rel=0.02)
    assert made.var.item() ** 0.5 == pytest.approx(std, rel=0.02)


def test_e02_grows_by_733_powers_of_ten():
    """For Gaussian data, the slope of a step in x_t at a fixed estimate grows by sqrt(alpha_t / abar_t)."""
    scale, right = (
        rule(SCHEDULE.at(500).signal * 0.0, 1.0, SCHEDULE.at(499), SCHEDULE.at(500), 0.0)
        for rule in (FAULTS["E02"].rule, ancestral_beta)
    )
    assert scale / right == pytest.approx(3.549, rel=1e-3)
    assert (SCHEDULE.alphas / SCHEDULE.abar).sqrt().log10().sum() == pytest.approx(733, abs=1)
    assert not math.isfinite(law(HILL, rule=FAULTS["E02"].rule).var.item())


def test_the_right_sampler_is_right():
    made = law(HILL, rule=RIGHT.rule)
    assert made.mean.item() == pytest.approx(1.0, abs=2e-5)
    assert made.var.item() ** 0.5 == pytest.approx(0.5008, abs=1e-4)
    assert RIGHT.denoiser(HILL) is HILL


WRONG_RULES = [fault for fault in FAULTS.values() if fault.rule is not ancestral_beta]


@pytest.mark.parametrize("fault", WRONG_RULES, ids=lambda f: f.number)
def test_sympy_refutes_the_rule_that_runs(fault):
    letters = sym.x0, sym.xt, sym.s, sym.t, sym.z
    if fault.number == "E15":  # differs at s = 0 only
        letters = *letters[:2], Level(1, 0), *letters[3:]
    assert not sym.equal(fault.rule(*letters), ancestral_beta(*letters))


@pytest.mark.parametrize(
    ("inputs", "variance"), [(one_bar_lost, 1.911), (both_bars_lost, 1.0)], ids=["E06", "E07"]
)
def test_sympy_refutes_the_training_inputs(inputs, variance):
    made = inputs(sym.x0, sym.eps, sym.s, sym.t)
    assert not sym.equal(made, q_sample(sym.x0, sym.eps, sym.t))
    assert trained_on(inputs)(HILL).size[500] ** 2 == pytest.approx(variance, abs=1e-3)


@pytest.mark.parametrize("number", ["E01", "E02", "E03", "E06", "E07"])
def test_at_t_1_the_fault_is_hidden_and_at_t_2_it_shows(number):
    fault, x = FAULTS[number], normal(5, 1)
    for t, hidden in ((1, True), (2, False)):
        s, now = SCHEDULE.level(t - 1), SCHEDULE.level(t)
        step = fault.rule(fault.denoiser(HILL)(x, t), x, s, now, 0 * x)
        assert torch.allclose(step, ancestral_beta(HILL(x, t), x, s, now, 0 * x), rtol=1e-9) is hidden


def test_the_tower_lets_the_lost_bar_through():
    """E03 leaves the mean at every t as it is: it subtracts too much of something whose mean is 0."""
    noised = q_sample(sym.x0, sym.eps, sym.t)
    for number, holds in {"E01": False, "E02": False, "E03": True, "E08": False, "E09": False}.items():
        step = FAULTS[number].rule(sym.x0, noised, sym.s, sym.t, 0)
        assert sym.equal(sym.expectation(step, sym.eps), q_sample(sym.x0, 0, sym.s)) is holds


def test_centred_data_hide_e08_and_data_of_mean_1_hide_e09():
    for number, mean, hidden in (
        ("E08", 0.0, True),
        ("E08", 1.0, False),
        ("E09", 1.0, True),
        ("E09", 0.3, False),
    ):
        made = law(gaussian(SCHEDULE, mean, 0.5), SCHEDULE.times(100), FAULTS[number].rule)
        assert (abs(made.mean.item() - mean) < 1e-3) is hidden


def test_the_small_hill_is_lost_by_e03_alone_of_those_that_keep_the_mean():
    hills = Mixture(SCHEDULE, torch.tensor([[-1.0], [1.0]]), 0.01, torch.tensor([0.3, 0.7]))
    x_T = normal(300, 1).float()
    pair = SideBySide([RIGHT, FAULTS["E03"]], hills)
    *_, (t, x) = pair.walk(x_T, torch.Generator().manual_seed(0))
    right, lost = (x < 0).double().mean((1, 2))
    assert t == 0
    assert abs(right - 0.3) < 4 * (0.21 / 300) ** 0.5
    assert lost == 0
    assert abs(x[1].std() - 0.05) < 0.01


def test_a_network_trained_on_the_sampler_s_own_inputs_is_the_exact_one():
    x = normal(6, 1)
    trained = trained_on(lambda x0, eps, s, t: q_sample(x0, eps, t))(HILL)
    for t in (1, 300, 1000):
        close(trained(x, t), HILL(x, t))
    close(trained(x, torch.full((6,), 300)), HILL(x, 300))


def test_a_misled_network_answers_with_the_noise_of_what_it_saw():
    """E[eps | x] for x = x_0 + sqrt(sum of betas) eps, from regression, converted to x_0 by the sampler."""
    network, x, t = only_added(HILL), normal(4, 1), 400
    added = SCHEDULE.betas[: t + 1].sum()
    eps = (x - 1) * added.sqrt() / (0.25 + added)
    level = SCHEDULE.level(t)
    close(network(x, t), (x - level.noise * eps) / level.signal)


def test_side_by_side_is_one_after_the_other():
    """Each block is what `sample` gives for it alone, with the same noise."""
    walkers = [RIGHT, FAULTS["E31"], FAULTS["E06"]]
    x_T = normal(16, 1)
    world = Mixture(SHORT, HILLS.means.double(), 0.01, HILLS.weights)
    *_, (_, x) = SideBySide(walkers, world).walk(x_T, torch.Generator().manual_seed(2))
    *_, alone = sample(world, x_T, rule=FAULTS["E31"].rule)  # uses no noise
    close(x[1], alone.xt)
    g = torch.Generator().manual_seed(2)

    def same_draws(x0, xt, s, t, noise):
        return ancestral_beta(x0, xt, s, t, torch.randn(48, 1, generator=g, dtype=torch.float64)[:16])

    for k in (0, 2):
        g.manual_seed(2)
        *_, alone = sample(walkers[k].denoiser(world), x_T, rule=same_draws)
        close(x[k], alone.xt)


def test_the_implied_noise_is_the_noise():
    x0, eps, t = normal(3, 1), normal(3, 1, seed=1), SCHEDULE.level(400)
    close(implied_noise(x0, q_sample(x0, eps, t), t), eps)


def test_the_list_is_whole():
    assert list(FAULTS) == sorted(FAULTS)
    assert len(FAULTS) == 12, "no number is there twice"
    for fault in FAULTS.values():
        text = fault._repr_markdown_()
        assert fault.printed != fault.right
        assert LECTURES[fault.lecture][1] in text
        assert text.count("|") == 12, f"a bar inside a formula breaks the table: {fault.number}"
        assert (fault.rule is ancestral_beta) != (fault.denoiser is as_it_is), "a fault is one thing"
        assert not fault.false or fault.number in fault.false.name
    assert "&t=233s" in FAULTS["E01"]._repr_markdown_()
    assert "&t=" not in FAULTS["E08"]._repr_markdown_()


# the widget


@pytest.fixture(scope="module")
def watcher():
    return watch_fault(HILLS, particles=50, frames=9, generator=torch.Generator().manual_seed(0))


def test_the_widget_holds_the_walks(watcher):
    frames, n = watcher.shape
    assert (frames, n) == (9, 50)
    assert watcher.times == [40, 35, 30, 25, 20, 15, 10, 5, 0]
    right = np.frombuffer(watcher.right, "<f2").reshape(frames, n)
    faulty = np.frombuffer(watcher.faulty, "<f2").reshape(len(FAULTS), frames, n)
    assert (faulty[:, 0] == right[0]).all(), "all start at one x_T"
    for k, fault in enumerate(FAULTS.values()):
        end = watcher.ends[fault.number].numpy().astype("<f2")
        assert np.array_equal(faulty[k, -1], end, equal_nan=True)
    assert (watcher.ends["E09"] == 1).all()
    assert "<math" in watcher.faults[0][2]


def test_the_widget_moves_and_says_what_it_refuses(watcher):
    for number in FAULTS:
        watcher.fault = number
    for t in watcher.times:
        watcher.t = t
    with pytest.raises(TraitError, match=r"E01, E02.*got 'E99'"):
        watcher.fault = "E99"
    with pytest.raises(TraitError, match="one of 40, 35"):
        watcher.t = 7
    assert repr(watcher) == "watch_fault: 12 faults, 50 particles, t = 40..0"


def test_the_widget_leaves_a_picture_behind(watcher):
    data, _ = watcher._repr_mimebundle_()
    assert {"image/png", "text/plain"} <= set(data)
    picture = Image.open(io.BytesIO(watcher.still()))
    assert picture.width > 600
    assert np.asarray(picture.convert("L")).std() > 5
    assert len(json.dumps(watcher._get_embed_state())) < 200_000


def test_a_narrow_choice_of_faults():
    one = watch_fault(HILLS, [FAULTS["E31"]], particles=20, frames=3)
    assert [f[0] for f in one.faults] == ["E31"]
    assert list(one.ends) == ["right", "E31"]


def test_as_many_frames_as_there_are():
    assert watch_fault(HILLS, [FAULTS["E31"]], particles=2).times == list(range(40, -1, -1))
    assert len(watch_fault(HILL, [FAULTS["E31"]], particles=2).times) == 51


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"world": SHORT}, TypeError, "world must be a Mixture.*got Schedule"),
        ({"world": Mixture(SHORT, torch.zeros(3, 2))}, ValueError, r"one dimension.*got \(3, 2\)"),
        ({"faults": []}, ValueError, "faults is empty"),
        ({"faults": [FAULTS["E02"], FAULTS["E01"], FAULTS["E02"]]}, ValueError, "E02 .* is there twice"),
        ({"faults": ["E01"]}, TypeError, "each fault must be a Fault, such as .*got str 'E01'"),
        ({"faults": "E01"}, TypeError, "faults must be a list of them.*got str 'E01'"),
        ({"faults": FAULTS["E01"]}, TypeError, "faults must be a list of them.*got Fault E01"),
        ({"faults": None}, TypeError, "faults must be a list of them.*got NoneType None"),
        ({"frames": 1}, ValueError, r"frames must be in 2\.\.41, got 1"),
        ({"frames": 42}, ValueError, r"frames must be in 2\.\.41, got 42"),
        ({"frames": 2.5}, TypeError, "frames must be a whole number"),
        ({"particles": 0}, ValueError, "particles must be at least 1, got 0"),
    ],
)
def test_what_can_not_be_watched_says_why(wrong, error, words):
    with pytest.raises(error, match=words):
        watch_fault(**{"world": HILLS, "particles": 5, **wrong})


@pytest.mark.parametrize(
    ("beyond", "words"),
    [
        (0, "below 0: 0 % · standard deviation: 0.00"),
        (3, "beyond ±3: under 1 %"),
        (500, "beyond ±3: 50 %"),
        (997, "beyond ±3: over 99 %"),
        (1000, "all beyond ±3"),
    ],
)
def test_all_is_said_of_all_only(beyond, words, monkeypatch):
    walks = np.ones((2, 2, 1000), "<f2")
    walks[:, :, :beyond] = 4
    watcher = FaultWatcher([FAULTS["E31"]], [1, 0], walks, [0.0, 1.0])
    with browser.browser() as chrome:
        tab = chrome.new_page()
        tab.set_content(export_html(watcher))
        told = tab.locator(".errata[data-ready]").get_attribute("data-told")
    assert told.endswith(words)
    drawn = []
    monkeypatch.setattr(Axes, "text", lambda axes, x, y, text, **_: drawn.append(text))
    watcher.still()
    assert drawn == ([" ".join(reversed(words.split(": "))) for _ in range(2)] if beyond else [])
