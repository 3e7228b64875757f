"""Mirrors that fail: no wrong file is kept, and the error lists each mirror and says what to do instead."""

import contextlib
import gzip
import hashlib
import os
import re
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pooch
import pytest
from endurance import often
from test_data import idx

from ddpm_core import data, mnist

NAME = "thing.gz"
PACKED = gzip.compress(idx(200, 150))
OTHER = gzip.compress(idx(200, 150, fill=bytes(200 * 150)))
PAGE = b"<!DOCTYPE html><html>Sign in to the school's network</html>"


def send(answer, raw, announced=None):
    answer.send_response(200)
    answer.send_header("Content-Length", str(announced or len(raw)))
    answer.end_headers()
    answer.wfile.write(raw)
    answer.wfile.flush()


def good(answer):
    answer.server.asked += 1
    send(answer, answer.server.files[answer.path.rpartition("/")[2]])


def stall(answer):
    send(answer, PACKED[:99], len(PACKED))
    answer.server.over.wait(20)


def meet(answer):
    answer.server.pair.wait(60)  # until the other process has sent its request too
    good(answer)


ANSWERS = {
    "good": good,
    "meet": meet,
    "404": lambda answer: answer.send_error(404),
    "page": lambda answer: send(answer, PAGE),
    "other": lambda answer: send(answer, OTHER),
    "cut": lambda answer: send(answer, PACKED[:99], len(PACKED)),
    "cut unsaid": lambda answer: send(answer, PACKED[:-9]),
    "stall": stall,
    "silent": lambda answer: answer.server.over.wait(20),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with contextlib.suppress(OSError):  # the client has closed the connection
            ANSWERS[self.path.split("/")[1].replace("%20", " ")](self)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(data, "TIMEOUT", 0.5)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads, http.over, http.pair = True, threading.Event(), threading.Barrier(2)
    http.files, http.asked = {NAME: PACKED}, 0
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield http
    http.over.set()
    http.shutdown()
    http.server_close()


@pytest.fixture
def mirrors(server, monkeypatch):
    """A function that sets the mirrors, each given by the way it answers."""

    def set_to(*kinds):
        hosts = tuple(f"http://127.0.0.1:{server.server_port}/{kind}/" for kind in kinds)
        monkeypatch.setattr(data, "MIRRORS", hosts)
        monkeypatch.setattr(
            data, "MNIST", {n: hashlib.sha256(f).hexdigest() for n, f in server.files.items()}
        )
        return hosts

    return set_to


@pytest.mark.parametrize("first", ["404", "other", "cut"])
def test_where_one_mirror_fails_the_next_is_asked(mirrors, tmp_path, first):
    mirrors(first, "good")
    path = data.download(NAME, tmp_path / "new")
    assert path.read_bytes() == PACKED
    assert os.listdir(tmp_path / "new") == [NAME]
    assert path.stat().st_mode & 0o444 == 0o444  # for everyone: a class may share a checkout


TOLD = {
    "404": "404",
    "page": "sent another file, perhaps a login page: its sha256 differs",
    "other": "sha256 differs",
    "cut": "IncompleteRead",
    "cut unsaid": "sha256 differs",
    "stall": "timed out",
    "silent": "timed out",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TOLD)
def test_each_failure_is_told_with_the_way_out_and_leaves_nothing(mirrors, tmp_path, kind):
    first, second = mirrors(kind, "404")
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=rf"{first}.*{TOLD[kind]}.*; {second}.*404") as failure:
        data.download(NAME, tmp_path)
    assert str(failure.value).startswith(f"could not download {NAME}: ")
    assert str(failure.value).endswith(f"or put {NAME} in a folder and name the folder in DDPM_DATA")
    assert "\n" not in str(failure.value)
    assert os.listdir(tmp_path) == []
    assert time.monotonic() - start < 15


@pytest.mark.parametrize(
    ("host", "said"), [("127.0.0.1:9", r"\[Errno \d+\] "), ("nowhere.invalid", r"\[Errno -?\d+\] ")]
)
def test_no_network_is_told_in_a_few_words_with_the_way_out(mirrors, tmp_path, host, said, monkeypatch):
    mirrors()
    monkeypatch.setattr(data, "MIRRORS", (f"http://{host}/",))
    try:
        raise FileNotFoundError("another trouble, which is no part of the story")
    except FileNotFoundError:
        told = rf"{NAME}: http://{host}/: {said}[^;]{{9,60}}; .*DDPM_DATA"
        with pytest.raises(ConnectionError, match=told):
            data.download(NAME, tmp_path)


def test_a_folder_that_cannot_be_written_is_told_with_the_way_out(mirrors, tmp_path):
    mirrors("good")
    (tmp_path / "plain").write_text("")
    with pytest.raises(ConnectionError, match=r"plain.*DDPM_DATA"):
        data.download(NAME, tmp_path / "plain" / "mnist")


LOADER = """
import sys
from pathlib import Path
from ddpm_core import data
mirror, sha256, folder, rounds = sys.argv[1:]
data.MIRRORS, data.MNIST = (mirror,), {"thing.gz": sha256}
for k in range(int(rounds)):
    data.download("thing.gz", Path(folder) / str(k))
"""


@pytest.mark.slow
def test_two_processes_that_download_at_once_end_with_one_good_copy(mirrors, tmp_path):
    """The server answers only when both have sent their requests."""
    (mirror,), rounds = mirrors("meet"), often(5, 100)
    command = [sys.executable, "-c", LOADER, mirror, data.MNIST[NAME], str(tmp_path), str(rounds)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for one in both:
        _, err = one.communicate(timeout=300)
        assert one.returncode == 0, err
    for k in range(rounds):
        assert os.listdir(tmp_path / str(k)) == [NAME]
        assert (tmp_path / str(k) / NAME).read_bytes() == PACKED


@pytest.mark.parametrize("installed", [False, True])
def test_mnist_is_downloaded_once_and_a_damaged_copy_says_how_to_get_another(
    server, mirrors, tmp_path, monkeypatch, installed
):
    """From `mnist()` to the files, small ones instead of the real; the folder depends on the installation."""
    server.files = {
        name: gzip.compress(idx(3, 28, 28) if "images" in name else idx(3)) for name in data.MNIST
    }
    mirrors("good")
    monkeypatch.delenv("DDPM_DATA", raising=False)
    monkeypatch.setattr(data, "SHIPPED", tmp_path / "data")
    monkeypatch.setattr(data, "INSTALLED", tmp_path / ("data" if installed else "elsewhere"))
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / "cache" / project)
    for _ in range(2):
        assert [len(part.images) for part in mnist()] == [3, 3]
        assert server.asked == 4
    folder = tmp_path / ("cache/ddpm_core/mnist" if installed else "data/mnist")
    assert sorted(os.listdir(folder)) == sorted(data.MNIST)
    path = folder / "t10k-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=re.escape(str(path)) + r".*delete it, and it is downloaded again"):
        mnist()
    path.unlink()
    assert len(mnist()[1].labels) == 3
