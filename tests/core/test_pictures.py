"""Grids and walks as files, and a look at a run as it trains: what is drawn is what was sampled."""

import builtins
import itertools

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

from ddpm_core import (
    MLP,
    Denoiser,
    Eps,
    UNet,
    V,
    checkpoints,
    cosine,
    data,
    digits,
    exploding,
    pictures,
    preview,
    train,
)
from ddpm_core.__main__ import main


def cells(page, n, columns, side, gap=1):
    """The pictures in a grid, each reduced to the size that it has: (N, side, side, ...)."""
    zoom = max(1, 64 // side)
    small = np.asarray(page)[zoom // 2 :: zoom, zoom // 2 :: zoom]
    at = [divmod(k, columns) for k in range(n)]
    return np.stack([small[r * (side + gap) :, c * (side + gap) :][:side, :side] for r, c in at])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 8, 8), (3, 32, 32), (1, 70, 70)])
@pytest.mark.parametrize("n", [1, 2, 5, 16, 17])
def test_a_grid_is_the_pictures_as_bytes_side_by_side(shape, n, tmp_path):
    images = torch.rand(n, *shape) * 2.4 - 1.2
    pictures.write_grid(tmp_path / "a.png", images)
    with Image.open(tmp_path / "a.png") as page:
        assert (page.format, page.mode) == ("PNG", "L" if shape[0] == 1 else "RGB")
        seen = cells(page, n, int(np.ceil(n**0.5)), shape[-1])
    told = data.to_bytes(images).permute(0, 2, 3, 1).numpy()
    assert (seen.reshape(told.shape) == told).all()


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_a_walk_is_its_frames_and_rests_on_the_last(kind, tmp_path):
    frames = [torch.full((4, 1, 8, 8), level) for level in (-1.0, 0.0, 0.5)]
    pictures.write_walk(tmp_path / f"a.{kind}", frames)
    with Image.open(tmp_path / f"a.{kind}") as film:
        pages = [
            (np.asarray(page.convert("L")), page.info.get("duration"))
            for page in ImageSequence.Iterator(film)
        ]
        assert film.info["loop"] == 0
    for (page, _), frame in zip(pages, frames, strict=True):
        assert np.abs(cells(page, 4, 2, 8).astype(int) - data.to_bytes(frame)[:, 0].numpy()).max() <= 1
    if kind == "gif":
        assert [pause for _, pause in pages] == [pictures.PACE, pictures.PACE, pictures.REST]
    with pytest.raises(ValueError, match=r"a walk is written as \.gif or \.webp"):
        pictures.write_walk(tmp_path / "a.mp4", frames)


def sampled(tmp_path, name, *wish, source="digits"):
    out = tmp_path / name
    assert main(["sample", "--from", source, "--n", "5", "--steps", "6", *wish, "--out", str(out)]) == 0
    return out


def test_what_a_file_shows_is_what_was_sampled(tmp_path):
    with np.load(sampled(tmp_path, "a.npz"), allow_pickle=False) as file:
        told = data.to_bytes(torch.from_numpy(file["images"]))[:, 0].numpy()
    for name, most in (("a.png", 0), ("A.PNG", 0), ("b.gif", 0), ("c.webp", 1)):
        with Image.open(sampled(tmp_path / name, name)) as film:
            *_, page = (page.convert("L") for page in ImageSequence.Iterator(film))
            assert getattr(film, "n_frames", 1) == (1 if ".p" in name.lower() else 7)
        assert np.abs(cells(page, 5, 3, 8).astype(int) - told).max() <= most, name


def test_a_long_walk_is_shown_in_some_sixty_frames(tmp_path):
    checkpoints.save(
        Denoiser(UNet(width=8), cosine(250), Eps(), 1.0), tmp_path / "m.safetensors", shape=[1, 8, 8]
    )
    out = tmp_path / "a.gif"
    assert main(["sample", "--from", str(tmp_path / "m.safetensors"), "--n", "2", "--out", str(out)]) == 0
    with Image.open(out) as film:
        assert 50 <= film.n_frames <= 80


def test_where_noise_grows_a_walk_starts_from_as_much_and_is_shown_at_one_size(tmp_path):
    schedule = exploding(50, 0.01, 100.0)
    model = tmp_path / "m.safetensors"
    checkpoints.save(Denoiser(UNet(width=8), schedule, Eps(), 1.0), model, shape=[1, 8, 8])
    with Image.open(sampled(tmp_path, "a.gif", source=str(model))) as film:
        first = cells(film.convert("L"), 5, 3, 8) / 127.5 - 1
    assert 0.2 < (np.abs(first) == 1).mean() < 0.45  # 0.32 of a standard normal lies beyond 1
    seen = []

    def watched(self, xt, t):
        seen.append(xt.std().item())
        return xt * 0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Denoiser, "forward", watched)
        sampled(tmp_path, "b.npz", source=str(model))
    assert seen[0] == pytest.approx(100, rel=0.2)


@pytest.mark.parametrize("suffix", ["png", "gif", "webp", "npz"])
def test_nothing_is_written_over_unasked(suffix, tmp_path, capsys):
    (tmp_path / f"old.{suffix}").write_text("mine")
    assert main(["sample", "--from", "digits", "--out", str(tmp_path / f"old.{suffix}")]) == 2
    assert "would be written over" in capsys.readouterr().err
    assert (tmp_path / f"old.{suffix}").read_text() == "mine"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("--out {tmp}/a.jpg", "name it .png for a grid, .gif or .webp for the walk, or .npz for an array"),
        ("--out {tmp}/a", "name it .png for a grid"),
        ("--n 401 --out {tmp}/a.gif", "--n of a moving picture such as a.gif must be in 1..400, got 401"),
        ("--from {tmp}/points.safetensors --out {tmp}/a.png", "data of shape [2] can't be drawn"),
        ("--steps 0 --out {tmp}/a.png", "steps must be in 1..1000, got 0"),
    ],
)
def test_what_can_t_be_drawn_is_refused_before_time_is_spent(wish, message, tmp_path, capsys):
    checkpoints.save(Denoiser(MLP(2, 16, 1), cosine(20), Eps()), tmp_path / "points.safetensors")
    assert main(["sample", "--from", "digits", *wish.format(tmp=tmp_path).split()]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert "steps/s" not in err


def test_without_a_name_samples_go_to_a_new_file(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("samples.png", "samples-2.png"):
        assert main(["sample", "--from", "digits", "--n", "1", "--steps", "1"]) == 0
        assert capsys.readouterr().out.endswith(f": {name}\n")
        assert (tmp_path / name).is_file()


def fresh(classes=None):
    torch.manual_seed(0)
    return Denoiser(UNet(width=8, classes=classes), cosine(30), V(), clip=1.0)


class Screen:
    """What a notebook's `display` does, noted."""

    def __init__(self):
        self.shown = []

    def __call__(self, page, display_id=False):
        self.shown.append(("new", page.size, display_id))
        return self

    def update(self, page):
        self.shown.append(("again", page.size))


@pytest.mark.slow
def test_a_look_at_a_run_leaves_it_as_it_is_and_is_shown_in_one_place(tmp_path, monkeypatch):
    images, plain, seen, screen = digits()[0].images, fresh(), fresh(), Screen()
    for _ in train(plain, images, images=320, batch=32):
        pass
    before = torch.get_rng_state()
    monkeypatch.setattr(builtins, "display", screen, raising=False)
    counts = [step.images for step in preview(train(seen, images, images=320, batch=32), 100, tmp_path)]
    assert counts == [*range(32, 321, 32)]
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(plain.parameters(), seen.parameters(), strict=True):
        assert torch.equal(a, b)
    names = ["preview-0000128.png", "preview-0000224.png", "preview-0000320.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names
    side = 8 * (4 * 9 - 1)
    assert screen.shown == [("new", (side, side), True), *[("again", (side, side))] * 2]
    first, *_, last = (np.asarray(Image.open(tmp_path / name)) for name in names)
    assert (first != last).any()


def test_a_look_at_a_run_with_labels_shows_each_in_turn(monkeypatch):
    asked, given = [], Denoiser.given
    monkeypatch.setattr(Denoiser, "given", lambda self, y: asked.append(y.tolist()) or given(self, y))
    train_set, _ = digits()
    steps = train(fresh(classes=10), train_set.images, train_set.labels, images=64)
    drawn = [pictures.few(step.run).shape for step in itertools.islice(steps, 1)]
    assert drawn == [(16, 1, 8, 8)]
    assert asked == [[*range(10), *range(6)]]


def test_a_look_at_a_run_with_words_shows_some_from_first_to_last(monkeypatch):
    asked, given = [], Denoiser.given
    monkeypatch.setattr(Denoiser, "given", lambda self, y: asked.append(y) or given(self, y))
    words, (train_set, _) = [f"w{k:02d}" for k in range(40)], digits()
    net = UNet(1, width=8, mults=(1, 2), words=words)
    numbers = torch.arange(len(train_set.images))[:, None] % 40
    steps = train(Denoiser(net, cosine(100), Eps()), train_set.images, numbers, images=64)
    assert [pictures.few(step.run).shape for step in itertools.islice(steps, 1)] == [(16, 1, 8, 8)]
    assert asked == [[f"w{40 * k // 16:02d}" for k in range(16)]]


def test_previews_lie_beside_the_weights_and_are_not_written_over(tmp_path, capsys):
    wish = ["train", "--images", "128", "--preview", "128", "--out"]
    assert main([*wish, str(tmp_path / "a")]) == 0
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["model.safetensors", "preview-0000128.png"]
    (tmp_path / "a" / "model.safetensors").unlink()
    assert main([*wish, str(tmp_path / "a")]) == 2
    assert "preview-0000128.png would be written over" in capsys.readouterr().err
