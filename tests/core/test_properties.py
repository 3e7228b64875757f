"""What holds for any data, of any dtype, memory layout, batch size and type of times; no state is changed."""

from itertools import pairwise

import kinds
import numpy as np
import pytest
import torch
from endurance import often
from hypothesis import given, settings, strategies as st

from ddpm_core import (
    MLP,
    Denoiser,
    Eps,
    Schedule,
    UNet,
    V,
    cosine,
    dpm_2m,
    elbo,
    eta,
    exploding,
    from_betas,
    heun,
    invert,
    last,
    linear,
    posterior,
    posterior_beta,
    q_sample,
    sample,
    straight,
    train,
    transition,
    zero_terminal,
)
from ddpm_core.sampling import keeping
from ddpm_core.speed import fast
from ddpm_core.study import exact
from ddpm_core.study.calibrated import Calibrated

pytestmark = pytest.mark.filterwarnings("ignore:the last level:UserWarning")  # short chains will do here

T = 23
S = linear(T, 1e-3, 0.3)
RULES = [*kinds.RULES.values()]
KINDS = [*kinds.PREDICTIONS.values()]
SHAPES = [(1,), (3,), (1, 4, 4), (2, 3, 5)]
many = settings(max_examples=often(15, 1000), deadline=None)


class Net(torch.nn.Module):
    """A network without weights, which acts on each number separately and keeps its dtype."""

    def __init__(self):
        super().__init__()
        self.shift = torch.nn.Parameter(torch.tensor(0.3))

    def forward(self, xt, t, y=None):
        when = t.reshape(-1, *(1,) * (xt.ndim - 1)).to(xt.dtype) / T
        return torch.tanh(xt * when + self.shift.to(xt.dtype))


def plain(x):
    return x.clone(memory_format=torch.contiguous_format)


def sliced(x):
    wide = torch.zeros(*x.shape[:-1], 2 * x.shape[-1], dtype=x.dtype)
    wide[..., ::2] = x
    return wide[..., ::2]


def turned(x):
    return plain(x.transpose(0, -1)).transpose(0, -1)


def channels_last(x):
    return x.to(memory_format=torch.channels_last) if x.ndim == 4 else x


LAYOUTS = [plain, sliced, turned, channels_last]


@st.composite
def batches(draw, count=3, dtypes=(torch.float32, torch.float64, torch.float16, torch.bfloat16)):
    """`count` tensors (B, ...) of one shape and dtype, each in some memory layout, and times s < t, (B,)."""
    shape = (draw(st.sampled_from([0, 1, 2, 5])), *draw(st.sampled_from(SHAPES)))
    g = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from(dtypes))
    xs = [
        draw(st.sampled_from(LAYOUTS))(torch.randn(shape, generator=g).clamp(-3, 3).to(dtype))
        for _ in range(count)
    ]
    t = torch.randint(1, T + 1, shape[:1], generator=g)
    s = (torch.rand(shape[:1], generator=g) * t).long()
    return xs, s, t


FORMULAS = {
    "q_sample": lambda a, b, c, s, t: q_sample(a, b, t),
    "transition": lambda a, b, c, s, t: transition(a, s, t).mean,
    "posterior": lambda a, b, c, s, t: posterior(a, b, s, t).mean,
    "posterior_beta": lambda a, b, c, s, t: posterior_beta(a, b, s, t).mean,
    "posterior.sample": lambda a, b, c, s, t: posterior(a, b, s, t).sample(c),
    **{rule.__name__: lambda a, b, c, s, t, rule=rule: rule(a, b, s, t, c) for rule in RULES},
    **{f"{type(k).__name__}.target": lambda a, b, c, s, t, k=k: k.target(a, b, c, s, t) for k in KINDS},
    **{f"{type(k).__name__}.x0": lambda a, b, c, s, t, k=k: k.x0(a, b, s, t) for k in KINDS},
    "kl": lambda a, b, c, s, t: posterior(a, b, s, t).gap(posterior(c, b, s, t)),
}


class Untouched:
    """Context manager: fails if the given tensors or torch's own generator have changed at its end."""

    def __init__(self, *tensors):
        self.tensors = [(x, x.clone(), x._version, x.stride()) for x in tensors]
        self.state = torch.get_rng_state()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            for x, before, version, stride in self.tensors:
                assert torch.equal(x, before)
                assert (x._version, x.stride()) == (version, stride)
            assert torch.equal(torch.get_rng_state(), self.state)


def bits(a, b):
    """Assert equality to the last bit, with NaN equal to NaN."""
    assert a.dtype == b.dtype
    assert a.shape == b.shape
    assert torch.equal(a.isnan(), b.isnan())
    assert torch.equal(a.nan_to_num(), b.nan_to_num())


@pytest.mark.parametrize("name", FORMULAS)
@many
@given(batches())
def test_a_formula_follows_its_data(name, drawn):
    (a, b, c), s, t = drawn
    if name.startswith("Mu") or name == "kl":
        s = t - 1  # Mu needs a single step
    if name == "kl":
        s, t = s.clamp(min=1), t.clamp(min=2)  # at 0 the posterior is a point
    formula, levels = FORMULAS[name], (S.level(s, a), S.level(t, a))
    with Untouched(a, b, c, s, t):
        out = formula(a, b, c, *levels)
    assert out.dtype == a.dtype
    assert out.shape == a.shape
    assert out.device == a.device
    bits(out, formula(*map(plain, (a, b, c)), *levels))  # the memory layout doesn't matter
    for i in range(len(a)):
        row = slice(i, i + 1)
        bits(out[row], formula(a[row], b[row], c[row], S.level(s[row], a[row]), S.level(t[row], a[row])))


WHOLE = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
SCALARS = [int, np.int64, np.int32, np.uint8, np.array]


@many
@given(batches(), st.integers(1, T))
def test_one_time_is_one_time_whatever_holds_it(drawn, k):
    """An int, numpy's, or a tensor (1,) or (B,) of any whole dtype: the level and the denoiser agree."""
    (x, eps, _), _, _ = drawn
    denoiser = Denoiser(Net(), S, V())
    tensors = [torch.full((n,), k, dtype=d) for n in {1, len(x)} for d in WHOLE]
    first, *rest = [S.level(kind, x) for kind in tensors]
    for level in rest:
        bits(q_sample(x, eps, level), q_sample(x, eps, first))
    scalar = [S.level(kind(k)) for kind in SCALARS]
    assert scalar == [scalar[0]] * len(SCALARS)
    wanted = denoiser(x, torch.full((len(x),), k))
    tolerance = {"rtol": 4 * torch.finfo(x.dtype).eps, "atol": 16 * torch.finfo(x.dtype).eps}
    for kind in (*tensors, *(make(k) for make in SCALARS)):
        torch.testing.assert_close(denoiser(x, kind), wanted, **tolerance)  # a float is float64 in a product
    loss = denoiser.loss(x, tensors[0], eps)
    for kind in tensors:
        bits(denoiser.loss(x, kind, eps), loss)


@pytest.mark.parametrize("kind", WHOLE, ids=str)
def test_labels_of_any_whole_dtype_are_labels(kind):
    """Also where training drops them, for which uint8 has no -1."""
    x, y, t = torch.zeros(6, 2), torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([T])

    def answers(y):
        torch.manual_seed(0)
        denoiser = Denoiser(MLP(2, 4, 1, classes=4), S, Eps())
        for _ in train(denoiser, x, y, images=12, batch=3, drop=0.5):
            pass
        with torch.no_grad():
            return torch.cat([denoiser.given(y)(x, T).flatten(), denoiser.loss(x, t, x, y)])

    bits(answers(y.to(kind)), answers(y))


@pytest.mark.parametrize(
    "t",
    [
        torch.tensor(3),
        torch.tensor([3.0]),
        torch.tensor([[3]]),
        np.array([3, 4]),
        [3, 4],
        3.0,
        "3",
        None,
        True,
    ],
    ids=repr,
)
def test_what_is_no_time_is_refused_with_a_sentence(t):
    x = torch.zeros(2, 3)
    for wish in (
        lambda: Denoiser(Net(), S, Eps())(x, t),
        lambda: S.level(t, x),
        lambda: Denoiser(Net(), S, Eps()).loss(x, t, x),
    ):
        with pytest.raises((TypeError, ValueError), match=r"must (be|have|lie)|whole"):
            wish()


@pytest.mark.parametrize("kind", KINDS, ids=lambda k: type(k).__name__)
@pytest.mark.parametrize("clip", [None, 1.0])
@many
@given(batches(2, (torch.float32, torch.float64)))
def test_a_denoiser_follows_its_data(kind, clip, drawn):
    (x, eps), _, t = drawn
    denoiser = Denoiser(Net(), S, kind, clip)
    for call, shape in ((lambda x, t, e: denoiser(x, t), x.shape), (denoiser.loss, x.shape[:1])):
        with Untouched(x, eps, t):
            out = call(x, t, eps)
        assert (out.dtype, out.shape) == (x.dtype, shape)
        torch.testing.assert_close(out, call(plain(x), t, plain(eps)), rtol=1e-5, atol=1e-5)
        for i in range(len(x)):
            row = slice(i, i + 1)
            torch.testing.assert_close(out[row], call(x[row], t[row], eps[row]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("net", [UNet(width=8, mults=(1, 2)), MLP(16, 8)], ids=lambda n: type(n).__name__)
@many
@given(n=st.sampled_from([0, 1, 2, 5]), k=st.integers(1, T), layout=st.sampled_from(LAYOUTS))
def test_a_real_network_gives_each_item_what_it_gives_it_alone(net, n, k, layout):
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.1, generator=torch.Generator().manual_seed(p.numel()))
    shape = (n, 1, 8, 8) if isinstance(net, UNet) else (n, 16)
    x = layout(torch.randn(shape, generator=torch.Generator().manual_seed(k)))
    denoiser = Denoiser(net, S, Eps(), clip=1.0)
    with Untouched(x), torch.no_grad():
        out = denoiser(x, k)
        assert out.shape == shape
        torch.testing.assert_close(out, denoiser(plain(x), k), rtol=1e-4, atol=1e-5)
        for i in range(n):
            torch.testing.assert_close(out[i], denoiser(x[i : i + 1], k)[0], rtol=1e-4, atol=1e-5)


walks = st.sets(st.integers(1, T), min_size=1, max_size=4).map(lambda ts: [*sorted(ts, reverse=True), 0])


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.__name__)
@many
@given(drawn=batches(1, (torch.float32, torch.float64)), times=walks, seed=st.integers(0, 2**63 - 1))
def test_a_walk_follows_its_start_and_its_generator(rule, drawn, times, seed):
    ((x,), _, _) = drawn
    denoiser = Denoiser(Net(), S, Eps(), clip=1.0)
    walk = lambda x, path: list(sample(denoiser, x, path, rule, torch.Generator().manual_seed(seed)))  # noqa: E731
    with Untouched(x):
        frames = walk(x, times)
    assert [f.t for f in frames] == times
    assert {(f.xt.shape, f.xt.dtype, f.xt.requires_grad) for f in frames} == {(x.shape, x.dtype, False)}
    for path in (times, np.array(times), torch.tensor(times), torch.tensor(times, dtype=torch.int16)):
        for a, b in zip(frames, walk(plain(x), path), strict=True):
            torch.testing.assert_close(a.xt, b.xt, rtol=1e-4, atol=1e-4)
    for i in range(len(x)):  # each example is sampled as it would be alone
        xt = x[i : i + 1]
        for before, now in pairwise(frames):
            x0 = denoiser(xt, before.t)
            xt = rule(x0, xt, S.level(now.t), S.level(before.t), now.noise[i : i + 1]).detach()
            torch.testing.assert_close(xt, now.xt[i : i + 1], rtol=1e-4, atol=1e-4)


@many
@given(drawn=batches(2, (torch.float32, torch.float64)), times=walks, seed=st.integers(0, 2**63 - 1))
def test_the_bound_of_a_batch_is_the_bounds_of_its_items(drawn, times, seed):
    (x, eps), _, _ = drawn
    denoiser, first = Denoiser(Net(), S, Eps(), clip=1.0), 0.1
    terms = lambda x, **how: elbo.bound(elbo.terms(denoiser, x, times, first=first, **how)).terms  # noqa: E731
    with Untouched(x, eps):
        whole = terms(x, eps=eps)
        drawn_once = terms(x, generator=torch.Generator().manual_seed(seed))
    assert (whole.shape, whole.dtype) == ((len(x), len(times)), x.dtype)
    bits(drawn_once, terms(x, generator=torch.Generator().manual_seed(seed)))
    for i in range(len(x)):
        row = slice(i, i + 1)
        torch.testing.assert_close(whole[row], terms(x[row], eps=eps[row]), rtol=1e-4, atol=1e-3)


@many
@given(
    n=st.sampled_from([0, 1, 2, 5]),
    shape=st.sampled_from(SHAPES),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    layout=st.sampled_from(LAYOUTS),
    k=st.integers(1, T),
    seed=st.integers(0, 2**63 - 1),
)
def test_a_mixture_follows_its_data(n, shape, dtype, layout, k, seed):
    means = torch.randn(4, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    world = exact.Mixture(S, means, 0.2, torch.tensor([1.0, 2, 3, 4]))
    draw = lambda: world.draw(5, torch.Generator().manual_seed(seed))[:n]  # noqa: E731
    x = layout(draw().to(dtype))
    asked = {
        "estimate": world,
        "score": world.score,
        "log_prob": world.log_prob,
        "posterior": world.posterior,
    }
    with Untouched(x, world.means, world.var, world.weights):
        bits(draw(), draw())
        found = {name: ask(x, k) for name, ask in asked.items()}
    assert found["estimate"].shape == found["score"].shape == x.shape
    assert found["log_prob"].shape == (n,)
    assert found["posterior"].shape == (n, 4)
    assert {found[name].dtype for name in ("estimate", "score", "log_prob")} == {dtype}
    for name, ask in asked.items():
        for kind in (torch.tensor([k]), torch.full((n,), k, dtype=torch.int16), np.int64(k)):
            bits(found[name], ask(x, kind))
        torch.testing.assert_close(found[name], ask(plain(x), k), rtol=1e-5, atol=1e-5)
        for i in range(n):
            torch.testing.assert_close(found[name][i], ask(x[i : i + 1], k)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: the GPU path was not run")
@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_stays_on_the_gpu(name):
    a, b, c = torch.randn(3, 5, 2, 4, 4, device="cuda")
    t = torch.tensor([3, 5, 9, 20, 23])
    for where in (t, t.cuda()):  # times may lie on the CPU
        out = FORMULAS[name](a, b, c, S.level(where - 1, a), S.level(where, a))
        assert out.is_cuda
        wanted = FORMULAS[name](*(x.cpu() for x in (a, b, c)), S.level(t - 1, a.cpu()), S.level(t, a.cpu()))
        torch.testing.assert_close(out.cpu(), wanted, rtol=1e-4, atol=1e-4)


META = torch.device("meta")


def abstract(prediction):
    """A denoiser on a device that has shapes and no numbers, and a batch for it."""
    net = UNet(width=8, classes=3, attention=(1,))
    return Denoiser(net, cosine(50), prediction, clip=1.0).to(META), torch.empty(4, 1, 8, 8, device=META)


@pytest.mark.slow
@pytest.mark.parametrize("prediction", KINDS)
def test_no_loop_asks_the_device_for_a_number(prediction):
    """On the meta device such a question raises, and so does a tensor that was left on the CPU."""
    denoiser, x = abstract(prediction)
    y, t, g = torch.zeros(4, dtype=torch.long, device=META), torch.ones(4).long(), torch.Generator()
    optimizer = torch.optim.Adam(denoiser.parameters())
    denoiser.loss(x, t, x, y).mean().backward()
    optimizer.step()
    walk = denoiser.schedule.times(5)
    for rule in (*RULES, eta(0.5), keeping(x, x > 0)):
        assert last(sample(denoiser, x, walk, rule, g)).xt.is_meta
    for d in (denoiser.given(y), denoiser.guided(y, 2.0), denoiser.guided(y, torch.ones(4, device=META))):
        assert last(sample(d, x, walk, generator=[g] * 4)).xt.is_meta
        assert last(sample(fast(d), x, walk, generator=g)).xt.is_meta
    for other in (dpm_2m, heun, invert):
        assert last(other(denoiser, x, walk)).xt.is_meta
    for reverse in (posterior_beta, Calibrated(denoiser, x, walk, g)):
        assert elbo.bound(elbo.terms(denoiser, x, walk, reverse=reverse, generator=g)).total.is_meta


def test_what_the_meta_device_can_say_of_bad_data_it_says():
    denoiser, x = abstract(Eps())
    with pytest.raises(ValueError, match=r"made for \(B, 1, H, W\)"):
        sample(denoiser, x.expand(4, 3, 8, 8))
    with pytest.raises(TypeError, match="floating point"):
        sample(denoiser, x.byte())


def test_tables_are_the_same_whatever_device_is_the_default():
    def tables():
        some = linear(9), cosine(9), exploding(9), straight(9), from_betas(betas), zero_terminal(linear(9))
        return [*some, Schedule([1.0, 0.5, 0.1])]

    betas = torch.full((5,), 0.1)
    before = tables()
    with META:
        made = tables()
        denoiser = Denoiser(MLP(2, 8), cosine(9), Eps())
        walk = sample(denoiser, torch.zeros(3, 2), generator=torch.Generator("cpu"))
        assert last(walk).xt.is_meta
        assert elbo.bound(elbo.terms(denoiser, torch.zeros(3, 2))).total.is_meta
    assert made == before
    assert all(table.signal.device.type == "cpu" for table in made)
