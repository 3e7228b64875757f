"""Notebooks in unusual ways: run twice, backwards, interrupted, read-only, odd paths, no GPU.  All long."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
from endurance import soak_only
from jupyter_client.manager import start_new_kernel
from nbclient import NotebookClient
from test_survival import room

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def run(path, folder, times=1):
    """Run the notebook from top to bottom, `times` times in one kernel, in `folder`."""
    notebook = nbformat.read(path, 4)
    notebook.cells = [c for c in notebook.cells if c.cell_type == "code"] * times
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=600, startup_timeout=300, resources=resources).execute()


@soak_only
@each
def test_run_all_twice_in_one_kernel(path, tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    run(path, path.parent, 2)


def sections(path):
    """The code of each section, from one heading to the next."""
    found = [[]]
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "code":
            found[-1].append(cell.source)
        elif re.search(r"^## ", cell.source, re.M):
            found.append([])
    return [section for section in found if section]


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel in notebooks/: a function that runs one cell and returns the kernel's reply."""
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    manager, client = start_new_kernel(startup_timeout=300, cwd=str(ROOT / "notebooks"))

    def run(code):
        return client.execute_interactive(code, timeout=600, output_hook=lambda _: None)["content"]

    yield manager, run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@soak_only
@each
def test_sections_run_again_from_the_last_to_the_first(path, kernel):
    """After everything above a section has run, it can be run repeatedly, and earlier sections again."""
    _, run = kernel
    once = sections(path)
    for section in [*once, *reversed(once)]:
        for code in section:
            reply = run(code)
            assert reply["status"] == "ok", (code, reply["evalue"])


@soak_only
@each
def test_every_cell_of_more_than_a_second_interrupted_and_run_again(path, kernel):
    manager, run = kernel
    run("import ddpm_core.teach, matplotlib.pyplot, sympy")  # an interrupted import of torch can't be resumed
    cut = 0
    for code in (code for section in sections(path) for code in section):
        (timer := threading.Timer(1.0, manager.interrupt_kernel)).start()
        reply = run(code)
        timer.cancel()
        if reply["status"] == "error":
            assert reply["ename"] == "KeyboardInterrupt", (code, reply["evalue"])
            cut += 1
            reply = run(code)
        assert reply["status"] == "ok", (code, reply["evalue"])
    assert cut


@soak_only
@each
def test_with_the_gpu_hidden(path, tmp_path, monkeypatch):
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    run(path, path.parent)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A copy of the checkout in a folder whose name has spaces and letters of other alphabets."""
    copy = tmp_path_factory.mktemp("x") / "Zoë's Übungen, 第 3 週" / "ddpm course"
    ignore = shutil.ignore_patterns(
        ".venv", ".git", "runs", ".*_cache", "mnist", "progress.json*", ".progress*"
    )
    shutil.copytree(ROOT, copy, ignore=ignore)
    return copy


@soak_only
@each
def test_in_a_path_with_spaces_and_other_letters(path, elsewhere, monkeypatch):
    monkeypatch.delenv("DDPM_PROGRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    run(elsewhere / "notebooks" / path.name, elsewhere / "notebooks")


EXECUTE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_environments
path = Path(sys.argv[2])
try:
    (path.parent / "probe").write_text("")
except OSError as error:
    assert error.errno == 30, error
else:
    raise SystemExit("the checkout can be written to")
test_environments.run(path, path.parent)
"""


@soak_only
@each
def test_in_a_read_only_checkout(path, elsewhere, monkeypatch):
    """Mounted read-only, so that not even root can write there."""
    monkeypatch.delenv("DDPM_PROGRESS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(elsewhere))
    done = room(
        'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"',
        '"$2" -c "$3" "$4" "$1/notebooks/$5"',
        elsewhere,
        sys.executable,
        EXECUTE,
        ROOT / "tests",
        path.name,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@soak_only
def test_the_lab_that_make_starts_is_for_this_machine_and_whoever_has_the_token(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {**os.environ, **{f"JUPYTER_{n}_DIR": str(tmp_path / n) for n in ("CONFIG", "RUNTIME", "DATA")}}
    command = ["make", "-C", str(ROOT), "lab", f"PORT={port}", "FLAGS=--no-browser --debug"]
    with open(tmp_path / "log", "w") as log:
        lab = subprocess.Popen(command, stdout=log, stderr=log, env=env, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while not (found := re.search(r"http://\S+token=(\w+)", (tmp_path / "log").read_text())):
            assert lab.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.2)
        token = found[1]
        assert len(token) >= 32
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents")
        listing = urllib.request.urlopen(f"http://127.0.0.1:{port}/api/contents?token={token}")
        assert "00_start_here.ipynb" in str(json.load(listing))
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):  # every address that listens on this port
            if Path(table).exists():
                rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
                here = [r[1] for r in rows if r[3] == "0A" and r[1].endswith(f":{port:04X}")]
                assert {a.split(":")[0] for a in here} <= {"0100007F", "00000000000000000000000001000000"}
    finally:
        os.killpg(lab.pid, 15)
        lab.wait()
