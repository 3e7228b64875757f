"""No work is lost if a run is killed, interrupted or suspended, if the disk is full, or if it diverges."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from endurance import interrupted, often, soak_only
from oracles import normal

from ddpm_core import MLP, Denoiser, Eps, checkpoints, cosine, files, train
from ddpm_core.__main__ import main
from ddpm_core.teach.progress import file as progress

posix = pytest.mark.skipif(os.name != "posix", reason="signals and limits are POSIX's")
IMAGES = 640
WISH = ["train", "--images", str(IMAGES), "--seed", "4", "--save-every", "64", "--resume", "--device", "cpu"]


def trainer(out, before="", **more):
    """`python -m ddpm_core train` in a process of its own; `before` is run in it first.

    It handles SIGINT, even if the suite runs in a shell's background, where processes ignore it by default.
    """
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"{before or 'pass'}\nfrom ddpm_core.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *WISH, "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def next_save(run, out):
    """Wait for a new save; False if the run ended first."""
    stamp = lambda: (out / "run.safetensors").stat().st_mtime_ns if (out / "run.safetensors").exists() else 0  # noqa: E731
    before = stamp()
    while run.poll() is None:
        if stamp() > before:
            return True
        time.sleep(0.01)
    return False


def seen(out):
    """Images seen at the last save, 0 if there is none; raises if the save is damaged."""
    save = out / "run.safetensors"
    return int(checkpoints.read_tensors(save)[0]["counts"][0]) if save.exists() else 0


def weights(out):
    return checkpoints.read_tensors(out / "model.safetensors")[0]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of an undisturbed run."""
    out = tmp_path_factory.mktemp("whole")
    assert main([*WISH, "--out", str(out)]) == 0
    return weights(out)


@posix
def test_training_that_is_killed_at_random_moments_ends_as_if_it_had_not_been(tmp_path, whole):
    """kill -9 at random moments after the first save, repeatedly; before the first, the run is suspended."""
    dice, kills, runs = random.Random(0), 0, 0
    while kills < often(3, 50):
        out, saved = tmp_path / str(runs), 0
        runs += 1
        while kills < often(3, 50) and not (out / "model.safetensors").exists():
            run = trainer(out)
            if next_save(run, out):
                if not kills:  # like a laptop that is closed and opened
                    run.send_signal(signal.SIGSTOP)
                    time.sleep(often(1, 60))
                    run.send_signal(signal.SIGCONT)
                try:
                    run.wait(dice.uniform(0, 0.3))
                except subprocess.TimeoutExpired:
                    run.kill()
                    kills += 1
            told, err = run.communicate()
            assert run.returncode in (0, -signal.SIGKILL), err
            assert not saved or f"resumed at {saved} images" in told
            done = (out / "model.safetensors").exists()  # killed while exiting, with everything written
            assert run.returncode == 0 or done or seen(out) > saved
            saved = seen(out)
        assert main([*WISH, "--out", str(out)]) == 0 if saved else True
        assert same(weights(out), whole)
        assert not (out / "run.safetensors").exists()


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


@posix
@pytest.mark.parametrize(
    "step", [(files.secrets, "token_hex"), (os, "fsync"), (Path, "replace")], ids=lambda s: s[1]
)
def test_a_save_cut_before_any_of_its_steps_leaves_the_one_before(tmp_path, step):
    path = tmp_path / "run.safetensors"
    checkpoints.write_tensors(path, {"a": torch.zeros(3)}, {})
    child = os.fork()
    if not child:
        setattr(*step, die)
        checkpoints.write_tensors(path, {"a": torch.ones(3)}, {})
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert torch.equal(checkpoints.read_tensors(path)[0]["a"], torch.zeros(3))


@posix
def test_ctrl_c_ends_with_a_word_and_the_run_goes_on(tmp_path, whole):
    run = trainer(tmp_path)
    assert next_save(run, tmp_path)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate()
    assert run.returncode == 130
    assert err.strip().endswith("run.safetensors holds; go on with --resume")
    assert "Traceback" not in err
    assert main([*WISH, "--out", str(tmp_path)]) == 0
    assert same(weights(tmp_path), whole)


@posix
def test_a_cell_interrupted_at_any_moment_leaves_the_weights_of_a_whole_step():
    """After Ctrl-C in a notebook, the network is exactly the average after some whole step."""
    points = normal(300, 2, dtype=torch.float32)

    def denoiser():
        torch.manual_seed(0)
        return Denoiser(MLP(2, 16, 1), cosine(50), Eps())

    def state(net):
        return b"".join(p.detach().numpy().tobytes() for p in net.parameters())

    net = denoiser()
    whole = {state(net), *(state(net) for _ in train(net, points, images=64 * 400))}
    dice, stopped = random.Random(0), 0
    try:
        for _ in range(often(20, 2000)):
            net = denoiser()
            steps = train(net, points, images=64 * 400)
            stopped += interrupted(lambda steps=steps: list(steps), dice.uniform(1e-4, 0.05)) is not None
            assert state(net) in whole
    finally:
        torch.set_grad_enabled(True)  # an interrupt inside a no_grad block in torch may leave it off
    assert stopped > often(10, 1000)


@soak_only
def test_a_real_kernel_interrupted_keeps_its_weights(tmp_path):
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        setup = (
            "import torch\nfrom ddpm_core import *\nnet = Denoiser(UNet(), cosine(), Eps(), clip=1.0)\n"
            "first = [p.clone() for p in net.parameters()]\nimages = digits()[0].images"
        )
        client.execute_interactive(setup, timeout=300)
        threading.Timer(5, manager.interrupt_kernel).start()
        cut = client.execute_interactive("for step in train(net, images, images=10**9): pass", timeout=300)
        assert cut["content"]["ename"] == "KeyboardInterrupt"
        check = (
            "moved = any((a != b).any() for a, b in zip(first, net.parameters()))\n"
            "*_, last = sample(net, torch.randn(2, 1, 8, 8), net.schedule.times(5))\n"
            "assert moved and last.xt.isfinite().all()"
        )
        assert client.execute_interactive(check, timeout=300)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def cut_at_first_save(out):
    """The bytes of the first save of a run that was interrupted after it."""
    steps = checkpoints.write_tensors

    def interrupted(*args):
        steps(*args)
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoints, "write_tensors", interrupted)
        assert main([*WISH, "--out", str(out)]) == 130
    return (out / "run.safetensors").read_bytes()


@posix
def test_a_full_disk_is_named_and_the_last_save_goes_on_when_there_is_room(tmp_path, whole):
    """A limit on the file size simulates a full disk: the write fails half-way in the same way."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
    save = tmp_path / "run.safetensors"
    before = cut_at_first_save(tmp_path)
    run = trainer(tmp_path, limit.format(len(before) // 2))
    _, err = run.communicate()
    said = err.strip().splitlines()[-1]
    assert run.returncode == 2
    assert said.startswith("error: ")
    assert f"{save} can't be written" in said
    assert "it is as it was" in said
    assert "Traceback" not in err
    assert save.read_bytes() == before
    assert main([*WISH, "--out", str(tmp_path)]) == 0
    assert same(weights(tmp_path), whole)


IN_A_ROOM = ["unshare", "--map-root-user", "--mount", "sh", "-c"]


def room(mount, then, *arguments):
    """Run shell commands in a mount namespace, `mount` and then `then`; skipped if the system has none."""
    if (
        sys.platform != "linux"
        or subprocess.run([*IN_A_ROOM, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no mounts of one's own on this system")
    return subprocess.run(
        [*IN_A_ROOM, f"{mount} || exit 99; {then}", "sh", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


STORE = """
import sys
from pathlib import Path
from ddpm_core.files import write
try:
    write(Path(sys.argv[1]) / "run.safetensors", bytes(3_000_000))
except OSError as error:
    print(error)
"""
MOUNTS = {
    "full": (
        'mount -t tmpfs -o size=1m none "$1" && echo good > "$1/run.safetensors"',
        "[Errno 28]",
        "No space left on device",
    ),
    "read-only": (
        'echo good > "$1/run.safetensors" && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"',
        "[Errno 30]",
        "Read-only file system",
    ),
}


@pytest.mark.parametrize("disk", MOUNTS)
def test_a_real_disk_that_takes_nothing_more_keeps_what_it_has(tmp_path, disk):
    """Also for root, who may ignore permissions."""
    mount, number, why = MOUNTS[disk]
    done = room(
        mount, '"$2" -c "$3" "$1" && ls -A "$1" && cat "$1/run.safetensors"', tmp_path, sys.executable, STORE
    )
    assert done.returncode == 0, done.stderr
    said, *left = done.stdout.splitlines()
    assert said.startswith(number)
    assert "can't be written" in said
    assert why in said
    assert left == ["run.safetensors", "good"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_named_before_time_is_spent(tmp_path, capsys):
    tmp_path.chmod(0o500)
    try:
        assert main([*WISH, "--out", str(tmp_path)]) == 2
    finally:
        tmp_path.chmod(0o700)
    assert "can't be written to" in capsys.readouterr().err


def test_a_run_that_diverges_stops_with_the_step_and_what_to_try_and_its_saves_are_sound(tmp_path, capsys):
    assert main([*WISH, "--lr", "1e30", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "lower lr" in said
    assert not (tmp_path / "model.safetensors").exists()
    for save in tmp_path.glob("*.safetensors"):
        assert all(t.isfinite().all() for t in checkpoints.read_tensors(save)[0].values())


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_good_weights_are_never_written_over_by_nan(tmp_path, bad):
    path = tmp_path / "run.safetensors"
    checkpoints.write_tensors(path, {"w": torch.zeros(3), "n": torch.tensor([1])}, {})
    with pytest.raises(ValueError, match=r"is left as it was: w holds NaN.*lower lr"):
        checkpoints.write_tensors(path, {"w": torch.tensor([0, bad]), "n": torch.tensor([1])}, {})
    assert torch.equal(checkpoints.read_tensors(path)[0]["w"], torch.zeros(3))


def keep_on(start, kept):
    """Store one number after the other, and put the last one stored into `kept`."""
    for k in range(start, 10**6):
        progress.note(f"01.{k % 50}", "NOT_YET", k)
        kept.value = k


@posix
def test_a_notebook_killed_while_it_keeps_progress_loses_nothing_that_was_kept(tmp_path, monkeypatch):
    path, dice, last = tmp_path / "progress.json", random.Random(0), -1
    monkeypatch.setenv("DDPM_PROGRESS", str(path))
    monkeypatch.setattr(progress, "_unkept", {})
    fork = multiprocessing.get_context("fork")
    for _ in range(often(5, 200)):
        kept = fork.RawValue("i", last)
        run = fork.Process(target=keep_on, args=(last + 1, kept))
        run.start()
        while run.is_alive() and kept.value == last:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.1))
        run.kill()
        run.join()
        entries, broken = progress.parse_entries(path.read_bytes())
        assert not broken
        last = max(e.data for e in entries.values())
        assert last in (kept.value, kept.value + 1)  # one more may be stored, but not yet in `kept`
    assert not list(tmp_path.glob("*.damaged*"))
