"""Every bad input raises an error that says what was received and what was expected, before any work."""

import re

import numpy as np
import pytest
import torch

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    Mu,
    Schedule,
    UNet,
    ancestral,
    cosine,
    dpm_2m,
    from_betas,
    heun,
    invert,
    linear,
    posterior,
    q_sample,
    sample,
    train,
    transition,
)
from ddpm_core.sampling import keeping
from ddpm_core.study import exact

pytestmark = pytest.mark.filterwarnings("ignore:the last level:UserWarning")  # linear(50) will do here

NAN = float("nan")
x = torch.zeros(4, 1, 8, 8)
t4 = torch.tensor([1, 2, 3, 4])
S = linear(50)


class Net(torch.nn.Module):
    """A network that counts its calls."""

    def __init__(self, shape=lambda x: x):
        super().__init__()
        self.w, self.calls, self.shape = torch.nn.Parameter(torch.zeros(1)), 0, shape

    def forward(self, xt, t, y=None):
        self.calls += 1
        return self.shape(xt * self.w)


D = Denoiser(Net(), S, X0())
KNOWS_3 = Denoiser(UNet(width=8, classes=3), S, X0())
level = S.level(t4, x)

CASES = {
    "no betas": (lambda: from_betas(torch.tensor([])), ValueError, "T at least 1, got (0,)"),
    "beta 0": (lambda: from_betas(torch.tensor([0.1, 0.0])), ValueError, "between 0 and 1, got beta_2 = 0"),
    "beta 1": (lambda: from_betas(torch.tensor([1.0])), ValueError, "got beta_1 = 1"),
    "beta < 0": (lambda: from_betas(torch.tensor([0.1, -0.2])), ValueError, "got beta_2 = -0.2"),
    "beta nan": (lambda: from_betas(torch.tensor([NAN])), ValueError, "got beta_1 = nan"),
    "betas 2-D": (lambda: from_betas(torch.full((2, 2), 0.1)), ValueError, "shape (T,)"),
    "beta_max 1": (
        lambda: linear(10, 1e-4, 1.0),
        ValueError,
        "beta_max must lie strictly between 0 and 1, got 1.0",
    ),
    "beta_min 0": (lambda: linear(10, 0.0), ValueError, "beta_min must lie"),
    "beta a bool": (lambda: linear(10, True), TypeError, "beta_min must be a number, got bool True"),
    "beta a text": (lambda: linear(10, "0.1"), TypeError, "beta_min must be a number, got str '0.1'"),
    "T 0": (lambda: linear(0), ValueError, "T must be at least 1, got 0"),
    "T negative": (lambda: cosine(-3), ValueError, "T must be at least 1, got -3"),
    "T a half": (lambda: linear(2.5), TypeError, "T must be a whole number, got float 2.5"),
    "T a bool": (lambda: cosine(True), TypeError, "T must be a whole number, got bool True"),
    "T a text": (lambda: cosine("10"), TypeError, "T must be a whole number, got str '10'"),
    "T None": (lambda: linear(None), TypeError, "T must be a whole number"),
    "abar not 1": (lambda: Schedule(torch.tensor([0.9, 0.5])), ValueError, "abar[0] must be 1"),
    "abar rises": (lambda: Schedule(torch.tensor([1.0, 0.5, 0.6])), ValueError, "got 0.6 at t = 2 after 0.5"),
    "abar < 0": (lambda: Schedule(torch.tensor([1.0, -0.1])), ValueError, "abar must be 0 or more, got -0.1"),
    "abar nan": (lambda: Schedule(torch.tensor([1.0, NAN])), ValueError, "got nan at t = 1"),
    "abar short": (lambda: Schedule(torch.tensor([1.0])), ValueError, "T at least 1, got (1,)"),
    "t > T": (lambda: S.level(51), ValueError, "t must be in 0..50, got 51"),
    "t < 0": (lambda: S.level(-1), ValueError, "t must be in 0..50, got -1"),
    "t a half": (lambda: S.level(1.5), TypeError, "t must be a whole number, got float 1.5"),
    "t a bool": (lambda: S.level(True), TypeError, "t must be a whole number, got bool True"),
    "ts > T": (
        lambda: S.level(torch.tensor([3, 51]), x[:2]),
        ValueError,
        "times must lie in 0..50, got 3..51",
    ),
    "ts < 0": (lambda: S.level(torch.tensor([-1]), x), ValueError, "times must lie in 0..50, got -1..-1"),
    "ts floats": (
        lambda: S.level(torch.tensor([1.0]), x),
        TypeError,
        "whole numbers, got a tensor of torch.float32",
    ),
    "ts bools": (lambda: S.level(torch.tensor([True]), x), TypeError, "got a tensor of torch.bool"),
    "ts too many": (lambda: S.level(torch.arange(3), x), ValueError, "shape (4,) or (1,), got (3,)"),
    "ts 0-dim": (lambda: S.level(torch.tensor(3), x), ValueError, "shape (4,) or (1,), got ()"),
    "ts 4-dim": (lambda: S.level(t4.reshape(4, 1, 1, 1), x), ValueError, "got (4, 1, 1, 1)"),
    "like missing": (lambda: S.level(t4), TypeError, "the data that the level is for"),
    "like bytes": (lambda: S.level(t4, x.byte()), TypeError, "floating point, got torch.uint8"),
    "times up": (
        lambda: sample(D, x, [50, 20, 30, 0]),
        ValueError,
        "decrease strictly from T to 0, got 20 before 30",
    ),
    "times equal": (lambda: sample(D, x, [50, 50, 0]), ValueError, "got 50 before 50"),
    "times ascending": (lambda: sample(D, x, range(51)), ValueError, "decrease strictly"),
    "times > T": (lambda: sample(D, x, [51, 0]), ValueError, "a time must be in 0..50, got 51"),
    "times < 0": (lambda: sample(D, x, [50, -1]), ValueError, "got -1"),
    "times halves": (
        lambda: sample(D, x, [50, 2.5, 0]),
        TypeError,
        "a time must be a whole number, got float 2.5",
    ),
    "times bools": (lambda: sample(D, x, [50, True, 0]), TypeError, "got bool True"),
    "times one": (lambda: sample(D, x, [50]), ValueError, "a start and an end, got [50]"),
    "steps > T": (lambda: S.times(51), ValueError, "steps must be in 1..50, got 51"),
    "x_T bytes": (lambda: sample(D, x.byte()), TypeError, "x_T must be floating point, got torch.uint8"),
    "x_T nan": (lambda: sample(D, x + NAN), ValueError, "x_T holds 256 entries that are NaN or infinite"),
    "x_T array": (lambda: sample(D, np.zeros((4, 2))), TypeError, "x_T must be a tensor"),
    "loss at 0": (
        lambda: D.loss(x, t4 - 1, x),
        ValueError,
        "times must lie in 1..50, got 0..3 (t = 0 is the clean",
    ),
    "loss > T": (lambda: D.loss(x, t4 + 50, x), ValueError, "times must lie in 1..50, got 51..54"),
    "loss t floats": (lambda: D.loss(x, t4 / 1, x), TypeError, "whole numbers"),
    "loss t an int": (lambda: D.loss(x, 3, x), TypeError, "times must be an integer tensor"),
    "loss t count": (lambda: D.loss(x, t4[:3], x), ValueError, "shape (4,) or (1,), got (3,)"),
    "loss bytes": (lambda: D.loss(x.byte(), t4, x), TypeError, "got torch.uint8; map bytes to [-1, 1] first"),
    "loss 0..255": (
        lambda: D.loss(x + 255, t4, x),
        ValueError,
        "looks unscaled: pixels reach 255, expected [-1, 1]",
    ),
    "loss nan": (lambda: D.loss(x * NAN, t4, x), ValueError, "x0 holds 256 entries that are NaN"),
    "loss eps nan": (lambda: D.loss(x, t4, x * NAN), ValueError, "eps holds 256 entries that are NaN"),
    "loss eps shape": (
        lambda: D.loss(x, t4, x[:, 0]),
        ValueError,
        "eps must have the shape of x0, (4, 1, 8, 8), got",
    ),
    "loss eps one": (
        lambda: D.loss(x, t4, x[:1]),
        ValueError,
        "got (1, 1, 8, 8); torch would have broadcast",
    ),
    "loss 1-D": (
        lambda: D.loss(torch.zeros(4), t4, torch.zeros(4)),
        ValueError,
        "a batch axis first, got (4,)",
    ),
    "loss labels": (
        lambda: D.loss(x, t4, x, torch.zeros(3).long()),
        ValueError,
        "labels must have shape (4,)",
    ),
    "loss labels floats": (
        lambda: D.loss(x, t4, x, torch.zeros(4)),
        TypeError,
        "labels must be an integer tensor",
    ),
    "loss labels below": (
        lambda: D.loss(x, t4, x, t4 - 4),
        ValueError,
        "labels must be 0 or more, or -1 for none, got -3",
    ),
    "loss labels beyond": (lambda: KNOWS_3.loss(x, t4, x, t4), ValueError, "labels reach 4, but the network"),
    "given beyond": (lambda: KNOWS_3.given(t4), ValueError, "the network was made for 0..2"),
    "guided beyond": (lambda: KNOWS_3.guided(t4, 2), ValueError, "the network was made for 0..2"),
    "train beyond": (lambda: train(KNOWS_3, x, t4, images=9), ValueError, "the network was made for 0..2"),
    "given for others": (
        lambda: D.given(t4)(x[:3], 7),
        ValueError,
        "4 labels for 3 pictures: give one for each, or one for all",
    ),
    "guided for others": (lambda: KNOWS_3.guided(t4 * 0, 2)(x[:3], 7), ValueError, "4 labels for 3 pictures"),
    "denoise at 0": (lambda: D(x, 0), ValueError, "t must be in 1..50, got 0"),
    "denoise at 0s": (lambda: D(x, t4 * 0), ValueError, "times must lie in 1..50, got 0..0"),
    "denoise bool": (lambda: D(x, True), TypeError, "t must be a whole number, got bool True"),
    "guided floats": (lambda: D.guided(torch.zeros(4), 2), TypeError, "labels must be an integer tensor"),
    "guided text": (lambda: D.guided(t4, "2"), TypeError, "strength must be a number, got str '2'"),
    "guided nan": (lambda: D.guided(t4, NAN), ValueError, "strength must lie strictly between -inf and inf"),
    "guided inf": (lambda: D.guided(t4, float("inf")), ValueError, "strength must lie"),
    "guided no labels": (
        lambda: Denoiser(MLP(2, 4), S, Eps()).guided(t4, 2),
        ValueError,
        "this MLP takes no label; make and train it with classes=",
    ),
    "guided given": (lambda: D.given(t4).guided(t4, 2), ValueError, "this Labelled takes no label"),
    "keeping nan": (lambda: keeping(x * NAN, x == 0), ValueError, "known holds 256 entries that are NaN"),
    "keeping numbers": (lambda: keeping(x, x), TypeError, "mask must be a tensor of bools"),
    "keeping a row": (
        lambda: keeping(x, x[:, :, :4] == 0),
        ValueError,
        "mask must have the shape of known, (4, 1, 8, 8), got (4, 1, 4, 8)",
    ),
    "keeping channels": (
        lambda: keeping(x, torch.ones(4, 2, 8, 8) > 0),
        ValueError,
        "mask must have the shape of known, (4, 1, 8, 8), got (4, 2, 8, 8)",
    ),
    "strength 2-D": (
        lambda: KNOWS_3.guided(t4 * 0, torch.ones(4, 1)),
        ValueError,
        "strength must be finite numbers, one for each picture: (B,), got a tensor",
    ),
    "dice": (
        lambda: sample(D, x, generator=[torch.Generator()] * 3),
        ValueError,
        "3 generators for 4 pictures: give one for each",
    ),
    "dice a seed": (lambda: sample(D, x, generator=3), TypeError, "must be a torch.Generator, or one for"),
    "attention": (
        lambda: UNet(attention=(2,)),
        ValueError,
        "a level of attention must be in 0..1, got 2",
    ),
    "given floats": (lambda: D.given(torch.zeros(4)), TypeError, "labels must be an integer tensor"),
    "q bytes": (
        lambda: q_sample(x.byte(), x, level),
        TypeError,
        "what goes into q_sample must be floating point",
    ),
    "denoise bytes": (
        lambda: D(x.byte(), 3),
        TypeError,
        "xt must be floating point, got torch.uint8; map bytes",
    ),
    "train no weights": (
        lambda: train(Denoiser(torch.nn.Identity(), S, X0()), x, images=9),
        ValueError,
        "no weights",
    ),
    "no schedule": (
        lambda: Denoiser(Net(), "cosine", Eps()),
        TypeError,
        "must be a Schedule, got str 'cosine'",
    ),
    "a class": (lambda: Denoiser(Net(), S, Eps), TypeError, "prediction must be an object like Eps()"),
    "a name": (
        lambda: Denoiser(Net(), S, "eps"),
        TypeError,
        "prediction must be an object like Eps(), got str 'eps'",
    ),
    "clip 0": (lambda: Denoiser(Net(), S, Eps(), 0), ValueError, "clip must lie strictly between 0"),
    "q rank": (
        lambda: q_sample(x, x[:, 0], level),
        ValueError,
        "q_sample got data of shapes (4, 1, 8, 8) and (4, 8, 8)",
    ),
    "q other": (lambda: q_sample(x[:2], x[:3], S.level(3)), ValueError, "they must agree"),
    "q row": (
        lambda: q_sample(torch.zeros(4, 1), torch.zeros(1, 4), S.level(3)),
        ValueError,
        "(4, 1) and (1, 4)",
    ),
    "posterior": (lambda: posterior(x, x[..., :1], S.level(1), S.level(2)), ValueError, "posterior got data"),
    "rule float": (lambda: transition(3.0, S.level(1), S.level(51)), ValueError, "t must be in 0..50"),
    "rule": (
        lambda: ancestral(x, x, S.level(1), S.level(2), x[:, :, 0]),
        ValueError,
        "ancestral got data of shapes",
    ),
    "target": (lambda: Mu().target(x, x, x[:, 0], level, level), ValueError, "target got data of shapes"),
    "train bytes": (
        lambda: train(D, x.byte(), images=9),
        TypeError,
        "map bytes to [-1, 1] first: x.float() / 127.5 - 1",
    ),
    "train 0..16": (lambda: train(D, x + 16, images=9), ValueError, "looks unscaled: pixels reach 16"),
    "train nan": (lambda: train(D, x + NAN, images=9), ValueError, "NaN"),
    "train empty": (lambda: train(D, x[:0], images=9), ValueError, "x0 is empty"),
    "train images 0": (lambda: train(D, x, images=0), ValueError, "images must be at least 1, got 0"),
    "train images 1e5": (
        lambda: train(D, x, images=1e5),
        TypeError,
        "images must be a whole number, got float 100000.0",
    ),
    "train batch": (
        lambda: train(D, x, images=9, batch=True),
        TypeError,
        "batch must be a whole number, got bool",
    ),
    "train lr": (
        lambda: train(D, x, images=9, lr=0),
        ValueError,
        "lr must lie strictly between 0 and inf, got 0",
    ),
    "train lr nan": (lambda: train(D, x, images=9, lr=NAN), ValueError, "lr must lie"),
    "train ema": (lambda: train(D, x, images=9, ema=1.0), ValueError, "ema must lie in [0, 1), got 1.0"),
    "draw none": (lambda: exact.gaussian(S, 0.0, 1.0).draw(0), ValueError, "n must be at least 1, got 0"),
    "train labels": (lambda: train(D, x, t4[:2], images=9), ValueError, "labels must have shape (4,)"),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input(name):
    wish, error, message = CASES[name]
    D.net.calls = 0
    with pytest.raises(error, match=re.escape(message)):
        wish()
    assert D.net.calls == 0


SHAPES = {
    "fewer channels": lambda x: x[:, :, :4],
    "no channel": lambda x: x[:, 0],
    "one": lambda x: x.mean(),
    "would broadcast": lambda x: x[:, :, :1],
}


def doors(denoiser, x):
    """All the functions through which data reach a network."""
    return (
        lambda: train(denoiser, x, images=9),
        lambda: denoiser.loss(x, t4, x),
        lambda: denoiser(x, t4),
        lambda: list(sample(denoiser, x)),
    )


@pytest.mark.parametrize("name", SHAPES)
def test_a_network_that_returns_another_shape_is_named_at_once(name):
    for wish in doors(Denoiser(Net(SHAPES[name]), S, Eps()), x):
        with pytest.raises(ValueError, match=r"the network's output must have the shape of its input"):
            wish()


def test_data_of_another_type_than_the_weights_are_named():
    for wish in doors(Denoiser(MLP(2, 4), S, Eps()), torch.zeros(4, 2, dtype=torch.float64)):
        with pytest.raises(TypeError, match=r"weights are torch\.float32, what comes in is torch\.float64"):
            wish()


def test_a_network_s_own_error_stays_its_own():
    def fails(x):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match=r"^mine$"):
        Denoiser(Net(fails), S, Eps())(x, 3)


def test_a_width_that_can_not_be_halved_is_refused_when_the_network_is_made():
    with pytest.raises(ValueError, match=r"the width must be even, .* got 5"):
        MLP(2, 5)


def test_a_network_that_returns_no_tensor_is_named():
    with pytest.raises(TypeError, match="network's output must be a tensor, got tuple"):
        Denoiser(Net(lambda x: (x, x)), S, Eps())(x, 3)


def test_numpy_s_whole_numbers_are_whole():
    assert linear(np.int64(9)).T == 9
    assert S.level(np.int32(3)) == S.level(3)
    assert len(list(sample(Denoiser(MLP(2, 4), S, Eps()), torch.zeros(1, 2), np.array([50, 3, 0])))) == 3


GREY, POINTS = Denoiser(UNet(width=8), cosine(20), Eps(), clip=1.0), Denoiser(MLP(4, 8), cosine(20), Eps())
WRONG = {
    "channels": (GREY, torch.zeros(4, 3, 8, 8), r"4 rows of shape \(3, 8, 8\).*made for \(B, 1, H, W\)"),
    "no channel": (GREY, torch.zeros(4, 8, 8), r"4 rows of shape \(8, 8\)"),
    "one picture": (GREY, torch.zeros(1, 8, 8), r"1 rows of shape \(8, 8\)"),
    "one in colour": (
        Denoiser(UNet(3, width=8), cosine(20), Eps()),
        torch.zeros(3, 8, 8),
        r"made for \(B, 3, H, W\)",
    ),
    "points with an axis more, as many": (POINTS, torch.zeros(5, 5, 4), r"made for \(B, 4\)"),
    "points with an axis more": (POINTS, torch.zeros(6, 5, 4), r"made for \(B, 4\)"),
    "points of another size": (POINTS, torch.zeros(6, 3), r"made for \(B, 4\)"),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "door", [lambda d, x: train(d, x, images=9), sample, dpm_2m, heun, invert], ids=lambda f: f.__name__
)
def test_what_the_network_can_not_take_is_refused_before_the_first_step(name, door):
    denoiser, data, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        door(denoiser, data)


def test_a_network_that_mixes_the_rows_of_a_batch_is_refused():
    class Mixing(torch.nn.Linear):
        def forward(self, xt, t):
            return super().forward(xt) - xt.mean(0)

    for door in (lambda d, x: train(d, x, images=9), sample):
        with pytest.raises(ValueError, match="first 2 of 4 rows isn't that for these 2 alone"):
            door(Denoiser(Mixing(3, 3), cosine(20), Eps()), torch.randn(9, 3))


def test_a_network_that_draws_numbers_of_its_own_passes_and_no_trial_draws_any():
    class Noisy(torch.nn.Linear):
        def forward(self, xt, t):
            return super().forward(xt) + torch.randn_like(xt)

    denoiser, state = Denoiser(Noisy(3, 3), cosine(20), Eps()), torch.get_rng_state()
    sample(denoiser, torch.ones(9, 3))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_network_is_tried_once_for_each_kind_of_data_on_few_rows(rows):
    seen = []
    denoiser = Denoiser(MLP(4, 8, classes=3), cosine(20), Eps())
    denoiser.net.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    for _ in range(3):
        sample(denoiser.guided(torch.zeros(rows, dtype=torch.long), 2.0), torch.zeros(rows, 4))
    assert sorted(seen) == [2, 3]


def test_labels_for_others_are_refused_before_the_first_step():
    with pytest.raises(ValueError, match="4 labels for 3 pictures"):
        sample(KNOWS_3.given(t4 * 0), x[:3])
