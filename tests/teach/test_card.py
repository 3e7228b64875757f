"""Model cards: copies are seen as copies, and a number that isn't the measured one is told."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm_core.__main__ import main as core
from ddpm_core.teach.__main__ import main
from ddpm_core.teach.report.card import BLANK, NAMES, disagreements, features, measured, model_card


def squares(n, seed, noise=0.1):
    """Pictures of one random colour each, with a square of another."""
    g = torch.Generator().manual_seed(seed)
    x = (2 * torch.rand(n, 3, 1, 1, generator=g) - 1).expand(n, 3, 32, 32).clone()
    x[:, :, 8:24, 8:24] = 2 * torch.rand(n, 3, 1, 1, generator=g) - 1
    return (x + noise * torch.randn(x.shape, generator=g)).clamp(-1, 1)


REAL = squares(40, 0)


def test_copies_are_seen_and_new_pictures_are_none():
    copies, new = measured(REAL, REAL[:20] * 0.97), measured(REAL, squares(40, 1))
    assert copies["copies"] == 100
    assert copies["nearest"] < 0.1 * copies["apart"]
    assert new["copies"] < 15
    assert new["nearest"] == pytest.approx(new["apart"], rel=0.25)


def test_distances_are_those_of_a_loop():
    samples = squares(9, 2)
    one = [min(float((s - r).square().mean() ** 0.5) * 127.5 for r in REAL) for s in samples]
    assert measured(REAL, samples)["nearest"] == pytest.approx(sum(one) / 9, rel=1e-4)


def test_the_frechet_distance_of_new_pictures_is_near_the_floor_and_grey_ones_are_far():
    new, grey = measured(REAL, squares(40, 1)), measured(REAL, torch.zeros(40, 3, 32, 32) + 0.01)
    assert new["frechet"] < 2 * new["floor"]
    assert grey["frechet"] > 3 * new["frechet"]
    assert new["error"] > 0


def test_features_take_any_size_and_grey():
    assert features(torch.zeros(8, 1, 48, 48)).shape == (8, 16)


def test_a_fresh_card_has_blanks_only_and_a_filled_one_nothing():
    numbers = measured(REAL, squares(20, 1))
    text = model_card(numbers, "runs/mine", "my/pictures")
    wrong = disagreements(text, numbers)
    assert wrong
    assert all(line.startswith("still blank") for line in wrong)
    assert len(wrong) == text.count(BLANK) == 6
    assert disagreements(re.sub(r"\(write here:[^)]*\)", "done", text), numbers) == []


@pytest.mark.parametrize("key", NAMES)
def test_a_number_that_differs_or_is_missing_is_told(key):
    numbers = measured(REAL, squares(20, 1))
    text = model_card(numbers, "runs/mine", "my/pictures")
    other = disagreements(text, numbers | {key: numbers[key] * 1.3 + 1})
    assert any(line.startswith(NAMES[key]) and "measured is" in line for line in other)
    gone = "\n".join(line for line in text.splitlines() if f"| {NAMES[key]} |" not in line)
    assert any(line == f"the number is missing: {NAMES[key]}" for line in disagreements(gone, numbers))


def test_too_few_or_other_pictures_are_told():
    with pytest.raises(ValueError, match="at least 8 samples"):
        measured(REAL, REAL[:4])
    with pytest.raises(ValueError, match="shape"):
        measured(REAL, torch.zeros(8, 3, 16, 16))


@pytest.mark.slow
def test_the_command_writes_a_card_and_then_checks_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    for k, x in enumerate(REAL[:12]):
        pixels = ((x + 1) * 127.5).byte().permute(1, 2, 0).numpy()
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / f"in/{k}.png")
    run, pictures = str(tmp_path / "run"), str(tmp_path / "in")
    assert core(["train", "--data", pictures, "--images", "128", "--size", "16", "--out", run]) == 0
    command = ["card", "--from", run, "--data", pictures]
    capsys.readouterr()
    assert main(command) == 0
    assert "written:" in capsys.readouterr().out
    path = tmp_path / "run/card.md"
    path.write_text(re.sub(r"\(write here:[^)]*\)", "done", path.read_text("utf-8")), "utf-8")
    assert main(command) == 0
    assert "every number agrees" in capsys.readouterr().out
    assert main(["card", "--from", str(tmp_path / "none"), "--data", pictures]) == 2


def test_a_card_counts_in_whole_pictures_with_commas():
    numbers = measured(REAL, squares(20, 1)) | {"pictures": 1512.0}
    text = model_card(numbers, "runs/mine", "my/pictures")
    assert "| pictures | 1,512 |" in text
    assert "1,512 from" in text
    assert not any(line.startswith("pictures") for line in disagreements(text, numbers))


@pytest.mark.slow
def test_a_run_that_saw_other_pictures_gets_no_card(tmp_path, capsys, monkeypatch):
    """Here those of the same folder, cropped instead of padded."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "in").mkdir()
    for k, x in enumerate(REAL[:12]):
        pixels = ((x + 1) * 127.5).byte().permute(1, 2, 0).numpy()[:20]
        Image.fromarray(np.ascontiguousarray(pixels)).save(tmp_path / f"in/{k}.png")
    run, pictures = str(tmp_path / "run"), str(tmp_path / "in")
    padded = ["--fit", "pad", "--background", "black"]
    assert core(["train", "--data", pictures, "--images", "128", "--size", "16", *padded, "--out", run]) == 0
    capsys.readouterr()
    assert main(["card", "--from", run, "--data", pictures]) == 2
    assert "--fit and --background as in its training" in capsys.readouterr().err
    assert not (tmp_path / "run/card.md").exists()
    assert main(["card", "--from", run, "--data", pictures, *padded]) == 0
    assert main(["card", "--from", "emoji", "--data", pictures, "--out", str(tmp_path / "other.md")]) == 0
