"""Files from others can't run code, control a terminal, write outside a folder or use the network."""

import ast
import contextlib
import csv
import hashlib
import json
import os
import pickle
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from endurance import often, soak_only
from hypothesis import given, settings, strategies as st
from nbformat.sign import MemorySignatureStore, NotebookNotary

from ddpm_core import checkpoints, data, digits, mnist
from ddpm_core.teach import report
from ddpm_core.teach.progress import file as progress
from ddpm_core.teach.report.tables import write_rows

ROOT = Path(__file__).parents[2]
SOURCES = sorted([*(ROOT / "ddpm_core").rglob("*.py"), *(ROOT / "data").glob("*.py")])
DOORS = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "zipimport", "tarfile"}
CALLS = {"eval", "exec", "compile", "__import__", "torch.load", "torch.jit.load", "torch.hub.load"}
CALLS |= {"os.system", "os.popen", "shutil.unpack_archive", "np.memmap", "np.fromfile"}
CALLS |= {"yaml.load", "importlib.util.spec_from_file_location", "pandas.read_pickle", "runpy.run_path"}
ALLOWED = {
    "ddpm_core/folders.py": ["np.memmap"],  # plain bytes, whose number is known
    "ddpm_core/teach/judge/mutants.py": ["exec", "compile"],  # of this library's own source, changed
}
METHODS = {"extract", "extractall"}  # of archives, whose paths may lead out of the folder


def faults(source):
    """The calls in a piece of source that could run something from a file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in DOORS)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = {f"{node.module}.{a.name}" for a in node.names}
            yield from names & CALLS
            if (node.module or "").split(".")[0] in DOORS:
                yield str(node.module)
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func).replace("numpy.", "np.")
            if name in CALLS or (isinstance(node.func, ast.Attribute) and node.func.attr in METHODS):
                yield name
            if name == "np.load" and "allow_pickle=False" not in ast.unparse(node):
                yield "np.load without allow_pickle=False"
            if any(k.arg == "shell" for k in node.keywords):
                yield f"{name} with a shell"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_that_a_file_holds_can_be_run(path):
    told = ALLOWED.get(str(path.relative_to(ROOT)), [])
    assert list(faults(path.read_text("utf-8"))) == told


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "from torch import load",
        "torch.load(x)",
        "torch.load(x, weights_only=True)",
        "np.load(x)",
        "numpy.load(x, allow_pickle=True)",
        "eval('1')",
        "archive.extractall(folder)",
        "subprocess.run(x, shell=True)",
    ],
)
def test_the_search_finds_what_it_looks_for(source):
    assert list(faults(source))


class Trap:
    """An object whose pickle creates a file when it is loaded."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def trap(tmp_path):
    """A pickle that was seen to run code when loaded, and the file that this creates."""
    mark = tmp_path / "was run"
    pickle.loads(pickle.dumps(Trap(mark)))
    mark.rmdir()
    yield Trap(mark)
    assert not mark.exists()


def test_a_pickle_given_as_weights_is_not_run(tmp_path, trap):
    path = tmp_path / "model.safetensors"
    for zipped in (True, False):
        torch.save({"w": trap}, path, _use_new_zipfile_serialization=zipped)
        with pytest.raises(ValueError, match="not what was saved"):
            checkpoints.load(path)
    path.write_bytes(pickle.dumps(trap))
    with pytest.raises(ValueError, match="not what was saved"):
        checkpoints.card(path)


def test_a_pickle_given_as_a_data_set_is_not_run(tmp_path, trap, monkeypatch):
    monkeypatch.setattr(data, "SHIPPED", tmp_path)
    held = np.array([trap], object)
    np.savez(tmp_path / "digits.npz", images=held, labels=held, train=held, test=held)
    with pytest.raises(ValueError, match=r"digits\.npz is damaged .*sha256.*git checkout"):
        digits()
    monkeypatch.setattr(
        data, "DIGITS_SHA256", hashlib.sha256((tmp_path / "digits.npz").read_bytes()).hexdigest()
    )
    with pytest.raises(ValueError, match="allow_pickle"):  # even if the checksum is right
        digits()
    (tmp_path / "digits.npz").write_bytes(pickle.dumps(trap))
    with pytest.raises(ValueError, match=r"digits\.npz is damaged"):
        digits()
    monkeypatch.setenv("DDPM_DATA", str(tmp_path))
    (tmp_path / "train-images-idx3-ubyte").write_bytes(pickle.dumps(trap))
    with pytest.raises(ValueError, match=r"no idx file"):
        mnist()


def test_a_pickle_given_as_progress_is_not_run(tmp_path, trap, capsys):
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "anna.json").write_bytes(pickle.dumps(trap))
    assert list(report.collect(tmp_path / "class", problems := [])) == []
    assert problems == ["anna.json: no JSON"]


def test_flipped_bits_in_the_digits_are_refused(tmp_path, monkeypatch):
    sound = (data.SHIPPED / "digits.npz").read_bytes()
    monkeypatch.setattr(data, "SHIPPED", tmp_path)
    dice = random.Random(0)
    for _ in range(often(200, 10_000)):
        raw = bytearray(sound)
        raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
        (tmp_path / "digits.npz").write_bytes(raw)
        with pytest.raises(ValueError, match=r"digits\.npz is damaged .*git checkout"):
            digits()


TEXT = st.text(
    st.one_of(st.sampled_from("=+-@\t\r\n;,|\"'\0\x1b＝＋－＠\ufeff\u202e \xa0\u200b"), st.characters())
)


@settings(max_examples=often(60, 10_000), deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT, TEXT), max_size=5))
def test_whatever_students_write_the_report_is_a_table_of_plain_cells(tmp_path_factory, lines):
    """Read back, it has a row for each line, and no cell that a spreadsheet would evaluate."""
    out = tmp_path_factory.getbasetemp() / "report.csv"
    write_rows(out, [report.Row(s, e, "PASSED", "", 1, remark=r) for s, e, r in lines])
    for between in ",;\t":  # Excel's separator depends on the country
        with open(out, encoding="utf-8-sig", newline="") as file:
            table = list(csv.reader(file, delimiter=between))
        assert len(table) == len(lines) + 1
        for cell in (c for row in table for c in row):
            assert not re.match(r"[\s\ufeff\u200b]*[=+\-@＝＋－＠]", cell)
            assert len(cell) <= 203 or between != ","
    with open(out, encoding="utf-8-sig", newline="") as file:
        assert all(len(row) == len(report.Row._fields) for row in csv.reader(file))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


@settings(max_examples=often(60, 10_000), deadline=None)
@given(JSON)
def test_any_json_is_progress_or_refused(book):
    for whole in (book, {"schema": 1, "exercises": book}, {"schema": 1, "exercises": {"01.1": book}}):
        try:
            entries, _ = progress.parse_entries(json.dumps(whole).encode())
        except ValueError:
            continue
        assert all(isinstance(entry, progress.Entry) for entry in entries.values())


@settings(max_examples=often(60, 10_000), deadline=None)
@given(st.binary())
def test_any_bytes_are_refused_or_read_by_every_reader_of_files(tmp_path_factory, raw):
    """For any input, a reader succeeds or raises ValueError."""
    path = tmp_path_factory.getbasetemp() / "any.safetensors"
    packed = path.with_suffix(".gz")
    for file in (path, packed):
        file.write_bytes(raw)
    for read in (
        lambda: progress.parse_entries(raw),
        lambda: checkpoints.load(path),
        lambda: checkpoints.card(path),
        lambda: data.read_idx(path),
        lambda: data.read_idx(packed),
    ):
        with contextlib.suppress(ValueError):
            read()


@soak_only
def test_two_hundred_files_of_a_hostile_class_make_one_report(tmp_path, capsys):
    from ddpm_core.teach.bank import bank

    bombs = [
        "(" * 40_000,
        "x_t" + "*x_t" * 20_000,
        "9**" * 500 + "9",
        "__import__('os')",
        "=HYPERLINK(1)",
        [[[1]]],
    ]
    bombs += [
        {"unreadable": "=1"},
        {"source": "while True: pass"},
        1e308,
        -1,
        True,
        "\u202e",
        {"a": [None] * 999},
    ]
    for k in range(200):
        answers = {
            name: {"outcome": "PASSED", "attempts": 1, "passed": "x", "data": bombs[(k + n) % len(bombs)]}
            for n, name in enumerate(bank)
            if (k + n) % 7 == 0
        }
        (tmp_path / f"=student{k}.json").write_text(json.dumps({"schema": 1, "exercises": answers}))
    rows = report.class_report(tmp_path, tmp_path / "out" / "report.csv")
    assert len({row.student for row in rows}) == 200
    cut = [row for row in rows if "cut" in row.remark or "ended" in row.remark]
    assert cut == []
    assert not [
        row for row in rows if row.rechecked == "PASSED" and bank[row.exercise].kind in ("symbolic", "number")
    ]


OFFLINE = """
import sys

def guard(event, args):
    if event.startswith("socket.") or event in ("urllib.Request", "subprocess.Popen", "os.system"):
        raise SystemExit(f"the network was asked for: {event} {args}")

sys.addaudithook(guard)
import torch
import ddpm_core
from ddpm_core import checkpoints, digits, sample
from ddpm_core.teach import exercises
from ddpm_core.teach.progress import file as progress
from ddpm_core.teach.page import widgets
digits()
denoiser = checkpoints.pretrained("digits")
denoiser(torch.zeros(1, 1, 8, 8), 500)
*_, last = sample(denoiser, torch.randn(1, 1, 8, 8), denoiser.schedule.times(3))
checkpoints.save(denoiser, sys.argv[1])
progress.note("01.1", "PASSED", 1)
print("done")
import socket
socket.socket()
"""


def test_nothing_phones_home(tmp_path):
    """Imports, data, weights, samples, progress: no socket.  The last line shows that the guard works."""
    command = [sys.executable, "-c", OFFLINE, str(tmp_path / "m.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["done"], done.stderr
    assert "the network was asked for: socket.__new__" in done.stderr


def recipe(target):
    """The commands of a target of the Makefile, as make would run them without flags."""
    plain = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "FLAGS")}
    make = ["make", "-n", "-C", ROOT, target]
    shown = subprocess.run(make, capture_output=True, text=True, check=True, env=plain)
    return shown.stdout.replace("\\\n", " ")


@pytest.mark.skipif(shutil.which("make") is None, reason="no make here")
def test_the_lab_listens_on_this_machine_alone_and_asks_for_its_token():
    """JupyterLab's own defaults: 127.0.0.1 and a new token each time; so no flag may change them."""
    (command,) = [line for line in recipe("lab").splitlines() if "jupyter lab" in line]
    flags = set(re.findall(r"--([\w.-]+)", command))
    assert flags == {"port", "allow-root", "no-browser", "LabApp.default_url"}
    from jupyter_server.auth.identity import PasswordIdentityProvider
    from jupyter_server.serverapp import ServerApp

    app = ServerApp()
    assert app.ip in ("localhost", "127.0.0.1")
    assert len(PasswordIdentityProvider(parent=app).token) >= 32


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_a_notebook_does_not_vouch_for_itself(path):
    """On a new machine it is unsigned and no cell is marked as trusted, so its outputs run no scripts."""
    notebook = nbformat.read(path, 4)
    notary = NotebookNotary()
    notary.secret, notary.store = b"another machine's", MemorySignatureStore()
    assert not notary.check_signature(notebook)
    assert not any(cell.metadata.get("trusted") for cell in notebook.cells)
    assert "signature" not in notebook.metadata
