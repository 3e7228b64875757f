"""Two processes on the CPU, as torchrun starts them, compared with one."""

import itertools
import os
import subprocess
import sys

import pytest
import torch

from ddpm_core import MLP, Denoiser, Eps, checkpoints, cosine, digits, parallel, pictures, train
from ddpm_core.__main__ import main

pytestmark = pytest.mark.slow

WORKER = """
import sys, torch
from ddpm_core import MLP, Denoiser, Eps, cosine, parallel, save, train
with parallel.processes(torch.device("cpu")):
    rank = torch.distributed.get_rank()
    torch.manual_seed(rank)  # the first process's weights are to be everybody's
    denoiser = Denoiser(MLP(2, 16, 1, classes=3), cosine(50), Eps())
    x0 = torch.arange(400.0).view(200, 2) / 400
    rows = [len(step.t) for step in train(denoiser, x0, torch.arange(200) % 3, images=196, batch=65, seed=4)]
    assert rows == ([33, 33, 33, 1] if rank == 0 else [32, 32, 32, 0]), rows
    save(denoiser, f"{sys.argv[1]}/{rank}.safetensors")
"""


TOTALS = """
import torch
from ddpm_core import parallel
with parallel.processes(torch.device("cpu")):
    x = torch.arange(24.0).view(2, 3, 2, 2)
    layouts = {
        "as it comes": x.clone(),
        "channels last": x.clone(memory_format=torch.channels_last),
        "turned": x.mT.contiguous().mT,
        "every other": torch.zeros(2, 3, 2, 4)[..., ::2].copy_(x),
        "one channel": x[:, :1].clone(memory_format=torch.channels_last),
        "none": x[:0].clone(),
        "a number": x[1, 2, 1, 1].clone(),
    }
    right = {name: 3 * t for name, t in layouts.items()}
    for t in layouts.values():
        t *= torch.distributed.get_rank() + 1
    where = {name: (t.data_ptr(), t.stride()) for name, t in layouts.items()}
    parallel.total(list(layouts.values()))
    for name, t in layouts.items():
        assert torch.equal(t, right[name]), (name, t)
        assert where[name] == (t.data_ptr(), t.stride()), name
"""


def test_a_total_is_taken_in_place_however_a_tensor_lies_in_memory(tmp_path):
    (tmp_path / "totals.py").write_text(TOTALS)
    torchrun(str(tmp_path / "totals.py"))


def torchrun(*command):
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", *command]
    done = subprocess.run(run, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def close(a, b):
    assert a.keys() == b.keys()
    for name, one in a.items():
        torch.testing.assert_close(one, b[name], rtol=1e-4, atol=1e-5)


def test_two_processes_take_the_steps_of_one(tmp_path):
    """With uneven shares, and an empty one: the last batch has a single row."""
    (tmp_path / "worker.py").write_text(WORKER)
    torchrun(str(tmp_path / "worker.py"), str(tmp_path))
    first, second = (checkpoints.read_tensors(tmp_path / f"{rank}.safetensors")[0] for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
    torch.manual_seed(0)
    alone = Denoiser(MLP(2, 16, 1, classes=3), cosine(50), Eps())
    x0 = torch.arange(400.0).view(200, 2) / 400
    for _ in train(alone, x0, torch.arange(200) % 3, images=196, batch=65, seed=4):
        pass
    close(dict(alone.net.state_dict(), abar=alone.schedule.abar), first)


def test_a_run_of_one_process_is_resumed_by_two(tmp_path, monkeypatch):
    wish = ["train", "--images", "384", "--seed", "2", "--save-every", "128", "--resume", "--out"]
    assert main([*wish, str(tmp_path / "whole")]) == 0
    write = checkpoints.write_tensors

    def killed(path, tensors, config):
        write(path, tensors, config)
        if int(tensors.get("counts", [0])[0]) >= 256:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "write_tensors", killed)
    assert main([*wish, str(tmp_path / "cut")]) == 130
    told = torchrun("-m", "ddpm_core", *wish, str(tmp_path / "cut"))
    assert told.count("resumed at 256 images") == 1
    assert "2 x cpu" in told
    close(*(checkpoints.read_tensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "cut")))


@pytest.mark.parametrize("n", [0, 1, 7, 64])
@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_every_row_is_somebodys_once(n, world, monkeypatch):
    monkeypatch.setattr(parallel.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(parallel.dist, "get_world_size", lambda: world)
    rows = []
    for rank in range(world):
        monkeypatch.setattr(parallel.dist, "get_rank", lambda rank=rank: rank)
        rows.append(range(n)[parallel.own_slice(n)])
    assert list(itertools.chain(*rows)) == list(range(n))
    sizes = [len(mine) for mine in rows]
    assert max(sizes) - min(sizes) <= 1
    assert sizes[0] == max(sizes), "the first prints the loss: it is never without rows"


def test_two_processes_share_an_autoencoder_and_its_length(tmp_path):
    """Each measures another time, and both must take as many steps: else one would wait for ever."""
    shown = digits()[0].images[:40].repeat(1, 3, 1, 1)
    for k, picture in enumerate(shown):
        pictures.write_grid(tmp_path / "in" / f"{k}.png", picture[None])
    wish = ["train", "--data", str(tmp_path / "in"), "--size", "8", "--latent", "--minutes", "0.05"]
    torchrun("-m", "ddpm_core", *wish, "--batch", "16", "--out", str(tmp_path / "out"))
    assert checkpoints.card(tmp_path / "out" / "model.safetensors")["latent_of"] == [3, 8, 8]
