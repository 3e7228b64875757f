import sys

import kinds
import pytest
import sympy as sp
import torch
from oracles import SCHEDULES, close, normal, pairs

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    Level,
    Mu,
    Score,
    UNet,
    V,
    linear,
    posterior,
    posterior_beta,
    q_sample,
    transition,
)
from ddpm_core.denoiser import guide
from ddpm_core.elbo import weight
from ddpm_core.formula import formula
from ddpm_core.process import between
from ddpm_core.sampling import ddim_eta, langevin

ALL = [*kinds.PREDICTIONS.values()]
each_prediction = pytest.mark.parametrize("prediction", ALL, ids=lambda p: type(p).__name__)
each_schedule = pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)


def everywhere(schedule):
    """x0, eps, x_t and the levels t-1, t at every t of a schedule."""
    t = torch.arange(1, schedule.T + 1)
    x0, eps = normal(schedule.T, 3), normal(schedule.T, 3, seed=1)
    s, now = schedule.level(t - 1, x0), schedule.level(t, x0)
    return x0, eps, q_sample(x0, eps, now), s, now, t


@each_schedule
@each_prediction
def test_the_way_back_undoes_the_target(prediction, schedule):
    x0, eps, xt, s, now, _ = everywhere(schedule)
    close(prediction.x0(prediction.target(x0, eps, xt, s, now), xt, s, now), x0, 1e-6)


@each_schedule
@each_prediction
def test_a_perfect_network_has_no_loss_and_denoises(prediction, schedule):
    x0, eps, xt, s, now, t = everywhere(schedule)

    class Perfect(torch.nn.Module):
        def forward(self, x, times):
            close(x, xt, 1e-12)
            assert torch.equal(times, t)
            return prediction.target(x0, eps, xt, s, now)

    denoiser = Denoiser(Perfect(), schedule, prediction)
    close(denoiser.loss(x0, t, eps), torch.zeros(len(t)), 1e-12)
    close(denoiser(xt, t), x0, 1e-6)


@each_prediction
def test_loss_is_the_squared_norm_of_each_example(prediction):
    x0, eps, xt, s, now, t = everywhere(linear(40))

    class Off(torch.nn.Module):
        def forward(self, x, times):
            return prediction.target(x0, eps, xt, s, now) + times[:, None] * torch.tensor([1.0, -2.0, 2.0])

    close(Denoiser(Off(), linear(40), prediction).loss(x0, t, eps), 9.0 * t**2, 1e-6)


def test_targets_as_the_papers_print_them():
    schedule = linear()
    x0, eps, xt, s, now, _ = everywhere(schedule)
    abar, beta = schedule.abar[1:, None], schedule.betas[1:, None]
    close(V().target(x0, eps, xt, s, now), abar.sqrt() * eps - (1 - abar).sqrt() * x0)
    close(Score().target(x0, eps, xt, s, now), (abar.sqrt() * x0 - xt) / (1 - abar), 1e-7)
    mu = (xt - beta / (1 - abar).sqrt() * eps) / (1 - beta).sqrt()  # Ho et al. 2020, eq. 11
    close(Mu().target(x0, eps, xt, s, now), mu, 1e-7)
    assert torch.equal(Eps().target(x0, eps, xt, s, now), eps)
    assert torch.equal(X0().target(x0, eps, xt, s, now), x0)


@each_prediction
def test_one_estimate_whatever_the_words(prediction):
    """A wrong estimate of x0, converted to any kind of output, is converted back to the same estimate."""
    x0, _, xt, s, now, _ = everywhere(SCHEDULES["short"])
    guess = x0 + 0.3 * normal(*x0.shape, seed=7)
    implied = (xt - now.signal * guess) / now.noise
    told = prediction.target(guess, implied, xt, s, now)
    close(prediction.x0(told, xt, s, now), guess, 1e-7)


@each_prediction
def test_symbols_go_through(prediction):
    x0, eps = sp.symbols("x_0 epsilon", real=True)
    a, b = sp.symbols("abar_s abar_t", positive=True)
    s, t = (Level(sp.sqrt(u), sp.sqrt(1 - u)) for u in (a, b))
    xt = q_sample(x0, eps, t)
    assert sp.simplify(prediction.x0(prediction.target(x0, eps, xt, s, t), xt, s, t) - x0) == 0
    if isinstance(prediction, Mu):
        assert sp.simplify(prediction.target(x0, eps, xt, s, t) - posterior(x0, xt, s, t).mean) == 0


def test_clip_moves_an_estimate_to_the_nearest_end():
    schedule = linear(10)
    wild = Denoiser(torch.nn.Identity().requires_grad_(False), schedule, X0(), clip=1.0)
    wild.net.forward = lambda x, t: 3 * x
    x = torch.tensor([[-0.2], [0.9], [-5.0]])
    close(wild(x, 4), torch.tensor([[-0.6], [1.0], [-1.0]]), 1e-6)
    assert Denoiser(wild.net, schedule, X0())(x, 4).min() == -15


def test_labels_are_passed_on_and_can_be_fixed():
    class Labelled(torch.nn.Module):
        def forward(self, x, t, y=None):
            return torch.zeros_like(x) if y is None else y[:, None].to(x.dtype).expand_as(x)

    d = Denoiser(Labelled(), linear(10), X0())
    x, t = torch.zeros(3, 2), torch.tensor([5])
    assert d(x, t).sum() == 0
    assert d.given(torch.tensor([1, 2, 3]))(x, t).tolist() == [[1, 1], [2, 2], [3, 3]]
    assert d.given(torch.tensor([4]))(x, 7).tolist() == [[4, 4]] * 3
    many = torch.tensor([1, 5, 9])
    close(d(x[:1] + 0.5, many), d(x + 0.5, many))  # one picture, three times t
    assert d.loss(x, t, x, torch.tensor([1, 2, 3])).tolist() == [2, 8, 18]


class Told(torch.nn.Module):
    """A network whose output depends on the label."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x, t, y=None):
        self.calls += 1
        y = torch.full_like(t, -1) if y is None else y
        tilt = torch.where(y < 0, 0.3, 0.5 + y)[:, None].to(x.dtype)
        return (x * tilt + t[:, None] / 40).sin()


@each_prediction
@pytest.mark.parametrize("strength", [0, 0.4, 1, 3.0, -1])
def test_guidance_mixes_the_estimates_as_it_mixes_the_outputs(prediction, strength):
    """The estimate of x_0 is affine in the output, so u + w (c - u) of outputs is that of estimates."""
    d, y, x = Denoiser(Told(), linear(40), prediction), torch.tensor([0, 2, 1]), normal(3, 2)
    for t in (torch.tensor([1, 7, 40]), 1, 40):
        plain, told = d(x, t), d.given(y)(x, t)
        close(d.guided(y, strength)(x, t), plain + strength * (told - plain), 1e-8)


def test_guidance_at_0_knows_no_label_and_at_1_is_the_label_s_own_at_the_price_of_one_call():
    d, y, x = Denoiser(Told(), linear(40), V(), clip=0.9), torch.tensor([2]), normal(5, 3)
    close(d.guided(y, 0)(x, 9), d(x, 9))
    close(d.guided(y, 1)(x, 9), d.given(y)(x, 9))
    d.net.calls = 0
    guided = d.guided(y, 2.5)
    assert guided(x, 9).abs().max() <= 0.9
    assert guided(x, torch.tensor([9])).shape == x.shape
    assert d.net.calls == 2


def test_guidance_goes_with_the_networks_of_the_course():
    torch.manual_seed(0)
    for net, x in (
        (MLP(2, 8, classes=3), normal(4, 2).float()),
        (UNet(1, 8, classes=3), normal(4, 1, 8, 8).float()),
    ):
        for weights in net.parameters():
            torch.nn.init.normal_(weights, std=0.3)
        d, y = Denoiser(net, linear(40), Eps()), torch.tensor([0, 1, 2, 0])
        close(d.guided(y, 2)(x, 9), 2 * d.given(y)(x, 9) - d(x, 9), 1e-4)


def parts(said):
    """A formula's result, or several, as a list."""
    return list(said) if isinstance(said, tuple) else [said]


FORMULAS = {
    "q_sample": lambda a, b, c, s, t: q_sample(a, b, t),
    "between": lambda a, b, c, s, t: between(s, t),
    "transition": lambda a, b, c, s, t: transition(a, s, t),
    "posterior": lambda a, b, c, s, t: posterior(a, b, s, t),
    "posterior_beta": lambda a, b, c, s, t: posterior_beta(a, b, s, t),
    "Gaussian.sample": lambda a, b, c, s, t: posterior(a, b, s, t).sample(c),
    "Gaussian.ratio": lambda a, b, c, s, t: posterior(a, b, s, t).ratio(posterior_beta(c, b, s, t)),
    "Gaussian.gap": lambda a, b, c, s, t: posterior(a, b, s, t).gap(posterior_beta(c, b, s, t)),
    **{f.__name__: lambda a, b, c, s, t, f=f: f(a, b, s, t, c) for f in kinds.RULES.values()},
    "ddim_eta": lambda a, b, c, s, t: ddim_eta(a, b, s, t, c, 0.4),
    "langevin": lambda a, b, c, s, t: langevin(a, b, 0.3, c),
    "guide": lambda a, b, c, s, t: guide(a, b, 2.5),
    **{f"{type(p).__name__}.target": lambda a, b, c, s, t, p=p: p.target(a, b, c, s, t) for p in ALL},
    **{f"{type(p).__name__}.x0": lambda a, b, c, s, t, p=p: p.x0(a, b, s, t) for p in ALL},
    **{f"weight of {type(p).__name__}": lambda a, b, c, s, t, p=p: weight(p, s, t) for p in ALL},
}


def test_every_formula_of_the_package_is_among_them():
    code = formula(len).__code__
    things = [x for name, m in sys.modules.items() if name.startswith("ddpm_core.") for x in vars(m).values()]
    things += [x for kind in things if isinstance(kind, type) for x in vars(kind).values()]
    marked = {x.__qualname__ for x in things if getattr(x, "__code__", None) is code}
    assert len(marked) > 15
    assert marked <= FORMULAS.keys()


@pytest.mark.parametrize("name", FORMULAS)
def test_tensors_are_treated_as_symbols_are(name):
    """A formula's value for tensors is its symbolic result with the tensors' numbers substituted."""
    symbols = sp.symbols("a b c", real=True) + sp.symbols("signal_s noise_s signal_t noise_t", positive=True)
    told = parts(FORMULAS[name](*symbols[:3], Level(*symbols[3:5]), Level(*symbols[5:])))
    numbers = sp.lambdify(symbols, told, "math")
    schedule, (s, t) = SCHEDULES["short"], pairs(37, 9)
    data = [10 * normal(9, 1, seed=seed) for seed in range(3)]
    levels = [schedule.level(k, data[0]) for k in (s, t)]
    found = parts(FORMULAS[name](*data, *levels))
    for i in range(9):
        row = [x[i].item() for x in data]
        floats = [schedule.level(int(k[i])) for k in (s, t)]
        wanted = numbers(*row, *floats[0], *floats[1])
        alone = parts(FORMULAS[name](*(x[i : i + 1] for x in data), *floats))
        for all_of_it, one, number in zip(found, alone, wanted, strict=True):
            close(all_of_it[i].squeeze(), number, 1e-10)
            close(torch.as_tensor(one, dtype=torch.float64).squeeze(), number, 1e-10)


LINEAR = [name for name in FORMULAS if not name.startswith(("between", "Gaussian", "weight"))]


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_in_half_precision_a_formula_errs_by_a_few_roundings(name, dtype):
    """At neighbouring times, whose levels are equal in half precision: so the levels are floats."""
    schedule, data = linear(), [normal(40, 3, seed=seed).to(dtype) for seed in range(3)]
    for t in (2, 400, 700):
        levels = schedule.level(t - 1), schedule.level(t)
        make = lambda *xs, levels=levels: parts(FORMULAS[name](*xs, *levels))[0]  # noqa: E731
        exact = [x.double() for x in data]
        shares = [make(*(x if i == j else 0 * x for j, x in enumerate(exact))).abs() for i in range(3)]
        assert make(*data).dtype == dtype
        few = 3 * torch.finfo(dtype).eps * sum(shares)
        assert ((make(*data).double() - make(*exact)).abs() <= few).all(), t
