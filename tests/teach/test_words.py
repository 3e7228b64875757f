"""The numbers in the bank's texts: placeholders are filled in, numbers from sampling runs are right."""

import ast
import inspect
import re

import pytest
import torch

from ddpm_core import Gaussian, ancestral, ancestral_beta, linear, posterior_beta
from ddpm_core.elbo import bound, terms
from ddpm_core.study.exact import gaussian, law
from ddpm_core.teach.bank import LESSONS, bank, lesson04
from ddpm_core.teach.bank.words import PLACE, fill
from ddpm_core.teach.maths.wrong import means_only, stepping, unbarred_noise

LONG = linear()


def texts(e):
    """All texts of an exercise, as they are before an answer."""
    said = [e.title, e.prompt, e.right, e.worked, *e.hints, *(m.message for m in e.mistakes)]
    return [*said, *getattr(e, "options", {}).values(), *getattr(e, "rubric", ())]


def test_every_place_is_filled():
    assert not [e.id for e in bank.values() if re.search("[⟨⟩]", " ".join(texts(e)))]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda m: m.__name__[-2:])
def test_every_number_is_used(lesson):
    strings = (n.value for n in ast.walk(ast.parse(inspect.getsource(lesson))) if isinstance(n, ast.Constant))
    used = {place[0] for text in strings if isinstance(text, str) for place in PLACE.findall(text)}
    assert set(getattr(lesson, "NUMBERS", {})) <= used


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
    for c, nats in zip((lesson04.NUMBERS["bound"], lesson04.NUMBERS["simple"]), said.groups(), strict=True):
        assert f"{bound(terms(Line(c), data, eps=eps)).total.mean():.3f}" == nats
