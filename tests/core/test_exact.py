import math

import pytest
import torch
from oracles import GaussianWorld, close, normal

from ddpm_core import ancestral, ancestral_beta, ddim, digits, linear, posterior, posterior_beta, sample
from ddpm_core.study.exact import Mixture, gaussian, law, log_likelihood

SHORT = linear(50, 1e-3, 0.2)
TWO = Mixture(SHORT, torch.tensor([[-1.0], [1.0]]).double(), 0.01, torch.tensor([3.0, 7.0]))
PLANE = Mixture(
    SHORT, normal(3, 2), torch.tensor([0.3, 0.02, 0.1]), torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)
)
LINE = torch.linspace(-6, 6, 12001, dtype=torch.float64)[:, None]


def by_quadrature(xt, t):
    """E[x_0 | x_t] and q(x_t) of TWO: the joint density of x_0 and x_t, summed over a grid of x_0."""
    level = SHORT.level(t)
    left, right = (torch.distributions.Normal(m, 0.1).log_prob(LINE[:, 0]).exp() for m in (-1.0, 1.0))
    p = (0.3 * left + 0.7 * right) * (-0.5 * ((xt - level.signal * LINE) / level.noise) ** 2).exp()[:, 0]
    return (p * LINE[:, 0]).sum() / p.sum(), p.sum() * 0.001 / math.sqrt(2 * math.pi) / level.noise


@pytest.mark.parametrize("t", [1, 10, 25, 50])
@pytest.mark.parametrize("x", [-1.2, 0.1, 0.9])
def test_the_estimate_and_the_density_are_bayes_on_a_grid(t, x):
    xt = torch.tensor([[x]], dtype=torch.float64)
    mean, density = by_quadrature(x, t)
    close(TWO(xt, t).squeeze(), mean, 1e-7)
    close(TWO.log_prob(xt, t).exp().squeeze(), density, 1e-7)


@pytest.mark.parametrize("t", [0, 1, 7, 50])
def test_the_score_is_the_gradient_of_the_density(t):
    x = normal(9, 2, seed=1).requires_grad_()
    (gradient,) = torch.autograd.grad(PLANE.log_prob(x, t).sum(), x)
    close(PLANE.score(x.detach(), t), gradient, 1e-8)


def test_one_gaussian_is_the_textbooks():
    world, book = gaussian(SHORT, 0.3, 0.5), GaussianWorld(SHORT, 0.3, 0.25)
    x = normal(5, 1)
    for t in (1, 25, 50):
        close(world(x, t), book(x, torch.full((5,), t)))


def test_points_are_a_softmax_over_distances():
    """A data set as a world: weights decrease with the squared distance; at small t the nearest dominates."""
    points = digits()[0].images[:40].double()
    world = Mixture(SHORT, points)
    x0, level = points[:3], SHORT.level(20)
    xt = level.signal * x0 + level.noise * normal(*x0.shape, seed=3)
    square = ((xt[:, None] - level.signal * points[None]) ** 2).flatten(2).sum(2)  # (3, 40)
    close(world.posterior(xt, 20), (-square / (2 * level.noise**2)).softmax(1), 1e-7)
    close(world(xt, 20), torch.einsum("bk,kchw->bchw", world.posterior(xt, 20), points))
    close(world(points, 1), points, 1e-6)


def test_a_batch_has_a_time_for_each():
    x, t = normal(4, 2), torch.tensor([1, 9, 30, 50])
    close(PLANE(x, t), torch.cat([PLANE(x[i : i + 1], int(t[i])) for i in range(4)]))
    assert PLANE(x.float(), t).dtype == torch.float32


def test_draws_have_the_right_weights_mean_and_variance():
    x = TWO.draw(40_000, torch.Generator().manual_seed(0))
    assert abs((x < 0).double().mean() - 0.3) < 5 * math.sqrt(0.21 / 40_000)
    assert abs(x[x > 0].std() - 0.1) < 0.002
    close(TWO.weights.sum(), 1)


@pytest.mark.parametrize(("rule", "name"), [(ancestral, "tilde"), (ancestral_beta, "beta"), (ddim, "none")])
@pytest.mark.parametrize("times", [None, [50, 20, 7, 0], [50, 0]])
def test_the_law_of_the_sampler_is_its_closed_recursion(rule, name, times):
    mean, var = GaussianWorld(SHORT, 0.3, 0.25).law(times or SHORT.times(), name)
    found = law(gaussian(SHORT, 0.3, 0.5), times, rule)
    close(found.mean.squeeze(), mean)
    close(found.var.squeeze(), var)


def test_the_law_is_that_of_the_samples():
    world = gaussian(SHORT, 0.3, 0.5)
    x_T = normal(100_000, 1)
    *_, last = sample(world, x_T, generator=torch.Generator().manual_seed(1))
    told = law(world)
    assert abs(last.xt.mean() - told.mean) < 5 * told.var.sqrt() / 100_000**0.5
    assert abs(last.xt.var() / told.var - 1) < 5 * (2 / 100_000) ** 0.5


@pytest.mark.parametrize("T", [1, 2, 13, 100])
@pytest.mark.parametrize(("reverse", "rule"), [(posterior, ancestral), (posterior_beta, ancestral_beta)])
def test_the_likelihood_on_a_grid_is_the_closed_form(T, reverse, rule):
    """In a world of one Gaussian the sampler's distribution is known: the grid must give the same density."""
    world, x0 = gaussian(linear(T, 1e-3, 0.3), 0.3, 0.5), torch.tensor([[-1.0], [0.3], [0.9]]).double()
    told = law(world, rule=rule)
    density = type(told)(told.mean, told.var + 0.01).log_prob(x0)
    close(log_likelihood(world, x0, reverse=reverse, first=0.01), density, 1e-9)


@pytest.mark.slow
def test_the_likelihood_of_two_modes_is_the_histogram_of_samples():
    p = log_likelihood(TWO, LINE, reverse=posterior_beta).exp()
    close(p.sum() * 0.001, 1, 1e-8)
    x_T = normal(50_000, 1)
    *_, last = sample(TWO, x_T, rule=ancestral, generator=torch.Generator().manual_seed(1))
    q = log_likelihood(TWO, LINE, reverse=posterior, first=1e-6).exp()
    share = (q * (LINE[:, 0] < 0)).sum() * 0.001
    assert abs((last.xt < 0).double().mean() - share) < 5 * math.sqrt(0.21 / 50_000)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: Mixture(SHORT, torch.zeros(0, 1)), "at least one"),
        (lambda: Mixture(SHORT, torch.zeros(2, 1), -1.0), "var must be 0 or more"),
        (
            lambda: Mixture(SHORT, torch.zeros(2, 1), 1.0, torch.tensor([1.0, 0.0])),
            "weights must be positive",
        ),
        (lambda: Mixture(SHORT, torch.zeros(2, 1), 1.0, torch.ones(3)), "one for each mean"),
        (lambda: TWO(torch.zeros(3, 2), 1), "xt must be"),
        (lambda: TWO(torch.zeros(3, 1), 51), "0..50"),
        (lambda: Mixture(SHORT, torch.zeros(2, 1)).log_prob(torch.zeros(1, 1), 0), "no density"),
        (lambda: law(TWO), "one Gaussian"),
        (lambda: log_likelihood(PLANE, torch.zeros(1, 2)), "one-dimensional"),
        (lambda: log_likelihood(TWO, torch.zeros(1, 1), reverse=posterior), "give its variance"),
        (lambda: log_likelihood(TWO, torch.zeros(1, 1), [50, 20, 5]), "must end at 0, where x_0 is, got 5"),
        (lambda: log_likelihood(TWO, torch.zeros(2, 3)), r"x0 must have shape \(B, 1\), got \(2, 3\)"),
        (lambda: log_likelihood(TWO, torch.zeros(1, 1), first=-1.0), "first must lie"),
    ],
)
def test_what_makes_no_world_is_named(wrong, told):
    with pytest.raises(ValueError, match=told):
        wrong()


def test_nothing_to_ask_is_answered_with_nothing():
    assert log_likelihood(TWO, torch.zeros(0, 1)).shape == (0,)


def test_float32_is_no_excuse_for_a_wrong_density():
    """Points far from 0 and close together, with little noise: large squares with small differences."""
    means = torch.tensor([[30.0, 30.0], [30.02, 30.0]])
    rough, fine = Mixture(linear(1000), means), Mixture(linear(1000), means.double())
    signal = linear(1000).at(1).signal
    xt = (signal * torch.tensor([[30.008, 30.001], [30.013, 29.995]])).float()
    for asked in (Mixture.log_prob, Mixture.posterior):
        close(asked(rough, xt, 1), asked(fine, xt.double(), 1).float(), 5e-3)
    close(rough.posterior(xt, 1).sum(1), torch.ones(2), 1e-6)


def test_one_picture_stands_for_many_times():
    t = torch.tensor([3, 20, 50])
    for asked in (Mixture.__call__, Mixture.score, Mixture.log_prob):
        close(asked(TWO, LINE[:1], t), asked(TWO, LINE[:1].expand(3, 1), t), 1e-12)


SPACE = Mixture(
    SHORT, normal(4, 3, seed=2), torch.tensor([0.5, 0.01, 0.1, 0.0]), torch.tensor([0.1, 0.4, 0.2, 0.3])
)


@pytest.mark.parametrize("t", [0, 5, 50])
def test_a_density_in_the_plane_integrates_to_one(t):
    """Three components of unequal variance: each has its own normalising constant, once per dimension."""
    axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
    p = PLANE.log_prob(torch.cartesian_prod(axis, axis), t).exp()
    close(p.sum() * 0.05**2, 1, 1e-6)


@pytest.mark.parametrize("t", [1, 12, 50])
def test_in_space_all_is_bayes_by_hand(t):
    """The prior's weight times each component's density of x_t, by torch's own normal distributions."""
    x, (signal, noise) = normal(7, 3, seed=5), SHORT.level(t)
    spread = signal**2 * SPACE.var + noise**2  # (4,)
    cov = spread[:, None, None] * torch.eye(3).double()
    each = torch.distributions.MultivariateNormal(signal * SPACE.means, cov).log_prob(x[:, None])  # (7, 4)
    joint = SPACE.weights * each.exp()
    close(SPACE.log_prob(x, t), joint.sum(1).log())
    share = joint / joint.sum(1, keepdim=True)
    close(SPACE.posterior(x, t), share)
    gap = x[:, None] - signal * SPACE.means  # (7, 4, 3)
    gain = signal * SPACE.var / spread  # Cov(x_0, x_t) / Var(x_t) of each component
    close(SPACE(x, t), (share[..., None] * (SPACE.means + gain[:, None] * gap)).sum(1))
    close(SPACE.score(x, t), (share[..., None] * -gap / spread[:, None]).sum(1))


def test_draws_in_space_are_of_the_density():
    """Mean and covariance of draws are the mixture's, and their mean log density is minus its entropy."""
    n, x = 200_000, PLANE.draw(200_000, torch.Generator().manual_seed(2))
    mean = PLANE.weights @ PLANE.means
    inner = (PLANE.weights[:, None, None] * (PLANE.means[:, :, None] * PLANE.means[:, None])).sum(0)
    cov = inner - torch.outer(mean, mean) + (PLANE.weights @ PLANE.var) * torch.eye(2).double()
    assert ((x.mean(0) - mean).abs() < 5 * (cov.diagonal() / n).sqrt()).all()
    assert ((x.T.cov() - cov).abs() < 5 * cov.diagonal().max() * (2 / n) ** 0.5).all()
    axis = torch.linspace(-7, 7, 561, dtype=torch.float64)
    log_p = PLANE.log_prob(torch.cartesian_prod(axis, axis), 0)
    told = PLANE.log_prob(x, 0)
    assert (told.mean() - (log_p.exp() * log_p).sum() * 0.025**2).abs() < 5 * told.std() / n**0.5
