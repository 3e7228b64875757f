import gzip
import hashlib
import struct
from collections import Counter
from pathlib import Path

import pytest
import torch

from ddpm_core import data, digits, mnist
from ddpm_core.data import LARGEST, MNIST, from_bytes, to_bytes

REAL = Path(__file__).parents[3] / "shared" / "data" / "mnist"


def idx(*shape: int, fill: bytes = b"") -> bytes:
    body = fill or bytes(i % 251 for i in range(torch.Size(shape).numel()))
    return b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + body


def test_digits_are_what_the_card_says():
    train, test = digits()
    assert train.images.shape == (1437, 1, 8, 8)
    assert test.images.shape == (360, 1, 8, 8)
    assert train.labels.shape == (1437,)
    assert (train.images.min(), train.images.max()) == (-1, 1)
    assert train.images.unique().numel() == train.levels == 17
    assert set(train.labels.tolist()) == set(test.labels.tolist()) == set(range(10))
    assert torch.cat([train.labels, test.labels]).bincount().tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip


def test_the_split_is_the_one_drawn_with_seed_0():
    import numpy as np

    with np.load(Path(__file__).parents[2] / "data" / "digits.npz", allow_pickle=False) as file:
        order = torch.randperm(1797, generator=torch.Generator().manual_seed(0))
        assert torch.equal(torch.from_numpy(file["train"]).long(), order[:1437])
        assert torch.equal(torch.from_numpy(file["test"]).long(), order[1437:])


@pytest.mark.parametrize("levels", [2, 17, 256])
def test_bytes_and_pixels_are_one_to_one(levels):
    grey = torch.arange(levels, dtype=torch.uint8)
    assert torch.equal(to_bytes(from_bytes(grey, levels), levels), grey)
    assert from_bytes(grey, levels).aminmax() == (-1, 1)
    assert to_bytes(torch.tensor([-3.0, 3.0]), levels).tolist() == [0, levels - 1]


def test_a_byte_holds_no_more_than_256_levels():
    with pytest.raises(ValueError, match="2 to 256"):
        to_bytes(torch.ones(1), 1000)


@pytest.mark.parametrize(
    ("grey", "levels", "told"),
    [
        (torch.rand(4, 1, 8, 8), 256, "whole numbers"),
        (torch.arange(256), 17, r"in 0\.\.16, got 0\.\.255"),
        (torch.tensor([-1, 3]), 17, r"got -1\.\.3"),
        (torch.tensor([0, float("nan")]), 17, "grey levels must lie"),
    ],
)
def test_what_is_no_grey_level_is_refused(grey, levels, told):
    with pytest.raises(ValueError, match=told):
        from_bytes(grey, levels)
    assert from_bytes(torch.zeros(0)).shape == (0,)
    assert torch.equal(from_bytes(torch.tensor([0.0, 16.0]), 17), torch.tensor([-1.0, 1.0]))


IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def small_mnist(tmp_path, monkeypatch):
    for part, n in (("train", 5), ("t10k", 3)):
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(n, 28, 28)))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(n, fill=bytes(range(n)))))
    monkeypatch.setenv("DDPM_DATA", str(tmp_path))
    return tmp_path


def test_mnist_is_read_from_the_folder_that_DDPM_DATA_names(small_mnist):
    train, test = mnist()
    assert train.images.shape == (5, 1, 28, 28)
    assert test.labels.tolist() == [0, 1, 2]
    assert train.images[0, 0, 0, 1] == pytest.approx(1 / 127.5 - 1)
    packed = small_mnist / IMAGES
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()  # uncompressed files work as well, also in a subfolder
    (small_mnist / "mnist").mkdir()
    packed.with_suffix("").rename(small_mnist / "mnist" / packed.stem)
    assert torch.equal(mnist()[0].images, train.images)


def test_a_folder_without_the_data_says_what_to_put_there(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"train-images-idx3-ubyte\.gz.*unset DDPM_DATA"):
        mnist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>Sign in to the school's network</html>", "Not a gzipped file"),
        (gzip.compress(b"<html></html>" * 9), "no idx file"),
        (gzip.compress(idx(5, 28, 28))[:-20], "file ended before"),
        (gzip.compress(idx(5, 28, 28)[:-1]), r"announces \(5, 28, 28\) and holds 3919 entries"),
        (gzip.compress(idx(4, 28, 28)), "do not belong together"),
        (gzip.compress(idx(5, 28, 28) + bytes(2 * LARGEST)), f"holds {LARGEST - 16} entries"),
        (b"", "no idx file"),
    ],
    ids=["html", "zipped html", "cut gzip", "cut array", "other count", "bomb", "empty"],
)
def test_damaged_files_are_named(small_mnist, content, message):
    (small_mnist / IMAGES).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        mnist()


@pytest.mark.skipif(not REAL.is_dir(), reason="the real MNIST files are not beside this checkout")
def test_the_real_mnist(monkeypatch):
    monkeypatch.setenv("DDPM_DATA", str(REAL))
    train, test = mnist()
    assert train.images.shape == (60_000, 1, 28, 28)
    assert test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    sums = {hashlib.sha256(path.read_bytes()).hexdigest() for path in REAL.glob("*.gz")}
    assert len(sums & set(MNIST.values())) >= 3  # there the training images were compressed again


def test_of_a_folder_of_one_s_own_no_download_is_promised(tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_DATA", str(tmp_path))
    for name in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"):
        (tmp_path / name).write_bytes(b"not an idx file")
    with pytest.raises(ValueError, match=r"put a good copy there$"):
        mnist()


def test_emoji_are_pictures_with_words():
    all_of_them = data.emoji()
    n = len(all_of_them.names)
    assert all_of_them.images.shape == (n, 3, 32, 32)
    assert all_of_them.images.abs().max() == 1
    assert len(all_of_them.styles) == len(all_of_them.tints) == len(all_of_them.held) == n
    assert set(all_of_them.styles) == {"fluent", "noto", "twemoji"}
    pairs = set(zip(all_of_them.names, all_of_them.styles, strict=True))
    assert len(pairs) == n  # each name once a style, and in two styles at least
    assert min(Counter(all_of_them.names).values()) >= 2


def test_compositions_are_held_out_in_all_styles_though_both_words_are_known():
    emoji = data.emoji()
    known, held = emoji.where(~emoji.held), emoji.where(emoji.held)
    assert set(held.names) == set(data.COMPOSITIONS)
    assert len(held.names) == 24
    words = {word for name in known.names for word in name.split()}
    for pair in data.COMPOSITIONS:
        assert set(pair.split()) <= words
        for texts in known.captions:
            assert not any(set(pair.split()) <= set(text.split()) for text in texts)


def test_a_tint_is_the_colour_that_one_sees():
    emoji = data.emoji()
    mean = ((emoji.images + 1) / 2).mean((2, 3))
    for word, channel in (("red", 0), ("green", 1), ("blue", 2)):
        rows = torch.tensor([tint == word for tint in emoji.tints])
        assert (mean[rows].argmax(1) == channel).float().mean() > 0.9
    named = [
        (n.split()[0], t)
        for n, t in zip(emoji.names, emoji.tints, strict=True)
        if n.endswith((" heart", " circle", " square"))
    ]
    named = [
        (word, tint) for word, tint in named if word in ("red", "orange", "yellow", "green", "blue", "purple")
    ]
    assert sum(word == tint for word, tint in named) >= len(named) - 1


def test_names_for_judges_are_a_fifth_whole_names_at_a_time():
    emoji = data.emoji()
    parts = {name: set() for name in emoji.names}
    for name, test in zip(emoji.names, emoji.test.tolist(), strict=True):
        parts[name].add(test)
    assert all(len(part) == 1 for part in parts.values())
    assert 0.18 < emoji.test.float().mean() < 0.24
