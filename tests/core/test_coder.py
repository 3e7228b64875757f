"""The coder: choices have the right distribution, files preserve them, and anything else is refused."""

import math
import random
import struct
import subprocess
import sys
import zlib
from itertools import pairwise

import pytest
import torch
from oracles import GaussianWorld, close, normal

from ddpm_core import X0, Denoiser, Gaussian, UNet, cosine, digits, pretrained
from ddpm_core.checkpoints import read_tensors, shipped, write_tensors
from ddpm_core.files import write
from ddpm_core.study.coder import HEAD, Coder, choose, code_lengths, code_words, normals, paced, size

LN2 = math.log(2)


@pytest.fixture(scope="module")
def denoiser():
    return pretrained("digits")


@pytest.fixture(scope="module")
def coder(denoiser):
    """A small coder: 2**10 candidates a step, and it stops far from t = 0."""
    return Coder.fit(denoiser, digits()[0].images[:100], 5, 250, depth=10, seed=3)


@pytest.fixture(scope="module")
def pictures():
    return digits()[1].images[:6]


@pytest.fixture(scope="module")
def file(coder, pictures):
    return coder.encode(pictures)


# --- the choice -------------------------------------------------------------------------------------


def test_the_noise_is_normal_and_each_row_can_be_had_alone():
    rows = torch.tensor([5000, 3, 0, 1024, 3])
    shape = torch.Size([2, 3])
    some = normals(7, 2, rows, shape)
    close(some, torch.cat([normals(7, 2, row[None], shape) for row in rows]))
    assert torch.equal(some[1], some[4])
    assert (some[0] != some[2]).any()
    z = normals(0, 0, torch.arange(20_000), torch.Size([4]))
    law = torch.distributions.Normal(0.0, 1.0)
    for x in (-2.0, -1.0, 0.0, 0.5, 1.5):
        share, told = (z < x).double().mean(), law.cdf(torch.tensor(x))
        assert (share - told).abs() < 4 * (told * (1 - told) / z.numel()) ** 0.5
    assert z.T.corrcoef().fill_diagonal_(0).abs().max() < 4 / 20_000**0.5
    for other in (normals(1, 0, torch.arange(9), shape), normals(0, 1, torch.arange(9), shape)):
        assert (other != normals(0, 0, torch.arange(9), shape)).any()


def test_the_noise_is_the_same_for_ever():
    """Fixed values: if they change, files that were written before can't be read any more."""
    told = normals(0, 0, torch.tensor([0, 1, 70_000]), torch.Size([2]))
    assert (told * 2**14).tolist() == [[35855.0, -2100.0], [-4888.0, 26677.0], [-10997.0, 20651.0]]


def chosen(q, seeds, count):
    """The choices for N(*q) among candidates from N(0, 1), with new noise for each seed: samples, rows."""
    mean = torch.full((1, 1), q[0]).double()
    p = Gaussian(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    rows = torch.cat([choose(Gaussian(mean, q[1]), p, seed, 0, count) for seed in range(seeds)])
    z = torch.cat([normals(seed, 0, row[None], torch.Size([1])) for seed, row in enumerate(rows)])
    return z[:, 0], rows


@pytest.mark.slow
@pytest.mark.parametrize("q", [(1.5, 0.2), (-0.5, 0.9)])
def test_what_is_chosen_has_the_law_that_was_asked_for(q):
    n = 4000
    z, rows = chosen(q, n, 1024)
    x = (z.sort().values - q[0]) / q[1] ** 0.5
    cdf = torch.special.ndtr(x)
    steps = torch.arange(n + 1) / n
    distance = torch.maximum((cdf - steps[:-1]).abs().max(), (cdf - steps[1:]).abs().max())
    assert distance < 1.95 / n**0.5  # Kolmogorov and Smirnov, one in a thousand
    assert abs(x.mean()) < 4 / n**0.5
    assert abs(x.var() - 1) < 4 * (2 / n) ** 0.5
    bits = Gaussian(torch.tensor([[q[0]]]), q[1]).kl(Gaussian(torch.zeros(1, 1), 1.0)).item() / LN2
    mean, error = (rows + 1.0).log2().mean(), (rows + 1.0).log2().std() / n**0.5
    assert mean - 4 * error < bits + 1 + 1 / (math.e * LN2)  # Li & El Gamal 2018, theorem 1


def test_where_nothing_is_to_be_told_the_first_row_will_do():
    _, rows = chosen((0.0, 1.0), 50, 64)
    assert (rows == 0).all()


def test_the_choice_is_for_each_example_its_own():
    """For a batch of two, in two dimensions with different variances, the choices are those made alone."""
    q = Gaussian(normal(2, 2), 0.3)
    p = Gaussian(normal(2, 2, seed=1), torch.tensor([[0.5, 2.0]]).double())
    both = choose(q, p, 4, 1, 5000)
    alone = [choose(Gaussian(q.mean[[i]], 0.3), Gaussian(p.mean[[i]], p.var), 4, 1, 5000) for i in (0, 1)]
    assert both.tolist() == torch.cat(alone).tolist()
    assert both[0] != both[1]


# --- the code words ---------------------------------------------------------------------------------


def test_words_are_as_short_as_they_can_be():
    assert sorted(code_lengths([1, 1, 2, 4])) == [1, 2, 3, 3]
    dice = random.Random(0)
    for n in (2, 3, 9, 17):
        counts = [dice.randint(1, 1000) for _ in range(n)]
        lengths, share = code_lengths(counts), [c / sum(counts) for c in counts]
        entropy = -sum(p * math.log2(p) for p in share)
        assert entropy <= sum(p * n for p, n in zip(share, lengths, strict=True)) < entropy + 1
        words = code_words(lengths)
        assert [len(w) for w in words] == lengths
        assert not [(a, b) for a in words for b in words if a != b and b.startswith(a)]
        assert sum(2.0 ** -len(w) for w in words) == 1
    with pytest.raises(ValueError, match="full code"):
        code_words([1, 2, 2, 3])


def test_binary_digits():
    rows = torch.tensor([0, 1, 2, 3, 4, 255, 256, 65_535])
    assert size(rows).tolist() == [int(row).bit_length() for row in rows]


# --- the coder --------------------------------------------------------------------------------------


def test_steps_cost_what_they_may(denoiser):
    x0 = digits()[0].images[:100]
    walk = list(paced(denoiser, x0, 6, 300, torch.Generator().manual_seed(0)))
    times = [s for s, _ in walk]
    assert times == sorted(times, reverse=True)
    assert times[-1] == 300
    assert all(var.shape == (1, 1, 8, 8) and (var > 0).all() for _, var in walk)


@pytest.mark.slow
def test_a_budget_that_no_step_can_keep_is_told(denoiser):
    x0 = digits()[0].images[:20]
    walk, times = paced(denoiser, x0, 3, 1, torch.Generator().manual_seed(0)), []
    with pytest.raises(ValueError, match=r"even the step from t = \d+ to \d+ costs more than 3 bits"):
        times.extend(s for s, _ in walk)
    assert times[-1] > 1


@pytest.mark.slow
def test_a_file_holds_what_was_chosen_and_every_bit_is_counted(coder, pictures, file):
    choices = coder.choose(pictures)
    assert torch.equal(coder.unpack(file), choices.rows)
    assert torch.equal(coder.decode(file), coder.show(choices.rows))
    bits = int(coder.sizes(choices.rows).sum())
    assert len(file) == HEAD.size + math.ceil(bits / 8) + 4
    dice = torch.Generator().manual_seed(0)
    steps = len(coder.times) - 1
    for n in (1, 2, 50):
        rows = (torch.rand(n, steps, generator=dice) * 10).exp2().long()
        rows[0, 0], rows[-1, -1] = 0, 1023
        packed = coder.pack(rows)
        assert torch.equal(coder.unpack(packed), rows)
        assert len(packed) == HEAD.size + math.ceil(int(coder.sizes(rows).sum()) / 8) + 4


@pytest.mark.slow
def test_it_tells_about_the_picture_and_more_with_every_step(coder, pictures):
    """The result is closer to the picture than the mean digit, and each step of about KL bits improves it."""
    x0 = digits()[1].images[:40]
    rows, nats = coder.choose(x0)
    errors = [((coder.show(rows[:, :k]) - x0) ** 2).mean() for k in range(1, rows.shape[1] + 1)]
    mean = digits()[0].images.mean(0)
    assert errors[-1] < errors[1] < errors[0]
    assert errors[-1] < 0.5 * ((mean - x0) ** 2).mean()
    sent, kl = coder.sizes(rows).double().mean(0), nats.mean(0) / LN2
    assert (sent < kl + (kl + 1).log2() + 4).all()  # Li & El Gamal 2018, theorem 1
    assert sent.sum() > 0.9 * kl.sum()


@pytest.mark.slow
def test_to_stop_early_is_to_send_the_beginning(coder, pictures, file):
    rows = coder.unpack(file)
    for steps in (1, 2):
        early = coder.encode(pictures, steps)
        assert torch.equal(coder.unpack(early), rows[:, :steps])
        assert len(early) < len(file)


def test_neither_batch_nor_threads_matter(coder, pictures, file):
    together, threads = coder.decode(file), torch.get_num_threads()
    rows = coder.unpack(file)
    assert torch.equal(together, torch.cat([coder.show(rows[[k]]) for k in range(6)]))
    assert torch.equal(together[[4, 1]], coder.show(rows[[4, 1]]))
    try:
        torch.set_num_threads(1 + threads % 2)
        assert torch.equal(together, coder.decode(file))
        assert coder.encode(pictures) == file
    finally:
        torch.set_num_threads(threads)
    assert together.dtype == torch.float32
    close((together + 1) * 127.5, ((together + 1) * 127.5).round(), 1e-4)


@pytest.mark.slow
def test_another_process_sees_the_same(coder, file, tmp_path):
    coder.save(tmp_path / "book")
    write(tmp_path / "file", file)
    code = (
        "import sys, torch; from pathlib import Path; from ddpm_core import pretrained;"
        "from ddpm_core.study.coder import Coder;"
        "coder = Coder.load('book', pretrained('digits'));"
        "torch.save(coder.decode(Path('file').read_bytes()), 'out')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, capture_output=True)
    assert torch.equal(torch.load(tmp_path / "out", weights_only=True), coder.decode(file))


# --- what is refused --------------------------------------------------------------------------------


def test_no_changed_byte_and_no_cut_passes(coder, file):
    for k in range(len(file)):
        for flip in (1, 0x80, 0xFF):
            with pytest.raises(ValueError, match="cut, changed"):
                coder.unpack(file[:k] + bytes([file[k] ^ flip]) + file[k + 1 :])
        with pytest.raises(ValueError, match="cut, changed"):
            coder.unpack(file[:k])
    with pytest.raises(ValueError, match="cut, changed"):
        coder.unpack(file + b"\0")


def signed(body):
    return body + struct.pack(">I", zlib.crc32(body))


def test_a_file_with_a_right_sum_and_a_wrong_story_is_refused(coder, file):
    magic, told, steps, n = HEAD.unpack_from(file)
    rest = file[HEAD.size : -4]
    for head, why in (
        ((b"PNG\x00\x01", told, steps, n), "other weights"),
        ((magic, bytes(8), steps, n), "other weights"),
        ((magic, told, steps, 0), "that can't be"),
        ((magic, told, 0, n), "that can't be"),
        ((magic, told, 255, n), "that can't be"),
        ((magic, told, steps, 65_535), "that can't be"),
        ((magic, told, 1, 1), "that can't be"),
        ((magic, told, steps, n + 1), "ends before"),
        ((magic, told, steps, n - 1), "goes on"),
    ):
        with pytest.raises(ValueError, match=why):
            coder.unpack(signed(HEAD.pack(*head) + rest))
    with pytest.raises(ValueError, match="goes on"):
        coder.unpack(signed(HEAD.pack(magic, told, steps, n) + rest + b"\0"))


def test_noise_with_a_right_sum_is_choices_or_a_refusal(coder, file):
    dice = random.Random(0)
    for _ in range(200):
        body = file[: HEAD.size - 2] + b"\0\6" + dice.randbytes(dice.randint(0, len(file)))
        try:
            rows = coder.unpack(signed(body))
        except ValueError:
            continue
        assert rows.min() >= 0
        assert rows.max() < 1 << coder.depth


def test_only_the_same_model_and_codebook_read_it(coder, denoiser, file, tmp_path):
    coder.save(tmp_path / "book")
    assert torch.equal(Coder.load(tmp_path / "book", denoiser).unpack(file), coder.unpack(file))
    other = Denoiser(pretrained("digits").net, denoiser.schedule, denoiser.prediction, clip=0.9)
    nudged = pretrained("digits")
    next(nudged.parameters()).data[0] += 1e-7
    for wrong in (other, nudged):
        with pytest.raises(ValueError, match="another denoiser"):
            Coder.load(tmp_path / "book", wrong)
    with pytest.raises(ValueError, match="holds no codebook"):
        Coder.load(shipped("digits"), denoiser)
    tensors, told = read_tensors(tmp_path / "book")
    for wrong in (
        [told],
        told | {"times": 7},
        told | {"times": None},
        told | {"lengths": [1, 2]},
        told | {"lengths": [["1"] * 11] * len(coder.var)},
        told | {"lengths": [[1, 1] + [10**9] * 9] * len(coder.var)},
        told | {"seed": "3"},
        told | {"sum": None},
    ):
        write_tensors(tmp_path / "wrong", tensors, wrong)
        with pytest.raises((ValueError, TypeError)):
            Coder.load(tmp_path / "wrong", denoiser)
    write_tensors(tmp_path / "wrong", {"other": coder.var}, told)
    with pytest.raises(ValueError, match="holds no codebook"):
        Coder.load(tmp_path / "wrong", denoiser)
    labelled = Denoiser(UNet(width=8, classes=10), denoiser.schedule, denoiser.prediction)
    weak, strong = (labelled.guided(torch.tensor([3]), strength) for strength in (2.0, 6.0))
    Coder(weak, coder.times, coder.var, coder.lengths).save(tmp_path / "book")
    Coder.load(tmp_path / "book", weak)
    with pytest.raises(ValueError, match="another denoiser"):
        Coder.load(tmp_path / "book", strong)
    shared = coder.times, coder.var, coder.lengths
    Coder(denoiser, *shared, coder.seed).unpack(file)
    var = coder.var.clone()
    var[0, 0, 0, 0] *= 1.001
    lengths = [coder.lengths[1], coder.lengths[0], *coder.lengths[2:]]
    times = [coder.times[0], coder.times[1] + 1, *coder.times[2:]]
    for wrong in (
        (*shared, coder.seed + 1),
        (coder.times, var, coder.lengths, coder.seed),
        (coder.times, coder.var, lengths, coder.seed),
        (times, coder.var, coder.lengths, coder.seed),
    ):
        with pytest.raises(ValueError, match="another codebook"):
            Coder(denoiser, *wrong).unpack(file)


def test_bad_input_is_told(coder, denoiser, pictures):
    for x0, error, told in (
        (pictures[:0], ValueError, "1 to 65,535 pictures"),
        (pictures[..., :7], ValueError, "1 to 65,535 pictures"),
        (pictures * 100, ValueError, "unscaled"),
        (pictures.byte(), TypeError, "floating point"),
    ):
        with pytest.raises(error, match=told):
            coder.encode(x0)
    with pytest.raises(ValueError, match="steps must be in"):
        coder.encode(pictures, 0)
    var, lengths = coder.var, coder.lengths
    for wrong, told in (
        (([1000, 500, 0], var[:2], lengths[:2]), "to 1 or more"),
        (([900, 500], var[:1], lengths[:1]), "from T = 1000"),
        ((range(1000, 0, -1), var, lengths), "at most 255 steps, got 999"),
        ((coder.times, var[1:], lengths), "one a step"),
        ((coder.times, -var, lengths), "positive"),
        ((coder.times, var, lengths[1:]), "one a step"),
        ((coder.times, var, [[1, 2, 3]] * len(lengths)), "full code"),
    ):
        with pytest.raises(ValueError, match=told):
            Coder(denoiser, *wrong)
    with pytest.raises(ValueError, match="end must be"):
        Coder.fit(denoiser, pictures, 5, 0)


# --- at the price of the bound ----------------------------------------------------------------------


def test_every_block_of_rows_is_searched():
    """If all candidates are too close to 0, the furthest one is chosen, which may be in any row."""
    q, p = Gaussian(torch.full((1, 1), 8.0), 1e-4), Gaussian(torch.zeros(1, 1), torch.ones(1, 1))
    rows = torch.cat([choose(q, p, seed, 0, 2500) for seed in range(500)])
    assert rows.max() < 2500
    for first, last in ((0, 1024), (1024, 2048), (2048, 2500)):
        share, told = ((rows >= first) & (rows < last)).double().mean(), (last - first) / 2500
        assert abs(share - told) < 4 * (told * (1 - told) / 500) ** 0.5
    few = torch.cat([choose(q, p, seed, 0, 1500) for seed in range(100)])
    same = rows[:100] < 1500  # the best of all rows is also the best of the first ones
    assert torch.equal(few[same], rows[:100][same])


WORLD = GaussianWorld(cosine(200), 0.1, 0.04)


def asked(t, s):
    """In that world q(x_s | x_t) is Gaussian: its variance, and KL(q(x_s | x_t, x_0) || it) in bits."""
    abar = WORLD.schedule.abar
    wide = lambda k: (0.04 * abar[k] + 1 - abar[k]).item()  # of x_k  # noqa: E731
    jump = 1 - (abar[t] / abar[s]).item()
    true, tilde = jump * wide(s) / wide(t), jump * (1 - abar[s].item()) / (1 - abar[t].item())
    return true, 0.5 * math.log2(true / tilde)


@pytest.mark.parametrize("bits", [0.4, 1.0, 2.5])
def test_a_step_is_the_longest_that_the_budget_allows_and_has_the_best_variance(bits):
    dice = torch.Generator().manual_seed(0)
    times = [200]
    for s, var in paced(WORLD, 0.1 + 0.2 * normal(100_000, 1), bits, 3, dice):
        true, cost = asked(times[-1], s)
        assert var.item() == pytest.approx(true, rel=0.025)
        assert cost < 1.02 * bits
        assert s == 3 or asked(times[-1], s - 1)[1] > 0.98 * bits
        times.append(s)
    assert times[-1] == 3


class Knowing(torch.nn.Module):
    """The exact estimate in that world."""

    def forward(self, xt, t):
        return WORLD(xt, t)


def test_a_step_costs_what_the_bound_asks_and_leaves_the_error_that_is_left():
    """Pictures of four numbers, with many seeds, because pictures coded together share their noise."""
    times, denoiser = [200, 24, 14, 9], Denoiser(Knowing(), WORLD.schedule, X0())
    true, bits = zip(*(asked(t, s) for t, s in pairwise(times)), strict=True)
    var = torch.tensor(true)[:, None, None, None].expand(3, 1, 2, 2)
    x0 = 0.1 + 0.2 * normal(80, 20, 1, 2, 2)
    asks, rows, errors = [], [], []
    for seed, some in enumerate(x0):
        coder = Coder(denoiser, times, var, [code_lengths([1] * 11)] * 3, seed)
        found = coder.choose(some)
        asks.append(found.nats.mean(0) / LN2)
        rows.append((found.rows + 1.0).log2().mean(0))
        errors.append(((coder.show(found.rows) - some) ** 2).mean())
    asks, rows, errors = map(torch.stack, (asks, rows, errors))
    told = 4 * torch.tensor(bits)
    assert ((asks.mean(0) - told).abs() < 4 * asks.std(0) / 80**0.5).all()
    assert (rows.mean(0) - 4 * rows.std(0) / 80**0.5 < told + 1 + 1 / (math.e * LN2)).all()
    abar = WORLD.schedule.abar[9].item()
    bayes = 0.04 * (1 - abar) / (0.04 * abar + 1 - abar)
    assert abs(errors.mean() - bayes) < 4 * errors.std() / 80**0.5
    assert asks.std(0).max() / 80**0.5 < 0.1  # bits: precise enough for the test to mean something
