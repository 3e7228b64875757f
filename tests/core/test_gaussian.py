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
    """var as one number, or as one for each example, gives the same as var written out."""
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("mean", "var"), [(0.3, 0.01), (0.9, 1e-4), (0.0, 1.0), (5.0, 1.0), (0.1, 1e-6)])
def test_probabilities_on_the_grid_sum_to_one_and_have_a_gradient(dtype, mean, var):
    """17 greys, narrow and wide, means inside and outside: probabilities with finite gradients."""
    greys = (torch.arange(17, dtype=dtype) / 8 - 1)[:, None]
    m = torch.full_like(greys, mean, requires_grad=True)
    v = torch.tensor(var, dtype=dtype, requires_grad=True)
    log_p = Gaussian(m, v).log_mass(greys, 17)
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-6)
    assert log_p.isfinite().all()  # finite even at minus ten thousand nats
    log_p.sum().backward()
    assert m.grad.isfinite().all()
    assert v.grad.isfinite()


def test_a_probability_is_the_density_where_it_is_flat():
    """A grey's probability is its width times the density; the end greys also get the tails."""
    x = torch.tensor([[-1.0], [-0.25], [0.5], [1.0]], dtype=torch.float64)
    p = Gaussian(torch.full_like(x, 0.1), 4.0)
    width = 2 / 255
    mass = p.log_mass(x, 256).exp()
    close(mass[1:3], p.log_prob(x)[1:3].exp() * width, 1e-5)
    tail = torch.distributions.Normal(0.1, 2.0).cdf(torch.tensor([-1 + width / 2, 1 - width / 2]).double())
    close(mass[[0, 3]], torch.stack([tail[0], 1 - tail[1]]), 1e-6)
    with pytest.raises(ValueError, match="levels"):
        p.log_mass(x, 1)


def test_a_point_with_other_axes_than_the_mean_is_refused():
    """torch would broadcast (4,) and (4, 1) to (4, 4), and the sum over it would look plausible."""
    g, v = Gaussian(torch.zeros(4, 1), torch.tensor(1.0)), torch.arange(4.0)
    for wrong in (lambda: g.log_prob(v), lambda: g.log_mass(v, 3), lambda: g.kl(Gaussian(v, 1.0))):
        with pytest.raises(ValueError, match=r"as many axes, got \(4,"):
            wrong()
    close(g.log_prob(v[:, None]), -0.5 * (v**2 + math.log(2 * math.pi)), 1e-6)
