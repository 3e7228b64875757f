import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ddpm_core import files

posix = pytest.mark.skipif(os.name != "posix", reason="no modes here")


def test_a_file_is_written_into_a_folder_that_is_made_and_nothing_stays_beside_it(tmp_path):
    path = tmp_path / "new" / "é [1].bin"
    for raw in (b"first", b"", b"third"):
        files.write(path, raw)
        assert path.read_bytes() == raw
        assert list(path.parent.iterdir()) == [path]


@posix
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_what_is_replaced_passes_on_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(mode)
    files.write(path, b"new")
    assert path.stat().st_mode & 0o777 == mode


def test_what_is_replaced_can_be_set_aside(tmp_path):
    path, aside = tmp_path / "file", tmp_path / "aside"
    path.write_bytes(b"old")
    files.write(path, b"new", aside)
    assert (path.read_bytes(), aside.read_bytes()) == (b"new", b"old")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_names_the_file_and_leaves_what_was_there(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OSError, match=r"/file can't be written \(No space left on device\); it is as it was"):
        files.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_of_many_writers_at_once_one_wins_whole(tmp_path):
    raws = [bytes([k]) * 100_000 for k in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda raw: files.write(tmp_path / "file", raw), raws))
    assert (tmp_path / "file").read_bytes() in raws
    assert len(list(tmp_path.iterdir())) == 1


def test_what_killed_writers_left_behind_is_swept_away_and_what_live_ones_write_is_not(tmp_path):
    path = tmp_path / "a [1].gz"
    old, new, other = (tmp_path / f".{name}.part" for name in ("a [1].gz.old", "a [1].gz.new", "b.gz.old"))
    for part in (old, new, other):
        part.write_bytes(b"half")
    for part in (old, other):
        os.utime(part, (time.time() - files.STALE - 5,) * 2)
    files.write(path, b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([path, new, other])


def test_what_can_not_be_written_is_named_before_time_is_spent(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    for path, named in (("file/x", "file can't be a folder"), (".", "is a folder; a file is to be written")):
        with pytest.raises(OSError, match=named):
            files.try_write(tmp_path / path)
    for path in ("file", "new/x"):
        files.try_write(tmp_path / path)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert list((tmp_path / "new").iterdir()) == []
