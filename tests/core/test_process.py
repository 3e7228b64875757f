import pytest
import sympy as sp
import torch
from oracles import SCHEDULES, close, normal, pairs

from ddpm_core import Gaussian, Level, linear, posterior, q_sample, transition

each_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def levels(schedule, s, t, like):
    return schedule.level(s, like), schedule.level(t, like)


@each_schedule
def test_marginals_are_one_step_kernels_composed(schedule):
    """q(x_t | x_0) from propagating mean and variance through every kernel q(x_t | x_{t-1})."""
    x0 = normal(3, 2)
    mean, var = x0, 0.0
    for t in range(1, schedule.T + 1):
        step = transition(mean, schedule.level(t - 1), schedule.level(t))
        alpha = 1 - schedule.betas[t]
        close(step.var, schedule.betas[t], 1e-10)
        mean, var = step.mean, alpha * var + step.var
        close(mean, q_sample(x0, torch.zeros_like(x0), schedule.level(t)))
        close(var, schedule.level(t).noise ** 2)


@each_schedule
def test_jumps_compose(schedule):
    """q(x_t | x_r) is q(x_t | x_s) after q(x_s | x_r), for any r < s < t."""
    s, t = pairs(schedule.T, 64)
    r = (s - 1) // 2
    x = normal(64, 3)
    (lr, ls), lt = levels(schedule, r, s, x), schedule.level(t, x)
    first = transition(x, lr, ls)
    second, jump = transition(first.mean, ls, lt), transition(x, lr, lt)
    close(second.mean, jump.mean)
    close((lt.signal / ls.signal) ** 2 * first.var + second.var, jump.var)


@each_schedule
def test_posterior_is_bayes_on_a_grid(schedule):
    """q(x_s | x_t, x_0) ~ q(x_t | x_s) q(x_s | x_0), multiplied and normalised on a grid, s >= 1, t >= 2."""
    x0, T = 0.7, schedule.T
    for s, t in [(1, 2), (T // 2, T // 2 + 1), (T - 1, T), (T // 4, T // 2), (1, T)]:
        ls, lt = schedule.level(s), schedule.level(t)
        xt = lt.signal * x0 + 0.8 * lt.noise
        grid = torch.linspace(-1, 1, 200_001, dtype=torch.float64) * 8 * ls.noise + ls.signal * x0
        kernel = -((xt - lt.signal / ls.signal * grid) ** 2) / (2 * (1 - (lt.signal / ls.signal) ** 2))
        log_p = kernel - (grid - ls.signal * x0) ** 2 / (2 * ls.noise**2)
        p = (log_p - log_p.max()).exp()
        p = p / p.sum()
        mean = (p * grid).sum()
        var = (p * (grid - mean) ** 2).sum()
        q = posterior(torch.full((1, 1), x0).double(), torch.full((1, 1), xt).double(), ls, lt)
        close(q.mean.squeeze(), mean, 1e-6)
        assert q.var == pytest.approx(var.item(), rel=1e-6)


@each_schedule
def test_posterior_in_densities(schedule):
    """log q(s|t,0) = log q(t|s) + log q(s|0) - log q(t|0) at random points."""
    s, t = pairs(schedule.T, 200, seed=1)
    x0 = normal(200, 5, seed=2)
    ls, lt = levels(schedule, s, t, x0)
    xs = q_sample(x0, normal(200, 5, seed=3), ls)
    xt = transition(xs, ls, lt).sample(normal(200, 5, seed=4))
    marginal = {k: Gaussian(level.signal * x0, level.noise**2) for k, level in (("s", ls), ("t", lt))}
    bayes = transition(xs, ls, lt).log_prob(xt) + marginal["s"].log_prob(xs) - marginal["t"].log_prob(xt)
    close(posterior(x0, xt, ls, lt).log_prob(xs), bayes, 1e-8)


@each_schedule
def test_posterior_averages_back_to_the_marginal(schedule):
    """Tower rule: over q(x_t | x_0), E mu = sqrt(abar_s) x_0, and E var + Var mu = 1 - abar_s."""
    s, t = pairs(schedule.T, 64, seed=5)
    x0, one = normal(64, 3, seed=6), torch.ones(64, 3).double()
    ls, lt = levels(schedule, s, t, x0)
    close(posterior(x0, lt.signal * x0, ls, lt).mean, ls.signal * x0)
    slope = posterior(0 * one, one, ls, lt).mean  # d mu / d x_t
    close(slope**2 * lt.noise**2 + posterior(x0, x0, ls, lt).var, (ls.noise**2).expand(64, 3))


@each_schedule
def test_posterior_at_0_is_the_point_x0(schedule):
    x0, xt = normal(9, 3), normal(9, 3, seed=1)
    t = torch.linspace(1, schedule.T, 9).long()
    q = posterior(x0, xt, *levels(schedule, torch.zeros_like(t), t, x0))
    close(q.mean, x0)
    assert (q.var == 0).all()
    close(q.sample(normal(9, 3, seed=2)), x0)


def test_posterior_mean_as_the_paper_prints_it():
    """Ho et al. 2020, eq. 7, mid-chain, in beta and abar."""
    schedule, t = linear(), 500
    abar, beta = schedule.abar, schedule.betas[t]
    x0, xt = normal(4, 2), normal(4, 2, seed=1)
    mean = abar[t - 1].sqrt() * beta / (1 - abar[t]) * x0
    mean = mean + (1 - beta).sqrt() * (1 - abar[t - 1]) / (1 - abar[t]) * xt
    q = posterior(x0, xt, schedule.level(t - 1), schedule.level(t))
    close(q.mean, mean)
    close(q.var, (1 - abar[t - 1]) / (1 - abar[t]) * beta, 1e-12)


def test_noised_data_have_the_mean_and_variance_they_should():
    schedule, n = linear(), 200_000
    x0 = 0.3 + 0.5 * normal(n, 1)
    for t in (2, 100, 500, 1000):
        xt = q_sample(x0, normal(n, 1, seed=t), schedule.level(torch.tensor([t]), x0))
        abar = schedule.abar[t].item()
        mean, var = 0.3 * abar**0.5, 0.25 * abar + 1 - abar
        assert abs(xt.mean().item() - mean) < 5 * (var / n) ** 0.5
        assert abs(xt.var().item() - var) < 5 * var * (2 / n) ** 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "strided", "expanded"])
def test_every_t_in_any_dtype_and_layout(dtype, layout):
    schedule = linear(100)
    t = torch.arange(1, 101)
    x0, eps = normal(100, 3, 4, 5).to(dtype), normal(100, 3, 4, 5, seed=1).to(dtype)
    if layout == "channels_last":
        x0 = x0.to(memory_format=torch.channels_last)
    elif layout == "strided":
        x0 = x0.repeat(1, 1, 1, 2)[..., ::2]
    elif layout == "expanded":
        x0 = x0[:1].expand(100, 3, 4, 5)
    before = x0.clone(), eps.clone()
    xt = q_sample(x0, eps, schedule.level(t, x0))
    assert xt.dtype == dtype
    signal, noise = schedule.abar[1:].sqrt(), (1 - schedule.abar[1:]).sqrt()
    truth = torch.einsum("b,bchw->bchw", signal, x0.double())
    truth = truth + torch.einsum("b,bchw->bchw", noise, eps.double())
    eps_dtype = torch.finfo(dtype).eps
    torch.testing.assert_close(xt.double(), truth, rtol=4 * eps_dtype, atol=8 * eps_dtype)
    assert torch.equal(x0, before[0])
    assert torch.equal(eps, before[1])


def test_batch_is_the_stack_of_its_items_and_may_be_empty():
    schedule = linear()
    x0, xt, (s, t) = normal(6, 2, 3), normal(6, 2, 3, seed=1), pairs(1000, 6)
    whole = posterior(x0, xt, *levels(schedule, s, t, x0))
    for i in range(6):
        part = slice(i, i + 1)
        item = posterior(x0[part], xt[part], *levels(schedule, s[part], t[part], x0[part]))
        close(whole.mean[part], item.mean, 0)
        close(whole.var[part], item.var, 0)
    empty = q_sample(x0[:0], xt[:0], schedule.level(t[:0], x0[:0]))
    assert empty.shape == (0, 2, 3)
    assert posterior(x0[:0], xt[:0], *levels(schedule, s[:0], t[:0], x0[:0])).log_prob(empty).shape == (0,)


def test_symbols_go_through_as_tensors_do():
    """With symbols, the library's functions give the textbook's formulas."""
    x0, xt, xs, eps = sp.symbols("x_0 x_t x_s epsilon", real=True)
    a, b = sp.symbols("abar_s abar_t", positive=True)
    s, t = (Level(sp.sqrt(u), sp.sqrt(1 - u)) for u in (a, b))
    alpha = b / a
    same = lambda left, right: sp.simplify(left - right) == 0  # noqa: E731
    assert same(q_sample(x0, eps, t), sp.sqrt(b) * x0 + sp.sqrt(1 - b) * eps)
    jump, q = transition(xs, s, t), posterior(x0, xt, s, t)
    assert same(jump.mean, sp.sqrt(alpha) * xs)
    assert same(jump.var, 1 - alpha)
    mean = sp.sqrt(a) * (1 - alpha) / (1 - b) * x0 + sp.sqrt(alpha) * (1 - a) / (1 - b) * xt
    assert same(q.mean, mean)
    assert same(q.var, (1 - a) / (1 - b) * (1 - alpha))
    assert not same(q.mean, mean.subs(sp.sqrt(alpha), sp.sqrt(b)))
