import pytest
import sympy as sp
import torch
from oracles import SCHEDULES, close, normal

from ddpm_core import MLP, X0, Denoiser, Eps, Level, Mu, Score, UNet, V, linear, posterior, q_sample

ALL = [Eps(), X0(), V(), Mu(), Score()]
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
    """A wrong estimate of x0, told in any parametrisation, is read back as that same estimate."""
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
    close(d(x[:1] + 0.5, many), d(x + 0.5, many))  # one picture, several times
    assert d.loss(x, t, x, torch.tensor([1, 2, 3])).tolist() == [2, 8, 18]


class Told(torch.nn.Module):
    """A network whose answer to a label is a tilt of its answer to none."""

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
    """x_0's estimate is affine in the output, so u + w (c - u) of the one is u + w (c - u) of the other."""
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
