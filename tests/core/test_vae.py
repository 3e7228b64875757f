import math

import pytest
import torch
from oracles import close, normal
from torch import nn

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Gaussian,
    UNet,
    V,
    ancestral,
    ancestral_beta,
    cosine,
    digits,
    linear,
    posterior,
    sample,
)
from ddpm_core.elbo import bits_per_dim, bound, pixels, terms
from ddpm_core.study.vae import (
    HVAE,
    FixedEncoder,
    LearnedDecoder,
    LearnedEncoder,
    SharedDecoder,
    diagonal,
    linear_elbo,
)

PICTURE = (1, 8, 8)
SHAPES = [PICTURE, (7,), (5, 1), (3,)]  # all different: a network that took the wrong latent would fail


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def learned(shapes=SHAPES):
    torch.manual_seed(0)
    return HVAE(LearnedEncoder(shapes, 16), LearnedDecoder(shapes, 16), shapes, 17)


class Line(nn.Module):
    """A "network" with a very simple output: 0.8 x_t."""

    def forward(self, xt, t):
        return 0.8 * xt


def fixed(schedule, levels=17, shape=(3,), reverse=None):
    shapes = [shape] * (schedule.T + 1)
    decoder = SharedDecoder(Denoiser(Line(), schedule, X0()), *([reverse] if reverse else []))
    return HVAE(FixedEncoder(schedule), decoder, shapes, levels)


def double(noise):
    return {t: z.double() for t, z in noise.items()}


def on_grid(*shape, levels=17, seed=0):
    steps = torch.randint(levels, shape, generator=generator(seed))
    return steps.double() * 2 / (levels - 1) - 1


def mass(x, mean, var, levels=17):
    """log P of the grey level x, for each number, from the error function."""
    half, std = 1 / (levels - 1), var**0.5
    upto = 1.0 if x > 1 - half else 0.5 * math.erfc(-(x + half - mean) / std / 2**0.5)
    below = 0.0 if x < half - 1 else 0.5 * math.erfc(-(x - half - mean) / std / 2**0.5)
    return math.log(upto - below)


@pytest.mark.parametrize("schedule", [linear(6, 0.05, 0.6), cosine(4), linear(1, 0.7, 0.7)], ids=str)
def test_with_the_fixed_encoder_it_is_the_bound_of_a_ddpm(schedule):
    """Every term, for each example, from the paper's formulas in abar and beta, number by number."""
    T, abar, beta = schedule.T, schedule.abar.tolist(), schedule.betas.tolist()
    model, x0 = fixed(schedule), on_grid(5, 3)
    noise = double(model.noise(5, generator(1)))
    found = bound(model.terms(x0, noise))
    assert found.times == list(range(T, -1, -1))
    for i in range(5):
        x = x0[i].tolist()
        nats = dict.fromkeys(range(T + 1), 0.0)
        for k, x_0 in enumerate(x):
            xt = abar[T] ** 0.5 * x_0 + (1 - abar[T]) ** 0.5 * noise[T][i, k].item()
            nats[T] += 0.5 * (abar[T] * x_0**2 - abar[T] - math.log(1 - abar[T]))
            for t in range(T, 1, -1):
                tilde = beta[t] * (1 - abar[t - 1]) / (1 - abar[t])
                on_x0 = abar[t - 1] ** 0.5 * beta[t] / (1 - abar[t])
                on_xt = (1 - beta[t]) ** 0.5 * (1 - abar[t - 1]) / (1 - abar[t])
                apart = (on_x0 * (x_0 - 0.8 * xt)) ** 2
                nats[t - 1] += 0.5 * ((tilde + apart) / beta[t] - 1 - math.log(tilde / beta[t]))
                xt = on_x0 * x_0 + on_xt * xt + tilde**0.5 * noise[t - 1][i, k].item()
            nats[0] -= mass(x_0, 0.8 * xt, beta[1])
        close(found.terms[i], torch.tensor([nats[t] for t in found.times], dtype=torch.float64), 1e-9)


def test_with_the_fixed_encoder_its_terms_are_those_of_elbo():
    """`elbo.terms` draws x_t directly; given the eps that the chain's x_t implies, each term is the same."""
    schedule = cosine(6)
    denoiser = Denoiser(UNet(width=8, mults=(1,)), schedule, V()).double()
    with torch.no_grad():
        for w in denoiser.parameters():
            w.copy_(0.2 * normal(*w.shape, seed=w.numel()))
    shapes = [PICTURE] * 7
    model, x0 = HVAE(FixedEncoder(schedule), SharedDecoder(denoiser), shapes, 17), on_grid(3, *PICTURE)
    noise = double(model.noise(3, generator(2)))
    mine = {term.s: term.nats for term in model.terms(x0, noise)}
    for t, _, xt in model.encode(x0, noise):
        level = schedule.level(t)
        eps = (xt - level.signal * x0) / level.noise
        theirs = {term.s: term.nats for term in terms(denoiser, x0, decoder=pixels(17), eps=eps)}
        close(mine[t - 1], theirs[t - 1], 1e-8)
        close(mine[schedule.T], theirs[schedule.T], 1e-8)


def test_drawn_from_the_top_down_every_latent_has_its_marginal():
    """q(x_T | x_0) and the reverse steps compose to q(x_t | x_0), mean and variance, at every t."""
    schedule, n = linear(8, 0.02, 0.5), 100_000
    model = fixed(schedule, shape=(1,))
    x0 = torch.full((n, 1), 0.75)
    for t, _, xt in model.encode(x0, model.noise(n, generator(3))):
        abar = schedule.abar[t].item()
        assert abs(xt.mean() - abar**0.5 * 0.75) < 5 * ((1 - abar) / n) ** 0.5, t
        assert abs(xt.var() - (1 - abar)) < 5 * (1 - abar) * (2 / n) ** 0.5, t


@pytest.mark.parametrize(("reverse", "rule"), [(None, ancestral_beta), (posterior, ancestral)])
def test_with_the_fixed_encoder_it_generates_what_sample_does(reverse, rule):
    schedule = cosine(9)
    model = fixed(schedule, shape=(2,), reverse=reverse)
    states = list(model.generate(model.noise(4, generator(5))))
    g = generator(5)
    frames = list(sample(model.decoder.denoiser, torch.randn(4, 2, generator=g), rule=rule, generator=g))
    assert len(states) == len(frames) == 10
    for state, frame in zip(states, frames, strict=True):
        close(state, frame.xt, 1e-6)


# --- the bound is one -------------------------------------------------------------------------------


class Linear:
    """x_2 ~ N(0, 1), x_1 = 0.8 x_2 + 0.6 z, x_0 = 0.5 x_1 + 0.3 z, and its exact posterior or another one."""

    T = 2

    def __init__(self, shift=0.0):
        self.shift = shift

    def __call__(self, xt, t):
        return Gaussian(0.8 * xt, 0.36) if t == 2 else Gaussian(0.5 * xt, 0.09)

    def top(self, x0):
        gain = 0.4 / 0.34  # Cov(x_2, x_0) / Var(x_0), for Var(x_1) = 1 and Var(x_0) = 0.25 + 0.09
        return Gaussian(gain * x0 + self.shift, 1 - 0.4 * gain)

    def step(self, x0, xt, t):
        precision = 1 / 0.36 + 0.25 / 0.09
        mean = (0.8 * xt / 0.36 + 0.5 * x0 / 0.09) / precision
        return Gaussian(mean + self.shift, 1 / precision)


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_log_p_is_the_bound_and_the_kl_to_the_posterior(shift):
    """With grey levels so fine that a probability is density times width; the gap is known for each shift."""
    levels, n = 20_001, 200_000
    world = Linear(shift)
    model = HVAE(world, world, [(1,)] * 3, levels)
    x0 = torch.full((n, 1), 0.4, dtype=torch.float64)
    nats = bound(model.terms(x0, double(model.noise(n, generator(7))))).total
    exact = Gaussian(torch.zeros(1, 1).double(), 0.34).log_mass(x0[:1], levels).item()
    var_2, var_1 = 1 - 0.16 / 0.34, 1 / (1 / 0.36 + 0.25 / 0.09)
    gap = 0.5 * shift**2 / var_2 + 0.5 * shift**2 / var_1
    assert abs(exact + nats.mean() - gap) < 5 * nats.std() / n**0.5 + 1e-6


def test_the_linear_vae_s_bound_meets_log_p_at_the_posterior_and_only_there():
    w, noise, x0 = 0.7, 0.4, normal(50, 1)
    total = w**2 + noise**2
    exact = Gaussian(torch.zeros(50, 1).double(), total).log_prob(x0)
    true = Gaussian(w * x0 / total, torch.full((50, 1), noise**2 / total).double())
    close(linear_elbo(x0, true.mean, true.var, w, noise), exact)
    mean, var = normal(50, 1, seed=1), normal(50, 1, seed=2).exp()
    close(linear_elbo(x0, mean, var, w, noise), exact - Gaussian(mean, var).kl(true))


def test_the_linear_vae_s_bound_is_the_mean_over_draws():
    w, noise, n = 0.7, 0.4, 400_000
    x0, mean, var = (torch.full((n, 1), v).double() for v in (0.9, 0.3, 0.5))
    x1 = Gaussian(mean, var).sample(normal(n, 1))
    prior = Gaussian(torch.zeros(n, 1).double(), 1.0)
    draws = Gaussian(w * x1, noise**2).log_prob(x0) + prior.log_prob(x1) - Gaussian(mean, var).log_prob(x1)
    assert abs(draws.mean() - linear_elbo(x0, mean, var, w, noise)[0]) < 5 * draws.std() / n**0.5


def test_a_vae_s_terms_are_written_out_in_torch_s_own_distributions():
    model = learned([PICTURE, (4,)]).double()
    x0 = on_grid(6, *PICTURE)
    noise = double(model.noise(6, generator(1)))
    out = model.encoder.first(x0.flatten(1))
    q = torch.distributions.Normal(out[:, :4], (out[:, 4:] / 2).exp())
    p = torch.distributions.Normal(torch.zeros(6, 4).double(), 1.0)
    found = bound(model.terms(x0, noise))
    close(found.terms[:, 0], torch.distributions.kl_divergence(q, p).sum(1))
    mean = model.decoder.last(q.mean + q.stddev * noise[1]).detach()
    var = model.decoder.log_var.exp().item()
    for i in range(6):
        by_pixel = [mass(x, m, var) for x, m in zip(x0[i].flatten().tolist(), mean[i].tolist(), strict=True)]
        close(found.distortion[i].detach(), -sum(by_pixel), 1e-8)


# --- the chain --------------------------------------------------------------------------------------


def test_every_latent_has_its_shape_and_every_network_its_use():
    model, x0 = learned(), digits()[0].images[:5]
    noise = model.noise(5, generator())
    assert [(s.t, tuple(s.xt.shape)) for s in model.encode(x0, noise)] == [
        (3, (5, 3)),
        (2, (5, 5, 1)),
        (1, (5, 7)),
    ]
    assert [tuple(x.shape[1:]) for x in model.generate(noise)] == SHAPES[::-1]
    found = bound(model.terms(x0, noise))
    assert found.times == [3, 2, 1, 0]
    close(found.total, found.rate + found.distortion, 1e-6)
    found.total.sum().backward()
    for name, weights in model.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().max() > 0, name


def test_the_reparameterised_gradient_is_the_slope():
    """A finite difference in one weight of each network, with the same noise, agrees with the gradient."""
    model, x0 = learned().double(), on_grid(4, *PICTURE)
    noise = double(model.noise(4, generator()))

    def total():
        return bound(model.terms(x0, noise)).total.sum()

    total().backward()
    for name, weights in model.named_parameters():
        place = weights.grad.abs().argmax()
        with torch.no_grad():
            weights.view(-1)[place] += 1e-5
            up = total()
            weights.view(-1)[place] -= 2e-5
            down = total()
            weights.view(-1)[place] += 1e-5
        assert (up - down).item() / 2e-5 == pytest.approx(weights.grad.view(-1)[place].item(), rel=1e-4), name


def test_the_fixed_encoder_has_nothing_to_train():
    model = fixed(cosine(5))
    assert not list(model.parameters())
    shapes = [PICTURE] * 6
    mixed = HVAE(FixedEncoder(cosine(5)), LearnedDecoder(shapes, 8), shapes, 17)
    assert {name.split(".")[0] for name, _ in mixed.named_parameters()} == {"decoder"}
    found = bound(mixed.terms(digits()[0].images[:3], mixed.noise(3, generator())))
    assert not torch.autograd.grad(found.terms[:, 0].sum() + 0 * found.total.sum(), mixed.decoder.log_var)[0]


def test_decoding_from_a_latent_is_the_rest_of_generating():
    model = learned()
    noise = model.noise(4, generator())
    states = list(model.generate(noise))  # x_3, x_2, x_1, x_0
    for t in (3, 2, 1):
        rest = list(model.decode(states[3 - t], t, noise))
        assert len(rest) == t + 1
        assert all(torch.equal(a, b) for a, b in zip(rest, states[3 - t :], strict=True))


def test_noise_comes_from_the_generator_and_from_nowhere_else():
    model = learned()
    torch.manual_seed(1)
    one = model.noise(2, generator(3))
    torch.manual_seed(2)
    two = model.noise(2, generator(3))
    assert list(one) == [3, 2, 1]
    assert all(torch.equal(one[t], two[t]) for t in one)
    many = model.noise(20_000, generator())
    for z in many.values():
        assert abs(z.mean()) < 5 / z.numel() ** 0.5
        assert abs(z.var() - 1) < 5 * (2 / z.numel()) ** 0.5


def test_diagonal_takes_means_then_logarithms_of_variances():
    out = normal(3, 12)
    g = diagonal(out, (2, 3))
    assert torch.equal(g.mean.flatten(1), out[:, :6])
    close(g.var.flatten(1), out[:, 6:].exp())
    wild = diagonal(torch.tensor([[0.0, 1e6], [0.0, -1e6]]), (1,))
    assert torch.isfinite(wild.var).all()
    assert (wild.var > 0).all()


def test_it_learns():
    """A hundred steps take the bound of a tiny VAE far below the cost of independent grey levels."""
    torch.manual_seed(0)
    x0, shapes = digits()[0].images[:256], [PICTURE, (8,)]
    model = HVAE(LearnedEncoder(shapes, 64), LearnedDecoder(shapes, 64), shapes, 17)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    g = generator()
    for _ in range(100):
        loss = bound(model.terms(x0, model.noise(256, g))).total.mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert bits_per_dim(loss, x0) < 0.6 * math.log2(17)


def test_on_the_gpu_as_on_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    model, x0 = learned(), digits()[0].images[:5]
    noise = model.noise(5, generator())
    cpu = bound(model.terms(x0, noise)).terms
    gpu = bound(model.cuda().terms(x0.cuda(), {t: z.cuda() for t, z in noise.items()})).terms
    assert gpu.is_cuda
    close(gpu.cpu(), cpu, 1e-4)


# --- bad input --------------------------------------------------------------------------------------


def test_bad_chains_are_refused():
    with pytest.raises(ValueError, match=r"one T, got 5, 3 and 3 \(4 shapes"):
        HVAE(FixedEncoder(cosine(5)), LearnedDecoder(SHAPES), SHAPES, 17)
    with pytest.raises(ValueError, match=r"shapes must be of x_0, x_1"):
        LearnedEncoder([PICTURE])
    with pytest.raises(ValueError, match=r"shapes must be of x_0, x_1"):
        LearnedDecoder([PICTURE, ()])
    with pytest.raises(ValueError, match="levels must be at least 2"):
        HVAE(LearnedEncoder(SHAPES), LearnedDecoder(SHAPES), SHAPES, 1)
    with pytest.raises(TypeError, match="schedule must be a Schedule"):
        FixedEncoder(0.02)


def test_bad_data_and_noise_are_refused_before_the_first_term():
    model, x0 = learned(), torch.zeros(2, *PICTURE)
    noise = model.noise(2)
    with pytest.raises(ValueError, match=r"x_0 must have shape \(2, 1, 8, 8\), got \(2, 1, 8, 7\)"):
        model.terms(x0[..., :7], noise)
    with pytest.raises(TypeError, match="floating point"):
        model.terms(x0.long(), noise)
    with pytest.raises(ValueError, match=r"x_2 must have shape \(2, 5, 1\), got \(3, 5, 1\)"):
        model.encode(x0, {**noise, 2: torch.zeros(3, 5, 1)})
    with pytest.raises(ValueError, match=r"each of t = 1\.\.3, got none for \[1\]"):
        model.generate({t: noise[t] for t in (2, 3)})
    with pytest.raises(ValueError, match=r"each of t = 1\.\.3, got none for \[3\]"):
        model.generate({t: noise[t] for t in (1, 2)})
    with pytest.raises(ValueError, match=r"t must be in 1\.\.3, got 4"):
        model.decode(noise[3], 4, noise)


def test_the_posterior_ends_in_a_point_mass_which_has_no_bound():
    model = fixed(cosine(3), reverse=posterior)
    x0 = on_grid(2, 3)
    with pytest.raises(ValueError, match="point mass"):
        bound(model.terms(x0, double(model.noise(2))))


def test_a_network_for_points_serves_as_well():
    """Data that aren't pictures: (B, d)."""
    schedule = cosine(3)
    model = HVAE(FixedEncoder(schedule), SharedDecoder(Denoiser(MLP(2), schedule, V())), [(2,)] * 4, 17)
    found = bound(model.terms(on_grid(5, 2).float(), model.noise(5, generator())))
    assert found.terms.shape == (5, 4)
    assert torch.isfinite(found.terms).all()


def depends(law, x):
    """The derivatives of a Gaussian's means and variances with respect to x: (outputs, inputs)."""
    slopes = torch.autograd.functional.jacobian(lambda x: torch.cat([v.flatten() for v in law(x)]), x)
    return slopes.flatten(-x.ndim)


def test_encoder_and_decoder_look_at_all_that_they_are_given():
    """q(x_{t-1} | x_t, x_0) depends on every number of both, p(x_{t-1} | x_t) on every number of x_t."""
    model = learned()
    for t, shape in enumerate(SHAPES):
        xt, x0 = normal(1, *shape).float(), normal(1, *PICTURE, seed=1).float()
        if t:
            wide = [v.expand(1, *SHAPES[t - 1]) for v in model.decoder(xt, t)]
            assert [v.shape for v in wide] == [(1, *SHAPES[t - 1])] * 2
            assert (depends(lambda x, t=t: model.decoder(x, t)[:1], xt) != 0).any(0).all()
        if t > 1:
            assert (depends(lambda x, t=t, x0=x0: model.encoder.step(x0, x, t), xt) != 0).any(0).all()
            assert (depends(lambda x, t=t, xt=xt: model.encoder.step(x, xt, t), x0) != 0).any(0).all()
    assert (depends(model.encoder.top, x0) != 0).any(0).all()


def test_a_decoder_says_how_far_to_go_where_shapes_agree():
    """With networks that output 0 its mean is x_t; where shapes differ, it is 0."""
    shapes = [PICTURE, PICTURE, (7,), (7,), (3,)]
    decoder = LearnedDecoder(shapes, 8)
    for name, weights in decoder.named_parameters():
        if name != "log_var":
            torch.nn.init.zeros_(weights)
    for t in (1, 2, 3, 4):
        xt = normal(2, *shapes[t], seed=t).float()
        stays = xt if shapes[t] == shapes[t - 1] else torch.zeros(2, *shapes[t - 1])
        close(decoder(xt, t).mean, stays, 0)
