import copy
import itertools
import math
import warnings

import pytest
import torch
from oracles import normal

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    Extras,
    Flow,
    UNet,
    V,
    checkpoints,
    cosine,
    linear,
    straight,
    train,
)
from ddpm_core.data import Batch, order
from ddpm_core.training import rate, watch, weights


def small(seed=0, classes=None):
    torch.manual_seed(seed)
    return Denoiser(MLP(2, 16, 1, classes=classes), cosine(50), Eps())


DATA = 0.5 * normal(300, 2, dtype=torch.float32)


def test_the_loss_falls_to_what_a_linear_predictor_reaches():
    """Data N(0, 1/4): the best eps is linear in x_t, and its mean squared error over t is known."""
    T = 50
    abar = cosine(T).abar[1:]
    floor = (abar * 0.25 / (abar * 0.25 + 1 - abar)).mean().item()
    losses = [s.loss for s in train(small(), DATA, images=60_000, batch=256, lr=1e-2)]
    late = sum(losses[-60:]) / 60
    assert losses[0] > 0.9
    assert late < 1.15 * floor


@pytest.mark.parametrize("prediction", [Eps(), X0(), V()], ids=lambda p: type(p).__name__)
def test_an_error_in_x0_counts_min_snr_times_whatever_the_network_puts_out(prediction):
    """Hang et al. 2023: min(SNR, 5) over SNR for the noise, over SNR + 1 for v, over 1 for x_0."""
    schedule = cosine(50)
    snr = schedule.abar[1:] / (1 - schedule.abar[1:])
    over = {Eps: snr, V: snr + 1, X0: 1}[type(prediction)]
    counts = weights(Denoiser(MLP(2, 16, 1), schedule, prediction), 5.0)
    torch.testing.assert_close(counts, snr.clamp(max=5) / over)


@pytest.mark.parametrize(("prediction", "most"), [(Eps(), 0.5), (V(), 5.0), (Eps(), 1e9)])
def test_times_are_drawn_as_often_as_an_error_counts(prediction, most):
    """Each share within five standard errors; where no limit is reached, uniform for Eps()."""
    torch.manual_seed(0)
    denoiser = Denoiser(MLP(2, 16, 1), cosine(50), prediction)
    t = torch.cat(
        [s.t for s in train(denoiser, DATA, images=100_000, batch=2000, extras=Extras(min_snr=most))]
    )
    share, wanted = t.bincount(minlength=51)[1:] / len(t), weights(denoiser, most)
    wanted = wanted / wanted.sum()
    assert ((share - wanted).abs() <= 5 * (wanted * (1 - wanted) / len(t)).sqrt() + 1e-9).all()
    if most == 1e9:
        torch.testing.assert_close(wanted, torch.full_like(wanted, 1 / 50))


def test_what_is_drawn_less_often_is_not_counted_less_as_well():
    """One step of gradient descent by hand, from the plain mean of the errors in `step`."""
    step, by_hand = next(train(small(), DATA, images=64, extras=Extras(min_snr=0.5))), small()
    g = torch.Generator().manual_seed(0)
    now = order(0, 64, len(DATA), 0)
    t = 1 + weights(by_hand, 0.5).float().multinomial(64, replacement=True, generator=g)
    errors = by_hand.errors(DATA[now], t, torch.randn(64, 2, generator=g)) / 2
    assert torch.equal(t, step.t)
    torch.testing.assert_close(errors.detach(), step.errors)
    errors.mean().backward()
    for mine, ours in zip(by_hand.parameters(), step.run.online.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, ours.grad)


def test_a_step_says_what_was_seen():
    steps = list(train(small(), DATA, images=100, batch=32))
    assert [s.images for s in steps] == [32, 64, 96, 100]
    assert [len(s.t) for s in steps] == [32, 32, 32, 4]
    assert all(s.errors.shape == s.t.shape and not s.errors.requires_grad for s in steps)
    assert min(s.t.min() for s in train(small(), DATA, images=3000)) == 1
    assert max(s.t.max() for s in train(small(), DATA, images=3000)) == 50


def test_times_are_uniform():
    t = torch.cat([s.t for s in train(small(), DATA, images=50_000, batch=2000)])
    share = t.bincount(minlength=51)[1:] / len(t)
    assert (share - 1 / 50).abs().max() < 5 * (1 / 50 / len(t)) ** 0.5


def test_the_noise_is_new_in_every_step_standard_and_in_the_target():
    """If all data are 0, x_t is noise * eps, which reveals eps."""
    schedule, seen = cosine(50), []

    class Spy(MLP):
        def forward(self, x, t, y=None):
            seen.append(x.detach() / schedule.level(t, x).noise)
            return super().forward(x, t, y)

    for _ in train(Denoiser(Spy(2, 8, 1), schedule, Eps()), 0 * DATA, images=40_000, batch=400):
        pass
    eps = torch.cat(seen[1:])  # the first call only checks the shape of the network's output
    n = eps.numel()
    assert len(eps[:, 0].unique()) > 0.99 * len(eps)
    assert abs(eps.mean()) < 5 / n**0.5
    assert abs(eps.var() - 1) < 5 * (2 / n) ** 0.5


def test_the_same_seed_is_the_same_run_and_another_is_not():
    weights = []
    for seed in (0, 0, 1):
        denoiser = small()
        state = torch.get_rng_state()
        for _ in train(denoiser, DATA, images=2000, seed=seed):
            pass
        assert torch.equal(torch.get_rng_state(), state)  # the global generator is left alone
        weights.append(torch.cat([p.flatten() for p in denoiser.parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_denoiser_holds_the_moving_average_at_every_step():
    denoiser = small()
    expected = [p.detach().clone() for p in denoiser.parameters()]
    for n, step in enumerate(train(denoiser, DATA, images=3000, ema=0.9), 1):
        decay = min(0.9, n / (n + 9))
        expected = [
            decay * e + (1 - decay) * p.detach()
            for e, p in zip(expected, step.run.online.parameters(), strict=True)
        ]
    for e, p in zip(expected, denoiser.parameters(), strict=True):
        torch.testing.assert_close(e, p.detach(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("stop", [1, 7, 30])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(stop):
    settings = {"y": torch.arange(300) % 10, "images": 2500, "batch": 64, "seed": 5}
    whole, half, other = small(0, 10), small(0, 10), small(1, 10)
    for _ in train(whole, DATA, **settings):
        pass
    for step in itertools.islice(train(half, DATA, **settings), stop + 1):
        if step.images == 64 * stop:
            saved = step.run.tensors()  # a copy: the run goes on for a step
    rest = list(train(other, DATA, **settings, resume=saved))
    assert rest[0].images == 64 * (stop + 1)
    for a, b in zip(whole.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_labels_and_seeds_that_do_not_fit_are_told_before_the_first_step():
    y = torch.arange(300) % 10
    for denoiser, settings, told in (
        (small(), {"y": y}, "takes no labels"),
        (small(classes=9), {"y": y}, "labels reach 9, but the network was made for 0..8"),
        (small(), {"seed": 1 << 50}, "seed must be in"),
    ):
        with pytest.raises(ValueError, match=told):
            train(denoiser, DATA, images=100, **settings)


def test_what_a_network_counts_by_itself_is_in_the_average():
    class Normed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm, self.leave = torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2)

        def forward(self, xt, t):
            return self.leave(self.norm(xt))

    denoiser = Denoiser(Normed(), cosine(50), Eps()).eval()
    *_, last = train(denoiser, 3 + DATA, images=6400)
    kept = denoiser.net.norm
    assert kept.running_mean.min() > 0.5
    assert torch.equal(kept.running_var, last.run.online.net.norm.running_var)


def test_bfloat16_trains_as_well_and_leaves_float32_weights():
    runs = []
    for bf16 in (False, True):
        denoiser = small()
        losses = [
            step.loss
            for step in train(denoiser, DATA, images=20_000, batch=256, lr=1e-2, extras=Extras(bf16=bf16))
        ]
        assert all(p.dtype == torch.float32 for p in denoiser.parameters())
        runs.append(losses)
    exact, rough = runs
    assert exact[5:] != rough[5:]
    assert sum(rough[-20:]) == pytest.approx(sum(exact[-20:]), rel=0.02)


def test_it_trains_where_gradients_were_left_off():
    """As they are after an interrupt inside a `torch.no_grad` block."""
    on, off = small(), small()
    steps = [step.loss for step in train(on, DATA, images=300)]
    with torch.no_grad():
        assert [step.loss for step in train(off, DATA, images=300)] == steps
    assert not torch.equal(*(next(d.parameters()).detach() for d in (small(), off)))


def test_bfloat16_trains_with_the_weights_of_now_after_an_interrupt_inside_an_autocast():
    first, second = (
        [s.loss for s in train(small(), DATA, images=3000, extras=Extras(bf16=True))] for _ in range(2)
    )
    torch.autocast_increment_nesting()  # as after such an interrupt
    try:
        assert (
            [s.loss for s in train(small(), DATA, images=3000, extras=Extras(bf16=True))] == first == second
        )
    finally:
        torch.autocast_decrement_nesting()
        torch.clear_autocast_cache()


def test_a_save_of_another_network_is_named():
    step = next(train(small(), DATA, images=100))
    with pytest.raises(ValueError, match="another network"):
        train(Denoiser(MLP(2, 32, 1), cosine(50), Eps()), DATA, images=100, resume=step.run.tensors())
    for lost in ("adam.0.step", "adam.1.exp_avg", "adam.2.exp_avg_sq", "online.net.enter.weight", "counts"):
        rest = {name: t for name, t in step.run.tensors().items() if name != lost}
        with pytest.raises(ValueError, match=f"(?s)another version.*{lost.removeprefix('online.')}"):
            train(small(), DATA, images=100, resume=rest)


def test_a_save_that_has_lost_all_of_adam_is_noticed_and_a_frozen_weight_is_no_loss():
    def frozen():
        denoiser = small()
        denoiser.net.enter.requires_grad_(False)
        return denoiser

    *_, step = itertools.islice(train(small(), DATA, images=1000), 3)
    rest = {name: t for name, t in step.run.tensors().items() if not name.startswith("adam.")}
    with pytest.raises(ValueError, match="another version"):
        train(small(), DATA, images=1000, resume=rest)
    whole, cut = frozen(), frozen()
    for step in train(whole, DATA, images=1000):
        if step.run.steps == 7:
            saved = step.run.tensors()
    for _ in train(cut, DATA, images=1000, resume=saved):
        pass
    for a, b in zip(whole.parameters(), cut.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_network_is_as_it_was_until_the_first_step():
    class Normed(torch.nn.Sequential):
        def forward(self, x, t):
            return super().forward(x)

    net = Normed(torch.nn.BatchNorm1d(2), torch.nn.Linear(2, 2))
    denoiser = Denoiser(net, cosine(50), Eps()).train()
    before = copy.deepcopy(denoiser.state_dict())
    steps = train(denoiser, DATA, images=200)
    for name, t in denoiser.state_dict().items():
        assert torch.equal(t, before[name])
    assert denoiser.training
    assert all(math.isfinite(s.loss) for s in steps)


def test_an_average_that_is_lost_is_said_to_be_lost():
    class Root(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.a = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x, t):
            return (self.a * x).abs().sqrt()  # its gradient at 0 is infinity times 0

    with pytest.raises(FloatingPointError, match="average is lost as well"):
        for _ in train(Denoiser(Root(), cosine(50), Eps()), DATA, images=1000):
            pass


def test_a_resumed_run_counts_what_is_seen_now(monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **wish):
            self.n = self.initial = 0
            bars.append(self)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def set_postfix_str(self, *_, **__):
            pass

        def update(self, n):
            self.n += n

    monkeypatch.setattr("tqdm.auto.tqdm", Bar)
    first = list(itertools.islice(train(small(), DATA, images=1000), 5))[-1]
    for _ in watch(train(small(), DATA, images=1000, resume=first.run.tensors()), 1000):
        pass
    assert (bars[0].initial, bars[0].n) == (first.images, 1000)


def test_a_run_can_be_left_at_any_step():
    denoiser = small()
    before = copy.deepcopy(denoiser.state_dict())
    for _ in itertools.islice(train(denoiser, DATA, images=10**9), 20):
        pass
    assert any(not torch.equal(before[k], v) for k, v in denoiser.state_dict().items())
    assert torch.isfinite(denoiser(DATA, 25)).all()


def test_every_round_sees_every_image_once_from_wherever_it_starts():
    n = 7
    stream = torch.cat([order(seen, 1, n, 3) for seen in range(5 * n)])
    for k in range(5):
        assert sorted(stream[k * n : (k + 1) * n].tolist()) == list(range(n))
    assert torch.equal(torch.cat([order(0, 10, n, 3), order(10, 25, n, 3)]), stream)
    assert not torch.equal(stream[:n], stream[n : 2 * n])
    assert not torch.equal(stream[:n], order(0, n, n, 4))
    with torch.device("meta"):  # a default device of one's own changes nothing
        assert torch.equal(order(0, 5 * n, n, 3), stream)


def test_labels_are_dropped_as_often_as_asked():
    seen = []

    class Spy(MLP):
        def forward(self, x, t, y=None):
            if y is not None:
                seen.append(y)
            return super().forward(x, t, y)

    y = torch.arange(300) % 10
    for _ in train(Denoiser(Spy(2, 8, 1, classes=10), cosine(9), Eps()), DATA, y, images=30_000, batch=500):
        pass
    labels = torch.cat(seen)
    share = (labels == -1).float().mean().item()
    assert share == pytest.approx(0.1, abs=5 * (0.09 / 30_000) ** 0.5)
    assert set(labels.tolist()) == {-1, *range(10)}


def test_the_rate_rises_then_falls_to_0():
    rates = [rate(k / 1000) for k in range(1001)]
    assert 0 < rates[0] < 0.05
    assert max(rates) == pytest.approx(1)
    assert rates[-1] == pytest.approx(0, abs=1e-12)
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)


def test_a_loss_that_is_no_number_stops_the_run_with_the_step_and_keeps_the_average():
    denoiser = small()
    steps = train(denoiser, DATA, images=10_000)
    run = next(steps).run
    with torch.no_grad():
        next(run.online.parameters()).fill_(float("nan"))
    with pytest.raises(FloatingPointError, match=r"nan at step 2.*lower lr"):
        next(steps)
    assert all(torch.isfinite(p).all() for p in denoiser.parameters())


def test_watching_passes_every_step_on(capsys):
    steps = list(watch(train(small(), DATA, images=640), 640))
    assert steps[-1].images == 640
    bar = capsys.readouterr().err
    assert "640" in bar
    assert "loss" in bar


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: the GPU path was not run")
def test_a_gpu_trains_and_samples_too():
    from ddpm_core import sample

    denoiser = small().cuda()
    for step in train(denoiser, DATA, images=2000):
        assert step.errors.is_cuda
    *_, last = sample(denoiser, torch.randn(4, 2, device="cuda"), generator=torch.Generator().manual_seed(0))
    assert last.xt.is_cuda


def test_the_net_is_what_is_checked_first():
    class Wrong(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.w = torch.nn.Parameter(torch.zeros(1))

        def forward(self, x, t):
            return (self.w * x)[:, :1]

    with pytest.raises(ValueError, match=r"network's output.*\(\d, 2\).*got \(\d, 1\)"):
        train(Denoiser(Wrong(), cosine(9), X0()), DATA, images=100)


def test_a_step_is_taken_at_the_rate_that_belongs_to_its_beginning():
    """Adam's first step has the length of its rate, whatever the gradient: small, as warm-up begins."""
    denoiser = small()
    before = [w.detach().clone() for w in denoiser.parameters()]
    for step in train(denoiser, DATA, images=1000, lr=0.01):
        now = 0.01 * rate((step.images - len(step.t)) / 1000)
        assert [group["lr"] for group in step.run.optimizer.param_groups] == [pytest.approx(now)]
        if step.run.steps == 1:
            moved = [(b - w).abs().max() for b, w in zip(before, step.run.online.parameters(), strict=True)]
            assert max(moved).item() == pytest.approx(0.01 * rate(0.0), rel=1e-3)


def test_the_rate_rises_by_equal_steps_up_to_its_highest():
    rates = torch.tensor([rate(k / 1000) for k in range(51)], dtype=torch.float64)
    torch.testing.assert_close(rates.diff(), rates.diff()[:1].expand(50))
    assert rates[-1] == 1


def trained(denoiser, *data, **wish):
    for _ in train(denoiser, *data, **{"images": 1000} | wish):
        pass
    return torch.cat([p.detach().flatten() for p in denoiser.parameters()])


Y = torch.arange(300) % 10


@pytest.mark.parametrize(
    "item", [lambda x, y: (x, y), lambda x, y: [x, y.byte()], lambda x, y: {"y": y, "x0": x}, Batch]
)
def test_batches_of_one_s_own_are_trained_on_as_a_tensor_is(item):
    """With the same rows in the same order, the weights are the same, bit for bit; the end is cut alike."""
    rows = [order(k, 60, 300, 0) for k in range(0, 1020, 60)]
    own = [item(DATA[r], Y[r]) for r in rows]
    assert torch.equal(trained(small(0, 10), own), trained(small(0, 10), DATA, Y, batch=60))


def test_a_data_loader_is_gone_through_again_and_again():
    sets = torch.utils.data.TensorDataset(DATA, Y)
    loader = torch.utils.data.DataLoader(sets, 128, shuffle=True)
    steps = list(train(small(0, 10), loader, images=1000))
    assert [len(s.t) for s in steps] == [128, 128, 44] * 3 + [100]
    assert [s.images for s in train(small(), [DATA], images=500)] == [300, 500]


def test_noise_that_comes_with_the_data_is_the_noise_of_the_step():
    """One step by hand, as a reflow takes it: pairs, and the velocity between them."""

    def flow():
        torch.manual_seed(0)
        return Denoiser(MLP(2, 16, 1), straight(50), Flow())

    eps, by_hand = normal(300, 2, dtype=torch.float32), flow()
    step = next(train(flow(), [{"x0": DATA, "eps": eps}], images=300))
    (by_hand.errors(DATA, step.t, eps) / 2).mean().backward()
    for mine, ours in zip(by_hand.parameters(), step.run.online.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, ours.grad)


@pytest.mark.parametrize(
    ("data", "error", "told"),
    [
        (iter([DATA]), ValueError, "ended after 300 images"),
        ([], ValueError, "ended after 0 images"),
        ([DATA.byte()], TypeError, "x0 must be floating point"),
        ([(DATA, Y[:9])], ValueError, r"labels must have shape \(300,\)"),
        ([(DATA, Y + 1)], ValueError, "labels reach 10"),
        ([DATA, (DATA, Y + 1)], ValueError, "labels reach 10"),
        ([(DATA, Y, DATA[:1])], ValueError, "eps must have the shape of x0"),
        ([(DATA, Y, DATA, 1)], TypeError, "a batch of x0 must be"),
        ([{"x0": DATA, "labels": Y}], TypeError, "names x0, y and eps"),
        ([3], TypeError, "a batch of x0 must be"),
    ],
)
@pytest.mark.filterwarnings("ignore:this network has 10 classes")
def test_batches_that_make_no_sense_are_named(data, error, told):
    with pytest.raises(error, match=told):
        trained(small(0, 10), data)


def test_labels_belong_to_the_batches_of_an_iterable():
    with pytest.raises(TypeError, match="brings its own labels"):
        train(small(0, 10), [DATA], Y, images=9)


def test_an_order_is_drawn_once_a_round(monkeypatch):
    """Also of several runs at the same time."""
    drawn, randperm = [], torch.randperm
    monkeypatch.setattr(torch, "randperm", lambda n, **how: drawn.append(n) or randperm(n, **how))
    runs = [train(small(), DATA, seed=seed, images=1200, batch=16) for seed in range(4)]
    for _ in zip(*runs, strict=True):
        pass
    assert drawn == [300] * 16


@pytest.mark.parametrize(
    ("clip", "data", "told"),
    [
        (1.0, 2.8 * DATA.clamp(-1, 1) / DATA.clamp(-1, 1).abs().max(), r"reaches .*2\.8.*clamped.*clip=2\.8"),
        (1.0, DATA.sigmoid(), r"x0 \* 2 - 1"),
        (0.1, DATA, r"clamped to \[-0\.1, 0\.1\]"),
    ],
)
def test_data_outside_what_estimates_are_clamped_to_are_told(clip, data, told):
    denoiser = Denoiser(MLP(2, 16, 1), cosine(50), Eps(), clip)
    for given in (data, [data]):
        with pytest.warns(UserWarning, match=told) as said:
            trained(denoiser, given)
        assert [w.filename for w in said] == [__file__]
    with warnings.catch_warnings(action="error"):
        trained(Denoiser(MLP(2, 16, 1), cosine(50), Eps()), data)
        trained(denoiser, (2 * DATA.sigmoid() - 1) * clip)


def test_classes_without_labels_are_told():
    with pytest.warns(UserWarning, match="10 classes and is trained without labels"):
        trained(small(0, 10), DATA)


@pytest.mark.parametrize(
    ("schedule", "left"),
    [(linear(50), 60), (linear(100), 36), (linear(), 0), (cosine(8), 0), (straight(9), 0)],
)
def test_a_schedule_that_does_not_end_in_noise_is_told(schedule, left):
    denoiser = Denoiser(MLP(2, 16, 1), schedule, V())
    with warnings.catch_warnings(record=True, action="always") as said:
        trained(denoiser, DATA)
    assert [f"is {left}% signal" in str(w.message) for w in said] == [True] * bool(left)


OTHER = {
    "batch": {"batch": 32},
    "lr": {"lr": 0.001},
    "ema": {"ema": 0.9},
    "drop": {"drop": 0.5},
    "seed": {"seed": 1},
    "bf16": {"extras": Extras(bf16=True)},
    "min_snr": {"extras": Extras(min_snr=5.0)},
    "clip_grad": {"extras": Extras(clip_grad=1.0)},
}


@pytest.mark.parametrize("name", [*OTHER, "x0", "more x0", "labels", "prediction", "schedule"])
def test_a_run_goes_on_with_its_own_settings_alone(name):
    saved = next(train(small(0, 10), DATA, Y, images=640)).run.tensors()
    denoiser, x0, y = small(0, 10), DATA, Y
    if name == "prediction":
        denoiser = Denoiser(denoiser.net, denoiser.schedule, V())
    elif name == "schedule":
        denoiser = Denoiser(denoiser.net, linear(50, 0.002, 0.4), Eps())
    elif name == "labels":
        denoiser, y = small(), None
    elif name.endswith("x0"):
        x0, y = (-DATA, Y) if name == "x0" else (DATA[:200], Y[:200])
    with pytest.raises(ValueError, match=f"save was made with.*{name.split()[-1]} .*, not "):
        train(denoiser, x0, y, **{"images": 640} | OTHER.get(name, {}), resume=saved)


def test_a_run_may_be_made_longer_and_not_shorter_than_it_is():
    *_, step = train(small(), DATA, images=640)
    saved, denoiser = step.run.tensors(), small(1)
    more = list(train(denoiser, DATA, images=1280, resume=saved))
    assert [s.images for s in more] == list(range(704, 1281, 64))
    assert more[0].run.optimizer.param_groups[0]["lr"] == 4e-3 * rate(1216 / 1280)
    assert not list(train(denoiser, DATA, images=640, resume=saved))
    with pytest.raises(ValueError, match="has seen 640 images already, more than images=320"):
        train(denoiser, DATA, images=320, resume=saved)


def test_a_run_that_nobody_started_is_told():
    with pytest.warns(UserWarning, match=r"train\(...\) was never iterated over"):
        train(small(), DATA, images=64)
    with warnings.catch_warnings(action="error"):
        assert len(list(train(small(), DATA, images=128))) == 2
        assert next(iter(train(small(), DATA, images=128))).images == 64


def test_a_run_is_kept_in_one_file_that_goes_on_and_can_be_sampled_from(tmp_path):
    path, denoiser = tmp_path / "run.safetensors", small(0, 10)
    steps = train(denoiser, DATA, Y, images=2500)
    step = next(itertools.islice(steps, 9, None))
    checkpoints.save_run(step.run, path, data="mine")
    so_far = [p.detach().clone() for p in denoiser.parameters()]
    for a, b in zip(so_far, (half := checkpoints.load(path)).parameters(), strict=True):
        assert torch.equal(a, b)
    assert half.schedule == denoiser.schedule
    assert checkpoints.card(path) == {"data": "mine", "shape": [2]}
    whole = trained(small(0, 10), DATA, Y, images=2500)
    assert torch.equal(trained(small(1, 10), DATA, Y, images=2500, resume=checkpoints.load_run(path)), whole)
    checkpoints.save(denoiser, path)
    with pytest.raises(ValueError, match="no save of a run"):
        checkpoints.load_run(path)


def test_a_run_of_a_network_of_one_s_own_is_kept_too(tmp_path):
    class Own(MLP):
        pass

    torch.manual_seed(0)
    denoiser = Denoiser(Own(2, 8, 1), straight(20), Flow())
    again = copy.deepcopy(denoiser)
    checkpoints.save_run(next(train(denoiser, DATA, images=640)).run, tmp_path / "run")
    rest = trained(again, DATA, images=640, resume=checkpoints.load_run(tmp_path / "run"))
    torch.manual_seed(0)
    assert torch.equal(rest, trained(Denoiser(Own(2, 8, 1), straight(20), Flow()), DATA, images=640))
    with pytest.raises(ValueError, match="holds no denoiser that this version can build"):
        checkpoints.load(tmp_path / "run")


def test_a_gradient_is_shortened_to_what_is_asked():
    def norm(step):
        return torch.cat([p.grad.flatten() for p in step.run.online.parameters()]).norm().item()

    free = [norm(s) for s in train(small(), 9 * DATA, images=640)]
    bound = [norm(s) for s in train(small(), 9 * DATA, images=640, extras=Extras(clip_grad=0.1))]
    assert min(free) > 0.1
    assert bound == pytest.approx([0.1] * 10, rel=1e-4)
    lax = trained(small(), DATA, extras=Extras(clip_grad=1e9))
    assert torch.equal(lax, trained(small(), DATA))
    with pytest.raises(ValueError, match="clip_grad must lie strictly between 0"):
        train(small(), DATA, images=9, extras=Extras(clip_grad=0.0))
    with pytest.raises(TypeError, match="extras must be like Extras"):
        train(small(), DATA, images=9, extras=5)


@pytest.mark.parametrize(("clip", "fine"), [(None, False), (1.0, False), (30.0, True)])
def test_what_is_clamped_far_out_is_no_picture_that_was_never_scaled(clip, fine):
    """Latents reach further than pictures do; pictures that reach 20 are bytes that nobody scaled."""
    torch.manual_seed(0)
    x0 = torch.randn(8, 1, 8, 8).clamp(-1, 1) * 20
    denoiser = Denoiser(UNet(width=8), cosine(50), V(), clip=clip)
    if fine:
        assert denoiser.loss(x0, torch.tensor([3]), torch.randn(x0.shape)).isfinite().all()
        assert len(list(train(denoiser, x0, images=8, batch=8))) == 1
    else:
        with pytest.raises(ValueError, match="unscaled"):
            train(denoiser, x0, images=8)
