"""Every schedule, of any signal and noise: rules, walks, bound and files, against formulas written here."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from oracles import close, normal
from torch import nn

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    Flow,
    Schedule,
    V,
    ancestral,
    ancestral_beta,
    checkpoints,
    cosine,
    ddim,
    dpm_2m,
    elbo,
    eta,
    exploding,
    heun,
    invert,
    last,
    linear,
    posterior,
    posterior_beta,
    sample,
    straight,
    zero_terminal,
)
from ddpm_core.prediction import Mu, Score
from ddpm_core.study.exact import Mixture, gaussian, law, log_likelihood
from ddpm_core.study.vae import FixedEncoder

T = 50
SCHEDULES = {
    "linear": linear(T, 1e-3, 0.2),
    "cosine": cosine(T),
    "exploding": exploding(T, 0.01, 10.0),
    "straight": straight(T),
    "zero terminal": zero_terminal(linear(T, 1e-3, 0.2)),
}
RULES = {"ancestral": ancestral, "ancestral_beta": ancestral_beta, "ddim": ddim, "eta": eta(0.5)}
M, STD = 1.0, 0.5
every_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
every_rule = pytest.mark.parametrize("name", RULES)


def recursion(schedule, times, name):
    """Mean and variance of the walk's end, in floats: x_s = a_s x0 + k (x_t - a_t x0) / b_t + sigma z."""
    a, b = schedule.signal.tolist(), schedule.noise.tolist()
    mean, var = 0.0, 1.0 if abs(a[-1] ** 2 + b[-1] ** 2 - 1) < 1e-9 else b[-1] ** 2
    for t, s in pairwise(times):
        gain = a[t] * STD**2 / (a[t] ** 2 * STD**2 + b[t] ** 2)
        jump = b[t] ** 2 - (a[t] / a[s] * b[s]) ** 2
        kept = {"ddim": 0.0, "eta": 0.5}.get(name, 1.0) * b[s] * jump**0.5 / b[t]  # sigma of the marginal
        drawn = kept if name != "ancestral_beta" else jump**0.5 if s else 0.0
        k = (b[s] ** 2 - kept**2) ** 0.5 / b[t]
        on_x0 = a[s] - k * a[t]
        slope = on_x0 * gain + k
        mean = slope * mean + on_x0 * (1 - gain * a[t]) * M
        var = slope**2 * var + drawn**2
    return mean, var


# laws of the rules


@every_rule
@every_schedule
@pytest.mark.parametrize("times", [None, [T, 20, 7, 0]])
def test_a_rule_ends_at_its_closed_recursion(schedule, name, times):
    mean, var = recursion(schedule, times or range(T, -1, -1), name)
    found = law(gaussian(schedule, M, STD), times, RULES[name])
    close(found.mean.squeeze(), mean, 1e-10)
    close(found.var.squeeze(), var, 1e-10)


@pytest.mark.slow
@every_rule
@every_schedule
def test_samples_are_of_that_law(schedule, name):
    n, g = 50_000, torch.Generator().manual_seed(2)
    mean, var = recursion(schedule, schedule.times(20), name)
    x_T = schedule.start(normal(n, 1, seed=1))
    x = last(sample(gaussian(schedule, M, STD), x_T, schedule.times(20), RULES[name], g)).xt
    assert abs(x.mean() - mean) < 5 * (var / n) ** 0.5
    assert abs(x.var() / var - 1) < 5 * (2 / n) ** 0.5


@every_schedule
@pytest.mark.parametrize("t", [1, T // 2, T])
def test_two_modes_are_bayes_on_a_grid(schedule, t):
    world = Mixture(schedule, torch.tensor([[-1.0], [1.0]]).double(), 0.01, torch.tensor([3.0, 7.0]))
    x0 = torch.linspace(-6, 6, 12001, dtype=torch.float64)
    prior = sum(w * (-50 * (x0 - m) ** 2).exp() for w, m in ((0.3, -1), (0.7, 1)))
    a, b = schedule.signal[t], schedule.noise[t]
    for z in (-1.2, 0.1, 0.9):
        x = a * 0.5 + b * z
        joint = prior * (-0.5 * ((x - a * x0) / b) ** 2).exp()
        close(world(x.reshape(1, 1), t).squeeze(), (joint * x0).sum() / joint.sum(), 1e-7)


# how fast the error falls


def started(schedule):
    """The schedule's world, and x_T exactly as q(x_T): points at -1, 0, 1 standard deviations of it."""
    world, (a, b) = gaussian(schedule, M, STD), schedule.at(schedule.T)
    spread = (a**2 * STD**2 + b**2) ** 0.5
    return world, a * M + spread * torch.tensor([[-1.0], [0.0], [1.0]], dtype=torch.float64)


def variance(walk):
    """The variance that an affine walk without noise gives to what started with that of q(x_T)."""
    x = last(walk).xt[:, 0]
    return ((x[2] - x[0]) / 2).item() ** 2


FULL = {
    "linear": linear(1000),
    "cosine": cosine(1000),
    "exploding": exploding(1000, 0.01, 50.0),
    "straight": straight(1000),
}
every_path = pytest.mark.parametrize("name", FULL)


@every_path
@pytest.mark.parametrize("rule", [ancestral, ddim])
def test_the_error_of_first_order_rules_falls_with_the_steps(name, rule):
    """Of the variance, like steps^-order; the order of `ancestral` on `linear` is still on its way to 1."""
    world, times = gaussian(FULL[name], M, STD), FULL[name].times
    rough, fine = (law(world, times(steps), rule).var.item() / STD**2 - 1 for steps in (50, 200))
    assert rough < -0.05
    assert 0.8 < math.log(rough / fine) / math.log(4) < 1.05


@every_path
def test_2m_reaches_one_percent_of_the_variance_in_fifty_steps(name):
    schedule = FULL[name]
    world, x_T = started(schedule)
    times = schedule.times(50)
    first, multistep, two_passes = (
        abs(variance(walk) / STD**2 - 1)
        for walk in (sample(world, x_T, times, ddim), dpm_2m(world, x_T, times), heun(world, x_T, times))
    )
    assert multistep < 0.01
    assert two_passes < first / 2


def grid(name, n):
    """A schedule whose last n + 1 levels are even in log-SNR between two fixed ones: t = 1 .. n + 1."""
    depth = torch.linspace(3.0, -3.0, n + 1, dtype=torch.float64)  # log(a / b)
    ratio = (-depth).exp()
    a = {
        "preserving": (1 + ratio**2) ** -0.5,
        "exploding": torch.ones_like(ratio),
        "straight": 1 / (1 + ratio),
    }[name]
    one, zero = a.new_ones(1), a.new_zeros(1)
    return Schedule(signal=torch.cat([one, a]), noise=torch.cat([zero, a * ratio]))


@pytest.mark.parametrize(
    ("walk", "order"),
    [(dpm_2m, 2), (heun, 2), (lambda d, x, times: sample(d, x, times, ddim), 1)],
    ids=["2M", "Heun", "DDIM"],
)
@pytest.mark.parametrize("name", ["preserving", "exploding", "straight"])
def test_orders_on_a_continuous_grid(walk, order, name):
    """Against the exact flow of one Gaussian, which keeps every point's number of standard deviations."""
    errors = []
    for n in (32, 64, 128):
        schedule = grid(name, n)
        world, x_T = started(schedule)
        found = last(walk(world, x_T, list(range(n + 1, 0, -1)))).xt
        a, b = schedule.at(1)
        exact = a * M + (a**2 * STD**2 + b**2) ** 0.5 * torch.tensor([[-1.0], [0.0], [1.0]])
        errors.append((found - exact).abs().max().item())
    slopes = [math.log2(rough / fine) for rough, fine in pairwise(errors)]
    assert all(order - 0.1 < slope < order + 0.1 for slope in slopes), slopes


@pytest.mark.parametrize(
    ("schedule", "step"),
    [(straight(4), 0.25), (Schedule(signal=torch.ones(5).double(), noise=8 * torch.arange(5).double()), 8.0)],
    ids=["straight", "exploding"],
)
def test_heun_is_the_textbooks_on_the_straight_path_and_edms_on_an_exploding_one(schedule, step):
    """By hand, dx/dt = eps - x_0 in steps of 1/4, or dx/dsigma = (x - x_0) / sigma in steps of 8."""
    world, x = gaussian(schedule, M, STD), normal(5, 1)

    def velocity(x, k):
        level, best = schedule.at(k), world(x, k)
        return (x - level.signal * best) / level.noise - (best if schedule.signal[4] == 0 else 0)

    frames = list(heun(world, x, [4, 3, 2, 1, 0]))
    for k, frame in zip((4, 3, 2), frames[1:], strict=False):
        guess = x - step * velocity(x, k)
        x = x - step * (velocity(x, k) + velocity(guess, k - 1)) / 2
        close(frame.xt, x, 1e-12)
    close(frames[-1].xt, world(x, 1), 1e-12)


# up and back


@every_schedule
def test_the_first_step_up_only_scales(schedule):
    x0 = normal(3, 1)
    start, first, *_ = invert(gaussian(schedule, M, STD), x0, [T, 9, 0])
    assert (start.t, first.t) == (0, 9)
    close(first.xt, schedule.signal[9] * x0, 1e-15)


@every_path
def test_the_way_up_and_back_is_as_exact_as_its_steps_are_small(name):
    schedule = FULL[name]
    world, x0 = gaussian(schedule, M, STD), M + STD * normal(20, 1)

    def error(steps):
        times = schedule.times(steps)
        x_T = last(invert(world, x0, times)).xt
        return (last(sample(world, x_T, times, ddim)).xt - x0).abs().max().item()

    errors = [error(steps) for steps in (50, 100, 200)]
    assert errors[0] > 1e-3
    assert all(0.4 < fine / rough < 0.6 for rough, fine in pairwise(errors)), errors


@pytest.mark.parametrize("walk", [dpm_2m, heun, invert])
def test_two_interleaved_walks_do_not_mix(walk):
    world, x, y = gaussian(straight(T), M, STD), normal(3, 1), normal(3, 1, seed=1)
    times = straight(T).times(10)
    pairs = list(zip(walk(world, x, times), walk(world, y, times), strict=True))
    for together, start in zip(zip(*pairs, strict=True), (x, y), strict=True):
        for frame, alone in zip(together, walk(world, start, times), strict=True):
            assert torch.equal(frame.xt, alone.xt)


# the bound


NODES, SHARES = (torch.from_numpy(x) for x in np.polynomial.hermite_e.hermegauss(3))
X0_EPS = torch.cartesian_prod(NODES, NODES)  # (9, 2)
CUBATURE = torch.outer(SHARES, SHARES).flatten() / (2 * math.pi)  # exact for what is quadratic, as here
DATA, EPS = M + STD * X0_EPS[:, :1], X0_EPS[:, 1:]


@every_schedule
def test_the_bound_is_above_the_likelihood_and_comes_closer_with_finer_steps(schedule):
    """In expectation over data and noise, exactly; the last step, from t = 5, is the same for all."""
    world, gaps = gaussian(schedule, M, STD), []
    for stride in (15, 5, 1):
        times = [*range(T, 4, -stride), 0]
        told, first = law(world, times, ancestral_beta), schedule.at(5).noise ** 2
        log_p = told._replace(var=told.var + first).log_prob(DATA)
        close(log_likelihood(world, DATA, times, first=first), log_p, 1e-8)
        bound = elbo.bound(elbo.terms(world, DATA, times, first=first, eps=EPS))
        gaps.append((CUBATURE @ (bound.total + log_p)).item())
    assert gaps[0] > gaps[1] > gaps[2] > 0


@every_schedule
def test_the_terms_are_their_integrals(schedule):
    """In expectation each KL is known: means apart by slope times the error of the estimate."""
    a, b, t, s = schedule.signal.tolist(), schedule.noise.tolist(), 30, 20
    terms = dict(elbo.terms(gaussian(schedule, M, STD), DATA, [T, t, s, 0], eps=EPS))
    prior = 1.0 if schedule.preserving else b[T] ** 2
    ratio = b[T] ** 2 / prior
    close(terms[T], 0.5 * ((a[T] * DATA[:, 0]) ** 2 / prior + ratio - 1 - math.log(ratio)))
    left = STD**2 * b[t] ** 2 / (a[t] ** 2 * STD**2 + b[t] ** 2)  # Var(x_0 | x_t)
    jump = b[t] ** 2 - (a[t] / a[s] * b[s]) ** 2
    slope, ratio = a[s] * jump / b[t] ** 2, b[s] ** 2 / b[t] ** 2
    close(CUBATURE @ terms[s], 0.5 * (slope**2 * left / jump + ratio - 1 - math.log(ratio)))


# what a schedule without variance 1 means for the rest


@pytest.mark.parametrize("schedule", [straight(9), exploding(9, 0.01, 5.0)])
@pytest.mark.parametrize("table", ["abar", "alphas", "betas"])
def test_what_a_schedule_does_not_have_is_refused_with_the_way_out(schedule, table):
    with pytest.raises(ValueError, match=r"doesn't preserve variance.*use its signal, noise and snr"):
        getattr(schedule, table)


@pytest.mark.parametrize("schedule", [straight(9), zero_terminal(cosine(9))])
def test_without_signal_at_the_end_some_outputs_mean_nothing(schedule):
    net = MLP(1)
    for wrong in (Eps(), Score()):
        with pytest.raises(ValueError, match=r"divides by the signal.*take V\(\), Flow\(\) or X0\(\)"):
            Denoiser(net, schedule, wrong)
    x_T = schedule.start(normal(4, 1, dtype=torch.float32))
    for right in (V(), Flow(), X0(), Mu()):
        d = Denoiser(net, schedule, right, clip=1.0)
        assert d.loss(x_T, torch.tensor([9]), x_T).isfinite().all()
        for rule in RULES.values():
            assert last(sample(d, x_T, rule=rule)).xt.isfinite().all()
        for walk in (dpm_2m, heun):
            assert last(walk(d, x_T)).xt.isfinite().all()


@pytest.mark.parametrize("kind", [Eps, X0, V, Flow, Mu, Score])
@pytest.mark.parametrize("name", ["linear", "exploding", "straight"])
def test_an_exact_network_of_any_kind_estimates_the_same(kind, name):
    """A network that knows the world, by what its output is to mean, at a time before signal ends."""
    schedule, t = SCHEDULES[name], T - 1
    world, x = gaussian(schedule, M, STD), normal(5, 1)
    level, before = schedule.at(t), schedule.at(t - 1)
    best = world(x, t)
    implied = (x - level.signal * best) / level.noise
    out = kind().target(best, implied, x, before, level)
    close(kind().x0(out, x, before, level), best, 1e-9)


class Spy(nn.Module):
    def forward(self, xt, t):
        self.seen = xt
        return torch.zeros_like(xt)


@every_schedule
def test_a_network_sees_data_of_variance_one_at_variance_one(schedule):
    spy, n = Spy(), 5_000
    d, x0, z = Denoiser(spy, schedule, V()), normal(n, 1), normal(n, 1, seed=1)
    for t in (1, T // 3, T):
        d.errors(x0, torch.full((n,), t), z)
        assert spy.seen.var() == pytest.approx(1, abs=0.1)
        trained = spy.seen
        a, b = schedule.at(t)
        d(a * x0 + b * z, t)
        close(spy.seen, trained, 1e-12)


@every_schedule
def test_a_denoiser_is_saved_and_loaded_with_any_schedule(schedule, tmp_path):
    d, x = Denoiser(MLP(1, 8), schedule, Flow()), normal(4, 1, dtype=torch.float32)
    checkpoints.save(d, tmp_path / "d.safetensors")
    again = checkpoints.load(tmp_path / "d.safetensors")
    assert again.schedule == schedule
    assert type(again.prediction) is Flow
    assert torch.equal(again(x, T), d.eval()(x, T))


def test_a_preserving_schedule_is_saved_as_its_abar_if_that_says_it_all():
    assert list(checkpoints.tables(cosine(9))) == ["abar"]
    assert list(checkpoints.tables(straight(9))) == ["signal", "noise"]


def test_a_hierarchical_vae_starts_from_noise_of_size_one():
    for schedule in (linear(9), straight(9), exploding(9, 0.1, 1.0)):
        assert FixedEncoder(schedule).T == 9
    with pytest.raises(ValueError, match=r"noise of size 1.*ends at 5; take straight\(\)"):
        FixedEncoder(exploding(9, 0.01, 5.0))


def test_the_posteriors_variance_is_below_the_jumps():
    """Checked on every pair of neighbours, where both are far apart in size."""
    x = normal(1, 1)
    for schedule in SCHEDULES.values():
        for t in range(2, T + 1):
            s, now = schedule.at(t - 1), schedule.at(t)
            assert 0 < posterior(x, x, s, now).var < posterior_beta(x, x, s, now).var
