import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from ddpm_core import checkpoints, data, pictures
from ddpm_core.__main__ import main


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A folder with a model that was trained for a few steps."""
    out = tmp_path_factory.mktemp("runs") / "digits é"
    assert main(["train", "--data", "digits", "--images", "256", "--seed", "1", "--out", str(out)]) == 0
    assert [p.name for p in out.iterdir()] == ["model.safetensors"]
    return out


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_from_its_last_save(tmp_path, capsys, monkeypatch):
    from ddpm_core.commands import train as cli

    wish = ["train", "--images", "640", "--seed", "2", "--save-every", "128", "--resume", "--out"]
    assert main([*wish, str(tmp_path / "whole")]) == 0
    assert "resumed" not in capsys.readouterr().out
    write = checkpoints.write_tensors

    def killed(path, tensors, config):
        write(path, tensors, config)
        if int(tensors.get("counts", [0])[0]) >= 384:
            raise KeyboardInterrupt

    monkeypatch.setattr(cli.checkpoints, "write_tensors", killed)
    assert main([*wish, str(tmp_path / "cut")]) == 130
    monkeypatch.undo()
    assert main([*wish, str(tmp_path / "cut"), "--seed", "3"]) == 2
    assert "made with another seed" in capsys.readouterr().err
    assert main([*wish, str(tmp_path / "cut"), "--from", str(tmp_path / "whole")]) == 2
    assert "made with another from" in capsys.readouterr().err
    assert main([*wish, str(tmp_path / "cut")]) == 0
    assert "resumed at 384 images" in capsys.readouterr().out
    a, b = (checkpoints.read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert [p.name for p in (tmp_path / "cut").iterdir()] == ["model.safetensors"]


@pytest.mark.parametrize(
    "card",
    [
        {},
        {"shape": "8x8"},
        {"shape": [1, 8, 10**9]},
        {"shape": [1, 8, 8], "data": "x"},
        {"shape": [3, 8, 8], "data": "digits"},
    ],
)
def test_a_stranger_s_card_is_not_believed(card, tmp_path, capsys):
    from ddpm_core import Denoiser, Eps, UNet, checkpoints, cosine

    checkpoints.save(Denoiser(UNet(width=8), cosine(20), Eps()), tmp_path / "model.safetensors", **card)
    for command in ("sample", "evaluate"):
        out = ["--out", str(tmp_path / "a.npz")] if command == "sample" else []
        assert main([command, "--from", str(tmp_path), *out]) == 2
        assert re.search(
            "makes sense of the pictures|its card says 3|how large its pictures are", capsys.readouterr().err
        )


def test_training_can_start_from_other_weights(run, tmp_path, capsys):

    wish = ["train", "--images", "64", "--lr", "1e-9", "--from"]
    assert main([*wish, str(run), "--out", str(tmp_path / "more")]) == 0
    old, new = (checkpoints.load(folder / "model.safetensors") for folder in (run, tmp_path / "more"))
    for a, b in zip(old.parameters(), new.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)
    assert checkpoints.card(tmp_path / "more" / "model.safetensors")["from"] == str(run)
    assert main([*wish, "mnist", "--out", str(tmp_path / "other")]) == 2
    assert "was trained on pictures of [1, 28, 28], these are [1, 8, 8]" in capsys.readouterr().err


def test_training_goes_on_with_the_network_that_it_starts_from(tmp_path):
    from ddpm_core import Denoiser, UNet, V, checkpoints, linear

    own = Denoiser(UNet(width=8, blocks=2), linear(20, 1e-3, 0.5), V(), clip=2.0)
    checkpoints.save(own, tmp_path / "own" / "model.safetensors", data="digits", shape=[1, 8, 8])
    wish = ["--from", str(tmp_path / "own"), "--out", str(tmp_path / "more")]
    assert main(["train", "--images", "64", "--lr", "1e-9", *wish]) == 0
    more = checkpoints.load(tmp_path / "more" / "model.safetensors")
    assert (more.net.config, more.schedule, more.clip) == (own.net.config, own.schedule, 2.0)
    assert type(more.prediction) is V


def test_labels_that_few_neighbours_share_are_withheld(tmp_path, capsys, monkeypatch):
    from ddpm_core import Denoiser, UNet, V, checkpoints, cosine, data, train
    from ddpm_core.commands import train as cli

    x = torch.tensor([-0.9] * 15 + [0.9] * 15)[:, None, None, None] * torch.ones(1, 8, 8)
    y = torch.tensor([0] * 15 + [1] * 15)
    y[4], told = 1, []
    few = data.Dataset(x + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0)), y, 17)
    monkeypatch.setitem(cli.RECIPES, "digits", cli.RECIPES["digits"]._replace(read=lambda: (few, few)))
    monkeypatch.setattr(cli, "train", lambda d, x, y, **k: told.append(x.labels) or train(d, x, y, **k))
    own = Denoiser(UNet(width=8, classes=2), cosine(), V(), clip=1.0)
    checkpoints.save(own, tmp_path / "own" / "model.safetensors", data="digits", shape=[1, 8, 8])
    wish = ["train", "--images", "64", "--agree", "0.5", "--out", str(tmp_path / "more")]
    assert main([*wish, "--from", str(tmp_path / "own")]) == 0
    assert "1 of 30 labels withheld" in capsys.readouterr().out
    assert (told[0] == torch.where(torch.arange(30) == 4, -1, y)).all()
    assert checkpoints.card(tmp_path / "more" / "model.safetensors")["agree"] == 0.5
    assert main([*wish[:-1], str(tmp_path / "else")]) == 2
    assert "--agree: this network is trained without labels" in capsys.readouterr().err
    assert main([*wish[:-1], str(tmp_path / "else"), "--drop", "1.5"]) == 2
    assert "--drop must lie in [0, 1], got 1.5" in capsys.readouterr().err


def test_no_label_stands_for_all_data_alike_when_some_labels_are_withheld():
    """Each picture is shown without its label in the share `drop` of the rounds, doubted or not."""
    from ddpm_core.commands.withheld import Thinned

    n, drop, seed = 200, 0.2, 3
    x = torch.arange(n).float().reshape(n, 1, 1, 1)
    y = torch.arange(n) % 10
    y[::4] = -1  # a quarter of them
    data, rounds = Thinned(x, y, drop, flip=False), 100
    a_round = 150 + round(drop * 50)
    seen, bare = torch.zeros(n), torch.zeros(n)
    g, batches = torch.Generator().manual_seed(0), data.batches(32, seed, 0)
    for _ in range(rounds * a_round // 32):
        x0, labels, _ = next(batches)
        at = x0.flatten().long()
        assert (labels == y[at]).all()
        dropped = (torch.rand(len(at), generator=g) < drop) | (labels < 0)  # as `train` drops
        seen.index_add_(0, at, torch.ones(len(at)))
        bare.index_add_(0, at, dropped.float())
    assert (seen[y >= 0] - rounds).abs().max() <= 1
    assert (seen[y < 0] - drop * rounds).abs().max() <= 1  # all in turn, none left out
    assert bare[y < 0].mean().item() == pytest.approx(bare[y >= 0].mean().item(), rel=0.03)
    again, later = data.batches(32, seed, 64), data.batches(32, seed, 0)
    next(later), next(later)
    for _ in range(12):  # across the end of a round
        for one, other in zip(next(again)[:2], next(later)[:2], strict=True):
            torch.testing.assert_close(one, other)


def test_what_an_error_in_x0_may_count_reaches_training_and_the_card(tmp_path, capsys, monkeypatch):
    from ddpm_core import checkpoints, train
    from ddpm_core.commands import train as cli

    told, out = [], tmp_path / "weighed"
    monkeypatch.setattr(cli, "train", lambda *a, **k: told.append(k["extras"].min_snr) or train(*a, **k))
    wish = ["train", "--images", "64", "--out", str(out)]
    assert main([*wish, "--min-snr", "5"]) == 0
    assert told == [5.0]
    assert checkpoints.card(out / "model.safetensors")["min_snr"] == 5.0
    assert main([*wish, "--min-snr", "5", "--resume"]) == 0
    assert "finished already" in capsys.readouterr().out
    for other in (["--min-snr", "4"], []):
        assert main([*wish, *other, "--resume"]) == 2
        assert "would be written over" in capsys.readouterr().err


def test_a_model_that_is_there_is_not_written_over(run, tmp_path, capsys):
    before = (run / "model.safetensors").read_bytes()
    wish = ["train", "--seed", "1", "--out", str(run), "--images"]

    other = tmp_path / "other" / "model.safetensors"
    checkpoints.save(
        checkpoints.load(run / "model.safetensors"),
        other,
        **{**checkpoints.card(run / "model.safetensors"), "from": "digits"},
    )
    assert main(["train", "--seed", "1", "--images", "256", "--resume", "--out", str(other.parent)]) == 2
    assert "would be written over" in capsys.readouterr().err
    assert main([*wish, "256"]) == 2
    assert "would be written over; move it away" in capsys.readouterr().err
    assert main([*wish, "512", "--resume"]) == 2
    assert "would be written over" in capsys.readouterr().err
    assert main([*wish, "256", "--resume"]) == 0
    assert "finished already" in capsys.readouterr().out
    assert (run / "model.safetensors").read_bytes() == before
    (tmp_path / "file").touch()
    assert main(["train", "--images", "64", "--out", str(tmp_path / "file")]) == 2
    assert "can't be a folder: a file of that name is there" in capsys.readouterr().err


def test_a_save_is_neither_written_over_nor_deleted_by_a_run_that_does_not_resume_it(tmp_path, capsys):
    save = tmp_path / "run.safetensors"
    save.write_bytes(b"hours")
    assert main(["train", "--images", "64", "--save-every", "64", "--out", str(tmp_path)]) == 2
    assert "go on with --resume, or move it away" in capsys.readouterr().err
    assert save.read_bytes() == b"hours"


def images(path):
    with np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def test_samples_are_pictures_and_the_seed_fixes_them(run, tmp_path):
    outs = []
    for k, seed in enumerate(("5", "5", "6")):
        out = tmp_path / f"{k}.npz"
        args = ["sample", "--from", str(run), "--n", "7", "--steps", "4", "--seed", seed, "--out", str(out)]
        assert main([*args, "--batch", "3"]) == 0
        outs.append(images(out)["images"])
    assert outs[0].shape == (7, 1, 8, 8)
    assert outs[0].dtype == np.float32
    assert np.abs(outs[0]).max() <= 1
    assert (outs[0] == outs[1]).all()
    assert not (outs[0] == outs[2]).all()


def test_a_picture_depends_on_its_seed_and_number_not_on_how_many_are_made_at_once(run, tmp_path):
    made = []
    for n, batch in ((4, 500), (8, 500), (8, 3)):
        out = tmp_path / f"{n}-{batch}.npz"
        args = ["sample", "--from", str(run), "--n", str(n), "--batch", str(batch), "--steps", "4"]
        assert main([*args, "--seed", "5", "--out", str(out)]) == 0
        made.append(images(out)["images"])
    four, eight, threes = made
    assert np.allclose(four, eight[:4], atol=1e-5)
    assert np.allclose(eight, threes, atol=1e-5)
    assert not np.allclose(eight[0], eight[1], atol=0.1)


def test_what_ships_can_be_sampled_by_name(tmp_path):
    assert (
        main(["sample", "--from", "digits", "--n", "2", "--steps", "2", "--out", str(tmp_path / "a.npz")])
        == 0
    )
    assert list(images(tmp_path / "a.npz")) == ["images"]


@pytest.mark.slow
def test_a_module_run_as_a_command(run, tmp_path):
    command = [sys.executable, "-m", "ddpm_core", "sample", "--from", str(run / "model.safetensors")]
    command += ["--n", "2", "--steps", "2", "--out", str(tmp_path / "x.npz"), "--device", "cpu"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "x.npz" in done.stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ("sample --from nowhere --out {tmp}/a.npz", "no denoiser called 'nowhere'"),
        ("sample --from {tmp} --out {tmp}/a.npz", "missing"),
        ("sample --from digits --n 0 --out {tmp}/a.npz", "--n must be at least 1, got 0"),
        ("sample --from digits --steps 1001 --out {tmp}/a.npz", "steps must be in 1..1000, got 1001"),
        ("sample --from digits --labels balanced --out {tmp}/a.npz", "without labels"),
        ("sample --from digits --seed -1 --out {tmp}/a.npz", "seed must be at least 0"),
        (
            "sample --from digits --seed 99999999999999999999999 --out {tmp}/a.npz",
            "--seed must be in 0..9223",
        ),
        ("train --seed 99999999999999999999999 --out {tmp}/r", "--seed must be in 0..4398046511104"),
        ("evaluate --from digits --seed 99999999999999999999999", "--seed must be in 0..9223"),
        ("evaluate --from {tmp}/run.safetensors", "run.safetensors is missing"),
        ("sample --from digits --labels 3 --guidance nan --out {tmp}/a.npz", "--guidance must lie"),
        ("sample --from digits --out {tmp}/a.safetensors", "name it .png for a grid"),
        ("sample --from digits --out {tmp}/notes.txt", "name it .png for a grid"),
        ("sample --from digits --out {tmp}/old.npz", "old.npz would be written over; move it away"),
        ("train --ema 1 --out {tmp}/r", "ema must lie in [0, 1), got 1.0"),
        ("sample --from digits --batch 0 --out {tmp}/a.npz", "--batch must be at least 1"),
        ("sample --from digits --out {tmp}", "is a folder"),
        ("train --images 0 --out {tmp}/r", "images must be at least 1, got 0"),
        ("train --batch 0 --out {tmp}/r", "batch must be at least 1, got 0"),
        ("train --lr -1 --out {tmp}/r", "lr must lie strictly between 0"),
        ("train --ema 1 --out {tmp}/r", "ema must lie"),
        ("train --min-snr 0 --out {tmp}/r", "min_snr must lie strictly between 0"),
        ("train --agree 1.5 --out {tmp}/r", "--agree must lie in [0, 1], got 1.5"),
        ("train --data mnist --out {tmp}/r", "DDPM_DATA"),
        ("train --out {tmp}/file/r", "file"),
    ],
)
def test_bad_wishes_end_at_once_with_one_line(args, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("DDPM_DATA", str(tmp_path / "empty"))
    for name in ("file", "notes.txt", "old.npz"):
        (tmp_path / name).write_text(name)
    assert main(args.format(tmp=tmp_path).split()) == 2
    err = capsys.readouterr().err.strip()
    assert err.startswith("error: ")
    assert message in err
    assert "\n" not in err
    assert all((tmp_path / name).read_text() == name for name in ("file", "notes.txt", "old.npz"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_named(tmp_path, capsys):
    assert main(["train", "--device", "cuda", "--out", str(tmp_path)]) == 2
    assert "no such device" in capsys.readouterr().err


def test_labels(tmp_path):
    from ddpm_core import Denoiser, Eps, UNet, checkpoints, cosine

    net = Denoiser(UNet(width=8, classes=10), cosine(20), Eps(), clip=1.0)
    checkpoints.save(net, tmp_path / "model.safetensors", shape=[1, 8, 8])
    for wish, labels in (("balanced", [*range(10), 0, 1]), ("7", [7] * 12)):
        args = ["sample", "--from", str(tmp_path), "--n", "12", "--steps", "2", "--labels", wish]
        out = tmp_path / f"{wish}.npz"
        assert main([*args, "--out", str(out)]) == 0
        assert images(out)["labels"].tolist() == labels
    assert main([*args[:-1], "10", "--out", str(tmp_path / "a.npz")]) == 2


def test_guidance_is_none_at_1_and_needs_a_label(tmp_path, capsys):
    from ddpm_core import Denoiser, Eps, UNet, checkpoints, cosine

    torch.manual_seed(0)
    net = UNet(width=8, classes=10)
    for weights in net.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    model = Denoiser(net, cosine(20), Eps(), clip=1.0)
    checkpoints.save(model, tmp_path / "model.safetensors", shape=[1, 8, 8])
    args = ["sample", "--from", str(tmp_path), "--n", "4", "--steps", "3", "--out", str(tmp_path / "a.npz")]
    three, made = "--labels 3", []
    for wish in (three, f"{three} --guidance 1", f"{three} --guidance 4", f"{three} --guidance 0", ""):
        assert main([*args, *wish.split()]) == 0
        made.append(images(tmp_path / "a.npz")["images"])
        (tmp_path / "a.npz").unlink()
    plain, one, four, nought, unlabelled = made
    assert (plain == one).all()
    assert not np.allclose(plain, four)
    assert np.allclose(nought, unlabelled, atol=1e-5)
    assert main([*args, "--guidance", "2"]) == 2
    assert "give --labels or --words too" in capsys.readouterr().err
    assert main([*args, "--labels", "3", "--guidance", "nan"]) == 2
    assert "--guidance must lie" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate_calibrates_on_training_pictures_alone(run, capsys, monkeypatch):
    """Calibration never sees the test pictures, and the printed bound is the calibrated one."""
    from ddpm_core import digits, elbo
    from ddpm_core.commands import evaluate as cli
    from ddpm_core.study import calibrated

    seen = []

    class Watched(calibrated.Calibrated):
        def __init__(self, denoiser, x0, times, generator):
            seen.append(x0)
            super().__init__(denoiser, x0, times, generator)

    def total(reverse):
        monkeypatch.setattr(cli.calibrated, "Calibrated", reverse)
        assert main(["evaluate", "--from", "digits", "--n", "40", "--steps", "8"]) == 0
        return float(capsys.readouterr().out.splitlines()[-1][18:].split("±")[0])

    told, paper = total(Watched), total(lambda *args: elbo.posterior_beta)
    train = {x.numpy().tobytes() for x in digits()[0].images}
    assert len(seen[0]) == 500
    assert {x.numpy().tobytes() for x in seen[0]} <= train
    assert told < paper


def test_evaluate_prints_the_bound_by_term(run, capsys):
    assert main(["evaluate", "--from", str(run), "--n", "3", "--steps", "5", "--seed", "2"]) == 0
    head, how, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("3 test pictures of digits, times 1000 ..")
    assert "in 5 steps" in head
    assert "calibrated on 500 training pictures" in how
    value = {row[:18].strip(): [float(x) for x in row[18:].split("±")] for row in rows}
    parts = [value[name][0] for name in ("L_T, the prior", "L_t, the steps", "L_0, the decoder")]
    assert sum(parts) == pytest.approx(value["all"][0], abs=2e-4)
    assert all(error >= 0 for _, error in value.values())
    assert main(["evaluate", "--from", "nothing"]) == 2
    assert "no denoiser called 'nothing'" in capsys.readouterr().err
    assert main(["evaluate", "--from", str(run), "--steps", "5000"]) == 2
    assert "steps must be in 1.." in capsys.readouterr().err


@pytest.mark.slow
def test_ctrl_c_keeps_the_run_which_can_be_sampled_from_and_goes_on(tmp_path, capsys, monkeypatch):
    """The signal comes in the middle of a step, which is finished."""
    import os
    import signal

    from ddpm_core import Denoiser, checkpoints

    errors, calls, out = Denoiser.errors, [], tmp_path / "cut"

    def interrupted(self, *args):
        calls.append(1)
        if len(calls) == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return errors(self, *args)

    wish = ["train", "--images", "640", "--seed", "2", "--clip-grad", "2", "--out"]
    monkeypatch.setattr(Denoiser, "errors", interrupted)
    assert main([*wish, str(out)]) == 130
    monkeypatch.undo()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said == f"stopped at 256 images, which {out / 'run.safetensors'} holds; go on with --resume"
    for source in (out, out / "run.safetensors"):
        to = tmp_path / f"{source.name}.npz"
        assert main(["sample", "--from", str(source), "--n", "2", "--steps", "2", "--out", str(to)]) == 0
        assert images(to)["images"].shape == (2, 1, 8, 8)
    assert main([*wish, str(out), "--resume"]) == 0
    assert "resumed at 256 images" in capsys.readouterr().out
    assert main([*wish, str(tmp_path / "whole")]) == 0
    a, b = (checkpoints.read_tensors(p / "model.safetensors")[0] for p in (tmp_path / "whole", out))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert checkpoints.card(out / "model.safetensors")["clip_grad"] == 2.0


def test_a_run_is_made_longer_on_purpose(tmp_path, capsys, monkeypatch):
    from ddpm_core.commands import train as cli

    def cut(*args, **card):
        save_run(*args, **card)
        raise KeyboardInterrupt

    save_run, wish = checkpoints.save_run, ["train", "--seed", "2", "--out", str(tmp_path), "--images"]
    monkeypatch.setattr(cli.checkpoints, "save_run", cut)
    assert main([*wish, "256", "--save-every", "128"]) == 130
    monkeypatch.undo()
    assert main([*wish, "64", "--resume"]) == 2
    assert "has seen 128 images already, more than images=64" in capsys.readouterr().err
    assert main([*wish, "512", "--resume"]) == 0
    assert checkpoints.card(tmp_path / "model.safetensors")["images"] == 512


def test_a_network_saved_without_a_word_is_sampled_from_or_says_what_is_missing(tmp_path, capsys):
    from ddpm_core import MLP, Denoiser, Eps, UNet, cosine, save

    wish = ["sample", "--n", "2", "--steps", "2", "--out", str(tmp_path / "a.npz"), "--from"]
    save(Denoiser(MLP(3, 16, 1), cosine(20), Eps()), tmp_path / "model.safetensors")
    assert main([*wish, str(tmp_path)]) == 0
    assert images(tmp_path / "a.npz")["images"].shape == (2, 3)
    save(Denoiser(UNet(width=8), cosine(20), Eps()), tmp_path / "model.safetensors")
    (tmp_path / "a.npz").unlink()
    assert main([*wish, str(tmp_path)]) == 2
    assert "how large its pictures are; save them with it: save(denoiser, path, shape=[1, 28, 28])" in (
        capsys.readouterr().err
    )


@pytest.fixture(scope="module")
def latent(tmp_path_factory):
    """A folder of emoji with words, and a run in latents on it, as short as it gets."""
    root = tmp_path_factory.mktemp("latent")
    few = data.emoji()
    for i in range(24):
        pictures.write_grid(root / "in" / f"{i}.png", few.images[i : i + 1])
        (root / "in" / f"{i}.txt").write_text(few.names[i], "utf-8")
    wish = ["train", "--data", str(root / "in"), "--latent", "--minutes", "0.02", "--out", str(root / "out")]
    assert main([*wish, "--preview", "64"]) == 0
    return root, few.names[0]


@pytest.mark.slow
def test_a_folder_with_words_is_trained_in_latents_and_drawn_from(latent, capsys):
    root, name = latent
    card = checkpoints.card(root / "out" / "model.safetensors")
    assert (card["shape"], card["latent_of"]) == ([4, 8, 8], [3, 32, 32])
    assert list((root / "out").glob("preview-*.png"))
    draw = ["sample", "--from", str(root / "out"), "--n", "3", "--steps", "2", "--out"]
    assert main([*draw, str(root / "a.npz"), "--words", name]) == 0
    with np.load(root / "a.npz", allow_pickle=False) as file:
        assert file["images"].shape == (3, 3, 32, 32)
        assert np.abs(file["images"]).max() <= 1
    assert main([*draw, str(root / "b.gif"), "--words", name, "--against", name, "--walk", "2m"]) == 0
    assert main([*draw, str(root / "c.png")]) == 0  # without words, too
    capsys.readouterr()
    assert main([*draw, str(root / "d.png"), "--words", "qqq"]) == 2
    assert "knows no word of 'qqq'" in capsys.readouterr().err
    assert main([*draw, str(root / "e.png"), "--words", f"{name} qqq"]) == 0
    assert "left out" in capsys.readouterr().err


@pytest.mark.parametrize("card", [{"latent_of": 3}, {"latent_of": ["a"]}, {"walk": "moon"}, {"guidance": []}])
def test_a_card_that_says_how_to_draw_is_not_believed_either(card, tmp_path, capsys):
    from ddpm_core import Denoiser, Eps, UNet, cosine

    denoiser = Denoiser(UNet(width=8, words=["red"]), cosine(20), Eps())
    checkpoints.save(denoiser, tmp_path / "model.safetensors", shape=[1, 8, 8], **card)
    wish = ["sample", "--from", str(tmp_path), "--n", "1", "--words", "red", "--out", str(tmp_path / "a.png")]
    assert main(wish) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "a.png").exists()


def test_words_are_for_models_with_words(tmp_path, capsys):
    wish = ["sample", "--from", "digits", "--n", "2", "--steps", "2", "--out", str(tmp_path / "a.png")]
    assert main([*wish, "--words", "three"]) == 2
    assert "trained without words" in capsys.readouterr().err
    assert main([*wish, "--against", "three"]) == 2
    assert "give --words too" in capsys.readouterr().err


@pytest.mark.slow
def test_a_run_in_latents_is_finished_once(latent, capsys):
    root, _ = latent
    wish = ["train", "--data", str(root / "in"), "--latent", "--minutes", "0.02", "--out", str(root / "out")]
    assert main([*wish, "--resume"]) == 0
    assert "finished already" in capsys.readouterr().out
    assert main(wish) == 2
    assert "would be written over" in capsys.readouterr().err


@pytest.mark.slow
def test_a_model_in_latents_is_not_evaluated_on_pictures(latent, capsys):
    assert main(["evaluate", "--from", str(latent[0] / "out"), "--n", "2"]) == 2
    assert "works in latents" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (["--minutes", "1", "--images", "64"], "both say how long"),
        (["--minutes", "0"], "--minutes must lie strictly"),
        (["--latent", "--from", "digits"], "--latent trains from the start"),
        (["--latent", "--agree", "0.5"], "in latents they are words"),
    ],
)
def test_wishes_that_contradict_each_other_are_told(wish, told, tmp_path, capsys):
    assert main(["train", "--out", str(tmp_path / "out"), *wish]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out" / "model.safetensors").exists()


@pytest.mark.slow
def test_an_autoencoder_is_not_written_over(latent, tmp_path, capsys):
    (tmp_path / "autoencoder.safetensors").write_bytes(b"mine")
    assert main(["train", "--data", str(latent[0] / "in"), "--latent", "--out", str(tmp_path)]) == 2
    assert "autoencoder.safetensors would be written over" in capsys.readouterr().err
    assert (tmp_path / "autoencoder.safetensors").read_bytes() == b"mine"


@pytest.mark.slow
def test_pictures_without_a_word_are_trained_in_latents_too(latent, tmp_path, monkeypatch):
    """And mirrored, if that is asked for."""
    from ddpm_core.commands import train as cli

    for name in range(4):
        shutil.copy(latent[0] / "in" / f"{name}.png", tmp_path)
    seen, train = [], cli.train
    monkeypatch.setattr(cli, "train", lambda net, x0, y, **how: seen.append(x0) or train(net, x0, y, **how))
    wish = ["train", "--data", str(tmp_path), "--latent", "--minutes", "0.01", "--flip", "--out"]
    assert main([*wish, str(tmp_path.with_name("out"))]) == 0
    assert seen[-1].means.shape == (4, 2, 4, 8, 8)
    assert next(seen[-1].batches(4, 0, 0)).y is None
    draw = ["sample", "--from", str(tmp_path.with_name("out")), "--n", "2", "--steps", "2", "--out"]
    assert main([*draw, str(tmp_path.with_name("a.png"))]) == 0


@pytest.mark.slow
def test_an_interrupt_of_the_autoencoder_says_what_is_kept(latent, tmp_path, capsys, monkeypatch):
    from ddpm_core.study import latents

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(latents, "fit", stopped)
    assert main(["train", "--data", str(latent[0] / "in"), "--latent", "--out", str(tmp_path / "o")]) == 130
    assert "while the autoencoder was trained, which is not kept" in capsys.readouterr().err
