"""The particle widget without a browser: its noise, its steps, what it refuses, what it stores."""

import io
import json
import math

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

from ddpm_core import MLP, Denoiser, Eps, UNet, ancestral, cosine, ddim, exploding, linear, straight
from ddpm_core.sampling import eta
from ddpm_core.study.exact import Mixture, gaussian
from ddpm_core.teach import particles
from ddpm_core.teach.page.particles import particle_noise
from ddpm_core.teach.page.widgets import export_html

MEANS = torch.tensor([[-1.5, 0.0], [1.0, 1.0], [1.0, -1.0]]).double()


def world(schedule=None):
    return Mixture(linear(40, 1e-3, 0.3) if schedule is None else schedule, MEANS, 0.2**2)


def network(schedule, classes=None, d=2):
    torch.manual_seed(0)
    return Denoiser(MLP(d, width=8, depth=1, classes=classes), schedule, Eps())


# the noise


def test_the_noise_is_standard_normal_and_independent():
    z = particle_noise(0, 7, torch.arange(20_000))
    assert z.mean(0).abs().max() < 4 / math.sqrt(20_000)
    assert (z.T.cov() - torch.eye(2)).abs().max() < 0.04
    for other in (
        particle_noise(1, 7, torch.arange(20_000)),
        particle_noise(0, 8, torch.arange(20_000)),
        z.roll(1, 0),
    ):
        assert (z * other).mean(0).abs().max() < 4 / math.sqrt(20_000)
    inside = (z.abs() < torch.tensor([[1.0], [2.0], [3.0]])[:, None]).double().mean((1, 2))
    expected = torch.tensor([0.6827, 0.9545, 0.9973], dtype=torch.float64)
    torch.testing.assert_close(inside, expected, atol=0.008, rtol=0)


def test_the_noise_of_a_particle_does_not_depend_on_the_others():
    all = particle_noise(3, 11, torch.arange(100))
    assert torch.equal(particle_noise(3, 11, torch.tensor([42, 7])), all[[42, 7]])
    assert not torch.equal(particle_noise(4, 11, torch.arange(100)), all)


# the walk


@pytest.mark.parametrize("make", [lambda: linear(40), lambda: straight(40), lambda: exploding(40)])
@pytest.mark.parametrize("rule", [ancestral, ddim, eta(0.5)])
def test_the_page_s_three_factors_are_the_rule(make, rule):
    schedule = make()
    w = particles(world(schedule), count=5, steps=8, rules={"one": rule})
    moves = torch.from_numpy(np.frombuffer(w.moves, "<f8").copy()).reshape(2, 8, 3)
    assert w.times == schedule.times(8)
    g = torch.Generator().manual_seed(0)
    for k, (t, s) in enumerate(zip(w.times, w.times[1:], strict=False)):
        for of, factors in ((rule, moves[0, k]), (ddim, moves[1, k])):
            parts = torch.randn(3, 6, 2, generator=g, dtype=torch.float64)
            exact = of(*parts[:2], schedule.at(s), schedule.at(t), parts[2])
            torch.testing.assert_close(torch.einsum("i,inj->nj", factors, parts), exact)


@pytest.mark.parametrize("rule", ["with noise (SDE)", "without noise (ODE)"])
def test_the_walk_ends_at_the_data(rule):
    w = particles(world(cosine(200)), count=2000)
    walk = w.walk(rule)
    assert [f.t for f in walk] == w.times
    shares = w._world.posterior(walk[-1].xt, 1).mean(0)
    torch.testing.assert_close(shares, torch.full_like(shares, 1 / 3), atol=0.05, rtol=0)
    assert w._world.log_prob(walk[-1].xt, 0).mean() > -1.5


def test_all_walks_start_at_one_place_and_a_part_is_part_of_the_whole():
    schedule = linear(40, 1e-3, 0.3)
    w = particles(world(schedule), network(schedule), count=50)
    walks = [w.walk(rule, field) for rule in w.names for field in ("exact", "learned")]
    for walk in walks[1:]:
        torch.testing.assert_close(walk[0].xt.double(), walks[0][0].xt, atol=1e-6, rtol=0)
    torch.testing.assert_close(w.walk(count=7)[-1].xt, walks[0][-1].xt[:7])
    with pytest.raises(KeyError, match="learned"):
        particles(world(), count=3).walk(field="learned")


# what can be set


def test_rule_arrows_and_dropped_points_are_set_within_bounds():
    schedule = linear(40, 1e-3, 0.3)
    w = particles(world(schedule), network(schedule), count=5, rules={"a": ancestral, "b": ddim})
    w.rule, w.arrows, w.t = "b", "velocity", 17
    w.dropped = [(0.5, -1.0, 40), (1, 1, 1)]
    assert w.dropped == [[0.5, -1.0, 40], [1, 1, 1]]
    for name, bad, words in (
        ("rule", "c", "rule must be one of 'a', 'b', got 'c'"),
        ("arrows", "curl", "arrows"),
        ("t", 41, r"t must be one of 40, 39, \.\.\., 0, got 41"),
        ("dropped", [(0, 0, 0)], "a dropped point is"),
        ("dropped", [(0, float("nan"), 40)], "a dropped point is"),
        ("dropped", [(0, 40)], "a dropped point is"),
    ):
        with pytest.raises(TraitError, match=words):
            setattr(w, name, bad)
    assert (w.rule, w.t, len(w.dropped)) == ("b", 17, 2)


# bad input


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: particles(MEANS), TypeError, "world must be a Mixture"),
        (lambda: particles(gaussian(linear(), 0.0, 1.0)), ValueError, "world must have two dimensions"),
        (lambda: particles(world(), MLP(2)), TypeError, "learned must be a Denoiser"),
        (lambda: particles(world(), network(linear(40))), ValueError, "the world's schedule"),
        (lambda: particles(world(), network(linear(40), 3)), ValueError, "without classes"),
        (lambda: particles(world(), network(linear(40), d=3)), ValueError, r"an MLP\(2\)"),
        (lambda: particles(world(), Denoiser(UNet(), linear(40), Eps())), ValueError, r"an MLP\(2\)"),
        (lambda: particles(world(), rules={}), ValueError, "one to three by name"),
        (lambda: particles(world(), rules=ddim), ValueError, "one to three by name"),
        (lambda: particles(world(), rules={"odd": lambda a, b, s, t, z: a * b}), ValueError, "affine"),
        (lambda: particles(world(), count=0), ValueError, "count"),
        (lambda: particles(world(), count=10**6), ValueError, "count"),
        (lambda: particles(world(), steps=41), ValueError, "steps"),
        (lambda: particles(world(), seed=-1), ValueError, "seed"),
    ],
)
def test_particles_says_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()


# what is left behind


@pytest.mark.slow
def test_what_is_stored_is_small():
    schedule = linear()
    w = particles(world(schedule), Denoiser(MLP(2, width=64), schedule, Eps()), count=2000)
    stored = json.dumps(w._get_embed_state())
    assert len(stored) < 250_000  # most of it weights; the particles are made in the page
    still = w.still()
    with Image.open(io.BytesIO(still)) as picture:
        assert picture.format == "PNG"
        assert 600 < picture.width <= 1000
        assert len(np.unique(np.asarray(picture.convert("RGBA")), axis=None)) > 10
    assert len(still) < 40_000
    w.t = 500
    assert w.still() == still


def test_the_repr_is_short_and_a_page_stands_alone():
    schedule = linear(40, 1e-3, 0.3)
    one, two = particles(world(), count=5), particles(world(schedule), network(schedule), count=5)
    assert repr(one) == "particles: 5, with noise (SDE), without noise (ODE), t = 40..0"
    assert repr(two) == "particles: 5, exact and learned field, t = 40..0"
    assert "http" not in export_html(two).replace("http://www.w3.org/2000/svg", "")
