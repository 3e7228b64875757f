import math
from itertools import pairwise

import pytest
import torch
from oracles import SCHEDULES, close

from ddpm_core import Schedule, cosine, exploding, from_betas, linear, straight, zero_terminal


def test_linear_is_the_papers():
    s = linear()
    tilde = s.betas * (1 - s.abar.roll(1)) / (1 - s.abar)
    assert f"{s.abar[1000]:.4e}" == "4.0358e-05"
    assert f"{tilde[2]:.4e}" == "5.4532e-05"
    assert f"{s.abar[500]:.4e}" == "7.8587e-02"


def test_cosine_is_the_published_curve():
    s = cosine()
    u = torch.arange(1001, dtype=torch.float64) / 1000
    f = torch.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2
    close(s.abar[:999], (f / f[0])[:999])
    assert f"{s.betas[1]:.4e}" == "4.1284e-05"
    assert s.betas[1000].item() == pytest.approx(0.999, abs=1e-12)  # clipped, or it would be 1


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_tables_are_one_chain(schedule):
    T = schedule.T
    for table in (schedule.abar, schedule.alphas, schedule.betas, schedule.snr):
        assert table.shape == (T + 1,)
        assert table.dtype == torch.float64
    assert schedule.abar[0] == 1
    assert schedule.betas[0] == 0
    product = 1.0
    for t in range(1, T + 1):
        product *= 1 - schedule.betas[t].item()
        assert schedule.abar[t].item() == pytest.approx(product, rel=1e-10)
    close(schedule.snr[1:], schedule.abar[1:] / (1 - schedule.abar[1:]))
    assert (schedule.snr.diff() < 0).all()


def test_levels_of_many_times_are_those_of_each():
    s, times = cosine(50), torch.tensor([50, 31, 2, 1, 0])
    many = s.at(times, torch.empty(5, dtype=torch.float64))
    assert many.noise.shape == (5,)
    for k, level in zip(times.tolist(), zip(*many, strict=True), strict=True):
        assert [x.item() for x in level] == pytest.approx(list(s.level(k)), rel=1e-15)


def test_from_betas_gives_its_betas_back():
    betas = torch.tensor([0.1, 0.3, 0.05, 0.9])
    close(from_betas(betas).betas[1:], betas.double(), 1e-12)
    assert from_betas(betas) == Schedule(from_betas(betas).abar)
    assert from_betas(betas) != from_betas(betas / 2)


def test_tables_can_not_be_changed_from_outside():
    s = linear(10)
    s.abar[3] = 0.5
    assert s.abar[3] > 0.9
    table = torch.tensor([1.0, 0.5, 0.2], dtype=torch.float64)
    s = Schedule(table)
    table[2] = 0.9
    assert s.abar[2] == 0.2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_level_at_every_time_in_every_dtype(dtype):
    s = linear()
    t = torch.arange(0, 1001)
    level = s.level(t, torch.zeros(1001, 3, 2, 2, dtype=dtype))
    assert level.signal.shape == level.noise.shape == (1001, 1, 1, 1)
    assert level.signal.dtype == level.noise.dtype == dtype
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(level.signal.double().flatten(), s.abar.sqrt(), rtol=eps, atol=0)
    torch.testing.assert_close(level.noise.double().flatten(), (1 - s.abar).sqrt(), rtol=eps, atol=1e-300)


def test_a_time_each_one_time_for_all_and_an_int_agree():
    s, x = linear(50), torch.zeros(4, 2, dtype=torch.float64)
    each, one, number = s.level(torch.full((4,), 7), x), s.level(torch.tensor([7]), x), s.level(7)
    assert one.signal.shape == (1, 1)
    assert isinstance(number.signal, float)
    for a, b, c in zip(each, one, number, strict=True):
        close(a, b.expand(4, 1), 0)
        assert b.item() == c


def test_walks_start_at_T_end_at_0_and_are_even():
    for T in (1, 2, 7, 1000):
        for steps in {1, 2, 3, 25, T} & set(range(1, T + 1)):
            walk = linear(T).times(steps)
            assert (walk[0], walk[-1], len(walk)) == (T, 0, steps + 1)
            gaps = {a - b for a, b in pairwise(walk)}
            assert max(gaps) - min(gaps) <= 1
            assert min(gaps) >= 1
    assert linear(5).times() == [5, 4, 3, 2, 1, 0]


def test_every_time_of_a_walk_is_the_whole_one_nearest_to_an_even_spacing():
    for T in (1, 7, 50, 1000):
        for steps in range(1, T + 1, 1 + T // 40):
            walk = linear(T).times(steps)
            for t, k in zip(walk, range(steps, -1, -1), strict=True):
                assert abs(t * steps - T * k) <= steps / 2


def test_noise_alone_explodes_evenly_in_its_logarithm():
    s = exploding(100, 0.02, 50.0)
    assert (s.signal == 1).all()
    close(s.noise[[0, 1, 100]], torch.tensor([0, 0.02, 50.0]))
    steps = s.noise[1:].log().diff()
    close(steps, steps[:1].expand(99), 1e-9)
    close(s.snr[1:], s.noise[1:] ** -2)


def test_the_straight_path_is_straight():
    s = straight(8)
    assert s.signal.tolist() == [k / 8 for k in range(8, -1, -1)]
    assert s.noise.tolist() == [k / 8 for k in range(9)]
    assert s.snr[8] == 0


@pytest.mark.parametrize("schedule", SCHEDULES.values(), ids=SCHEDULES)
def test_a_zero_terminal_schedule_is_the_papers(schedule):
    """Lin et al. 2024, algorithm 1, with the roots of abar."""
    root = schedule.abar.sqrt()[1:].tolist()
    told = [(r - root[-1]) * root[0] / (root[0] - root[-1]) for r in root]
    s = zero_terminal(schedule)
    close(s.signal[1:], torch.tensor(told, dtype=torch.float64), 1e-12)
    assert (s.signal[-1], s.noise[-1], s.snr[-1]) == (0, 1, 0)
    close(s.abar[1], schedule.abar[1], 1e-12)
    assert s.preserving


@pytest.mark.parametrize("schedule", [cosine(9), straight(9), exploding(9, 0.1, 5.0)])
def test_half_the_log_of_the_ratio(schedule):
    close([schedule.half_log_snr(t) for t in range(1, 9)], schedule.snr[1:9].log() / 2, 1e-9)
    assert schedule.half_log_snr(0) == math.inf


def test_without_signal_its_log_is_minus_infinity():
    assert straight(9).half_log_snr(9) == -math.inf


def test_a_walk_starts_with_the_noise_of_its_end():
    z = torch.tensor([[1.0], [-2.0]])
    for schedule in (linear(50), cosine(50), straight(50)):
        assert torch.equal(schedule.start(z), z)
    close(exploding(9, 0.1, 5.0).start(z), 5 * z)


def test_tables_of_signal_and_noise_are_a_schedule():
    s = Schedule(signal=[1, 0.9, 0.9], noise=[0, 0.1, 0.4])
    assert (s.T, s.preserving) == (2, False)
    assert s.level(2) == (0.9, 0.4)
    same = Schedule(signal=cosine(9).signal, noise=cosine(9).noise)
    assert same == cosine(9)
    assert same.preserving
    close(same.betas, cosine(9).betas, 1e-12)
    assert Schedule(signal=[1, 1], noise=[0, 2]) != Schedule(signal=[1, 0.5], noise=[0, 1])


@pytest.mark.parametrize(
    ("signal", "noise", "told"),
    [
        ([1, 0.9], [0, 0.1, 0.2], "one length, got 2 and 3"),
        ([0.9, 0.8], [0, 0.1], r"signal\[0\] must be 1"),
        ([1, 0.8], [0.1, 0.1], r"noise\[0\] must be 0"),
        ([1, 0.9, 0.9], [0, 0.3, 0.3], "ratio must decrease strictly, got 9 at t = 2 after 9"),
        ([1, 0.9, 0.5], [0, 0.3, 0.1], "ratio must decrease strictly, got 25 at t = 2"),
        ([1, 0, 0], [0, 1, 2], "ratio must decrease strictly, got 0 at t = 2 after 0"),
        ([1, 0.9], [0, 0], "ratio must decrease strictly"),
        ([1, -0.9], [0, 1], "signal must be 0 or more, got -0.9 at t = 1"),
        ([1, math.nan], [0, 1], "signal must be 0 or more"),
    ],
)
def test_tables_that_are_no_schedule_are_refused(signal, noise, told):
    with pytest.raises(ValueError, match=told):
        Schedule(signal=signal, noise=noise)


@pytest.mark.parametrize("given", [{}, {"signal": [1, 0.5]}, {"noise": [0, 1]}])
def test_half_a_schedule_is_refused(given):
    with pytest.raises(TypeError, match="by abar, or by signal and noise"):
        Schedule(**given)


def test_no_terminal_signal_for_what_does_not_preserve_or_has_one_step():
    with pytest.raises(ValueError, match="one step"):
        zero_terminal(linear(1))
    with pytest.raises(ValueError, match="doesn't preserve variance"):
        zero_terminal(straight(9))
