import math

import pytest
import torch
from oracles import normal

from ddpm_core import classifier, digits
from ddpm_core.study.metrics import (
    agreement,
    balanced,
    entropy,
    floor,
    frechet,
    jackknife,
    nearest,
    report,
    within,
)


def exactly(mean: torch.Tensor, cov_root: torch.Tensor, n: int = 400) -> torch.Tensor:
    """n points with exactly this mean and covariance cov_root @ cov_root.T."""
    x = normal(n, len(mean), seed=3)
    x = x - x.mean(0)
    white = x @ torch.linalg.inv(torch.linalg.cholesky(x.T.cov())).T
    return white @ cov_root.T + mean


def test_frechet_of_known_gaussians():
    one, zero = torch.eye(3).double(), torch.zeros(3).double()
    a = exactly(zero, torch.diag(torch.tensor([1.0, 2.0, 3.0]).double()))
    b = exactly(torch.tensor([1.0, -2.0, 0.5]).double(), torch.diag(torch.tensor([2.0, 2.0, 1.0]).double()))
    assert frechet(a, b) == pytest.approx(1 + 4 + 0.25 + 1 + 0 + 4, abs=1e-8)
    assert frechet(a, a) == pytest.approx(0, abs=1e-8)
    assert frechet(a, b) == pytest.approx(frechet(b, a), abs=1e-8)
    root = normal(3, 3, seed=5)  # a covariance that isn't diagonal
    c, d = exactly(zero, root), exactly(zero, one)
    spectrum = torch.linalg.eigvalsh(root @ root.T)
    assert frechet(c, d) == pytest.approx(((spectrum.sqrt() - 1) ** 2).sum().item(), abs=1e-7)


def test_frechet_of_one_feature_is_the_distance_of_two_numbers():
    a, b = torch.tensor([[0.0], [2.0]]), torch.tensor([[3.0], [11.0]])  # means 1 and 7, variances 2 and 32
    assert frechet(a, b) == pytest.approx(36 + 2 + 32 - 2 * 8)


def test_frechet_refuses_what_can_not_be_compared():
    with pytest.raises(ValueError, match=r"\(N, d\) and \(M, d\)"):
        frechet(normal(5, 2), normal(5, 3))


def test_draws_are_balanced_and_without_repetition():
    classes = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 2, 2])
    for seed in range(5):
        rows = balanced(classes, 2, torch.Generator().manual_seed(seed))
        assert classes[rows].tolist() == [0, 1, 2, 0, 1, 2]
        assert len(set(rows.tolist())) == 6
    with pytest.raises(ValueError, match="3 of every class are asked for, but one has 2"):
        balanced(classes, 3, torch.Generator())


def test_the_floor_is_what_few_real_ones_of_the_same_law_are_given():
    """For N(0, I) in d dimensions, n against very many: about d (d + 5) / (4 n), by expansion in 1 / n."""
    d, n = 3, 500
    few, many = normal(20_000, d, seed=1), normal(200_000, d, seed=2)
    found = floor(few, torch.zeros(len(few), dtype=torch.long), many, n, draws=100)
    assert found.shape == (100,)
    assert found.mean() == pytest.approx(d * (d + 5) / (4 * n), rel=0.15)
    again = floor(few, torch.zeros(len(few), dtype=torch.long), many, n, draws=2)
    assert again.tolist() == found[:2].tolist()


def test_entropy():
    assert entropy(torch.arange(1000) % 10) == pytest.approx(math.log(10), abs=1e-6)
    assert entropy(torch.zeros(9, dtype=torch.long)) == 0
    assert entropy(torch.tensor([0, 0, 1, 2])) == pytest.approx(1.5 * math.log(2), abs=1e-6)


def test_nearest():
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
    assert nearest(x, torch.tensor([[0.0, 1.0], [3.0, 0.0]])).tolist() == [1.0, 4.0]
    many = normal(500, 784, dtype=torch.float32)
    assert nearest(many[::10], many).max() == 0, "a copy is at no distance, also where products are rounded"


def test_the_classifier_reads_digits_it_has_not_seen():
    _, test = digits()
    right = (classifier("digits").classes(test.images) == test.labels).double().mean().item()
    assert right >= 0.99


def test_a_report_knows_copies_noise_and_a_lost_class():
    train, test = digits()
    judge = classifier("digits")
    real = report(train.images, train.images, test.images, judge)
    assert real.ratio == 1
    assert real.nearest == real.closest == 0
    noise = report(normal(400, 1, 8, 8, dtype=torch.float32).clamp(-1, 1), train.images, test.images, judge)
    assert noise.ratio > 20
    lost = report(train.images[train.labels != 3], train.images, test.images, judge)
    assert lost.ratio > 3
    assert lost.entropy < 0.985 * math.log(10)


def test_within_is_the_mean_distance_of_pairs_of_one_class():
    x = torch.tensor([[0.0, 0.0], [9.0, 9.0], [3.0, 4.0], [9.0, 8.0], [0.0, 0.0]])
    assert within(x, torch.tensor([0, 1, 0, 1, 0])) == pytest.approx((10 / 3 + 1) / 2)
    with pytest.raises(ValueError, match="1 of the classes have one picture only"):
        within(x, torch.tensor([0, 1, 0, 1, 2]))


def test_the_jackknife_of_a_mean_is_its_standard_error():
    x = normal(60)
    mean, error = jackknife(lambda a: a.mean().item(), x, groups=60)
    assert mean == x.mean()
    assert error == pytest.approx(x.std().item() / 60**0.5, rel=1e-6)
    assert 0.4 * error < jackknife(lambda a: a.mean().item(), x)[1] < 2.5 * error
    two = jackknife(lambda a, b: (a * b).sum().item(), x, x)
    assert two == jackknife(lambda a: (a**2).sum().item(), x)


def test_agreement_counts_neighbours_and_leaves_out_the_picture_itself():
    x = normal(1300, 3, seed=4).reshape(1300, 3, 1, 1)  # more than one chunk
    y = torch.randint(0, 3, (1300,), generator=torch.Generator().manual_seed(0))
    x[0] = x[1]  # a copy counts as a neighbour
    for k in (1, 7):
        told = agreement(x, y, k)
        for i in (0, 1, 2, 999, 1000, 1299):
            near = (x - x[i]).flatten(1).norm(dim=1)
            near[i] = math.inf
            assert told[i] == pytest.approx((y[near.argsort()[:k]] == y[i]).double().mean().item())
    with pytest.raises(ValueError, match="10 others of each are asked for, but there are 9"):
        agreement(x[:10], y[:10])


def test_pictures_of_other_shapes_have_no_distance():
    x = normal(5, 64, seed=1).reshape(5, 1, 8, 8)
    assert (nearest(x, x) == 0).all()
    with pytest.raises(ValueError, match=r"\(1, 8, 8\) and \(8, 8\) have no distance"):
        nearest(x, x[:, 0])


def test_a_report_s_distances_are_those_of_most_pictures_and_of_the_nearest_one():
    """A minority of odd pictures doesn't move the median; a single copy makes the smallest distance 0."""
    (train, test), judge = digits(), classifier("digits")
    few, more, wild = (
        train.images[:200],
        test.images[:100],
        normal(60, 1, 8, 8, dtype=torch.float32).clamp(-1, 1),
    )
    found = report(more, few, more, judge)
    for spoilt in (torch.cat([more[:60], wild[:40]]), torch.cat([wild[:40], more[:60]])):
        told = report(spoilt, few, spoilt, judge)
        assert told.nearest == told.nearest_real < 1.5 * found.nearest
        assert told.closest == told.closest_real == nearest(more[:60], few).min()
    assert report(torch.cat([few[:51], wild[:49]]), few, more, judge).nearest == 0
    assert report(few[:1].repeat(5, 1, 1, 1), few, torch.cat([more, few[:1]]), judge).closest_real == 0
    half = nearest(more, few).sort().values
    assert half[:51].max() >= found.nearest >= half[49]


def test_a_report_measures_samples_and_training_data_with_one_measure():
    """Samples and training data are measured in the same way: exchanged, their numbers are exchanged."""
    (train, test), judge = digits(), classifier("digits")
    a, b, c = train.images[:150], train.images[150:400], test.images[:120]
    one, other = report(a, b, c, judge), report(b, a, c, judge)
    assert (one.distance, one.floor) == (other.floor, other.distance)
    assert one.distance == pytest.approx(frechet(judge.features(a), judge.features(c)))
    one, other = report(a, b, c, judge), report(c, b, a, judge)
    assert (one.nearest, one.closest) == (other.nearest_real, other.closest_real)
    assert one.entropy == entropy(judge.classes(a))


def test_a_balanced_draw_takes_every_row_of_a_class_as_often_as_any_other():
    classes = torch.tensor([0] * 5 + [1] * 10)
    rows = torch.cat([balanced(classes, 2, torch.Generator().manual_seed(seed)) for seed in range(1000)])
    for k, n in ((0, 5), (1, 10)):
        share = rows.bincount(minlength=15)[classes == k] / 1000
        assert ((share - 2 / n).abs() < 4 * (2 / n * (1 - 2 / n) / 1000) ** 0.5).all()
