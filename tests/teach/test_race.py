"""step_race without a browser: its races have the law that the lesson proves, its values are checked."""

import io
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image
from traitlets import TraitError

from ddpm_core import Gaussian
from ddpm_core.teach.page.race import least, step_race


def number(mean, var):
    return Gaussian(*(torch.tensor(v, dtype=torch.float64) for v in (mean, var)))


Q, P = number(1.0, 0.25), number(0.0, 1.0)


def dice(seed):
    return torch.Generator().manual_seed(seed)


def test_a_row_has_its_candidate_s_ratio_and_rows_come_in_order():
    w = step_race(Q, P, generator=dice(0))
    w.row = 10
    for race in range(6):
        w.race = race
        rows = w.rows()
        assert [row.tau for row in rows] == sorted(row.tau for row in rows)
        for row in rows:
            x = torch.tensor([[row.x]], dtype=torch.float64)
            assert row.ratio == pytest.approx(float((P.log_prob(x) - Q.log_prob(x)).exp()), rel=1e-9)
            assert row.ratio >= w.least - 1e-12


@pytest.mark.parametrize(("q", "p"), [(Q, P), (number(1.4, 0.05), P), (number(-0.5, 0.3), number(0.7, 2.0))])
def test_the_least_ratio_is_that_of_a_fine_grid(q, p):
    x = torch.linspace(-6, 6, 200_001, dtype=torch.float64)[:, None]
    grid = (p.log_prob(x) - q.log_prob(x)).exp().min()
    assert least(q, p) == pytest.approx(float(grid), rel=1e-6)


def test_the_waiting_times_are_exponential_and_the_winners_have_the_law_of_q():
    """Races of 20 rows, nearly all of them over: mean, variance and shape of what wins are those of q."""
    taus, won, undecided = [], [], 0
    for seed in range(150):
        w = step_race(Q, P, rows=20, races=20, generator=dice(seed))
        w.row = 20
        for race in range(20):
            w.race = race
            rows = w.rows()
            taus += np.diff([0, *(row.tau for row in rows)]).tolist()
            won.append(rows[w.leader() - 1].x)
            undecided += not w.over
    n, gaps = len(won), np.array(taus)
    assert undecided < 0.01 * n
    assert abs(gaps.mean() - 1) < 5 / len(gaps) ** 0.5
    assert abs((gaps > 2).mean() - math.exp(-2)) < 5 * 0.35 / len(gaps) ** 0.5
    won = np.array(won)
    assert abs(won.mean() - 1) < 4.5 * (0.25 / n) ** 0.5
    assert abs(won.var() / 0.25 - 1) < 4.5 * (2 / n) ** 0.5
    assert abs((won > 1.5).mean() - 0.1587) < 4.5 * (0.1587 * 0.8413 / n) ** 0.5


def test_a_race_that_is_over_stays_decided():
    decided = 0
    for seed in range(40):
        w = step_race(Q, P, rows=20, generator=dice(seed))
        for race in range(6):
            w.race, w.row = race, 20
            last = w.leader()
            for row in range(1, 21):
                w.row = row
                if w.over:
                    decided += 1
                    assert w.leader() == last
    assert decided > 1000


def test_it_is_moved_from_code_within_its_limits():
    w = step_race(Q, P, rows=5, races=2, generator=dice(1))
    assert (w.row, w.race, w.leader(), w.over) == (0, 0, 0, False)
    assert repr(w) == "step_race: 0 of 5 rows, race 1 of 2"
    w.row, w.race = 5, 1
    assert w.leader() == 1 + min(range(5), key=lambda k: w.rows()[k].product)
    for name, bad, words in (
        ("row", 6, "row must be in 0..5, got 6"),
        ("race", 2, "race must be in 0..1, got 2"),
        ("row", -1, "got -1"),
    ):
        with pytest.raises(TraitError, match=re.escape(words)):
            setattr(w, name, bad)
    assert (w.row, w.race) == (5, 1)


@pytest.mark.parametrize(
    ("args", "error", "words"),
    [
        ((0.5, P), TypeError, "q must be a Gaussian"),
        ((Q, "p"), TypeError, "p must be a Gaussian"),
        ((P, Q), ValueError, "q must be narrower than p"),
        ((Gaussian(torch.zeros(2), 0.5), P), ValueError, "of one number"),
        ((Q, P, 0), ValueError, "rows"),
        ((Q, P, 10, 21), ValueError, "races"),
    ],
)
def test_what_it_can_t_show_is_told(args, error, words):
    with pytest.raises(error, match=re.escape(words)):
        step_race(*args)


def test_the_same_seed_gives_the_same_races_and_the_still_stays():
    w, again = (step_race(Q, P, generator=dice(3)) for _ in range(2))
    assert w.races == again.races != step_race(Q, P, generator=dice(4)).races
    before = w.still()
    with Image.open(io.BytesIO(before)) as picture:
        assert 400 < picture.width <= 1000
        assert np.asarray(picture)[0, 0, 3] == 0  # no paper of its own
    w.row = 3
    assert w.still() == before
    data, _ = w._repr_mimebundle_()
    assert data["text/plain"] == repr(w)
    assert "image/png" in data
