"""A network that misbehaves in every way: each is told by its own name, nothing wrong is ever kept."""

import contextlib
import gzip
import hashlib
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from endurance import often
from test_data import idx

from ddpm_core import data, mnist
from ddpm_core.data import MNIST, Remote, download

BODY = random.Random(0).randbytes(200 * 150)
RAW = idx(200, 150, fill=BODY)
GOOD = Remote("thing", len(RAW), hashlib.sha256(RAW).hexdigest())
PACKED = gzip.compress(RAW, mtime=0)
PAGE = b"<!DOCTYPE html><html>Sign in to the school's network</html>"


def whole(answer, raw, **headers):
    answer.send_response(200)
    for name, value in {"Content_Length": len(raw), **headers}.items():
        answer.send_header(name.replace("_", "-"), str(value))
    answer.end_headers()
    answer.wfile.write(raw)


def cut(answer, raw=PACKED):
    whole(answer, raw[: len(raw) // 2], Content_Length=len(raw))


def cut_chunks(answer):
    answer.send_response(200)
    answer.send_header("Transfer-Encoding", "chunked")
    answer.end_headers()
    answer.wfile.write(b"%x\r\n" % 9000 + PACKED[:4000])


def reset(answer):
    cut(answer)
    answer.wfile.flush()
    linger = struct.pack("ii", 1, 0)  # close with a reset
    answer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    answer.connection.close()


def stall(answer):
    cut(answer)
    answer.wfile.flush()
    answer.server.over.wait(20)


def drip(answer):
    answer.send_response(200)
    answer.end_headers()
    for byte in PACKED:
        answer.wfile.write(bytes([byte]))
        if answer.server.over.wait(0.02):
            break


def endless(answer):
    answer.send_response(200)
    answer.end_headers()
    while not answer.server.over.is_set():
        answer.wfile.write(bytes(1 << 16))


def redirect(where):
    def to(answer):
        answer.send_response(302)
        answer.send_header("Location", where)
        answer.end_headers()

    return to


def second_time(answer):
    answer.server.asked += 1
    (cut if answer.server.asked % 2 else good)(answer)


def good(answer):
    whole(answer, PACKED)


ANSWERS = {
    "good": good,
    "moved": redirect("/good/thing.gz"),
    "page": lambda a: whole(a, PAGE, Content_Type="text/html"),
    "zipped page": lambda a: whole(a, gzip.compress(PAGE)),
    "other": lambda a: whole(a, gzip.compress(idx(200, 150, fill=BODY[::-1]))),
    "cut": cut,
    "cut unsaid": lambda a: whole(a, PACKED[:-9]),
    "cut chunks": cut_chunks,
    "reset": reset,
    "stall": stall,
    "drip": drip,
    "endless": endless,
    "bomb": lambda a: whole(a, gzip.compress(bytes(len(RAW) + 1))),
    "empty": lambda a: whole(a, b""),
    "loop": redirect("/loop/thing.gz"),
    "to a file": redirect("file:///etc/passwd"),
    "no http": lambda a: a.wfile.write(b"what?\r\n\r\n"),
    "silent": lambda a: a.server.over.wait(20),
    "404": lambda a: a.send_error(404),
    "second time": second_time,
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        kind = self.path.split("/")[1].replace("%20", " ")
        with contextlib.suppress(OSError):  # the other side has seen enough
            ANSWERS[kind](self)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(data, "PATIENCE", 0.5)
    monkeypatch.setattr(data, "TRIES", 2)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads, http.over, http.asked = True, threading.Event(), 0
    threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True).start()
    yield lambda kind: f"http://127.0.0.1:{http.server_port}/{kind.replace(' ', '%20')}/"
    http.over.set()
    http.shutdown()
    http.server_close()


def test_a_download_is_kept_once_it_is_right(server, tmp_path):
    hosts = tuple(map(server, ("404", "page", "good")))
    assert download(GOOD, hosts, tmp_path / "new") == RAW
    assert os.listdir(tmp_path / "new") == ["thing.gz"]
    assert (tmp_path / "new" / "thing.gz").read_bytes() == PACKED
    assert download(GOOD, (server("moved"),), tmp_path) == RAW


def test_what_breaks_off_is_asked_for_again(server, tmp_path):
    assert download(GOOD, (server("second time"),), tmp_path) == RAW


TOLD = {
    "page": r"no gzip file: it begins with b'<!DOCTYPE html.*login page.*in a browser",
    "zipped page": "sha256 differs",
    "other": "sha256 differs",
    "cut": r"broke off: [\d,]+ of [\d,]+ bytes came",
    "cut unsaid": "gzip's end is missing",
    "cut chunks": "broke off: IncompleteRead",
    "reset": "broke off: .*(reset|bytes came)",
    "stall": "broke off: timed out",
    "drip": "broke off: less than 10,000 bytes a second",
    "endless": "sends more than",
    "bomb": "unpacks to more than",
    "empty": "no gzip file|cut",
    "loop": "infinite loop",
    "to a file": "not allowed",
    "no http": "broke off: ",
    "silent": "broke off: timed out",
    "404": "HTTP Error 404",
}


@pytest.mark.parametrize("kind", TOLD)
def test_each_way_to_fail_has_its_name_and_the_way_out_and_leaves_nothing(server, tmp_path, kind):
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=TOLD[kind]) as failure:
        download(GOOD, (server(kind),), tmp_path)
    said = str(failure.value)
    assert said.startswith("could not download thing: http://127.0.0.1")
    assert said.endswith("or put thing.gz in a folder and name the folder in DDPM_DATA")
    assert "\n" not in said
    assert os.listdir(tmp_path) == []
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("host", ["http://127.0.0.1:9/", "http://nowhere.invalid/"])
def test_no_network_names_the_way_out(tmp_path, host, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(ConnectionError, match=r"no connection \(.*DDPM_DATA"):
        download(GOOD, (host,), tmp_path)


def test_where_nothing_can_be_written_the_way_out_is_named_as_well(server, tmp_path):
    (tmp_path / "plain").write_text("")
    with pytest.raises(OSError, match="DDPM_DATA"):
        download(GOOD, (server("good"),), tmp_path / "plain")


LOADER = """
import sys
from pathlib import Path
from ddpm_core import data
host, folder, size, sha = sys.argv[1:]
for _ in range(20):
    assert len(data.download(data.Remote("thing", int(size), sha), (host,), Path(folder))) == int(size)
"""


def test_processes_that_download_at_once_end_with_one_good_copy(server, tmp_path):
    command = [sys.executable, "-c", LOADER, server("good"), str(tmp_path), str(GOOD.size), GOOD.sha256]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(often(2, 8))]
    for one in both:
        _, err = one.communicate(timeout=600)
        assert one.returncode == 0, err
    assert os.listdir(tmp_path) == ["thing.gz"]
    assert (tmp_path / "thing.gz").read_bytes() == PACKED


def test_mnist_comes_from_the_network_once_and_a_damaged_copy_says_how_to_get_another(tmp_path, monkeypatch):
    """The whole way, with small files in place of the real ones."""
    monkeypatch.delenv("DDPM_DATA", raising=False)
    monkeypatch.setattr(data, "SHIPPED", tmp_path)
    files, asked = {}, []
    for pair, n in zip(MNIST, (5, 3), strict=True):
        for remote, raw in zip(pair, (idx(n, 28, 28), idx(n)), strict=True):
            files[remote.name] = gzip.compress(raw)
    small = tuple(
        tuple(
            Remote(r.name, len(raw := gzip.decompress(files[r.name])), hashlib.sha256(raw).hexdigest())
            for r in p
        )
        for p in MNIST
    )
    monkeypatch.setattr(data, "MNIST", small)

    def fetch(url, limit):
        asked.append(url)
        return files[url.rpartition("/")[2].removesuffix(".gz")]

    monkeypatch.setattr(data, "_fetch", fetch)
    for _ in range(2):
        train, test = mnist()
        assert (len(train.images), len(test.images)) == (5, 3)
        assert len(asked) == 4
    path = tmp_path / "mnist" / f"{small[0][0].name}.gz"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(ValueError, match=re.escape(str(path)) + r".*delete it, and it is downloaded again"):
        mnist()
    path.unlink()
    assert len(mnist()[0].images) == 5
