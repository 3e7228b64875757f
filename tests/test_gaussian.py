import math

import pytest
import torch
from oracles import close, normal

from ddpm_core import Gaussian


def several(seed=0):
    return Gaussian(normal(6, 2, 3, seed=seed), normal(6, 2, 3, seed=seed + 1).exp())


def test_log_prob_and_kl_are_torchs():
    p, q, x = several(), several(10), normal(6, 2, 3, seed=20)
    P, Q = (torch.distributions.Normal(g.mean, g.var.sqrt()) for g in (p, q))
    close(p.log_prob(x), P.log_prob(x).flatten(1).sum(1))
    close(p.kl(q), torch.distributions.kl_divergence(P, Q).flatten(1).sum(1))


def test_one_variance_counts_for_every_dimension():
    """var as a number, or one for each example, is var written out."""
    mean, x, var = normal(6, 2, 3), normal(6, 2, 3, seed=1), normal(6, 1, 1, seed=2).exp()
    written = Gaussian(mean, var.expand(6, 2, 3))
    other = several(10)
    for p in (Gaussian(mean, var), Gaussian(mean, 0.7)):
        full = written if isinstance(p.var, torch.Tensor) else Gaussian(mean, 0 * mean + 0.7)
        close(p.log_prob(x), full.log_prob(x))
        close(p.kl(other), full.kl(other))
        close(other.kl(p), other.kl(full))
    close(
        Gaussian(mean, 0.7).kl(Gaussian(x, 0.2)), Gaussian(mean, written.var * 0 + 0.7).kl(Gaussian(x, 0.2))
    )


def test_samples_have_its_mean_and_variance():
    n = 200_000
    x = Gaussian(torch.tensor(2.0), 0.25).sample(normal(n, 1))
    assert abs(x.mean() - 2) < 5 * 0.5 / n**0.5
    assert abs(x.var() - 0.25) < 5 * 0.25 * (2 / n) ** 0.5


def test_densities_integrate_to_one():
    grid = torch.linspace(-30, 30, 100_001, dtype=torch.float64)[:, None]
    p = Gaussian(torch.tensor([[1.5]]).double(), 4.0).log_prob(grid).exp()
    assert p.sum().item() * 60 / 100_000 == pytest.approx(1, abs=1e-9)


def test_a_point_mass_is_exact_and_has_no_density():
    point = Gaussian(normal(4, 2), 0.0)
    close(point.sample(normal(4, 2, seed=1)), point.mean, 0)
    assert point.kl(Gaussian(point.mean, 1.0)).tolist() == [math.inf] * 4
    with pytest.raises(ValueError, match="point mass"):
        point.log_prob(point.mean)
    with pytest.raises(ValueError, match="point mass"):
        Gaussian(point.mean, 1.0).kl(point)


def test_one_number_per_example():
    assert Gaussian(torch.zeros(5), 1.0).log_prob(torch.zeros(5)).shape == (5,)
    assert Gaussian(torch.zeros(0, 3), 1.0).kl(Gaussian(torch.zeros(0, 3), 2.0)).shape == (0,)
