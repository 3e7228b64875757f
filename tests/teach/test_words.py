"""The numbers in the bank's texts: placeholders are filled in, numbers from sampling runs are right."""

import math
import re

import pytest
import torch

from ddpm_core import (
    Gaussian,
    Schedule,
    ancestral,
    ancestral_beta,
    ddim,
    linear,
    posterior,
    posterior_beta,
    straight,
)
from ddpm_core.elbo import bound, divergence, prior, terms, weight
from ddpm_core.prediction import X0, Eps
from ddpm_core.study.exact import gaussian, law
from ddpm_core.teach.bank import LESSONS, bank, lesson
from ddpm_core.teach.bank.inputs import TWO_MODES_VARIANCE, one
from ddpm_core.teach.bank.pairs import FOLDER
from ddpm_core.teach.bank.words import PLACE, QUANTITIES, fill
from ddpm_core.teach.judge.table import linear_table
from ddpm_core.teach.maths.wrong import means_only, stepping, unbarred_noise

LONG = linear()
LEVELS = LONG.level(499), LONG.level(500)


def texts(e):
    """All texts of an exercise, as they are before an answer."""
    said = [e.title, e.prompt, e.right, e.worked, *e.hints, *(m.message for m in e.mistakes)]
    return [*said, *getattr(e, "options", {}).values(), *getattr(e, "rubric", ())]


def test_every_place_is_filled():
    assert not [e.key for e in bank.values() if re.search("[⟨⟩]", " ".join(texts(e)))]


@pytest.mark.parametrize("number", LESSONS)
def test_every_number_is_used(number):
    used = {place[0] for place in PLACE.findall((FOLDER / f"{number}.toml").read_text("utf-8"))}
    assert set(lesson(number).numbers) <= used


# --- numbers without torch: those of the library ---------------------------------------------------------


@pytest.mark.parametrize("given", [(), (100,), (10,), (10, 1e-3, 0.6), (1,)])
def test_the_plain_table_is_that_of_the_library(given):
    table, schedule = linear_table(*given), linear(*given)
    for name in ("betas", "alphas", "abar", "snr"):
        mine, its = (torch.tensor(getattr(table, name)[1:]), getattr(schedule, name)[1:])
        assert torch.allclose(mine.double(), its, 1e-6, 0), name
        assert getattr(table, name)[-1] == pytest.approx(its[-1].item(), rel=1e-12)
    assert len(table.abar) == schedule.T + 1
    for t in {1, schedule.T}:
        var = posterior(one(0), one(0), schedule.level(t - 1), schedule.level(t)).var
        assert table.beta_tilde[t] == pytest.approx(float(var), rel=1e-11, abs=1e-18)


def test_the_quantities_in_texts_are_those_of_the_library():
    for t in (1, 2, 100, 500, 1000):
        level = LONG.level(t)
        its = {"signal": level.signal, "noise": level.noise, "prior": prior(one(1), level)}
        for name, value in its.items():
            assert QUANTITIES[name](t) == pytest.approx(float(value), rel=1e-9), (name, t)


def test_the_numbers_that_lesson_03_takes_from_the_library():
    numbers, (weighed, exact) = lesson("03").numbers, weigh(linear(10, 1e-3, 0.6))
    assert numbers["bound"] == pytest.approx(weighed, rel=1e-12)
    assert numbers["exact"] == pytest.approx(exact, rel=1e-12)
    published, its_own = weigh(linear(10))
    respaced = Schedule(LONG.abar[LONG.times(10)[::-1]])  # ten steps over the levels of all 1,000
    for mistake, (told, true) in {
        "published schedule": (published, its_own),
        "row of the table": weigh(respaced),
        "posterior variance": weigh(linear(10, 1e-3, 0.6), posterior),
    }.items():
        gap = bank["03.weigh-a-bound"].mistake(mistake).example
        assert gap == pytest.approx(told - true, rel=1e-10), mistake
    in_the_table = bank["03.weigh-a-bound"].mistake("bound of the table").example
    assert in_the_table == pytest.approx(weigh(respaced)[0], rel=1e-10)
    assert numbers["trajectories"] == pytest.approx(trajectories(0.25), rel=1e-10)
    noise = torch.tensor([[-1.0], [1.0]]).double()
    parts = bound(terms(gaussian(LONG, 1.0, 0.5), noise**2, [1000, 1, 0], eps=noise))
    assert numbers["over_q"] == pytest.approx(-parts.distortion.mean().item(), rel=1e-10)
    for t, name in ((2, "rest_2"), (10, "rest_10"), (100, "rest_100")):
        rest = divergence(one(0), one(0), one(0), LONG.level(t - 1), LONG.level(t))
        assert numbers[name] == pytest.approx(float(rest), rel=1e-6)
    both = (posterior(one(x0), one(xt), LONG.level(499), LONG.level(500)).mean for x0, xt in ((0, 1), (1, 0)))
    assert [numbers["of_x_t"], numbers["of_x_0"]] == pytest.approx([float(mean) for mean in both])


def weigh(schedule, reverse=posterior_beta):
    """The bound and the exact -log p, in nats, averaged over N(0.3, 0.5^2): `weigh` of the lesson."""
    lent = posterior(1.0, 1.0, schedule.at(1), schedule.at(2)).var
    first, rule = (lent, ancestral) if reverse is posterior else (None, ancestral_beta)
    world, noise = gaussian(schedule, 0.3, 0.5), torch.tensor([[-1.0], [1], [-1], [1]]).double()
    data = 0.3 + 0.5 * noise.sort(0).values  # four points that average quadratics in data and noise exactly
    mean, var = law(world, rule=rule)
    exact = -Gaussian(mean, var + (first or schedule.betas[1])).log_prob(data)
    told = bound(terms(world, data, eps=noise, reverse=reverse, first=first)).total
    return told.mean().item(), exact.mean().item()


def trajectories(v):
    """KL(q(x_{0:T}) || p(x_{0:T})) for data N(1, v), with the best network and variances beta_tilde."""
    t = torch.arange(2, 1001)
    like = torch.zeros(999, 1).double()
    left = v / (1 + v * LONG.snr)  # Var(x_0 | x_t)
    steps = weight(X0(), LONG.level(t - 1, like), LONG.level(t, like), posterior)[:, 0] @ left[2:]
    first = posterior(one(0), one(0), LONG.level(1), LONG.level(2)).var
    last = left[1] / first + math.log(first / v) - 1  # twice E[-log p(x_0 | x_1)], less the entropy
    return (prior(one((1 + v) ** 0.5), LONG.level(1000)) + steps + last / 2).item()


def test_the_numbers_that_lesson_04_takes_from_the_weights():
    t, like = torch.arange(1, 1001), torch.zeros(1000).double()
    weights = weight(Eps(), LONG.level(t - 1, like), LONG.level(t, like))
    noises, widths = (1 - LONG.abar[1:]).sqrt(), 1 - 0.75 * LONG.abar[1:]
    numbers = lesson("04").numbers
    assert numbers["bound"] == pytest.approx((weights @ noises / (weights @ widths)).item(), rel=1e-9)
    assert numbers["early"] == pytest.approx((weights[:10].sum() / weights.sum()).item(), rel=1e-9)
    assert numbers["two_modes"] == pytest.approx(TWO_MODES_VARIANCE)
    mean = posterior(Eps().x0(one(0.5), one(1), *LEVELS), one(1), *LEVELS).mean
    assert numbers["one_step"] == lesson("05").numbers["one_step"] == pytest.approx(float(mean), rel=1e-9)


TRAINED = {  # factors of x_0 and the noise in what the network sees at t, and in its target
    "right": (lambda t: (1 - t, t), lambda t: (-1, 1)),
    "reversed": (lambda t: (t, 1 - t), lambda t: (-1, 1)),
    "turned": (lambda t: (1 - t, t), lambda t: (1, -1)),
    "round": (lambda t: (1 - t, t), lambda t: (-t, 1 - t)),
    "noisy": (lambda t: (1 - t, 1), lambda t: (-1, 1)),
    "rooted": (lambda t: ((1 - t) ** 0.5, t**0.5), lambda t: (-1, 1)),
    "noise": (lambda t: (1 - t, t), lambda t: (0, 1)),
    "picture": (lambda t: (1 - t, t), lambda t: (1, 0)),
    "anew": (lambda t: (1 - t, t), lambda t: (-1, 0)),
}


def test_the_ends_that_lesson_08_tells_of_faulty_trainings():
    """Networks fitted by least squares to draws of N(1, 1/4), then 100 steps of Euler from as many draws."""
    generator, told, used = torch.Generator().manual_seed(0), lesson("08").numbers, set()
    eps = torch.randn(3, 20_000, generator=generator, dtype=torch.float64)
    for name, (mixed, target) in TRAINED.items():
        x0, noise, x = 1 + eps[0] / 2, eps[1], eps[2]
        for k in range(100, 0, -1):
            (a, b), (c, d) = mixed(k / 100), target(k / 100)
            seen, wanted = a * x0 + b * noise, c * x0 + d * noise
            slope = torch.stack([seen, wanted]).cov()[0, 1] / seen.var()
            x = x - (wanted.mean() + slope * (x - seen.mean())) / 100
        for what, value in (("mean", x.mean()), ("sd", x.std())):
            if (key := f"{name}_{what}") in told:
                assert told[key] == pytest.approx(value.item(), abs=0.03), key
                used.add(key)
    assert used == set(told)
    right = law(gaussian(straight(100), 1.0, 0.5), rule=ddim)
    assert (told["right_mean"], told["right_sd"]) == pytest.approx(
        (right.mean.item(), right.var.item() ** 0.5)
    )


# --- placeholders -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("⟨x⟩ and ⟨x:.1f⟩", "−0.25 and −0.2"),
        ("$⟨x:.2f⟩$, ⟨x:.2f⟩", "$-0.25$, −0.25"),
        ("⟨small:.1e⟩, $⟨small:.1e⟩$", r"4.1e-5, $4.1\cdot10^{-5}$"),
        (
            "⟨share:.1%⟩ of ⟨large:_.0f⟩, $⟨large:_.0f⟩$",
            r"60.3 % of 99 108, $99\,108$",
        ),
        ("⟨noise_500:.4f⟩, ⟨root_beta_500:.3f⟩, ⟨snr_1:.0f⟩", "0.9599, 0.100, 9999"),
    ],
)
def test_a_number_is_written_as_one_writes_it(text, said):
    assert fill(text, {"x": -0.25, "small": 4.1e-5, "share": 0.603, "large": 99108.4}) == said


def test_a_name_that_means_nothing_is_an_error():
    for name in ("nois_500", "noise", "noise_", "root_x"):
        with pytest.raises((KeyError, ValueError)):
            fill(f"⟨{name}⟩", {})


# --- walks: too long to be walked at every import, so their numbers are typed --------------------------


@pytest.mark.parametrize(
    ("mistake", "rule"),
    [("bar lost inside", stepping(unbarred_noise, posterior_beta)), ("no fresh noise", means_only)],
)
def test_the_spread_that_a_faulty_step_ends_with(mistake, rule):
    (said,) = re.findall(r"a spread of 0\.50 comes out as (0\.\d+)", bank["05.4"].mistake(mistake).message)
    spread = law(gaussian(LONG, 0.0, 0.5), rule=rule).var.item() ** 0.5
    assert f"{spread:.{len(said) - 2}f}" == said


def test_the_variance_after_a_thousand_steps():
    made = [law(gaussian(LONG, 0.0, 1.0), rule=rule).var.item() for rule in (ancestral, ancestral_beta)]
    assert "come to {:.2f} and {:.2f}.".format(*made) in bank["05.13"].worked


def test_the_distance_of_pictures_and_of_trajectories():
    made = law(gaussian(LONG, 1.0, 0.5), rule=ancestral)
    distance = Gaussian(torch.ones(1, 1).double(), 0.25).kl(made).item()
    assert f"{distance:.5f} nats from the data" in bank["03.18"].mistake("a").message


@pytest.mark.parametrize(("id", "key"), [("03.1", "d"), ("03.15", "b")])
def test_the_reconstruction_over_the_model_s_own_walks(id, key):
    """E log p(x_0 = 1 | x_1) for x_1 from the sampler; the mean of p is affine in x_1."""
    world, x = gaussian(LONG, 1.0, 0.5), torch.tensor([[0.0], [1.0]]).double()
    offset, at_one = world(x, 1)[:, 0].tolist()
    made = law(world, list(range(1000, 0, -1)), ancestral_beta)
    slope = at_one - offset
    gap = (1 - offset - slope * made.mean) ** 2 + slope**2 * made.var
    beta = LONG.betas[1]
    nats = (-gap / (2 * beta) - 0.5 * (2 * torch.pi * beta).log()).item()
    assert f"−{-nats:.0f} nats" in bank[id].mistake(key).message


def test_the_bounds_of_two_slopes():
    """For eps = c x_t on data N(0, 0.25): the c of the bound and that of the unweighted loss."""
    said = re.search(r"own c has (\S+) nats and the other (\S+)\.", bank["04.18"].mistake("b").message)

    class Line:
        schedule = LONG

        def __init__(self, c):
            self.c = c

        def __call__(self, x, t):
            now = LONG.level(t, x) if isinstance(t, torch.Tensor) else LONG.level(t)
            return (x - now.noise * self.c * x) / now.signal

    eps = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]]).double()
    data = 0.5 * eps.sort(0).values
    slopes = (lesson("04").numbers[name] for name in ("bound", "simple"))
    for c, nats in zip(slopes, said.groups(), strict=True):
        assert f"{bound(terms(Line(c), data, eps=eps)).total.mean():.3f}" == nats
