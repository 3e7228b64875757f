import math
from itertools import pairwise

import pytest
import torch
from oracles import SCHEDULES, close

from ddpm_core import Schedule, cosine, from_betas, linear


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
