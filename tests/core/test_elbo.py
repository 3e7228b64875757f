import math

import pytest
import sympy as sp
import torch
from kinds import PREDICTIONS
from oracles import SCHEDULES, close, normal, pairs

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    Gaussian,
    Level,
    ancestral_beta,
    cosine,
    digits,
    elbo as elbo_module,
    from_betas,
    linear,
    posterior,
    posterior_beta,
    pretrained,
    q_sample,
    transition,
)
from ddpm_core.elbo import (
    bits_per_dim,
    bound,
    bound_times,
    pixels,
    prior,
    terms,
    weight,
)
from ddpm_core.study import calibrated as measured
from ddpm_core.study.calibrated import Calibrated, error
from ddpm_core.study.exact import Mixture, gaussian, law, log_likelihood

POINTS = torch.tensor([[-1.0], [1.0]]).double()  # two points with the mean and variance of N(0, 1)


def exactly(world, m, sd, **how):
    """The bound averaged exactly over N(m, sd^2) and eps: for quadratics, two points of each suffice."""
    x0, eps = m + sd * POINTS.repeat(2, 1), POINTS.repeat_interleave(2, 0)
    return bound(terms(world, x0, eps=eps, **how))


@pytest.mark.parametrize(
    ("reverse", "first", "told"),
    [(posterior_beta, None, 0.7269), (posterior, "beta-tilde_2", 1.2957)],
)
def test_the_published_gaussian_world(reverse, first, told):
    """N(0.3, 0.5^2), T = 1000, linear: 0.7269 and 1.2957 nats, computed elsewhere from the joint Gaussian."""
    schedule = linear()
    var = None if first is None else posterior(1.0, 1.0, schedule.at(1), schedule.at(2)).var
    found = exactly(gaussian(schedule, 0.3, 0.5), 0.3, 0.5, reverse=reverse, first=var)
    assert found.total.mean().item() == pytest.approx(told, abs=5e-5)
    assert found.terms.shape == (4, 1001)
    assert found.times == list(range(1000, -1, -1))


@pytest.mark.parametrize("T", [1, 2, 10, 100])
def test_the_bound_is_above_the_exact_likelihood(T):
    schedule = linear(T, 1e-3, 0.3)
    for world in (
        gaussian(schedule, 0.3, 0.5),
        Mixture(schedule, torch.tensor([[-1.0], [1.0]]).double(), 0.01, torch.tensor([0.3, 0.7])),
    ):
        g = torch.Generator().manual_seed(0)
        x0 = world.draw(4000, g)
        found = bound(terms(world, x0, generator=g)).total
        exact = -log_likelihood(world, x0)
        gap = found - exact
        assert gap.mean() > -4 * gap.std() / len(gap) ** 0.5


def test_the_bound_is_tight_where_the_reverse_is_exact():
    """Data N(0, 1): the true reverse step has variance beta_t, and the bound is the entropy, at any T."""
    for schedule in SCHEDULES.values():
        found = exactly(gaussian(schedule, 0.0, 1.0), 0.0, 1.0).total.mean()
        close(found, 0.5 * math.log(2 * math.pi * math.e), 1e-8)


def test_the_gap_is_a_divergence_of_trajectories():
    """-ELBO - entropy = KL(q_T || p_T) + sum of E KL(q(x_{t-1} | x_t) || p), each in closed form."""
    schedule, m, v = linear(20, 1e-2, 0.4), 0.3, 0.25
    found = exactly(gaussian(schedule, m, v**0.5), m, v**0.5).total.mean()
    abar, beta = schedule.abar.tolist(), schedule.betas.tolist()
    V = [a * v + 1 - a for a in abar]
    kl = 0.5 * (V[-1] + abar[-1] * m**2 - 1 - math.log(V[-1]))
    for t in range(1, 21):
        ratio = V[t - 1] / V[t]  # of the true reverse variance beta_t V_{t-1} / V_t to beta_t
        kl += 0.5 * (ratio - 1 - math.log(ratio))
    entropy = 0.5 * math.log(2 * math.pi * math.e * v)
    close(found - entropy, kl, 1e-9)
    assert beta[1] > 0


def test_each_term_is_its_definition():
    """L_T, L_{t-1} and L_0 of a network, from torch's own normal distributions."""
    torch.manual_seed(0)
    schedule = linear(12, 1e-2, 0.3)
    net = MLP(d=3, width=8)
    torch.nn.init.normal_(net.leave.weight, std=0.3)
    denoiser = Denoiser(net.double(), schedule, Eps())
    x0, eps = normal(5, 3).clamp(-1, 1), normal(5, 3, seed=1)
    found = bound(terms(denoiser, x0, eps=eps, reverse=posterior_beta))
    N = torch.distributions.Normal
    kl = torch.distributions.kl_divergence
    abar, alphas, betas = schedule.abar, schedule.alphas, schedule.betas

    def mean(x, xt, t):
        on_x0 = abar[t - 1].sqrt() * betas[t] / (1 - abar[t])
        return on_x0 * x + alphas[t].sqrt() * (1 - abar[t - 1]) / (1 - abar[t]) * xt

    close(found.terms[:, 0], kl(N(abar[12].sqrt() * x0, (1 - abar[12]).sqrt()), N(0.0, 1.0)).sum(1))
    for column, t in enumerate(range(12, 0, -1)):
        xt = q_sample(x0, eps, schedule.level(t))
        x0hat = ((xt - (1 - abar[t]).sqrt() * net(xt, torch.full((5,), t))) / abar[t].sqrt()).detach()
        p = N(mean(x0hat, xt, t), betas[t].sqrt())
        if t == 1:
            close(found.distortion, -p.log_prob(x0).sum(1))
        else:
            tilde = betas[t] * (1 - abar[t - 1]) / (1 - abar[t])
            close(found.terms[:, column + 1], kl(N(mean(x0, xt, t), tilde.sqrt()), p).sum(1), 1e-8)
    close(found.total, found.rate + found.distortion)


def test_a_shorter_chain_is_the_chain_of_its_own_schedule():
    """Times 0, 10, 40 of one schedule are the times 0, 1, 2 of the schedule with their abar."""
    schedule = linear(40, 1e-3, 0.2)
    short = type(schedule)(schedule.abar[[0, 10, 40]])
    x0, eps = normal(6, 1), normal(6, 1, seed=1)
    long = bound(terms(gaussian(schedule, 0.3, 0.5), x0, [40, 10, 0], eps=eps))
    other = bound(terms(gaussian(short, 0.3, 0.5), x0, eps=eps))
    close(long.terms, other.terms)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS)
@pytest.mark.parametrize("reverse", [posterior, posterior_beta])
def test_weight_times_squared_error_is_the_divergence(prediction, reverse):
    """The part of L_{t-1} with the estimate is weight * ||target - output||^2, whatever the output means."""
    schedule = cosine(100)
    s, t = pairs(100, 32)
    x0, eps, error = normal(32, 2), normal(32, 2, seed=1), normal(32, 2, seed=2)
    s, t = schedule.level(s, x0), schedule.level(t, x0)
    xt = q_sample(x0, eps, t)
    out = prediction.target(x0, eps, xt, s, t) + error
    true, p = posterior(x0, xt, s, t), reverse(prediction.x0(out, xt, s, t), xt, s, t)
    at_best = true.kl(Gaussian(true.mean, p.var))
    told = weight(prediction, s, t, reverse).flatten() * (error**2).sum(1)
    close(true.kl(p) - at_best, told, 1e-7)


def test_weights_are_the_papers_for_symbols():
    r, R, S = sp.symbols("r R S", positive=True)  # sqrt(alpha_t), sqrt(abar_{t-1}), sqrt(1 - abar_t)
    s, t = Level(R, sp.sqrt(1 - R**2)), Level(r * R, S)
    beta, abar = 1 - r**2, r**2 * R**2
    papers = beta**2 / (2 * beta * r**2 * (1 - abar))  # Ho et al. 2020, eq. 12, with sigma^2 = beta
    found = weight(Eps(), s, t).subs(S, sp.sqrt(1 - abar))
    assert sp.cancel(found - papers) == 0


def test_the_weights_of_a_walk_telescope():
    """With the posterior's variance the x_0 weights of t = 2 .. T sum to half of SNR(1) - SNR(T)."""
    schedule = linear(60, 1e-3, 0.2)
    total = sum(weight(X0(), schedule.at(t - 1), schedule.at(t), posterior) for t in range(2, 61))
    close(total, (schedule.snr[1] - schedule.snr[60]) / 2)


def test_the_prior_term_is_what_the_end_still_knows():
    x0 = normal(3, 1, 2, 2)
    end = linear(10).level(10)
    abar = end.signal**2
    told = 0.5 * (abar * x0**2 - abar - math.log(1 - abar))
    close(prior(x0, end), told.flatten(1).sum(1))


def test_pictures_cost_bits():
    """The shipped digits model: probabilities, so every example's L_0 is positive."""
    test, denoiser = digits()[1], pretrained("digits")
    x0, g = test.images[:24], torch.Generator().manual_seed(0)
    times = [1000, 700, 400, 200, 100, 60, 40, 0]
    found = bound(terms(denoiser, x0, times, decoder=pixels(17), generator=g))
    bits = bits_per_dim(found.total, x0)
    assert (found.distortion > 0).all()
    assert 1 < bits.mean() < math.log2(17)


@pytest.mark.parametrize("levels", [3, 17, 256, 10_000])
def test_a_walk_for_greys_begins_where_the_noise_is_as_wide(levels):
    schedule = cosine()
    *walk, start, end = bound_times(schedule, levels)
    noise = schedule.level(start).noise
    assert end == 0
    assert noise >= 1 / (levels - 1)
    assert start == 1 or schedule.level(start - 1).noise < 1 / (levels - 1)
    assert [*walk, start] == list(range(1000, start - 1, -1))
    few = bound_times(schedule, levels, 5)
    assert (len(few), few[0], few[-2:]) == (6, 1000, [start, 0])
    assert bound_times(schedule, levels, 1) == [1000, 0]


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"times": [50, 20, 1]}, "end at 0"),
        ({"times": [20, 50, 0]}, "decrease"),
        ({"reverse": posterior}, "give `first`"),
        ({"first": -1.0}, "first must"),
        ({"eps": torch.zeros(3, 1)}, "eps must have the shape"),
    ],
)
def test_bad_input_is_told_at_once(how, told):
    with pytest.raises(ValueError, match=told):
        terms(gaussian(linear(50), 0.0, 1.0), torch.zeros(2, 1), **how)


def test_errors_are_measured_on_something():
    with pytest.raises(ValueError, match="x0 is empty"):
        Calibrated(gaussian(linear(50), 0.0, 1.0), torch.zeros(0, 1), [50, 0])


def test_a_law_with_its_last_step_is_what_the_bound_bounds():
    """One Gaussian, T = 3: the exact likelihood from the sampler's distribution, and the bound below it."""
    schedule = from_betas(torch.tensor([0.1, 0.3, 0.6]))
    world = gaussian(schedule, 0.3, 0.5)
    told = law(world, rule=ancestral_beta)
    x0 = 0.3 + 0.5 * POINTS
    density = Gaussian(told.mean, told.var + 0.1).log_prob(x0)
    close(log_likelihood(world, x0), density)
    assert exactly(world, 0.3, 0.5).total.mean() > -density.mean()


@pytest.mark.parametrize("reverse", [posterior_beta, "calibrated"])
def test_the_split_bound_is_the_ratio_of_two_walks(reverse):
    """E log q(x_1..x_T | x_0) / p(x_0..x_T) along chains that are sampled with torch's own normals."""
    schedule, g = linear(8, 1e-2, 0.4), torch.Generator().manual_seed(0)
    world = Mixture(schedule, torch.tensor([[-1.0], [1.0]]).double(), 0.01, torch.tensor([0.3, 0.7]))
    if reverse == "calibrated":
        reverse = Calibrated(world, world.draw(500, g), range(8, -1, -1), g)
    x0, N = world.draw(20_000, g), torch.distributions.Normal

    def log_prob(law, x):
        return N(law.mean, torch.as_tensor(law.var).sqrt()).log_prob(x)[:, 0]

    ratio, x = torch.zeros(len(x0)), x0
    for t in range(1, 9):
        s, now = schedule.at(t - 1), schedule.at(t)
        kernel = transition(x, s, now)
        xt = kernel.mean + kernel.var**0.5 * torch.randn(x.shape, generator=g, dtype=x.dtype)
        ratio = ratio + log_prob(kernel, xt) - log_prob(reverse(world(xt, t), xt, s, now), x)
        x = xt
    ratio = ratio - N(0.0, 1.0).log_prob(x)[:, 0]
    split = bound(terms(world, x0, reverse=reverse, generator=g)).total
    gap = split.mean() - ratio.mean()
    assert gap.abs() < 4 * (split.var() / len(x0) + ratio.var() / len(x0)) ** 0.5
    assert ratio.std() / len(x0) ** 0.5 < 0.01  # nats: precise enough for the test to mean something


@pytest.fixture
def four_points(monkeypatch):
    """Calibration on noise that averages squares exactly, as `exactly` does."""
    monkeypatch.setattr(measured, "randn", lambda like, g=None: POINTS.repeat_interleave(2, 0))


@pytest.mark.parametrize("T", [1, 2, 10, 100])
def test_calibrated_the_bound_is_the_entropy_at_any_number_of_steps(T, four_points):
    """For one Gaussian the true reverse step is a Gaussian, so the only loss is the prior's KL."""
    schedule, m, sd = linear(T, 1e-3, 0.3), 0.3, 0.5
    world = gaussian(schedule, m, sd)
    reverse = Calibrated(world, m + sd * POINTS.repeat(2, 1), schedule.times())
    found = exactly(world, m, sd, reverse=reverse).total.mean()
    abar = schedule.abar[-1].item()
    end = Gaussian(torch.tensor([[abar**0.5 * m]], dtype=torch.float64), abar * sd**2 + 1 - abar)
    exact = 0.5 * math.log(2 * math.pi * math.e * sd**2) + end.kl(Gaussian(torch.zeros(1, 1), 1.0))[0]
    close(found, exact)
    first = posterior(1.0, 1.0, schedule.at(1), schedule.at(2)).var if T > 1 else 0.5
    for papers, last in ((posterior_beta, None), (posterior, first)):
        assert found < exactly(world, m, sd, reverse=papers, first=last).total.mean()


def test_a_calibrated_sampler_has_the_law_of_the_data(four_points):
    """In five steps, with which the paper's two variances are far off.  The last step adds no noise."""
    world, times = gaussian(linear(), 0.3, 0.5), [1000, 500, 250, 100, 30, 0]
    calibrated = Calibrated(world, 0.3 + 0.5 * POINTS.repeat(2, 1), times)
    made = law(world, times, calibrated.step)
    left_out = calibrated.errors[world.schedule.at(30)]
    close(made.mean[0, 0], 0.3, 1e-4)
    close((made.var + left_out)[0, 0], 0.25, 1e-4)
    assert abs(law(world, times).var + left_out - 0.25) > 0.01


def test_no_other_variance_suits_the_network_better():
    """15 % more or less for any number at any step worsens the bound on the data used for calibration."""
    torch.manual_seed(0)
    schedule, times = linear(12, 1e-2, 0.3), [12, 7, 3, 0]
    net = MLP(d=3, width=8)
    torch.nn.init.normal_(net.leave.weight, std=0.3)
    denoiser = Denoiser(net.double(), schedule, Eps())
    x0 = normal(3000, 3) * torch.tensor([0.3, 1.0, 0.6])
    eps = [normal(3000, 3, seed=k) for k in range(3)]
    reverse = Calibrated(denoiser, x0, [*times[:1], 0])
    for t, noise in zip(times[:-1], eps, strict=True):
        reverse.errors[schedule.at(t)] = error(denoiser, x0, t, noise)

    def nats():
        draws = iter(eps)
        original, elbo_module.randn = elbo_module.randn, lambda like, g=None: next(draws)
        try:
            return bound(terms(denoiser, x0, times, reverse=reverse)).total.mean()
        finally:
            elbo_module.randn = original

    best = nats()
    for e in reverse.errors.values():
        for k in range(3):
            kept = e[0, k].item()
            for factor in (0.85, 1.15):
                e[0, k] = factor * kept
                assert nats() > best
            e[0, k] = kept


class Half:
    """An estimator that is always right about the first number and says 0 for the second."""

    schedule = linear(5)

    def __init__(self, x0):
        self.x0 = x0

    def __call__(self, xt, t):
        return self.x0 * torch.tensor([1.0, 0.0])


def test_no_number_is_held_for_sure():
    """A pixel that was always right in N examples still gets 1 / (N + 1) of the average error."""
    x0 = torch.tensor([[1.0, 1.0], [-1.0, 2.0], [0.5, 3.0]]).double()
    found = error(Half(x0), x0, 3, normal(3, 2))
    squares = torch.tensor([1.0, 4.0, 9.0]).double()
    close(found, torch.stack([squares.mean() / 2 / 4, (squares.sum() + squares.mean() / 2) / 4])[None])
    assert found.shape == (1, 2)
    close(found.mean(), squares.mean() / 2)


def test_calibration_pays_on_new_digits():
    """Calibrated on training digits, tested on others: fewer bits than with the paper's two variances."""
    (train, test), denoiser = digits(), pretrained("digits")
    times, x0 = bound_times(denoiser.schedule, 17, 6), test.images[:60]
    reverse = Calibrated(denoiser, train.images[:300], times, torch.Generator().manual_seed(1))

    def bits(reverse, first=None):
        g = torch.Generator().manual_seed(0)
        how = {"reverse": reverse, "first": first, "decoder": pixels(17), "generator": g}
        return bits_per_dim(bound(terms(denoiser, x0, times, **how)).total, x0).mean()

    mine = bits(reverse)
    last = reverse.errors[denoiser.schedule.at(times[-2])].mean().item()
    assert mine < bits(posterior_beta) - 0.1
    assert mine < bits(posterior, last) - 0.1


def test_calibrated_answers_for_its_times_alone():
    world = gaussian(linear(50), 0.0, 1.0)
    reverse = Calibrated(world, torch.zeros(4, 1).double(), [50, 20, 0])
    with pytest.raises(ValueError, match=r"at 2 times from 50 to 20; t = 10 is none of them: give `times`"):
        terms(world, torch.zeros(2, 1).double(), [50, 10, 0], reverse=reverse)
    x = torch.zeros(2, 1).double()
    for here in (Level(0.5, 0.75**0.5), world.schedule.level(torch.tensor([20, 10]), x)):
        with pytest.raises(ValueError, match="this level is none of them"):
            reverse(x, x, world.schedule.at(10), here)
    with pytest.raises(ValueError, match="decrease"):
        Calibrated(world, torch.zeros(4, 1).double(), [20, 50, 0])


def test_a_walk_for_greys_is_even_to_the_nearest_whole_time():
    schedule = linear()
    start = bound_times(schedule, 256)[-2]
    for steps in (3, 7, 20, 60):
        *walk, end = bound_times(schedule, 256, steps)
        even = [1000 - (1000 - start) * k / (steps - 1) for k in range(steps)]
        assert end == 0
        assert max(abs(a - b) for a, b in zip(walk, even, strict=True)) <= 0.5
