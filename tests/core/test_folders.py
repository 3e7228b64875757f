"""A folder of one's own pictures: whatever lies in it is read, or named and left out."""

import dataclasses
import os
import tracemalloc
import unicodedata
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from ddpm_core import Denoiser, UNet, V, checkpoints, cosine, folder, folders, train
from ddpm_core.__main__ import main


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """What is decoded goes to a temporary folder, not to the user's own cache."""
    place = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(place))
    monkeypatch.setattr(folders, "_cache", lambda own: place if own is None else folders.Path(own))
    return place


def plain(colour, size=(40, 30), mode="RGB"):
    return Image.new(mode, size, colour)


def shades(picture):
    """Bytes (H, W, C) of one picture."""
    return picture.permute(1, 2, 0).tolist()


def middle(path, **options):
    """The colour in the middle of the only picture in a folder."""
    (picture,) = folder(path, 8, **options).pixels
    return tuple(picture[:, 4, 4].tolist())


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """300 files as they come: of all kinds and sizes, in subfolders, two of them damaged; and others."""
    root = tmp_path_factory.mktemp("meine Bilder ä")
    rng, kinds = np.random.default_rng(0), ["png", "jpg", "webp", "gif", "jpeg", "PNG"]
    for place in ("", "käfer rot", "Blätter/alt"):
        (root / place).mkdir(parents=True, exist_ok=True)
    for i in range(293):
        pixels = np.full((*rng.integers(1, 90, 2), 3), rng.integers(0, 256, 3), np.uint8)
        place = root / ("", "käfer rot", "Blätter/alt")[i % 3]
        Image.fromarray(pixels).save(place / f"bild {i} ü.{kinds[i % 6]}")
    plain((255, 0, 0, 128), mode="RGBA").save(root / "durchsichtig.png")
    Image.fromarray(np.full((40, 40), 30_000, np.uint16)).save(root / "sechzehn bit.png")
    plain((1, 2, 3), (7, 2000)).save(root / "hoch.png")
    plain((1, 2, 3), (2000, 7)).save(root / "breit.jpg")
    plain((0, 255, 255, 0), mode="CMYK").save(root / "cmyk.jpg")
    (root / "kaputt 1.png").write_bytes(b"no picture")
    whole = (root / "breit.jpg").read_bytes()
    (root / "halb ö.jpg").write_bytes(whole[: len(whole) // 2])
    (root / "notes.txt").write_text("nothing")
    (root / "film.mov").write_bytes(b"")
    (root / "._bild.png").write_bytes(b"what another system leaves")
    return root


@pytest.mark.slow
def test_three_hundred_mixed_files_train_and_are_sampled_from(mixed, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--data", str(mixed), "--images", "64", "--out", "runs/x", "--preview", "64"]) == 0
    out = capsys.readouterr().out
    assert "2 of 300 files can't be read and are left out: halb ö.jpg (" in out
    assert "kaputt 1.png (no PNG, JPEG, WebP or GIF inside)" in out
    assert "298 images" in out
    assert "labels, by subfolder: Blätter, käfer rot" in out
    assert "other files, not read: 1 .mov" in out
    assert checkpoints.card("runs/x/model.safetensors")["shape"] == [3, 32, 32]
    assert Image.open("runs/x/preview-0000064.png").size == (4 * 66 - 2, 4 * 66 - 2)
    for wish in ([], ["--labels", "käfer rot"], ["--labels", "balanced", "--guidance", "2"]):
        assert main(["sample", "--from", "runs/x", "--n", "4", "--steps", "2", *wish]) == 0
    for name in ("samples.png", "samples-2.png", "samples-3.png"):
        with Image.open(name) as page:
            assert (page.format, page.mode, page.size) == ("PNG", "RGB", (2 * 66 - 2, 2 * 66 - 2))
    assert main(["sample", "--from", "runs/x", "--labels", "kater"]) == 2
    assert "balanced or a class in 0..1 (Blätter, käfer rot), got 'kater'" in capsys.readouterr().err
    assert main(["evaluate", "--from", "runs/x"]) == 2
    assert "trained on all pictures of a folder" in capsys.readouterr().err


def damaged(root):
    for k in range(9):
        plain("red").save(root / f"{k}.png")
    for k in range(2):
        (root / f"bad {k}.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda root: None, "there is no PNG, JPEG, WebP or GIF in {root}, only nothing"),
        (
            lambda root: [(root / f"{k}.txt").write_text("hello") for k in range(3)],
            "there is no PNG, JPEG, WebP or GIF in {root}, only 3 .txt",
        ),
        (damaged, "2 of 11 files in {root} can't be read, more than one in ten: bad 0.png (no PNG"),
        (lambda root: (root.rmdir(), root.write_text("x")), "{root} is a file; name the folder"),
        (lambda root: root.rmdir(), "--data {root}: there is no such folder; or name digits or mnist"),
        (
            lambda root: (plain("red").save(root / "a.png"), (root / "a.txt").write_bytes(b"\xff\xfe")),
            "UTF-8",
        ),
        (
            lambda root: (plain("red").save(root / "a.png"), (root / "captions.csv").write_text("b.png,x")),
            "captions.csv names none of the pictures: a line should begin with a file's name, such as a.png",
        ),
        (
            lambda root: (
                plain("red").save(root / "a.png"),
                (root / "captions.csv").write_text(f"a.png,{'x' * 200_000}"),
            ),
            "captions.csv isn't a table of files and words: field larger",
        ),
    ],
)
def test_a_folder_that_is_none_is_told_in_a_sentence(make, message, tmp_path, capsys):
    root = tmp_path / "of ä"
    root.mkdir()
    make(root)
    assert main(["train", "--data", str(root), "--images", "64", "--out", str(tmp_path / "run")]) == 2
    *_, err = capsys.readouterr().err.strip().splitlines()
    assert err.startswith("error: ")
    assert message.format(root=root) in err
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--size 0", "size must be in 4..1024, got 0"),
        ("--background blurple", "unknown color specifier: 'blurple'"),
        ("--out {root}/runs", "is in the folder of pictures"),
        ("--preview 0", "--preview must be at least 1, got 0"),
        ("--data digits --flip", "--flip is for a folder of one's own pictures, not for digits"),
        ("--from digits --size 16", "digits was trained on pictures of [1, 8, 8], these are [1, 16, 16]"),
    ],
)
def test_wishes_that_a_folder_can_t_grant(options, message, tmp_path, capsys):
    root = tmp_path / "pictures"
    root.mkdir()
    plain("red").save(root / "a.png")
    wish = ["train", "--data", str(root), "--images", "64", "--out", str(tmp_path / "run")]
    assert main([*wish, *options.format(root=root).split()]) == 2
    assert message in capsys.readouterr().err


def turned(path):
    picture = Image.fromarray(
        np.repeat(np.array([[[255, 0, 0]], [[0, 0, 255]]], np.uint8), 8, 0).repeat(16, 1)
    )
    exif = picture.getexif()
    exif[0x0112] = 6  # to be shown turned by 90 degrees clockwise: what is above comes to the right
    picture.save(path / "a.png", exif=exif)


def palette(path):
    page = Image.new("P", (20, 20), 1)
    page.putpalette([9, 9, 9, 0, 200, 0])
    page.save(path / "a.png", transparency=1)


def moving(path, kind):
    frames = [plain(colour) for colour in ("#ff0000", "#00ff00")]
    frames[0].save(path / f"a.{kind}", save_all=True, append_images=frames[1:], lossless=True)


KINDS = {
    "grey": (lambda p: plain(77, mode="L").save(p / "a.png"), (77, 77, 77)),
    "one bit": (lambda p: plain(1, mode="1").save(p / "a.png"), (255, 255, 255)),
    "RGB": (lambda p: plain((1, 2, 3)).save(p / "a.webp", lossless=True), (1, 2, 3)),
    "RGBA": (lambda p: plain((255, 0, 0, 51), mode="RGBA").save(p / "a.png"), (51, 0, 204)),
    "grey and alpha": (lambda p: plain((9, 0), mode="LA").save(p / "a.png"), (0, 0, 255)),
    "palette": (lambda p: plain((0, 200, 0)).quantize(4).save(p / "a.gif"), (0, 200, 0)),
    "transparent palette": (palette, (0, 0, 255)),
    "transparent colour": (lambda p: plain((1, 2, 3)).save(p / "a.png", transparency=(1, 2, 3)), (0, 0, 255)),
    "CMYK": (lambda p: plain((0, 255, 255, 0), mode="CMYK").save(p / "a.jpg", quality=100), (254, 0, 0)),
    "16 bit": (
        lambda p: Image.fromarray(np.full((9, 9), 30_000, np.uint16)).save(p / "a.png"),
        (117, 117, 117),
    ),
    "GIF, first frame": (lambda p: moving(p, "gif"), (255, 0, 0)),
    "WebP, first frame": (lambda p: moving(p, "webp"), (255, 0, 0)),
    "APNG, first frame": (lambda p: moving(p, "png"), (255, 0, 0)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_is_read_in_its_colours(kind, tmp_path):
    make, colour = KINDS[kind]
    make(tmp_path)
    assert np.abs(np.subtract(middle(tmp_path, background="blue"), colour)).max() <= 1
    (grey,) = middle(tmp_path, background="blue", channels=1)
    assert grey == pytest.approx(np.dot(colour, (0.299, 0.587, 0.114)), abs=2)


def test_a_picture_is_turned_as_its_exif_says(tmp_path):
    turned(tmp_path)
    (picture,) = folder(tmp_path, 8).pixels
    assert shades(picture)[4][0] == [0, 0, 255]
    assert shades(picture)[4][-1] == [255, 0, 0]


@pytest.mark.parametrize("size", [(7, 2000), (2000, 7), (1, 1), (64, 32), (1, 500)])
def test_a_picture_of_any_size_is_cropped_in_the_middle_or_padded(size, tmp_path):
    (width, height), short = size, min(size)
    pixels = np.zeros((height, width, 3), np.uint8)
    y, x = (slice(max(0, (side - short) // 2 - 4), (side + short) // 2 + 4) for side in (height, width))
    pixels[y, x, 1] = 250
    Image.fromarray(pixels).save(tmp_path / "a.png")
    (square,) = folder(tmp_path, 32).pixels
    assert (square == torch.tensor([0, 250, 0])[:, None, None]).all()
    (whole,) = folder(tmp_path, 32, fit=folders.pad, background="#0000ff").pixels
    blue = (whole == torch.tensor([0, 0, 255])[:, None, None]).all(0)
    assert blue.float().mean() == pytest.approx(1 - max(1, round(32 * short / max(size))) / 32)
    if width != height:  # the background lies on both sides alike
        sides = blue.all(1) if width > height else blue.all(0)
        assert abs(int(sides[:16].sum()) - int(sides[16:].sum())) <= 1


def test_subfolders_are_labels_and_what_lies_beside_them_has_none(tmp_path):
    for name in ("b/x.png", "a/deep/er/y.png", "a/z.png", "top.png", ".hidden/h.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        plain("red").save(tmp_path / name)
    own = folder(tmp_path, 8)
    assert own.names == ["a", "b"]
    assert dict(zip(own.files, own.labels.tolist(), strict=True)) == {
        "a/deep/er/y.png": 0,
        "a/z.png": 0,
        "b/x.png": 1,
        "top.png": -1,
    }
    alone = folder(tmp_path / "a", 8)
    assert alone.names == ["deep"]
    assert folder(tmp_path / "a" / "deep", 8).labels is None


def test_linked_folders_are_read_once_and_never_round_and_round(tmp_path):
    (tmp_path / "own" / "a").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    plain("red").save(tmp_path / "own" / "a" / "x.png")
    plain("red").save(tmp_path / "far" / "y.png")
    for name, to in (("b", "far"), ("a/up", "own"), ("c", "far")):
        (tmp_path / "own" / name).symlink_to(tmp_path / to)
    (tmp_path / "far" / "back").symlink_to(tmp_path / "own")
    assert folder(tmp_path / "own", 8).files == ["a/x.png", "b/y.png"]


def test_words_come_from_texts_beside_the_pictures_and_from_tables(tmp_path):
    (tmp_path / "sub").mkdir()
    for name in ("größe 1.png", "b.png", "c.png", "sub/d.png", "sub/e.png"):
        plain("red").save(tmp_path / unicodedata.normalize("NFC", name))
    (tmp_path / "b.txt").write_text("a blue\n book \n", "utf-8")
    rows = [
        "file;words",
        unicodedata.normalize("NFD", "größe 1.png") + ";ein Käfer, rot",
        'sub/e.png;"from\nabove"',
    ]
    (tmp_path / "captions.csv").write_text("\n".join([*rows, "b.png;overruled"]), "utf-8-sig")
    (tmp_path / "sub" / "captions.csv").write_text("d.png,red heart, small\nnowhere.png,x\n", "utf-8")
    (tmp_path / "over" / "below").mkdir(parents=True)
    plain("red").save(tmp_path / "over" / "below" / "f.png")
    (tmp_path / "over" / "captions.csv").write_text("below/f.png,seen from above", "utf-8")
    own = folder(tmp_path, 8)
    assert dict(zip(map(unicodedata.normalize, ["NFC"] * 6, own.files), own.words, strict=True)) == {
        "größe 1.png": "ein Käfer, rot",
        "b.png": "a blue book",
        "over/below/f.png": "seen from above",
        "c.png": "",
        "sub/d.png": "red heart, small",
        "sub/e.png": "from above",
    }
    for text in tmp_path.rglob("*.[tc]*"):
        text.unlink()
    assert folder(tmp_path, 8).words is None


def test_what_is_left_out_is_named_in_a_warning(tmp_path):
    for k in range(20):
        plain("red").save(tmp_path / f"{k}.png")
    (tmp_path / "käse.png").write_text("text")
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.warns(UserWarning, match=r"2 of 22 files .* käse.png \(no PNG.*link.png \(it is a link to"):
        own = folder(tmp_path, 8)
    assert own.left_out.keys() == {"käse.png", "link.png"}
    assert len(own) == len(own.files) == 20


@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "gif"])
def test_a_file_that_was_cut_anywhere_is_a_picture_or_left_out(kind, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / f"whole.{kind}")
    raw = (tmp_path / f"whole.{kind}").read_bytes()
    for k in range(60):
        Image.fromarray(noise).save(tmp_path / f"more {k}.png")
    for k in (0, 1, 2, 3, 4):
        (tmp_path / f"cut {k}.{kind}").write_bytes(raw[: len(raw) * k // 5])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = folder(tmp_path, 8)
    assert {*own.files, *own.left_out} == {p.name for p in tmp_path.iterdir()}
    assert {f"cut {k}.{kind}" for k in (0, 1, 2)} <= own.left_out.keys()


def test_a_folder_is_decoded_once_and_a_change_is_noticed(tmp_path, cache, monkeypatch):
    opened, decode = [], folders._decoded
    monkeypatch.setattr(folders, "_decoded", lambda path, **k: opened.append(path.name) or decode(path, **k))
    for name in ("a", "b"):
        plain("red").save(tmp_path / f"{name}.png", compress_level=0)
    first, again = folder(tmp_path, 8), folder(tmp_path, 8)
    assert sorted(opened) == ["a.png", "b.png"]
    assert torch.equal(first.pixels, again.pixels)
    assert folder(tmp_path, 8, fit=folders.pad, background="blue").digest != first.digest
    size = (tmp_path / "b.png").stat().st_size
    plain("blue").save(tmp_path / "b.png", compress_level=0)
    os.utime(tmp_path / "b.png", (1, 1))
    assert (tmp_path / "b.png").stat().st_size == size
    now = folder(tmp_path, 8)
    assert shades(now.pixels[1])[0][0] == [0, 0, 255]
    assert shades(first.pixels[1])[0][0] == [255, 0, 0]
    assert now.digest != first.digest
    assert len(list(cache.iterdir())) == 2  # cropped and padded, each as the folder is now or was last asked
    now.kept.write_bytes(now.kept.read_bytes()[:-30])
    assert torch.equal(folder(tmp_path, 8).pixels, now.pixels)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_files(tmp_path):
    """3,000 pictures of 64x64 are 37 MB: neither reading nor training on them holds an eighth of it."""
    for k in range(20):
        plain((k, 2 * k, 3 * k)).save(tmp_path / f"{k}.png")
    (tmp_path / "many").mkdir()
    for k in range(3000):
        os.link(tmp_path / f"{k % 20}.png", tmp_path / "many" / f"{k:04d}.png")
    tracemalloc.start()
    try:
        own = folder(tmp_path / "many", 64)
        feed = own.batches(64, seed=1)
        for _ in range(100):
            batch = next(feed)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert own.pixels.nbytes == 3000 * 3 * 64 * 64
    assert batch.x0.shape == (64, 3, 64, 64)
    assert peak < own.pixels.nbytes / 8


@pytest.fixture
def stripes(tmp_path):
    """Twenty pictures in two subfolders, each brighter on the left."""
    root = tmp_path / "stripes"
    for k in range(20):
        place = root / "ab"[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = np.full((8, 8, 3), k, np.uint8)
        pixels[:, :4] += 100
        Image.fromarray(pixels).save(place / f"{k:02d}.png")
    return root


def test_batches_are_the_same_for_a_seed_and_go_on_from_any_number(stripes):
    own = folder(stripes, 8, flip=True)
    feed = own.batches(7, seed=3)
    first = [next(feed) for _ in range(9)]
    late = own.batches(7, seed=3, seen=35)
    for batch in first[5:]:
        same = next(late)
        assert torch.equal(batch.x0, same.x0)
        assert torch.equal(batch.y, same.y)
    x0 = torch.cat([batch.x0 for batch in first])
    bytes_ = ((x0 + 1) * 127.5).round()
    left, right = bytes_[:, 0, 0, 0], bytes_[:, 0, 0, -1]
    assert ((left - right).abs() == 100).all()
    assert 15 < int((left > right).sum()) < 48  # about half of 63 are mirrored
    assert len((left > right).reshape(9, 7).unique(dim=0)) > 1  # other ones in each batch
    number = torch.minimum(left, right).long()
    assert (number % 2 == torch.cat([batch.y for batch in first])).all()
    assert sorted(number[:20].tolist()) == list(range(20))  # a round holds every picture once
    assert number[:20].tolist() != number[20:40].tolist()
    kept = folder(stripes, 8)
    assert (next(kept.batches(20)).x0[:, 0, 0, 0] > next(kept.batches(20)).x0[:, 0, 0, -1]).all()
    assert torch.allclose(kept.images, kept.pixels / 127.5 - 1)


def model(seed=0, classes=2):
    torch.manual_seed(seed)
    return Denoiser(UNet(3, width=8, classes=classes), cosine(50), V(), clip=1.0)


@pytest.mark.slow
def test_training_takes_a_folder_and_goes_on_where_it_stopped(stripes):
    own, whole, cut = folder(stripes, 8, flip=True), model(), model()
    for _ in train(whole, own, images=210, batch=7, seed=5):
        pass
    for step in train(cut, own, images=210, batch=7, seed=5):
        if step.images >= 70:
            break
    save = step.run.tensors()
    again = model(1)
    other = dataclasses.replace(own, digest="21 pictures")
    with pytest.raises(ValueError, match=r"x0 20 pictures of 3x8x8 \(\w+\), not 21 pictures"):
        train(again, other, images=210, batch=7, seed=5, resume=save)
    for _ in train(again, own, images=210, batch=7, seed=5, resume=save):
        pass
    for a, b in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_folder_with_labels_needs_a_network_with_as_many(stripes):
    own = folder(stripes, 8)
    with pytest.raises(ValueError, match="without classes"):
        train(model(classes=None), own, images=64)
    with pytest.raises(ValueError, match=r"labels reach 1, but the network was made for 0\.\.0"):
        train(model(classes=1), own, images=64)
    for step in train(model(classes=None), dataclasses.replace(own, labels=None), images=64):
        assert step.images == 64


@pytest.mark.slow
def test_a_run_on_a_folder_goes_on_bit_for_bit_and_only_on_the_same_pictures(
    stripes, tmp_path, capsys, monkeypatch
):
    wish = [
        "train",
        "--data",
        str(stripes),
        "--images",
        "64",
        "--batch",
        "16",
        "--size",
        "8",
        "--flip",
        "--out",
    ]
    assert main([*wish, str(tmp_path / "whole")]) == 0
    save_run = checkpoints.save_run

    def cut(*args, **card):
        save_run(*args, **card)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save_run", cut)
    assert main([*wish, str(tmp_path / "cut"), "--save-every", "32"]) == 130
    monkeypatch.undo()
    again = [*wish, str(tmp_path / "cut"), "--resume"]
    capsys.readouterr()
    assert main([*again[:9], *again[10:]]) == 2  # without --flip
    assert "made with another flip" in capsys.readouterr().err
    plain("green").save(stripes / "a" / "new.png")
    assert main(again) == 2
    assert "made with another pictures" in capsys.readouterr().err
    (stripes / "a" / "new.png").unlink()
    assert main(again) == 0
    assert "resumed at 32 images" in capsys.readouterr().out
    a, b = (checkpoints.read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert main(again) == 0
    assert "finished already" in capsys.readouterr().out


def test_training_on_a_folder_starts_from_a_network_and_takes_its_size(stripes, tmp_path, capsys):
    wish = ["train", "--data", str(stripes), "--images", "16", "--batch", "16", "--out"]
    assert main([*wish, str(tmp_path / "grey"), "--grey", "--size", "16"]) == 0
    assert main([*wish, str(tmp_path / "more"), "--from", str(tmp_path / "grey")]) == 0
    assert checkpoints.card(tmp_path / "more" / "model.safetensors")["shape"] == [1, 16, 16]
