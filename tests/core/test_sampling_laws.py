"""What exercises say about wrong steps is what sampling with these steps gives."""

import re

import kinds
import pytest
import torch

from ddpm_core import ancestral, linear, sample
from ddpm_core.study.exact import Mixture
from ddpm_core.teach.bank import bank

pytestmark = pytest.mark.slow

N = 4000
SCHEDULE = linear()
WORLD = Mixture(
    SCHEDULE, torch.tensor([[-1.0], [1.0]], dtype=torch.float64), 0.1**2, torch.tensor([0.3, 0.7])
)
MISTAKES = {(id, m.name): (m.example, m.message) for id in ("05.7", "05.9") for m in bank[id].mistakes}
RIGHT = kinds.RULES
DRAWN_ONCE = "one noise for all steps"


@pytest.fixture(scope="module")
def ends():
    """The samples of 4,000 runs of 1000 steps for every rule, all in one batch."""
    rules = {**RIGHT, **{key: rule for key, (rule, _) in MISTAKES.items()}, DRAWN_ONCE: ancestral}
    first = {}

    def every(x0, xt, s, t, noise):
        parts = list(zip(rules, x0.split(N), xt.split(N), noise.split(N), strict=True))
        kept = first.setdefault("noise", parts[-1][3])
        return torch.cat(
            [rules[name](a, b, s, t, kept if name == DRAWN_ONCE else z) for name, a, b, z in parts]
        )

    g = torch.Generator().manual_seed(0)
    x_T = torch.randn(N, 1, generator=g, dtype=torch.float64).repeat(len(rules), 1)
    *_, last = sample(WORLD, x_T, rule=every, generator=g)
    return dict(zip(rules, last.xt[:, 0].split(N), strict=True))


@pytest.mark.parametrize("name", RIGHT)
def test_the_right_rules_end_with_the_law_of_the_data(ends, name):
    assert abs(ends[name].mean() - 0.4) < 0.06
    assert abs(ends[name].var() - 0.85) < 0.05


@pytest.mark.parametrize("key", MISTAKES, ids=" ".join)
def test_a_message_says_what_the_walk_ends_with(ends, key):
    _, message = MISTAKES[key]
    x = ends[key]
    if "beyond all bounds" in message:
        assert not x.abs().mean() < 1e6
    for said in re.findall(r"a variance of (\d+\.?\d*)", message):
        assert x.var() == pytest.approx(float(said), rel=0.07, abs=0.001), message
    for said in re.findall(r"(?:at|near) (0\.994|1\b)", message):
        assert torch.allclose(x, torch.tensor(float(said), dtype=x.dtype), atol=0.2)
    if match := re.search(r"a mean (?:of|near) (\d+\.?\d*)", message):
        assert x.mean() == pytest.approx(float(match[1]), rel=0.1, abs=0.03)


def test_every_mistake_but_a_few_says_so():
    silent = [key for key, (_, text) in MISTAKES.items() if not re.search(r"variance of|beyond|a mean", text)]
    assert silent == [("05.7", "noise at the end"), ("05.7", "alpha from the start")]


def test_noise_that_is_drawn_once_widens_the_law(ends):
    (said,) = re.findall(r"variance of (\d+\.\d+) out", bank["05.16"].right)
    assert ends[DRAWN_ONCE].var() == pytest.approx(float(said), rel=0.1)
