import os
import random
import re
import textwrap
import weakref
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from endurance import interrupted, often
from kinds import PREDICTIONS
from oracles import GaussianWorld, close, normal

import ddpm_core
from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    UNet,
    ancestral,
    ancestral_beta,
    cosine,
    ddim,
    dpm_2m,
    elbo,
    heun,
    invert,
    last,
    linear,
    pretrained,
    q_sample,
    sample,
)
from ddpm_core.sampling import estimate, keeping, langevin, randn
from ddpm_core.study.calibrated import Calibrated
from ddpm_core.study.exact import Mixture

pytestmark = pytest.mark.filterwarnings("ignore:the last level:UserWarning")  # short chains will do here

RULES = {"tilde": ancestral, "beta": ancestral_beta, "none": ddim}
each_rule = pytest.mark.parametrize("variance", RULES)
each_prediction = pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS)


@pytest.mark.slow
@each_rule
@pytest.mark.parametrize("steps", [1, 7, 60])
@pytest.mark.parametrize("schedule", [linear(60, 1e-3, 0.3), cosine(60)], ids=["linear", "cosine"])
def test_the_loop_has_the_law_of_its_closed_recursion(variance, steps, schedule):
    """Data N(0.7, 0.4^2): mean and variance of many samples are those of the exact affine recursion."""
    n, world = 100_000, GaussianWorld(schedule, 0.7, 0.16)
    times = schedule.times(steps)
    mean, var = world.law(times, variance)
    g = torch.Generator().manual_seed(steps)
    *_, last = sample(world, torch.randn(n, 1, dtype=torch.float64, generator=g), times, RULES[variance], g)
    assert abs(last.xt.mean().item() - mean) < 5 * (var / n) ** 0.5 + 1e-12
    assert abs(last.xt.var().item() - var) < 5 * var * (2 / n) ** 0.5 + 1e-12


def test_the_paper_s_chain_returns_the_data():
    """linear(1000): mean 1, and the standard deviations of the two choices of variance, for N(1, 0.5^2)."""
    world = GaussianWorld(linear(), 1.0, 0.25)
    for variance, std in (("beta", 0.5008), ("tilde", 0.4961)):
        mean, var = world.law(linear().times(), variance)
        assert mean == pytest.approx(1, abs=1e-4)
        assert var**0.5 == pytest.approx(std, abs=5e-5)


@each_rule
def test_error_falls_as_one_over_the_steps(variance):
    """Twice the steps, half the error, for a schedule whose limit exists: first order."""
    errors = []
    for T in (64, 128, 256, 512, 1024):
        world = GaussianWorld(linear(T, 0.1 / T, 20 / T), 0.7, 0.16)
        errors.append(abs(world.law(world.schedule.times(), variance)[1] - 0.16))
    log = torch.tensor(errors).log2()
    assert -1.3 < log.diff().mean() < -0.7
    assert (log.diff() < 0).all()


def test_frames_are_the_walk():
    world, x_T = GaussianWorld(linear(50), 0.7, 0.16), normal(5, 2)
    times = [50, 31, 30, 4, 0]
    frames = list(sample(world, x_T, times, generator=torch.Generator().manual_seed(0)))
    assert [f.t for f in frames] == times
    assert frames[0].xt is x_T
    assert frames[0].x0 is None
    assert frames[0].noise is None
    for before, now in pairwise(frames):
        s, t = world.schedule.level(now.t), world.schedule.level(before.t)
        close(now.x0, world(before.xt, torch.full((5,), before.t)), 0)
        close(now.xt, ancestral(now.x0, before.xt, s, t, now.noise), 0)
    close(frames[-1].xt, frames[-1].x0)
    assert len(list(sample(world, x_T))) == 51


@each_rule
def test_a_rule_returns_its_mean_at_0(variance):
    s, t = linear(50).level(0), linear(50).level(20)
    x0, xt, noise = (normal(4, 2, seed=i) for i in range(3))
    close(RULES[variance](x0, xt, s, t, noise), x0)
    batch = linear(50).level(torch.zeros(4, dtype=torch.long), x0), linear(50).level(torch.tensor([20]), x0)
    close(RULES[variance](x0, xt, *batch, noise), x0)


@pytest.mark.parametrize("variance", ["tilde", "beta"])
def test_a_rule_mid_chain_has_the_mean_and_variance_of_the_paper(variance):
    schedule, t, n = linear(), 500, 400_000
    abar, beta = schedule.abar, schedule.betas[t]
    x0, xt = 0.7, -0.4
    mean = abar[t - 1].sqrt() * beta / (1 - abar[t]) * x0
    mean += (1 - beta).sqrt() * (1 - abar[t - 1]) / (1 - abar[t]) * xt
    var = beta if variance == "beta" else beta * (1 - abar[t - 1]) / (1 - abar[t])
    full = lambda v: torch.full((n, 1), v, dtype=torch.float64)  # noqa: E731
    xs = RULES[variance](full(x0), full(xt), schedule.level(t - 1), schedule.level(t), normal(n, 1))
    assert abs(xs.mean() - mean) < 5 * (var / n) ** 0.5
    assert abs(xs.var() - var) < 5 * var * (2 / n) ** 0.5


def test_the_two_variances_differ_where_they_should():
    """In a jump of many steps beta and beta-tilde are far apart: a factor (1 - abar_s) / (1 - abar_t)."""
    schedule, zero, one = linear(), torch.zeros(1, 1).double(), torch.ones(1, 1).double()
    s, t = schedule.level(2), schedule.level(300)
    tilde, beta = (rule(zero, zero, s, t, one).item() ** 2 for rule in (ancestral, ancestral_beta))
    assert tilde / beta == pytest.approx(s.noise**2 / t.noise**2, rel=1e-9)


def test_ddim_jumps_compose_and_keep_to_the_line():
    """With one fixed estimate of x0, t -> s -> r equals t -> r, and every state has the same noise."""
    schedule, x0, eps = linear(), normal(3, 2), normal(3, 2, seed=1)
    t, s, r = (schedule.level(k) for k in (800, 333, 40))
    xt = q_sample(x0, eps, t)
    xs = ddim(x0, xt, s, t, xt)
    close(xs, q_sample(x0, eps, s))
    close(ddim(x0, xs, r, s, xt), ddim(x0, xt, r, t, xt))


def test_randomness_is_the_generator_s():
    world, x = GaussianWorld(linear(20), 0.7, 0.16), normal(3, 2)
    run = lambda seed: [f.xt for f in sample(world, x, generator=torch.Generator().manual_seed(seed))]  # noqa: E731
    state = torch.get_rng_state()
    a, b, c = run(0), run(0), run(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(p, q) for p, q in zip(a, b, strict=True))
    assert not torch.equal(a[5], c[5])


@pytest.mark.parametrize("rule", [ancestral, lambda *a: ancestral(*a)], ids=["ours", "one's own"])
def test_the_caller_keeps_its_grad_mode_and_its_input(rule):
    net = torch.nn.Linear(2, 2)
    net.forward = lambda x, t: x * net.weight.sum()
    x = normal(3, 2, dtype=torch.float32).requires_grad_()
    before = x.detach().clone()
    first, *rest = sample(Denoiser(net, linear(5), X0()), x, rule=rule)
    assert first.xt is x
    assert not any(y.requires_grad for frame in rest for y in frame[1:])
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            for _ in sample(Denoiser(net, linear(5), X0()), x, rule=rule):
                assert torch.is_grad_enabled() == grad
    assert torch.equal(x, before)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="interrupts by a timer of POSIX")
def test_a_walk_interrupted_at_any_moment_leaves_torch_as_it_was():
    """If gradients stayed off, training would fail later, with no hint of the cause."""
    denoiser, x = Denoiser(MLP(2, 16, 1), cosine(), Eps()), torch.randn(4, 2)
    dice, stopped = random.Random(0), 0
    for _ in range(often(1500, 15_000)):
        last = interrupted(lambda: list(sample(denoiser, x, range(60, -1, -1))), dice.uniform(2e-4, 4e-3))
        stopped += last is not None
        assert torch.is_grad_enabled()
        assert all(module.training for module in denoiser.modules())
    assert stopped > often(1000, 10_000)


def test_a_rule_s_own_weights_leave_no_gradient_in_a_walk():
    known = normal(1, 2).requires_grad_()
    rule = keeping(known, torch.tensor([[True, False]]))
    _, *rest = sample(GaussianWorld(linear(9), 0.7, 0.16), normal(3, 2), rule=rule)
    assert not any(frame.xt.requires_grad for frame in rest)


class Kept(MLP):
    """A network that caches a table of times at its first pass."""

    table = None

    def forward(self, xt, t):
        if self.table is None:
            self.table = torch.linspace(0.1, 1, 10)
        return super().forward(xt, t) * self.table[t][:, None]


class Downhill(torch.nn.Module):
    """A network whose output is the gradient of an energy, by autograd."""

    def __init__(self):
        super().__init__()
        self.energy = MLP(2, 16)

    def forward(self, xt, t):
        training = torch.is_grad_enabled()
        with torch.enable_grad():
            xt = xt.detach().requires_grad_()
            energy = (self.energy(xt, t) ** 2).sum() + (xt**2).sum()
            return torch.autograd.grad(energy, xt, create_graph=training)[0]


def of_two_labels(guided):
    denoiser = Denoiser(MLP(2, 16, classes=3), linear(9), Eps())
    y = torch.tensor([0, 2, 1])
    return (denoiser.guided(y, 2.0) if guided else denoiser.given(y)).net


@each_prediction
@pytest.mark.parametrize(
    "make",
    [
        lambda: MLP(2, 16),
        lambda: of_two_labels(True),
        lambda: of_two_labels(False),
        lambda: Kept(2, 16),
        Downhill,
    ],
    ids=["ours", "guided", "given", "keeps a table", "takes a gradient"],
)
def test_after_a_walk_all_that_it_leaves_behind_can_be_trained(make, prediction):
    """Frames, weights, tensors cached by a network or seen by a hook can all be used in autograd."""
    torch.manual_seed(0)
    net, x = make(), normal(3, 2, dtype=torch.float32)
    denoiser, before, seen = Denoiser(net, linear(9), prediction, 1.0), x.clone(), []
    frames = list(sample(denoiser, x))
    hook = net.register_forward_hook(lambda _, __, out: seen.append(out))
    list(sample(denoiser, x))
    hook.remove()
    assert len(seen) == 9
    assert torch.equal(x, before)
    for tensor in (*seen, *(y for frame in frames[1:] for y in frame[1:])):
        assert not tensor.is_inference()
        assert not tensor.requires_grad
        (torch.nn.Linear(2, 1)(tensor) ** 2).sum().backward()
    denoiser(x, 3).sum().backward()
    assert any(w.grad is not None for w in net.parameters())


def test_an_estimate_of_one_batch_keeps_no_gradient():
    denoiser, x = Denoiser(MLP(2, 16), linear(9), X0()), normal(3, 2, dtype=torch.float32)
    assert not estimate(denoiser, x, 4).requires_grad
    assert denoiser(x, 4).requires_grad


@each_prediction
def test_a_network_that_knows_the_answer_samples_the_law_in_any_parametrisation(prediction):
    """The exact estimate, converted to eps, v, mu or score, is the same after a Denoiser converts it back."""
    schedule = linear(60, 1e-3, 0.3)
    world, abar = GaussianWorld(schedule, 0.7, 0.16), schedule.abar

    class Knowing(torch.nn.Module):
        def forward(self, xt, t):
            x0, k = world(xt, t), int(t[0])
            eps = (xt - abar[k].sqrt() * x0) / (1 - abar[k]).sqrt()
            return prediction.target(x0, eps, xt, schedule.level(k - 1), schedule.level(k))

    denoiser, x = Denoiser(Knowing(), schedule, prediction), normal(50, 1)
    for t in (1, 2, 30, 60):
        close(denoiser(x, t), world(x, torch.full((50,), t)), 1e-8)
        close(denoiser(x, torch.full((50,), t)), world(x, torch.full((50,), t)), 1e-8)
        close(denoiser(x, torch.tensor([t])), world(x, torch.full((50,), t)), 1e-8)
    walk = schedule.times(12)
    a, b = (list(sample(d, x, walk, generator=torch.Generator().manual_seed(0))) for d in (denoiser, world))
    close(a[-1].xt, b[-1].xt, 1e-7)


class Turned(torch.nn.Module):
    """A simple network: its output is bounded and differs at every time."""

    def forward(self, xt, t):
        return torch.sin(3 * xt + t.reshape(-1, *(1,) * (xt.ndim - 1))).to(xt.dtype)


def terms(function, *tensors):
    """A formula's value for each of its tensors alone, with zeros for the others."""
    return [function(*(x if i == j else 0 * x for j, x in enumerate(tensors))) for i in range(len(tensors))]


@each_rule
@each_prediction
@pytest.mark.parametrize("clip", [None, 1.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_the_loop_takes_the_steps_that_the_formulas_say(variance, prediction, clip, dtype):
    """Within a few rounding errors of each term: there is no cancellation of large numbers."""
    schedule, rule = linear(), RULES[variance]
    denoiser, x = Denoiser(Turned(), schedule, prediction, clip), normal(5, 1, 4, 4, dtype=dtype)
    few = max(3 * torch.finfo(dtype).eps, 1e-13)  # in float64 the reference is rounded too
    for times in ([1000, 999, 998], [500, 20, 19], [2, 1, 0]):
        for before, now in pairwise(sample(denoiser, x, times, rule, torch.Generator().manual_seed(0))):
            xt, x0, noise = (x.double() for x in (before.xt, now.x0, now.noise))
            last, s, t = (schedule.level(k) for k in (before.t - 1, now.t, before.t))
            parts = terms(
                lambda out, xt, t=t, last=last: prediction.x0(out, xt, last, t),
                denoiser.net(before.xt, torch.tensor([before.t])).double(),
                xt,
            )
            said = sum(parts) if clip is None else sum(parts).clamp(-clip, clip)
            assert ((x0 - said).abs() <= few * sum(part.abs() for part in parts)).all()
            parts = terms(lambda x0, xt, z, s=s, t=t: rule(x0, xt, s, t, z), x0, xt, noise)
            assert ((now.xt.double() - sum(parts)).abs() <= few * sum(part.abs() for part in parts)).all()


def test_a_rule_of_one_s_own_sees_the_two_levels_of_each_step():
    seen = []

    def own(x0, xt, s, t, noise):
        seen.append((s, t))
        return ddim(x0, xt, s, t, noise)

    schedule, x, times = linear(20), normal(3, 2), [20, 9, 0]
    *_, a = sample(Denoiser(Turned(), schedule, Eps()), x, times, own)
    assert seen == [(schedule.level(9), schedule.level(20)), (schedule.level(0), schedule.level(9))]
    *_, b = sample(Denoiser(Turned(), schedule, Eps()), x, times, ddim)
    close(a.xt, b.xt, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_follows_the_data(dtype):
    frames = list(sample(GaussianWorld(linear(9), 0.7, 0.16), normal(3, 2, dtype=dtype)))
    assert {f.xt.dtype for f in frames} == {dtype}


def test_a_batch_at_one_time_is_given_a_time_for_each():
    class Net(torch.nn.Module):
        def forward(self, x, t):
            assert t.shape == (len(x),)
            assert t.dtype == torch.int64
            return torch.cat([x[:, :1], t[:, None].to(x.dtype)], 1)

    denoiser = Denoiser(Net(), linear(9), X0())
    walk = [
        f.x0[:, 1].unique().item() for f in sample(denoiser, normal(4, 2), [9, 5, 2, 0]) if f.x0 is not None
    ]
    assert walk == [9, 5, 2]


HALF = torch.tensor([[True, False]])


@each_rule
@pytest.mark.parametrize("rows", [1, 3])
def test_what_is_known_is_kept_at_the_level_of_each_step_and_the_rest_is_left_to_the_rule(variance, rows):
    schedule, known = linear(50), normal(rows, 2, seed=5)
    x0, xt, noise = (normal(3, 2, seed=i) for i in range(3))
    for s, t in ((20, 30), (0, 4)):
        levels = schedule.level(s), schedule.level(t)
        rule = RULES[variance]
        xs = keeping(known, HALF, rule)(x0, xt, *levels, noise)
        abar = schedule.abar[s]
        kept = abar.sqrt() * known[:, 0] + (1 - abar).sqrt() * noise[:, 0]
        close(xs[:, 0], kept.expand(3))
        close(xs[:, 1], rule(x0, xt, *levels, noise)[:, 1])


def test_what_is_known_of_several_does_not_multiply_one():
    walk = sample(GaussianWorld(linear(9), 0.7, 0.16), normal(1, 2), [9, 0], keeping(normal(5, 2), HALF))
    next(walk)
    with pytest.raises(ValueError, match=r"the shape of x_T, \(1, 2\), got \(5, 2\)"):
        next(walk)


def test_what_is_independent_of_the_known_is_sampled_as_ever():
    """Independent entries: the known one is exact, the other has its own exact distribution."""
    n, world = 50_000, GaussianWorld(linear(60, 1e-3, 0.3), 0.7, 0.16)
    times = world.schedule.times(20)
    rule = keeping(torch.tensor([[-3.0, 0.0]]).double(), HALF)
    *_, before, last = sample(world, normal(n, 2), times, rule, torch.Generator().manual_seed(1))
    mean, var = world.law(times, "tilde")
    assert (last.xt[:, 0] == -3).all()
    assert abs(last.xt[:, 1].mean() - mean) < 5 * (var / n) ** 0.5
    assert abs(last.xt[:, 1].var() / var - 1) < 5 * (2 / n) ** 0.5
    abar = world.schedule.abar[before.t]
    assert abs(before.xt[:, 0].mean() + 3 * abar.sqrt()) < 5 * ((1 - abar) / n) ** 0.5
    assert abs(before.xt[:, 0].var() / (1 - abar) - 1) < 5 * (2 / n) ** 0.5


def test_replacement_is_no_conditional_sample():
    """By Bayes the lower mode has probability 0.965, by replacement little over a half, as documented."""
    means = torch.tensor([[-1.0, -1.0], [1.0, 1.0], [-0.3, 0.8]]).double()
    world = Mixture(linear(), means, 0.04, torch.tensor([0.4, 0.4, 0.2]))
    known = torch.tensor([[-0.8, 0.0]]).double()
    weights = world.weights * (-((known[0, 0] - means[:, 0]) ** 2) / 0.08).exp()
    assert weights[0] / weights.sum() == pytest.approx(0.965, abs=1e-3)
    g = torch.Generator().manual_seed(0)
    *_, last = sample(world, normal(4000, 2), linear().times(50), keeping(known, HALF), g)
    assert (last.xt[:, 1] < 0).double().mean() < 0.65


@pytest.mark.parametrize("step", [0.01, 0.3])
def test_langevin_has_the_stationary_law_of_its_closed_recursion(step):
    """For N(0, v): x -> (1 - h/v) x + sqrt(2h) z, with stationary variance v / (1 - h/(2v))."""
    n, v = 50_000, 0.5
    g, x = torch.Generator().manual_seed(0), v**0.5 * normal(n, 1)
    for _ in range(int(4 / step)):
        x = langevin(x, -x / v, step, torch.randn(n, 1, generator=g, dtype=torch.float64))
    assert abs(x.var() / (v / (1 - step / (2 * v))) - 1) < 5 * (2 / n) ** 0.5


@pytest.mark.parametrize("like", [normal(64, 1, 8, 8), normal(16, 3, 5, 4).float().permute(0, 1, 3, 2)])
def test_the_noise_of_torchs_own_generator_is_that_of_one_with_its_seed(like):
    torch.manual_seed(3)
    own, given = randn(like), randn(like, torch.Generator().manual_seed(3))
    assert torch.equal(own, given)
    assert own.dtype == given.dtype == like.dtype
    assert own.is_contiguous()
    assert abs(own.var() - 1) < 5 * (2 / own.numel()) ** 0.5


def test_a_network_that_marks_its_input_for_gradients_does_not_mark_x_T():
    class Slope(torch.nn.Module):
        def forward(self, xt, t):
            with torch.enable_grad():
                return torch.autograd.grad((xt.requires_grad_() ** 2).sum(), xt)[0]

    x = normal(3, 2)
    *_, last = sample(Denoiser(Slope(), linear(9), X0()), x)
    assert not x.requires_grad
    assert not last.xt.requires_grad


class Moody(torch.nn.Module):
    """A network that in training mode looks at the whole batch, counts, and drops at random."""

    def __init__(self):
        super().__init__()
        self.norm, self.drop = torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5)

    def forward(self, xt, t):
        return self.drop(self.norm(xt)).tanh()


READERS = {
    "sample": lambda d, x: last(sample(d, x, generator=torch.Generator().manual_seed(0))).xt,
    "dpm_2m": lambda d, x: last(dpm_2m(d, x)).xt,
    "heun": lambda d, x: last(heun(d, x)).xt,
    "invert": lambda d, x: last(invert(d, x)).xt,
    "the bound": lambda d, x: elbo.bound(elbo.terms(d, x, eps=x)).terms,
    "Calibrated": lambda d, x: (
        Calibrated(d, x, [9, 4, 0], torch.Generator().manual_seed(0))(x, x, *d.levels).var
    ),
}


@pytest.mark.parametrize("reader", READERS)
def test_who_reads_a_denoiser_finds_it_in_eval_mode_and_leaves_it_as_it_was(reader):
    denoiser, x = Denoiser(Moody(), cosine(9), X0()), normal(6, 2, dtype=torch.float32)
    denoiser.levels = denoiser.schedule.at(0), denoiser.schedule.at(9)
    calm = READERS[reader](denoiser.eval(), x)
    denoiser.train().net.drop.eval()  # and a part of it isn't
    before, state = {n: b.clone() for n, b in denoiser.named_buffers()}, torch.get_rng_state()
    assert torch.equal(READERS[reader](denoiser, x), calm)
    assert [m.training for m in denoiser.modules()] == [True, True, True, False]
    assert all(torch.equal(before[name], b) for name, b in denoiser.named_buffers())
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_a_scripted_network_is_asked_in_eval_mode_too():
    denoiser, x = Denoiser(torch.jit.script(Moody()), cosine(9), X0()), normal(6, 2, dtype=torch.float32)
    calm = READERS["dpm_2m"](denoiser.eval(), x)
    assert torch.equal(READERS["dpm_2m"](denoiser.train(), x), calm)
    assert all(m.training for m in denoiser.modules())


def test_a_walk_that_is_left_half_way_leaves_the_network_in_its_mode():
    denoiser = Denoiser(Moody(), cosine(9), X0()).train()
    for frame in sample(denoiser, normal(1, 2, dtype=torch.float32)):
        assert denoiser.net.norm.training
        if frame.t == 5:
            break
    assert denoiser.net.norm.training


ROOT = Path(ddpm_core.__file__).parents[1]
EXAMPLES = {
    "ddpm_core": "".join(re.findall(r"(?:^    .*\n)+", ddpm_core.__doc__, re.M)),
    "README.md": "".join(re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S)),
}


@pytest.mark.slow
@pytest.mark.parametrize("where", EXAMPLES)
def test_what_an_example_shows_trains_and_samples(where):
    """Their code as it stands, with less training, and walks of theirs by every rule: finite, in range."""
    code = re.sub(r"images=[\d_]+", "images=640", textwrap.dedent(EXAMPLES[where]))
    assert "images=640" in code
    room = {name: getattr(ddpm_core, name) for name in ddpm_core.__all__} | {"torch": torch}
    exec(code, room)
    found = room["new"] if "new" in room else room["frames"][-1].xt
    assert found.shape == (16, 1, 8, 8)
    denoiser = room["denoiser"]
    for rule in RULES.values():
        for steps in (5, 100):
            walk = sample(denoiser, torch.randn(4, 1, 8, 8), denoiser.schedule.times(steps), rule)
            found = torch.cat([found, last(walk).xt])
    assert found.abs().max() <= 1


def test_the_last_frame_is_had_without_the_others():
    """While `last` walks, no more than the frame before is alive."""
    alive = []

    def watched(walk):
        for frame in walk:
            alive.append(weakref.ref(frame.xt))
            yield frame
            frame = None
            assert sum(x() is not None for x in alive) <= 3  # x_T, and two more

    denoiser = Denoiser(MLP(2, 8), cosine(20), Eps(), clip=1.0)
    x = normal(3, 2, dtype=torch.float32)
    end = last(watched(sample(denoiser, x, generator=torch.Generator().manual_seed(0))))
    *_, same = sample(denoiser, x, generator=torch.Generator().manual_seed(0))
    assert end.t == 0
    assert torch.equal(end.xt, same.xt)
    assert len(alive) == 21


def dice(*seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def test_a_picture_with_a_generator_of_its_own_is_the_same_in_any_batch():
    denoiser = Denoiser(Turned(), cosine(20), Eps(), clip=1.0)

    def made(*seeds):
        own = dice(*seeds)
        return last(sample(denoiser, randn(torch.empty(len(seeds), 1, 4, 4), own), generator=own)).xt

    assert torch.equal(made(3, 7, 5)[1:2], made(7))
    assert torch.equal(made(5, 3), made(3, 5).flip(0))
    assert not torch.equal(made(3), made(5))


def test_a_mask_may_say_the_same_for_all_channels():
    known, mask = normal(1, 3, 4, 4), normal(1, 1, 4, 4) > 0
    x, levels = normal(5, 3, 4, 4, seed=1), (cosine(9).at(3), cosine(9).at(5))
    close(
        keeping(known, mask)(x, x, *levels, x), keeping(known, mask.expand(1, 3, 4, 4))(x, x, *levels, x), 0
    )


def test_each_picture_may_have_its_own_strength_of_guidance():
    net = UNet(width=8, classes=3)
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    denoiser, x, y = Denoiser(net, cosine(9), Eps()), normal(4, 1, 8, 8).float(), torch.tensor([0, 2, 1, 1])
    each = denoiser.guided(y, torch.tensor([0.0, 1.0, 2.5, 4.0]))(x, 5).detach()
    for k, strength in enumerate((0.0, 1.0, 2.5, 4.0)):
        row = slice(k, k + 1)
        close(each[row], denoiser.guided(y[row], strength)(x[row], 5).detach(), 1e-4)
    with pytest.raises(ValueError, match="3 strengths for 4 pictures"):
        denoiser.guided(y, torch.ones(3))(x, 5)


@pytest.mark.parametrize("walk", [sample, dpm_2m, heun])
def test_a_walk_from_noise_alone_where_the_data_are_still_seen_warns(walk):
    x = normal(2, 2, dtype=torch.float32)
    denoiser = Denoiser(MLP(2, 8), linear(50), Eps())
    with pytest.warns(UserWarning, match=r"60% signal") as told:
        walk(denoiser, x)
    assert told[0].filename == __file__


@pytest.mark.filterwarnings("error")
def test_no_warning_from_half_way_nor_upwards_nor_where_it_ends_in_noise():
    x = normal(2, 2, dtype=torch.float32)
    denoiser = Denoiser(MLP(2, 8), linear(50), Eps())
    list(sample(denoiser, x, [20, 0]))
    list(invert(denoiser, x))
    list(sample(Denoiser(MLP(2, 8), cosine(50), Eps()), x))


def test_a_network_that_was_trained_for_another_T_is_named():
    shipped = pretrained("digits")
    with pytest.warns(
        UserWarning, match=r"trained for T = 1000, this schedule has 100.*times\(100\)"
    ) as told:
        Denoiser(shipped.net, cosine(100), Eps())
    assert told[0].filename == __file__
    assert len(told) == 1
