import hashlib
import json
import random

import pytest
import torch
from endurance import often
from kinds import PREDICTIONS
from oracles import normal
from safetensors.torch import save as plain_safetensors

from ddpm_core import (
    MLP,
    X0,
    Denoiser,
    Eps,
    UNet,
    V,
    checkpoints,
    classifier,
    cosine,
    from_betas,
    linear,
    sample,
)


def model(prediction=None, clip=None, net=None):
    torch.manual_seed(0)
    net = net or UNet(width=8, classes=10)
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.1)
    return Denoiser(net, linear(30, 1e-3, 0.2), prediction or Eps(), clip)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS)
@pytest.mark.parametrize("clip", [None, 1.0])
def test_what_is_loaded_is_what_was_saved(tmp_path, prediction, clip):
    denoiser = model(prediction, clip)
    path = tmp_path / "new folder" / "é.safetensors"
    checkpoints.save(denoiser, path, seed=3, data="digits")
    again = checkpoints.load(path)
    x, t = normal(4, 1, 8, 8, dtype=torch.float32), torch.tensor([1, 7, 20, 30])
    assert torch.equal(again(x, t), denoiser.eval()(x, t))
    assert again.schedule == denoiser.schedule
    assert type(again.prediction) is type(prediction)
    assert not again.training
    assert checkpoints.card(path) == {"seed": 3, "data": "digits"}
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_schedules_of_any_kind_and_an_mlp_come_back(tmp_path):
    for schedule in (cosine(17), from_betas(torch.tensor([0.3, 0.1, 0.7]))):
        denoiser = Denoiser(MLP(3, 8), schedule, X0())
        checkpoints.save(denoiser, tmp_path / "m.safetensors")
        assert checkpoints.load(tmp_path / "m.safetensors").schedule == schedule


def test_a_unet_from_before_there_were_lean_ones_loads_as_it_was(tmp_path):
    denoiser, path = model(net=UNet(width=8, lean=False)), tmp_path / "m.safetensors"
    checkpoints.save(denoiser, path)
    tensors, config = checkpoints.read_tensors(path)
    del config["args"]["lean"]
    checkpoints.write_tensors(path, tensors, config)
    x, t = normal(4, 1, 8, 8, dtype=torch.float32), torch.tensor([1, 7, 20, 30])
    assert torch.equal(checkpoints.load(path)(x, t), denoiser.eval()(x, t))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "model.safetensors"
    checkpoints.save(model(net=UNet(width=8)), path)
    return path.read_bytes()


def test_any_flipped_byte_is_refused(tmp_path, sound, monkeypatch):
    monkeypatch.setattr(checkpoints.safetensors.torch, "load", lambda raw: pytest.fail("a tensor was built"))
    dice, path = random.Random(0), tmp_path / "bad.safetensors"
    header = 8 + int.from_bytes(sound[:8], "little")
    places = [
        *range(12),
        *(dice.randrange(header) for _ in range(300)),
        *(dice.randrange(len(sound)) for _ in range(often(200, 10_000))),
    ]
    for place in places:
        raw = bytearray(sound)
        raw[place] ^= 1 << dice.randrange(8)
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"bad\.safetensors is not what was saved"):
            checkpoints.load(path)


@pytest.mark.parametrize("length", [0, 3, 8, 100, -1000, -1])
def test_a_cut_file_is_refused(tmp_path, sound, length):
    (tmp_path / "cut.safetensors").write_bytes(sound[:length])
    with pytest.raises(ValueError, match="not what was saved"):
        checkpoints.load(tmp_path / "cut.safetensors")


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "theirs.safetensors"
    path.write_bytes(plain_safetensors({"w": torch.zeros(3)}))
    with pytest.raises(ValueError, match="not what was saved"):
        checkpoints.load(path)
    torch.save({"w": torch.zeros(3)}, path)  # a pickle
    with pytest.raises(ValueError, match="not what was saved"):
        checkpoints.load(path)
    path.write_bytes((2).to_bytes(8, "little") + b"[" * 9)
    with pytest.raises(ValueError, match="not what was saved"):
        checkpoints.load(path)
    with pytest.raises(FileNotFoundError, match="missing"):
        checkpoints.load(tmp_path / "none.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"net": "os.system"},
        {"args": {"width": 16}},
        {"args": {"depth": 99}},
        {"prediction": "Oracle"},
        {"args": None},
    ],
    ids=str,
)
def test_a_sound_file_with_a_wrong_configuration_is_named(tmp_path, change):
    path, denoiser = tmp_path / "wrong.safetensors", model(net=UNet(width=8))
    config = {"net": "UNet", "args": denoiser.net.config, "prediction": "Eps", "clip": None, "card": {}}
    tensors = dict(denoiser.net.state_dict(), abar=denoiser.schedule.abar)
    checkpoints.write_tensors(path, tensors, config | change)
    with pytest.raises(ValueError, match=r"wrong\.safetensors holds no denoiser"):
        checkpoints.load(path)
    checkpoints.write_tensors(path, dict(tensors, abar=torch.tensor([1.0, 2.0])), config)
    with pytest.raises(ValueError, match="abar must decrease"):
        checkpoints.load(path)


@pytest.mark.parametrize(
    "config", [[], 1, None, "UNet", {}, {"net": ["UNet"]}, {"net": "MLP", "args": [1]}], ids=str
)
def test_a_configuration_of_any_shape_is_refused_and_so_is_its_card(tmp_path, config):
    path = tmp_path / "odd.safetensors"
    checkpoints.write_tensors(path, {"abar": torch.tensor([1.0, 0.5])}, config)
    with pytest.raises(ValueError, match=r"odd\.safetensors holds no denoiser"):
        checkpoints.load(path)
    with pytest.raises(ValueError, match=r"odd\.safetensors holds no model with a card"):
        checkpoints.card(path)


def test_tensors_that_lie_about_themselves_are_refused_though_the_checksum_is_right(tmp_path):
    lies = [
        {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [2], "data_offsets": [0, 2**40]},
        {"dtype": "X99", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]},
        "tensor",
    ]
    for lie in lies:
        meta = {"config": "{}", "sha256": checkpoints.BLANK}
        head = json.dumps({"__metadata__": meta, "w": lie}).encode()
        raw = len(head).to_bytes(8, "little") + head + bytes(8)
        raw = raw.replace(checkpoints.BLANK.encode(), hashlib.sha256(raw).hexdigest().encode())
        (tmp_path / "lie.safetensors").write_bytes(raw)
        with pytest.raises(ValueError, match="tensors that can't be read"):
            checkpoints.read_tensors(tmp_path / "lie.safetensors")


def test_loading_draws_nothing_and_gives_weights_that_train(tmp_path):
    denoiser = model(net=UNet(width=8))
    checkpoints.save(denoiser.double(), tmp_path / "m.safetensors")
    state = torch.get_rng_state()
    again = checkpoints.load(tmp_path / "m.safetensors")
    classifier("digits")
    assert torch.equal(torch.get_rng_state(), state)
    assert all(p.requires_grad and p.dtype == torch.float32 and p.is_leaf for p in again.parameters())
    again.loss(torch.zeros(2, 1, 8, 8), torch.tensor([3]), torch.zeros(2, 1, 8, 8)).sum().backward()
    assert all(p.grad is not None for p in again.parameters())


def test_only_nets_that_can_be_built_again_are_saved(tmp_path):
    with pytest.raises(TypeError, match="UNet and MLP"):
        checkpoints.save(Denoiser(torch.nn.Linear(2, 2), linear(9), Eps()), tmp_path / "x")
    for wrong in (model(net=type("MLP", (MLP,), {})()), model(type("Eps", (V,), {})())):  # by name alone
        with pytest.raises(TypeError, match="of another kind"):
            checkpoints.save(wrong, tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_card_may_say_anything(tmp_path):
    for n in range(10):
        told = {"commit": "0" * 64, "note": f'"sha256":"{n:064}"'}
        checkpoints.save(model(net=MLP(2, 8, 1)), tmp_path / "m", **told)
        assert checkpoints.card(tmp_path / "m") == told


def test_what_ships_is_named_and_loads():
    denoiser = checkpoints.pretrained("digits")
    assert denoiser(torch.zeros(2, 1, 8, 8), 500).shape == (2, 1, 8, 8)
    with pytest.raises(ValueError, match=r"no denoiser called 'cats'.*digits"):
        checkpoints.pretrained("cats")
    assert json.dumps(checkpoints.card(checkpoints.shipped("digits")))


@pytest.mark.slow
def test_the_mnist_weights_write_the_digit_that_is_asked_for():
    """Forty digits sampled in 25 steps, and a classifier that is right about 99.5 % of real ones."""
    denoiser, judge = checkpoints.pretrained("mnist"), classifier("mnist")
    labels = torch.arange(40) % 10
    g = torch.Generator().manual_seed(0)
    x_T = torch.randn(40, 1, 28, 28, generator=g)
    *_, last = sample(denoiser.given(labels), x_T, denoiser.schedule.times(25), generator=g)
    assert (judge.classes(last.xt) == labels).double().mean() >= 0.85
    assert last.xt.abs().max() < 1.2
