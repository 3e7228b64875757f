import errno
import io
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from filelock import FileLock
from oracles import well_nested

from ddpm_core import files
from ddpm_core.teach.__main__ import main
from ddpm_core.teach.bank import number_shown
from ddpm_core.teach.progress import file as progress
from ddpm_core.teach.progress.file import WORDS, Entry, draft, load_entries, note, parse_entries, united
from ddpm_core.teach.progress.map import LESSONS, CourseMap, Lesson, survey


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    path = tmp_path / "Zoë" / "progress.json"
    path.parent.mkdir()
    monkeypatch.setenv("DDPM_PROGRESS", str(path))
    monkeypatch.setattr(progress, "_said", set())
    monkeypatch.setattr(progress, "_unkept", {})
    monkeypatch.setattr(progress, "former", str)  # the names of exercises are made up here
    return path


def lock(file):
    """The lock of the progress file, as another notebook would hold it."""
    return FileLock(file.with_name(f".{file.name}.lock"))


def bar(file):
    """Replace the file's folder by a plain file, so that it can't be written."""
    file.parent.rmdir()
    file.parent.write_text("")


def unbar(file):
    file.parent.unlink()
    file.parent.mkdir()


def timeless(entry):
    """The entry without its times, which are those of the test."""
    return entry._replace(passed=None, when=None)


def leftovers(file):
    return sorted(p.name for p in file.parent.iterdir() if p.name not in (file.name, f".{file.name}.lock"))


def test_without_a_file_there_is_nothing_and_none_is_made(file):
    assert load_entries() == {}
    note("02.1", "NOT_ATTEMPTED")
    assert list(file.parent.iterdir()) == []


def test_a_first_try_a_second_and_a_pass(file, capsys):
    note("02.1", "NOT_YET", {"value": 1.5})
    assert timeless(load_entries()["02.1"]) == Entry("NOT_YET", 1, None, {"value": 1.5})
    note("02.1", "NOT_YET", {"value": 2.5})
    note("02.1", "PASSED", {"value": 3.5})
    entry = load_entries()["02.1"]
    assert timeless(entry) == Entry("PASSED", 3, None, {"value": 3.5})
    assert entry.when == entry.passed
    assert entry.passed.startswith("20")
    assert entry.passed.endswith("+00:00")
    assert leftovers(file) == []
    assert capsys.readouterr().out == ""


def test_once_passed_stays_passed_with_an_answer_that_passed(file):
    note("02.1", "PASSED", "good")
    first = load_entries()["02.1"]
    note("02.1", "NOT_YET", "worse")
    note("02.1", "NOT_ATTEMPTED")
    assert load_entries()["02.1"] == first
    note("02.1", "PASSED", "as good")
    again = load_entries()["02.1"]
    assert again == first._replace(data="as good", when=again.when)


def test_running_a_notebook_again_writes_nothing(file):
    note("02.1", "NOT_YET", [1, 2])
    note("02.2", "PASSED", "b")
    before = file.stat()
    note("02.1", "NOT_YET", [1, 2])
    note("02.2", "PASSED", "b")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_tuples_and_odd_letters_come_back_as_json_has_them(file):
    note("02.1", "NOT_YET", {"a": (1, "ᾱ 𝒩 \u2028")})
    assert load_entries()["02.1"].data == {"a": [1, "ᾱ 𝒩 \u2028"]}
    note("02.1", "NOT_YET", {"a": (1, "ᾱ 𝒩 \u2028")})
    assert load_entries()["02.1"].attempts == 1


DEEP = []
for _ in range(5_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "data",
    ["x" * 100_000, float("nan"), float("inf"), "\ud800", {1, 2}, DEEP, 10**5000, {"a": object()}],
    ids=["long", "nan", "inf", "surrogate", "set", "deep", "digits", "object"],
)
def test_an_answer_that_cannot_be_kept_is_counted_all_the_same(file, data, capsys):
    note("02.1", "PASSED", data)
    assert timeless(load_entries()["02.1"]) == Entry("PASSED", 1, None, None)
    assert capsys.readouterr().out.count("\n") == 1


def test_a_wrong_outcome_is_refused():
    with pytest.raises(ValueError, match=r"PASSED, NOT_YET, NOT_ATTEMPTED, got 'passed'"):
        note("02.1", "passed")


def entry(**change):
    return {"outcome": "PASSED", "attempts": 1, "passed": "2026-01-01T00:00:00+00:00", "data": 1} | change


def book(**exercises):
    return json.dumps({"schema": 1, "exercises": exercises}).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\x00",
        b'{"schema": 1, "exercises": {"02.1"',
        b"[" * 100_000,
        b"[1, 2]",
        b"null",
        b'{"schema": "1", "exercises": {}}',
        b'{"schema": true, "exercises": {}}',
        b'{"schema": 0, "exercises": {}}',
        b'{"schema": 1, "exercises": []}',
        b'{"schema": 1}',
        b"9" * 10_000,
        b" " * (progress.LARGEST + 1),
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_a_damaged_file_is_set_aside_with_one_line(file, raw, capsys):
    file.write_bytes(raw)
    assert load_entries() == {}
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert "progress.json.damaged" in said
    assert leftovers(file) == ["progress.json.damaged"]
    assert file.with_name("progress.json.damaged").read_bytes() == raw
    file.write_bytes(raw)
    note("02.1", "NOT_YET", 1)
    assert leftovers(file) == ["progress.json.damaged", "progress.json.damaged-2"]
    assert list(load_entries()) == ["02.1"]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        [],
        {},
        entry(more=1),
        entry(outcome="GREAT"),
        entry(outcome=["PASSED"]),
        entry(outcome="NOT_ATTEMPTED", passed=None),
        entry(attempts=0),
        entry(attempts=True),
        entry(attempts=1.5),
        entry(attempts=10**12),
        entry(passed=None),
        entry(passed="2" * 41),
        entry(outcome="NOT_YET"),
        entry(data="x" * 100_000),
        entry(data=float("nan")),
        entry(data=float("inf")),
        entry(data="\ud800"),
        entry(data=[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]),
    ],
    ids=lambda w: repr(w)[:60],
)
def test_what_is_sound_in_a_damaged_file_is_kept(file, wrong, capsys):
    raw = book(**{"02.1": wrong, "02.2": entry(data={"a": 1})})
    file.write_bytes(raw)
    note("02.3", "NOT_YET", 1)
    assert sorted(load_entries()) == ["02.2", "02.3"]
    assert file.with_name("progress.json.damaged").read_bytes() == raw
    assert "entries kept: 1" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["x" * 41, "\ud800"])
def test_an_impossible_name_is_damage(file, name):
    file.write_bytes(book(**{name: entry(), "02.2": entry()}))
    assert list(load_entries()) == ["02.2"]


def test_a_file_of_a_later_version_is_left_alone(file, capsys):
    raw = json.dumps({"schema": 3, "exercises": {}, "new": 1}).encode()
    file.write_bytes(raw)
    assert load_entries() == {}
    note("02.1", "PASSED", 1)
    note("02.1", "PASSED", 1)
    assert file.read_bytes() == raw
    assert leftovers(file) == []
    assert load_entries()["02.1"].outcome == "PASSED"
    assert "a later version of the course wrote it" in (said := capsys.readouterr().out)
    assert said.count("\n") == 1


def test_where_nothing_can_be_written_the_course_goes_on(file, capsys):
    bar(file)
    note("02.1", "NOT_YET", 1)
    note("02.1", "PASSED", 2)
    assert load_entries()["02.1"].outcome == "PASSED"  # in this session
    said = capsys.readouterr().out
    assert "DDPM_PROGRESS" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(file, capsys):
    note("02.1", "PASSED", 1)
    file.parent.chmod(0o500)
    try:
        note("02.2", "PASSED", 1)
        assert sorted(load_entries()) == ["02.1", "02.2"]
    finally:
        file.parent.chmod(0o700)
    assert list(load_entries()) == ["02.1", "02.2"]
    assert capsys.readouterr().out.count("\n") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
@pytest.mark.parametrize("make", [os.mkdir, getattr(os, "mkfifo", None)])
def test_what_is_no_file_is_not_waited_for(file, make, capsys):
    make(file)
    note("02.1", "PASSED", 1)
    assert list(load_entries()) == ["02.1"]
    assert "no plain file" in capsys.readouterr().out


def test_a_link_to_another_folder_stays_a_link(file, tmp_path):
    (tmp_path / "cloud").mkdir()
    file.symlink_to(tmp_path / "cloud" / "mine.json")
    note("02.1", "PASSED", 1)
    assert file.is_symlink()
    assert "02.1" in (tmp_path / "cloud" / "mine.json").read_text("utf-8")


WANDER = """
import os, sys
from pathlib import Path
from ddpm_core.teach import exercise
exercise("00.1").check(7)
os.chdir("..")
exercise("00.1").check(5)
os.chdir(sys.argv[1])
exercise("00.2").check("a")
"""


def session(folder, env, *arguments):
    """A process that begins in `folder` and goes elsewhere between two checks; its progress files."""
    environment = {name: value for name, value in os.environ.items() if name != "DDPM_PROGRESS"} | env
    environment["PYTHONPATH"] = str(Path(progress.__file__).parents[3])
    command = [sys.executable, "-c", WANDER, *arguments]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)


@pytest.mark.slow
def test_a_kernel_that_goes_elsewhere_keeps_its_progress_where_it_began(tmp_path):
    began, home = tmp_path / "lessons" / "deep", tmp_path / "home"
    for folder in (began, home):
        folder.mkdir(parents=True)
    session(began, {}, str(tmp_path))
    assert [p.parent for p in tmp_path.rglob("progress.json")] == [began]
    assert parse_entries((began / "progress.json").read_bytes())[0]["00.sum-of-noises"].attempts == 2
    (tmp_path / "lessons" / progress.HANDED).mkdir()  # a student's lessons, of which one lies in a folder
    session(began, {}, str(tmp_path))
    assert len(parse_entries((began.parent / "progress.json").read_bytes())[0]) == 2
    session(began, {"DDPM_PROGRESS": "~/p.json", "HOME": str(home), "USERPROFILE": str(home)}, str(tmp_path))
    session(began, {"DDPM_PROGRESS": "mine.json"}, str(tmp_path))
    assert (home / "p.json").is_file()
    assert [p.parent for p in tmp_path.rglob("mine.json")] == [began]
    assert not list(tmp_path.rglob("~"))


def test_the_default_is_the_folder_in_which_it_began(tmp_path, monkeypatch):
    monkeypatch.delenv("DDPM_PROGRESS")
    monkeypatch.setattr(progress, "BEGAN", tmp_path)
    assert progress.path() == (tmp_path / "progress.json").resolve()
    monkeypatch.setenv("DDPM_PROGRESS", "~nobody-of-this-name/p.json")
    assert progress.path().name == "p.json"


def test_a_write_that_fails_half_way_leaves_the_old_file(file, monkeypatch, capsys):
    note("02.1", "PASSED", 1)
    before = file.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    note("02.2", "PASSED", 1)
    assert file.read_bytes() == before
    assert leftovers(file) == []
    assert "no space left" in capsys.readouterr().out


def test_a_folder_that_is_not_there_yet_is_made(tmp_path, monkeypatch):
    late = tmp_path / "late" / "progress.json"
    monkeypatch.setenv("DDPM_PROGRESS", str(late))
    assert load_entries() == {}
    assert not late.parent.exists()
    note("00.1", "PASSED", 1)
    assert list(parse_entries(late.read_bytes())[0]) == ["00.1"]


def test_what_could_not_be_written_is_written_the_next_time(file):
    bar(file)
    note("00.1", "NOT_YET", 3.0)
    note("00.2", "PASSED", "b")
    unbar(file)
    note("00.1", "PASSED", 5.0)
    for entries in (load_entries(), parse_entries(file.read_bytes())[0]):
        assert [timeless(entries[name]) for name in ("00.1", "00.2")] == [
            Entry("PASSED", 2, None, 5.0),
            Entry("PASSED", 1, None, "b"),
        ]


def test_what_waits_is_written_by_a_look_at_the_map_too(file):
    bar(file)
    note("00.1", "PASSED", 5.0)
    unbar(file)
    assert list(load_entries()) == list(parse_entries(file.read_bytes())[0]) == ["00.1"]


def test_what_waits_for_one_file_is_not_another_s(file, tmp_path, monkeypatch):
    bar(file)
    note("00.1", "NOT_YET", 3.0)
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "other.json"))
    assert load_entries() == {}
    note("00.2", "PASSED", 1)
    assert list(load_entries()) == ["00.2"]


def test_a_pass_from_another_notebook_is_not_undone_by_what_waits(file, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with lock(file):
        note("00.1", "NOT_YET", 3.0)
    file.write_bytes(book(**{"00.1": entry()}))
    assert load_entries()["00.1"].outcome == "PASSED"
    note("00.2", "NOT_YET", 1)
    assert parse_entries(file.read_bytes())[0]["00.1"].outcome == "PASSED"


def test_a_full_disk_loses_nothing_of_a_damaged_file(file, monkeypatch, capsys):
    raw = book(**{"02.1": None, "02.2": entry()})
    file.write_bytes(raw)

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert list(load_entries()) == ["02.2"]
        note("02.3", "PASSED", 1)
    assert file.read_bytes() == raw
    assert leftovers(file) == []
    said = capsys.readouterr().out
    assert "1 of its entries can't be read" in said
    assert "no space left" in said
    assert sorted(load_entries()) == ["02.2", "02.3"]
    assert file.with_name("progress.json.damaged").read_bytes() == raw


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "times"), [("ä" * 99_000, 26), ([0] * 30_000, 28)], ids=["long", "list"])
def test_a_file_is_never_written_that_would_not_be_read(file, monkeypatch, answer, times, capsys):
    text = progress._text({f"01.{k}": Entry("NOT_YET", 1, None, answer) for k in range(times)})
    monkeypatch.setattr(progress, "LARGEST", len(text) // 5)  # a fifth of the size, to save time
    monkeypatch.setattr(progress, "FULL", progress.LARGEST - 1_000)
    for k in range(times // 5 + 2):
        note(f"01.{k}", "PASSED", answer)
    assert len(file.read_bytes()) <= progress.LARGEST
    entries = list(load_entries().values())
    assert [e.outcome for e in entries] == ["PASSED"] * (times // 5 + 2)
    assert entries[0].data == answer
    assert entries[-1].data is None
    told = f"progress.json is full: the answer to {number_shown(f'01.{k}')} isn't kept"
    assert told in capsys.readouterr().out
    assert leftovers(file) == []


def test_a_file_written_closely_is_thinned_before_it_grows_too_long(file, monkeypatch):
    raw = book(**{f"01.{k}": entry(data=[0] * 1_000) for k in range(5)})
    monkeypatch.setattr(progress, "LARGEST", len(raw) + 5_000)
    monkeypatch.setattr(progress, "FULL", len(raw))
    file.write_bytes(raw)
    note("02.1", "PASSED", 1)
    assert len(file.read_bytes()) <= progress.LARGEST
    assert len(load_entries()) == 6
    assert leftovers(file) == []


def test_a_mark_of_the_byte_order_is_no_damage(file):
    file.write_bytes(b"\xef\xbb\xbf" + book(**{"02.1": entry()}))
    assert list(load_entries()) == ["02.1"]
    assert leftovers(file) == []


@pytest.mark.skipif(os.name != "posix", reason="a folder in use can't be deleted here")
def test_a_current_folder_that_is_gone_does_no_harm(tmp_path, monkeypatch, capsys):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.delenv("DDPM_PROGRESS")
    monkeypatch.chdir(gone)
    gone.rmdir()
    monkeypatch.setattr(progress, "BEGAN", progress._began())
    monkeypatch.setattr(files, "write", lambda *_: (_ for _ in ()).throw(FileNotFoundError(2, "gone")))
    assert load_entries() == {}
    note("02.1", "PASSED", 1)
    assert list(load_entries()) == ["02.1"]
    assert capsys.readouterr().out.count("\n") == 1


def test_a_console_without_the_letters_does_no_harm(tmp_path, monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", shown)
    (tmp_path / "nowhere").write_text("")
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "nowhere" / "李雷.json"))
    note("02.1", "PASSED", 1)
    shown.flush()
    assert b"??.json can't be written" in shown.buffer.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="no modes here")
def test_the_mode_of_the_file_is_kept(file):
    note("02.1", "NOT_YET", 1)
    file.chmod(0o600)
    note("02.1", "PASSED", 2)
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(b"damaged")
    note("02.1", "PASSED", 2)
    assert file.stat().st_mode & 0o777 == 0o600


def elsewhere(work, *arguments):
    """Do something in another process, as another notebook would."""
    process = multiprocessing.get_context("fork").Process(target=work, args=arguments)
    process.start()
    return process


def many_checks(me):
    for k in range(25):
        note("02.1", "NOT_YET", [me, k])
        note(f"03.{me}{k}", "PASSED", k)
    os._exit(len(progress._said))


@pytest.mark.slow
def test_many_notebooks_at_once_lose_nothing(file):
    writers = [elsewhere(many_checks, k) for k in range(1, 5)]
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    entries = load_entries()
    assert len(entries) == 101
    assert entries["02.1"].attempts == 100
    assert leftovers(file) == []


def die_with_the_lock(file):
    lock(file).acquire()
    os._exit(9)


@pytest.mark.alone
def test_a_lock_whose_holder_died_holds_nobody_up(file):
    holder = elsewhere(die_with_the_lock, file)
    holder.join(30)
    assert holder.exitcode == 9
    start = time.monotonic()
    note("02.1", "PASSED", 1)
    assert time.monotonic() - start < 0.5 * progress.PATIENCE
    assert file.exists()


def test_a_lock_that_is_never_let_go_is_not_waited_for_without_end(file, monkeypatch, capsys):
    monkeypatch.setattr(progress, "PATIENCE", 0.05)
    with lock(file):
        note("02.1", "PASSED", 1)
    assert not file.exists()
    assert "another notebook" in capsys.readouterr().out
    assert "02.1" in load_entries()


@pytest.mark.alone
def test_a_held_lock_is_waited_for_once(file, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.5)
    with lock(file):
        start = time.monotonic()
        note("02.1", "NOT_YET", 0)
        assert time.monotonic() - start >= 0.5
        start = time.monotonic()
        for k in range(20):
            note("02.1", "PASSED", k)
        assert time.monotonic() - start < 5
    note("02.2", "PASSED", 1)
    assert sorted(parse_entries(file.read_bytes())[0]) == ["02.1", "02.2"]
    with lock(file):
        start = time.monotonic()
        note("02.1", "PASSED", "again")
        assert time.monotonic() - start >= 0.5  # it waits again, because the lock was free in between


@pytest.mark.parametrize("error", [OSError(errno.ENOLCK, "No locks available"), NotImplementedError()])
def test_a_file_system_without_locks_keeps_the_progress_of_one_notebook(file, monkeypatch, capsys, error):
    def refused(*_, **__):
        raise error

    monkeypatch.setattr(FileLock, "acquire", refused)
    note("02.1", "NOT_YET", 1)
    note("02.1", "PASSED", 2)
    assert parse_entries(file.read_bytes())[0]["02.1"].attempts == 2
    assert capsys.readouterr().out == ""


TITLES = {"02.10": "ten", "02.2": "two", "00.1": "A <number> & more", "A.1": "root", "12.1": "extra"}
ENTRIES = {
    "02.2": Entry("PASSED", 1, "2026", 1),
    "00.1": Entry("NOT_YET", 2),
    "99.1": Entry("PASSED", 1, "x"),
}
FILES = ["02_forward process-Copy1.ipynb", "02_forward process.ipynb", "00_start_here.ipynb", "x_y.ipynb"]


def test_the_map_has_every_lesson_in_order_with_its_exercises_in_order():
    lessons = survey(TITLES, ENTRIES, FILES)
    assert [x.number for x in lessons] == [*LESSONS, "12"]
    two = lessons[2]
    assert two.exercises == [("02.2", "two", "PASSED"), ("02.10", "ten", "NOT_ATTEMPTED")]
    assert (two.notebook, two.done, two.tally) == ("02_forward process.ipynb", 1, "1 of 2")
    assert lessons[1] == Lesson("01", "From the VAE to the DDPM", None, [])
    assert lessons[1].tally == "coming"


def test_the_map_as_text():
    lines = repr(CourseMap(survey(TITLES, ENTRIES, FILES))).splitlines()
    assert lines[0] == "1 of 5 exercises passed   (✓ passed   ◐ not yet   ○ not tried)"
    assert lines[1].split() == ["00", "Start", "here", "0", "of", "1", "00_start_here.ipynb"]
    assert lines[2] == "      ◐ 00.1  A <number> & more"
    assert lines[5] == "      ✓ 02.2  two"
    assert not any(line != line.rstrip() for line in lines)


def test_the_map_as_html_says_in_words_what_it_shows_in_signs():
    text = CourseMap(survey(TITLES, ENTRIES, FILES))._repr_html_()
    assert "A &lt;number&gt; &amp; more</a><span class='aloud'>, not yet</span>" in text
    assert "href='02_forward%20process.ipynb'" in text
    assert text.count("href='00_start_here.ipynb'") == 6  # lesson, exercise, going on, three ways
    for word in WORDS.values():
        assert f"</i> {word}</span>" in text  # the legend
    assert well_nested(text)


def test_the_map_is_text_too_where_its_style_is_stripped_and_unfolds_where_one_goes_on():
    """As in a notebook that isn't trusted: no number runs into the next word."""
    titles = {"00.1": "first", "01.1": "second", "02.1": "third"}
    entries = {"00.1": Entry("PASSED", 1, "2026-01-01T00:00:00+00:00")}
    files = ["00_a.ipynb", "01_b.ipynb", "02_c.ipynb"]
    text = CourseMap(survey(titles, entries, files))._repr_html_()
    bare = re.sub(r"<[^>]*>", "", re.sub(r"<style>.*?</style>", "", text, flags=re.S))
    assert "1 of 3 exercises passed" in bare
    assert "○ 01.1 second, not tried" in bare
    assert "01 From the VAE to the DDPM continue here" in bare
    assert text.count("continue here") == text.count("<details open>") == 1
    assert text.count("<details>") == 2
    assert "VAEs later, about 13 hours." in bare
    assert "00 Start here → 02 The forward process →" in bare
    done = {name: Entry("PASSED", 1, "2026-01-01T00:00:00+00:00") for name in titles}
    assert "continue here" not in CourseMap(survey(titles, done, files))._repr_html_()


def test_an_optional_lesson_is_marked_and_the_way_leads_past_it():
    titles = {"05.1": "before", "06.1": "beside", "07.1": "after"}
    files = ["05_a.ipynb", "06_b.ipynb", "07_c.ipynb"]
    passed = Entry("PASSED", 1, "2026-01-01T00:00:00+00:00")
    marked = ("05 Sampling", "06 Information and compression optional", "07 Conditions and scores")
    for done, here in (((), 0), (("05.1",), 2), (("05.1", "07.1"), 1)):
        course = CourseMap(survey(titles, dict.fromkeys(done, passed), files))
        bare = re.sub(r"<[^>]*>", "", re.sub(r"<style>.*?</style>", "", course._repr_html_(), flags=re.S))
        for k, title in enumerate(marked):
            assert (f"{title} continue here" in bare) == (k == here), (done, title)
        assert next(line for line in repr(course).splitlines() if "optional" in line).startswith("06")
        assert repr(course).count("optional") == 1


# two devices


def device(dice):
    """The book of one device: some exercises, answered at random times."""
    book = {}
    for name in ("01.1", "01.2", "02.1", "02.2"):
        if dice.random() < 0.7:
            when = f"2026-0{dice.randint(1, 9)}-01T00:00:00+00:00"
            outcome = dice.choice(["PASSED", "NOT_YET"])
            passed = when if outcome == "PASSED" else None
            text = dice.choice([None, {"text": "x", "marks": None}])
            book[name] = Entry(outcome, dice.randint(1, 5), passed, dice.randint(0, 3), None, when, text)
    return book


def test_of_two_devices_a_pass_wins_the_first_of_two_and_the_order_does_not_matter():
    dice = random.Random(0)
    for _ in range(300):
        a, b = device(dice), device(dice)
        both = united(a, b)
        assert both == united(b, a) == united(both, a) == united(both, both)
        assert united(a, {}) == a
        for name in {*a, *b}:
            mine = [book[name] for book in (a, b) if name in book]
            passes = [e for e in mine if e.outcome == "PASSED"]
            assert both[name].outcome == ("PASSED" if passes else "NOT_YET")
            assert both[name].passed == min((e.passed for e in passes), default=None)
            assert both[name].data in [e.data for e in passes or mine]
            latest = max(e.when for e in passes or mine)
            assert both[name].data in [e.data for e in passes or mine if e.when == latest]


@pytest.mark.parametrize(
    "name",
    [
        "progress.sync-conflict-20261129-140512-7ABCDEF.json",
        "progress (Anna's conflicted copy 2026-11-29).json",
        "progress (conflicted copy 2026-11-29 140512).json",
        "progress (In Konflikt stehende Kopie von Anna 2026-11-29).json",
        "progress (copie en conflit de Anna).json",
    ],
)
def test_a_conflicted_copy_is_joined_once(file, name, capsys):
    note("02.1", "NOT_YET", 1)
    copy = file.with_name(name)
    copy.write_bytes(book(**{"02.1": entry(), "02.2": entry(data=2)}))
    assert [e.outcome for e in load_entries().values()] == ["PASSED", "PASSED"]
    assert parse_entries(file.read_bytes())[0].keys() == {"02.1", "02.2"}
    assert leftovers(file) == [f"{name}.joined"]
    assert "was written on another device" in capsys.readouterr().out
    file.unlink()  # to start over
    assert load_entries() == {}


@pytest.mark.parametrize(
    "name", ["progress-backup.json", "progress (1).json", "progressive conflict.json", "p.json"]
)
def test_another_file_is_no_conflicted_copy(file, name):
    note("02.1", "NOT_YET", 1)
    file.with_name(name).write_bytes(book(**{"02.1": entry()}))
    assert load_entries()["02.1"].outcome == "NOT_YET"
    assert leftovers(file) == [name]


def test_a_damaged_conflicted_copy_stays_where_it_is(file):
    note("02.1", "NOT_YET", 1)
    copy = file.with_name("progress (conflicted copy).json")
    copy.write_text("half of i")
    note("02.1", "PASSED", 2)
    assert load_entries()["02.1"].outcome == "PASSED"
    assert leftovers(file) == [copy.name]


def test_the_command_joins_two_devices_and_keeps_what_was_there(tmp_path, capsys):
    a, b = tmp_path / "progress.json", tmp_path / "progress-laptop.json"
    a.write_bytes(book(**{"02.1": entry(outcome="NOT_YET", passed=None, attempts=3), "02.2": entry()}))
    b.write_bytes(book(**{"02.1": entry(data=5), "02.3": entry()}))
    was = a.read_bytes(), b.read_bytes()
    assert main(["join", str(a), str(b)]) == 0
    entries, broken = parse_entries(a.read_bytes())
    assert not broken
    assert {name: (e.outcome, e.data) for name, e in entries.items()} == {
        "02.1": ("PASSED", 5),
        "02.2": ("PASSED", 1),
        "02.3": ("PASSED", 1),
    }
    assert (a.with_name("progress.json.before-join").read_bytes(), b.read_bytes()) == was
    assert "3 exercises, 3 passed" in capsys.readouterr().out
    assert main(["join", str(a), str(b), "--out", str(tmp_path / "all.json")]) == 0
    assert parse_entries((tmp_path / "all.json").read_bytes())[0] == entries


def test_what_a_notebook_writes_while_files_are_joined_is_joined_too(file, tmp_path, monkeypatch):
    other = tmp_path / "progress-laptop.json"
    other.write_bytes(book(**{"02.1": entry()}))
    note("02.2", "PASSED", 2)
    locked = progress._locked

    def late(out, patience):
        monkeypatch.setattr(progress, "_locked", locked)
        note("02.3", "PASSED", 3)
        return locked(out, patience)

    monkeypatch.setattr(progress, "_locked", late)
    progress.join([file, other], file)
    assert list(load_entries()) == ["02.1", "02.2", "02.3"]


@pytest.mark.parametrize("raw", [b"no JSON", book(**{"02.1": {"outcome": "GREAT"}})], ids=["noise", "broken"])
def test_a_file_that_cannot_be_read_whole_joins_nothing(tmp_path, capsys, raw):
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    a.write_bytes(book(**{"02.2": entry()}))
    b.write_bytes(raw)
    was = a.read_bytes()
    assert main(["join", str(a), str(b)]) == 2
    assert "b.json" in capsys.readouterr().err
    assert a.read_bytes() == was
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a.json", "b.json"]


# what is typed and not yet checked


def test_a_draft_is_kept_until_its_text_is_checked(file):
    draft("02.1", {"text": "so far", "marks": None})
    entry = load_entries()["02.1"]
    assert (entry.outcome, entry.attempts, entry.draft["text"]) == ("NOT_ATTEMPTED", 0, "so far")
    draft("02.1", {"text": "so far and further", "marks": None})
    assert load_entries()["02.1"].draft["text"] == "so far and further"
    note("02.1", "PASSED", {"text": "all", "marks": [True]}, "v1")
    entry = load_entries()["02.1"]
    assert (entry.outcome, entry.attempts, entry.draft, entry.version) == ("PASSED", 1, None, "v1")
    draft("02.1", {"text": "a second thought", "marks": None})
    after = load_entries()["02.1"]
    assert after == entry._replace(draft={"text": "a second thought", "marks": None})
    draft("02.1", object())
    assert load_entries()["02.1"] == after


def test_a_file_of_the_first_schema_is_read(file):
    file.write_bytes(book(**{"02.1": entry()}))
    old = load_entries()["02.1"]
    assert (old.version, old.draft, old.when) == (None, None, old.passed)
    note("02.2", "NOT_YET", 1)
    assert json.loads(file.read_text())["schema"] == progress.SCHEMA
    assert load_entries()["02.1"] == old


def test_a_former_id_and_the_present_one_are_one_exercise(file, monkeypatch):
    monkeypatch.setattr(progress, "current", lambda name: {"02.1": "02.shrink"}.get(name, name))
    file.write_bytes(
        book(**{"02.1": entry(), "02.shrink": entry(outcome="NOT_YET", passed=None), "02.2": entry()})
    )
    entries = load_entries()
    assert {name: e.outcome for name, e in entries.items()} == {"02.shrink": "PASSED", "02.2": "PASSED"}
    note("02.1", "PASSED", "new")
    assert load_entries()["02.shrink"].data == "new"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone can't be changed here")
def test_times_are_shown_in_the_time_zone_of_the_machine(monkeypatch):
    try:
        for zone, shown in (("UTC", "2026-11-29 23:30"), ("Asia/Tokyo", "2026-11-30 08:30")):
            monkeypatch.setenv("TZ", zone)
            time.tzset()
            assert progress.local("2026-11-29T23:30:00+00:00") == shown
    finally:
        monkeypatch.undo()
        time.tzset()
    assert [progress.local(when) for when in (None, "", "x", "<b>")] == [""] * 4
