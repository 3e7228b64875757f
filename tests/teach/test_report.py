import csv
import io
import json
import os
import random
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ddpm_core.teach import report
from ddpm_core.teach.__main__ import main
from ddpm_core.teach.judge import Outcome, Verdict
from ddpm_core.teach.progress.file import local
from ddpm_core.teach.progress.version import version
from ddpm_core.teach.report import class_report, rechecker
from ddpm_core.teach.report.tables import cell, clean

pytestmark = pytest.mark.slow
PIPES = hasattr(os, "mkfifo")


class Fake:
    """An exercise that passes 1, is slow for "slow", kills its process for "die", and raises for "raise"."""

    def __init__(self, kind="number"):
        self.kind = kind

    def recheck(self, data):
        if data == "slow":
            time.sleep(60)
        if data == "die":
            os._exit(3)
        if data == "raise":
            raise RuntimeError
        return Verdict(Outcome.PASSED if data == 1 else Outcome.NOT_YET, "")


FAKES = {"00.1": Fake(), "00.2": Fake(), "00.10": Fake(), "00.5": Fake("prose")}
SOURCE = f"{__name__}:FAKES"


WHEN = "2026-01-01T00:00:00+00:00"


def entry(data=1, outcome="PASSED", attempts=1, when=WHEN, **more):
    passed = when if outcome == "PASSED" else None
    return {"outcome": outcome, "attempts": attempts, "passed": passed, "data": data} | more


def put(path, **exercises):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 2, "exercises": exercises}))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("ddpm_core.teach.progress.file.former", str)  # names of exercises are made up here
    (tmp_path / "class").mkdir()
    return tmp_path / "class"


def run(folder, tmp_path, capsys, **more):
    """The rows of the CSV, as dicts, and the lines on the terminal."""
    class_report(folder, tmp_path / "out" / "r.csv", tmp_path / "out" / "g.csv", exercises=SOURCE, **more)
    with open(tmp_path / "out" / "r.csv", encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file)), capsys.readouterr().out.splitlines()


def line(lines, start):
    (found,) = [x for x in lines if x.startswith(start)]
    return found


def test_a_class(folder, tmp_path, capsys):
    put(folder / "anna.json", **{"00.10": entry(), "00.2": entry(), "00.1": entry(2, "NOT_YET", 3)})
    put(folder / "Zoë" / "progress.json", **{"00.1": entry(), "00.2": entry(2), "00.5": entry()})
    put(folder / "Zoë" / "second.json", **{"00.1": entry(1, "NOT_YET")})
    put(folder / "Zoë" / "deeper" / "third.json", **{"00.1": entry()})
    put(folder / "bob" / "progress.json", **{"99.1": entry(), "00.1": entry(None)})
    rows, lines = run(folder, tmp_path, capsys)
    fields = [
        "student",
        "exercise",
        "claimed",
        "rechecked",
        "attempts",
        "passed",
        "version",
        "counted",
        "remark",
    ]
    assert list(rows[0]) == fields
    told = [[row[f] for f in fields if f not in ("passed", "version")] for row in rows]
    assert told == [
        ["Zoë", "id 00.1", "PASSED", "PASSED", "1", "1", ""],
        ["Zoë", "id 00.2", "PASSED", "NOT_YET", "1", "0", ""],
        ["Zoë", "id 00.5", "PASSED", "PASSED", "1", "1", "marked by the student"],
        ["Zoë/deeper/third", "id 00.1", "PASSED", "PASSED", "1", "1", ""],
        ["Zoë/second", "id 00.1", "NOT_YET", "PASSED", "1", "1", ""],
        ["anna", "id 00.1", "NOT_YET", "NOT_YET", "3", "0", ""],
        ["anna", "id 00.2", "PASSED", "PASSED", "1", "1", ""],
        ["anna", "id 00.10", "PASSED", "PASSED", "1", "1", ""],
        ["bob", "id 00.1", "PASSED", "", "1", "0", "no answer in the file"],
        ["bob", "id 99.1", "PASSED", "", "1", "0", "unknown exercise"],
    ]
    assert {row["passed"] for row in rows if row["claimed"] == "PASSED"} == {local(WHEN)}
    assert line(lines, "anna").endswith("  2 of 4")
    assert line(lines, "Zoë ").endswith("2 of 4   ! claimed, not confirmed: 00.2")
    assert line(lines, "Zoë/second").endswith("1 of 4   passes, though not claimed: 00.1")
    assert line(lines, "bob").endswith("0 of 4   ! claimed, not confirmed: 00.1; unknown: 99.1")
    grades = (tmp_path / "out" / "g.csv").read_text("utf-8-sig").splitlines()
    assert grades[0] == "student,lesson 00 (of 4),total (of 4)"
    assert grades[1:] == ["Zoë,2,2", "Zoë/deeper/third,1,1", "Zoë/second,1,1", "anna,2,2", "bob,0,0"]


def test_two_files_of_one_name_are_two_students(folder, tmp_path, capsys):
    put(folder / "anna.json", **{"00.1": entry()})
    put(folder / "anna" / "progress.json", **{"00.1": entry(2)})
    rows, _ = run(folder, tmp_path, capsys)
    assert [(r["student"], r["rechecked"]) for r in rows] == [
        ("anna", "NOT_YET"),
        ("anna (anna.json)", "PASSED"),
    ]


def test_no_two_students_become_one(folder, tmp_path, capsys):
    names = ["anna/progress", "anna", "anna (anna.json)", "a;b", "a|b", "x" * 220 + "1", "x" * 220 + "2"]
    for name in names:
        put(folder / f"{name}.json", **{"00.1": entry()})
    rows, lines = run(folder, tmp_path, capsys)
    assert len({r["student"] for r in rows}) == len(rows) == len(names)
    assert len(lines) == len(names) + 2


def test_long_names_are_cut_and_not_lost(folder, tmp_path, capsys):
    put(folder / f"anna-{'long' * 12}.json", **{"00.1": entry()})
    _, lines = run(folder, tmp_path, capsys)
    assert line(lines, "anna-longlong").startswith(f"anna-{'long' * 12}"[:39] + "…   ")


def test_a_folder_without_a_file_is_named(folder, tmp_path, capsys):
    put(folder / "anna.json", **{"00.1": entry()})
    (folder / "erik").mkdir()
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "dora.ipynb").write_text("{}")
    rows, lines = run(folder, tmp_path, capsys)
    assert "problem: erik: no progress file" in lines
    assert "problem: deep: no progress file; there is er/dora.ipynb" in lines
    assert [(r["student"], r["remark"]) for r in rows[1:]] == [
        (n, "no progress file") for n in ("deep", "erik")
    ]
    assert line(lines, "erik").endswith("0 of 4   no progress file")


def test_a_mark_of_the_byte_order_is_no_damage(folder, tmp_path, capsys):
    put(folder / "anna.json", **{"00.1": entry()})
    (folder / "anna.json").write_bytes(b"\xef\xbb\xbf" + (folder / "anna.json").read_bytes())
    rows, _ = run(folder, tmp_path, capsys)
    assert rows[0]["rechecked"] == "PASSED"


def test_what_is_slow_deadly_or_faulty_costs_its_own_line_only(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(rechecker, "LIMIT", 3.0)
    put(folder / "a.json", **{"00.1": entry("slow"), "00.2": entry("die"), "00.10": entry("raise")})
    put(folder / "b.json", **{"00.1": entry()})
    rows, _ = run(folder, tmp_path, capsys)
    assert [(r["rechecked"], r["remark"]) for r in rows] == [
        ("", "recheck cut after 3 s"),
        ("", "recheck ended its process"),
        ("", "recheck failed: RuntimeError"),
        ("PASSED", ""),
    ]


def test_one_student_can_not_hold_up_the_class(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "CUTS", 1)
    put(folder / "a.json", **{"00.1": entry("die"), "00.2": entry("die"), "00.10": entry()})
    rows, _ = run(folder, tmp_path, capsys)
    assert [r["remark"][:13] for r in rows] == ["recheck ended", "not rechecked", "not rechecked"]


def test_hostile_files_cost_one_line_each(folder, tmp_path, capsys):
    (tmp_path / "secret.json").write_text(json.dumps({"schema": 1, "exercises": {"00.1": entry()}}))
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    (folder / "huge.json").write_bytes(b" " * 5_000_001)
    (folder / "deep.json").write_text("[" * 200_000)
    (folder / "noise.json").write_bytes(b"\xff\x00\xfe")
    (folder / "list.json").write_text("[1]")
    (folder / "new.json").write_text('{"schema": 9, "exercises": {}}')
    (folder / "folder.json").mkdir()
    (folder / "notes.txt").write_text("no progress")
    (folder / ".hidden.json").write_text("not looked at")
    put(folder / "broken.json", **{"00.1": {"outcome": "GREAT"}, "00.2": entry()})
    if PIPES:
        os.mkfifo(folder / "pipe.json")
    put(folder / "good.json", **{"00.1": entry()})
    rows, lines = run(folder, tmp_path, capsys)
    assert [r["student"] for r in rows if r["exercise"]] == ["broken", "good"]
    assert all(r["remark"] for r in rows if not r["exercise"])
    unread = {"link", "huge", "deep", "noise", "list", "new", "folder.json"} | ({"pipe"} if PIPES else set())
    assert {r["student"] for r in rows if not r["exercise"]} == unread
    problems = [x.removeprefix("problem: ") for x in lines if x.startswith("problem: ")]
    said = {x.split(":")[0]: x for x in problems}
    assert "not followed" in said["link.json"]
    assert "not followed" in said["up"]
    assert "5,000,000 bytes" in said["huge.json"]
    assert "too deep" in said["deep.json"]
    assert said["noise.json"].endswith("no JSON")
    assert said["notes.txt"].endswith("no JSON")
    assert said["hidden, not looked at"].endswith(".hidden.json")
    assert "no progress of this course" in said["list.json"]
    assert "later version" in said["new.json"]
    assert "1 entries" in said["broken.json"]
    assert "no progress file" in said["folder.json"]
    assert len(problems) == 11 + PIPES


def test_names_steer_neither_the_terminal_nor_a_spreadsheet(folder, tmp_path, capsys):
    name = "=cmd|' \x1b[31m;@x\n"
    put(folder / f"{name}.json", **{"=1+1": entry(), "+\x07\u202e": entry(), "00.1": entry()})
    rows, lines = run(folder, tmp_path, capsys)
    assert rows[0]["student"].startswith("'=cmd ' �[31m @x�")
    assert {r["exercise"] for r in rows} == {"'=1+1", "'+��", "id 00.1"}
    assert not any(c in "\x1b\x07\u202e" for text in lines for c in text)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", " =1", "＝1", "\t=1", "\r=1", "\n@a"])
def test_no_cell_is_a_formula(text):
    assert not cell(text).lstrip().startswith(tuple("=+-@＝"))


def test_plain_cells_are_left_alone():
    plain = [
        "anna",
        "02.shrink-factor",
        "Zoë-Marie",
        "",
        "marie",
        "April May",
        "e5a",
        "2026-01-01 13:00",
        "Nathan",
    ]
    assert [cell(x) for x in plain] == plain
    assert (cell(3), cell(10**8)) == (3, 10**8)
    assert len(clean("x" * 1000)) == 200


NO_TEXT = [
    "02.10",
    "00123",
    "1e5",
    "12e3",
    "NA",
    "nan",
    "None",
    "null",
    "true",
    "0x1f",
    "inf",
    "1-2",
    "2026-01-02",
]
NO_TEXT += ["3 mar", "mar 3", "jan1", "n/a", "<NA>", "1,5", "12:30", "5 pm"]


@pytest.mark.parametrize("text", NO_TEXT)
def test_no_text_is_taken_for_something_else(text, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas isn't installed")
    assert cell(text) == f"id {text}"
    (tmp_path / "t.csv").write_text(f"a\n{cell(text)}\n" if "," not in text else f'a\n"{cell(text)}"\n')
    assert pandas.read_csv(tmp_path / "t.csv").a.tolist() == [f"id {text}"]


@pytest.mark.parametrize("there", [{}, {"noise.json": "not JSON"}], ids=["empty", "damaged"])
def test_a_folder_without_progress_says_so_and_writes_nothing(folder, tmp_path, capsys, there):
    for name, text in there.items():
        (folder / name).write_text(text)
    out = tmp_path / "report.csv"
    out.write_text("last week's")
    assert main(["report", str(folder), "--out", str(out)]) == 2
    said = capsys.readouterr()
    assert said.err == clean(f"error: no progress files in {folder}") + "\n"
    assert said.out.count("problem: ") == len(there)
    assert out.read_text() == "last week's"


def test_bad_wishes_end_with_one_line(folder, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for args in (["nowhere"], [str(tmp_path / "file")], [str(folder), "--out", str(tmp_path / "file" / "x")]):
        assert main(["report", *args]) == 2
        err = capsys.readouterr().err
        assert err.startswith("error: ")
        assert err.count("\n") == 1


def test_a_table_that_cannot_be_written_is_named_before_the_work(folder, tmp_path, capsys, monkeypatch):
    put(folder / "anna.json", **{"00.1": entry()})
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(report, "Rechecker", None)  # not reached
    for out, named in (("taken", "taken is a folder"), ("file/x.csv", "file can't be a folder")):
        assert main(["report", str(folder), "--out", str(tmp_path / out)]) == 2
        err = capsys.readouterr().err
        assert str(tmp_path / named) in err
        assert ".part" not in err
    assert list((tmp_path / "taken").iterdir()) == []


def test_a_disk_that_fills_up_leaves_the_summary(folder, tmp_path, capsys, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    put(folder / "anna.json", **{"00.1": entry()})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"/r\.csv can't be written \(No space left"):
        class_report(folder, tmp_path / "r.csv", tmp_path / "g.csv", exercises=SOURCE)
    assert "anna        1 of 4" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["class"]


def test_a_console_without_the_letters_does_not_end_the_report(folder, tmp_path, monkeypatch):
    put(folder / "李雷.json", **{"00.1": entry()})
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", shown)
    class_report(folder, tmp_path / "r.csv", tmp_path / "g.csv", exercises=SOURCE)
    shown.flush()
    assert b"??          1 of 4" in shown.buffer.getvalue()
    assert "李雷" in (tmp_path / "r.csv").read_text("utf-8-sig")


def test_help_says_what_a_teacher_needs(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["report", "--help"])
    told = capsys.readouterr().out
    for word in ("FOLDER", "--out", "anna/progress.json", "nothing in them is run", "rechecked"):
        assert word in told


def test_as_a_command_with_the_course_s_own_exercises(folder, tmp_path):
    put(folder / "anna.json", **{"00.1": entry(5.0), "00.2": entry("b"), "00.3": entry({"__class__": [1]})})
    command = [sys.executable, "-m", "ddpm_core.teach", "report", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 of " in done.stdout
    assert "! claimed, not confirmed: 00.clean-picture, 00.abar-from-beta" in done.stdout
    assert (tmp_path / "report.csv").read_text("utf-8-sig").count("\n") == 4


class Renamed(Mapping):
    """A teacher's own exercises, each made when it is asked for, which their former ids find as well."""

    made = ()

    def __getitem__(self, name):
        key = {"00.1": "00.one"}.get(name, name)
        if key not in self:
            raise KeyError(name)
        self.made = {*self.made, key}
        return Fake()

    def __contains__(self, name):
        return name in ("00.1", *self)

    def __iter__(self):
        return iter(["00.one", "00.two"])

    def __len__(self):
        return 2


RENAMED = Renamed()


def test_a_teacher_s_mapping_may_know_former_ids(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(globals(), "SOURCE", f"{__name__}:RENAMED")
    put(folder / "anna.json", **{"00.1": entry(), "00.two": entry(2), "00.three": entry()})
    rows, _ = run(folder, tmp_path, capsys)
    told = {row["exercise"]: (row["rechecked"], row["remark"]) for row in rows}
    assert told == {
        "id 00.1": ("PASSED", ""),
        "00.two": ("NOT_YET", ""),
        "00.three": ("", "unknown exercise"),
    }


def test_every_exercise_is_made_before_the_clock_runs(monkeypatch):
    class Pipe:
        def __init__(self):
            self.made = []

        def send_bytes(self, raw):
            self.made.append(sorted(bank.made))

        def recv_bytes(self):
            raise EOFError

    bank, pipe = Renamed(), Pipe()
    monkeypatch.setitem(globals(), "RENAMED", bank)
    rechecker.serve(pipe, f"{__name__}:RENAMED")
    assert pipe.made == [["00.one", "00.two"]]


def test_exercises_that_do_not_load_end_with_one_line(folder, tmp_path):
    put(folder / "anna.json", **{"00.1": entry()})
    with pytest.raises(OSError, match="does not start"), report.Rechecker("nowhere:BANK") as judge:
        judge("00.1", 1)


# where the files lie


def zipped(path, **members):
    """A ZIP of files, given by name as bytes or text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def book(**exercises):
    return json.dumps({"schema": 2, "exercises": exercises})


def passes(rows):
    return {row["student"]: row["counted"] for row in rows}


ONE = {"00.1": entry()}


def test_a_zip_is_read_like_a_folder_and_zips_in_it_too(folder, tmp_path, capsys):
    inner = zipped(
        tmp_path / "inner.zip", **{"my/progress.json": book(**ONE), "my/03.ipynb": "{}"}
    ).read_bytes()
    names = ["anna.json", "ben/progress.json", "group/carl.json", "group/dora/my/progress.json"]
    names += ["Eva Müller_123_assignsubmission_file_/progress.json"]
    members = {name: book(**ONE) for name in names} | {"finn.zip": inner, "__MACOSX/._anna.json": "x"}
    whole = zipped(tmp_path / "class.zip", **members)
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(folder)
    (folder / "__MACOSX" / "._anna.json").unlink()
    (folder / "__MACOSX").rmdir()
    expected = {"anna", "ben", "group/carl", "group/dora", "Eva Müller_123", "finn"}
    for source in (whole, folder):
        rows, lines = run(source, tmp_path, capsys)
        assert passes(rows) == dict.fromkeys(expected, "1")
        said = [x for x in lines if x.startswith("problem")]
        assert said == ["problem: beside progress files that were read, not looked at: 1 .ipynb"]


def test_a_single_file_is_a_class_of_one(folder, tmp_path, capsys):
    put(folder / "anna.json", **ONE)
    rows, _ = run(folder / "anna.json", tmp_path, capsys)
    assert passes(rows) == {"anna": "1"}


def test_a_file_by_another_name_is_read_or_named(folder, tmp_path, capsys):
    put(folder / "anna.json", **ONE)
    put(folder / "ben.json.txt", **ONE)
    put(folder / "carla", **ONE)
    for name in ("dora.ipynb", "emil.pdf", "fay.docx", "gus.rar"):
        (folder / name).write_bytes(b"PK not this")
    rows, lines = run(folder, tmp_path, capsys)
    assert passes(rows) == dict.fromkeys(("anna", "ben", "carla"), "1")
    for name in ("dora.ipynb", "emil.pdf", "fay.docx", "gus.rar"):
        assert any(x.startswith(f"problem: {name}: ") for x in lines)


def test_two_devices_of_one_student_are_joined(folder, tmp_path, capsys):
    late = "2026-02-01T00:00:00+00:00"
    put(folder / "gus" / "progress.json", **{"00.1": entry(2, "NOT_YET"), "00.2": entry(when=late)})
    put(folder / "gus" / "progress-laptop.json", **{"00.1": entry(), "00.2": entry()})
    put(folder / "ida.json", **{"00.1": entry(2, "NOT_YET")})
    put(folder / "ida.sync-conflict-20261129-140512-ABC.json", **ONE)
    put(folder / "ida (1).json", **{"00.1": entry(2, "NOT_YET")})  # may be another Ida
    rows, lines = run(folder, tmp_path, capsys)
    assert "problem: gus: joined from gus/progress-laptop.json, gus/progress.json" in lines
    assert [(r["student"], r["counted"]) for r in rows] == [
        ("gus", "1"),
        ("gus", "1"),
        ("ida", "1"),
        ("ida (1)", "0"),
    ]
    assert {r["passed"] for r in rows if r["student"] == "gus"} == {local(WHEN)}


def bomb(tmp_path):
    return zipped(tmp_path / "b.zip", **{"progress.json": b" " * 50_000_000}).read_bytes()


def test_hostile_zips_cost_one_line_each(folder, tmp_path, capsys):
    put(folder / "anna.json", **ONE)
    good = zipped(tmp_path / "g.zip", **{"progress.json": book(**ONE)}).read_bytes()
    (folder / "noise.zip").write_bytes(b"no archive")
    (folder / "cut.zip").write_bytes(good[:-30])
    (folder / "bomb.zip").write_bytes(bomb(tmp_path))
    (folder / "bent.zip").write_bytes(
        good.replace(b"schema", b"sch\x00ma")[:30] + good[30:60][::-1] + good[60:]
    )
    locked = bytearray(good)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[good.index(header) + flags] |= 1
    (folder / "locked.zip").write_bytes(locked)
    zipped(folder / "empty.zip")
    zipped(folder / "up.zip", **{"../../progress.json": book(**ONE), "/etc/x.json": book(**ONE)})
    inner = good
    for _ in range(6):
        inner = zipped(tmp_path / "n.zip", **{"n.zip": inner}).read_bytes()
    (folder / "nested.zip").write_bytes(inner)
    before = sorted(p.name for p in tmp_path.rglob("*"))
    rows, lines = run(folder, tmp_path, capsys)
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted([*before, "out", "r.csv", "g.csv"])
    assert passes(rows)["anna"] == passes(rows)["up"] == "1"
    assert any("locked.zip/progress.json" in x and "password" in x for x in lines)
    for name in ("noise", "cut", "bomb", "bent", "empty", "locked"):
        assert any(r["student"] == name and r["remark"] for r in rows), name
        assert any(x.startswith(f"problem: {name}.zip") for x in lines), name
    assert any(x.startswith("problem: nested.zip/") for x in lines)


# when, and under which version


def test_what_was_passed_after_the_date_does_not_count(folder, tmp_path, capsys):
    put(folder / "a.json", **{"00.1": entry(when="2026-01-10T12:00:00+00:00"), "00.2": entry(when="x")})
    put(folder / "b.json", **{"00.1": entry(when="2026-01-12T12:00:00+00:00")})
    for until, counts in (("2026-01-01", "000"), ("2026-01-10", "100"), ("2026-01-31T10:00+00:00", "101")):
        rows, _ = run(folder, tmp_path, capsys, until=report.moment(until))
        assert "".join(r["counted"] for r in rows) == counts
        assert ["after the date" in r["remark"] for r in rows] == [c == "0" for c in counts]
    with pytest.raises(ValueError, match="2026-12-01"):
        report.moment("next week")


def test_a_day_ends_at_its_end_here():
    assert report.moment("2026-12-01").strftime("%Y-%m-%d %H:%M:%S") == "2026-12-01 23:59:59"
    assert report.moment("2026-12-01 18:00").strftime("%H:%M") == "18:00"
    assert report.moment("2026-12-01T18:00+02:00").timestamp() == 1796140800


from ddpm_core.teach.bank import bank as BANK_NOW  # noqa: E402


def record(name):
    q = BANK_NOW[name]
    return json.loads(json.dumps(q.record(q.references[0])))


HARDER = {n: replace(BANK_NOW[n], cases=[*BANK_NOW[n].cases, BANK_NOW[n].cases[0]]) for n in ("00.4",)}
HARDER |= {"00.1": replace(BANK_NOW["00.1"], formula="", answer=6.0), "00.2": BANK_NOW["00.2"]}


def test_an_answer_to_an_older_version_is_not_called_unconfirmed(folder, tmp_path, capsys):
    kept = {n: entry(record(n), version=version(BANK_NOW[n])) for n in ("00.1", "00.2", "00.4")}
    put(folder / "anna.json", **kept)
    put(folder / "old.json", **{"00.4": entry(record("00.4"))})  # of the first schema
    put(folder / "carla.json", **{"00.1": entry(7.0, version=version(HARDER["00.1"])), "00.2": entry("b")})
    class_report(folder, tmp_path / "r.csv", tmp_path / "g.csv", exercises=f"{__name__}:HARDER")
    said = capsys.readouterr().out.splitlines()
    assert line(said, "anna").endswith(
        "1 of 3   answered under an older version, to be checked again: 00.4, 00.1"
    )
    assert line(said, "old").endswith("answered under an older version, to be checked again: 00.4")
    assert line(said, "carla").endswith("! claimed, not confirmed: 00.1, 00.2")
    with open(tmp_path / "r.csv", encoding="utf-8-sig", newline="") as file:
        kept = {(row["student"], row["exercise"]): row["version"] for row in csv.DictReader(file)}
    assert kept["anna", "id 00.1"] == version(BANK_NOW["00.1"])
    assert kept["old", "id 00.4"] == ""


def test_a_version_changes_with_what_is_judged_and_not_with_words():
    names = {name: version(q) for name, q in BANK_NOW.items()}
    command = "from ddpm_core.teach.report import version as v; from ddpm_core.teach.bank import bank; "
    command += "print({n: v(q) for n, q in bank.items()})"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert eval(done.stdout) == names
    for name, q in HARDER.items():
        assert (version(q) == version(BANK_NOW[name])) == (name == "00.2")
    q = BANK_NOW["00.1"]
    worded = replace(q, title="x", prompt="y", worked="z", hints=[], mistakes=[], right="w")
    assert version(worded) == version(q)
    assert version(replace(q, formula="", given={}, answer=5.0)) == version(q)  # the same number
    c = BANK_NOW["00.2"]
    turned = replace(c, options=dict(reversed(c.options.items())), why=dict(reversed(c.why.items())))
    assert version(turned) == version(c)  # the order of the options is no matter
    for change in ({"formula": "", "answer": 5.1}, {"rel": 0.1}, {"unit": "m"}):
        assert version(replace(q, **change)) != version(q)


# a class of two hundred


def odd_ones(folder, tmp_path):
    """Twenty hostile or odd files, and the name that each student must have in the tables."""
    put(folder / "00123.json", **ONE_REAL)
    put(folder / "007.json", **ONE_REAL)
    put(folder / "NA.json", **ONE_REAL)
    put(folder / "nan" / "progress.json", **ONE_REAL)
    put(folder / "1e5.json", **ONE_REAL)
    put(folder / "=cmd.json", **ONE_REAL)
    put(folder / 'a,b"c.json', **ONE_REAL)
    put(folder / "李雷.json.txt", **ONE_REAL)
    put(folder / "gus" / "progress-laptop.json", **ONE_REAL)
    put(folder / "gus" / "progress.json", **{"00.1": entry(7.0, "NOT_YET")})
    put(folder / "emil.json")
    (folder / "fay").mkdir()
    (folder / "noise.json").write_bytes(b"\xff\x00")
    (folder / "huge.json").write_bytes(b" " * 5_000_001)
    (folder / "deep.json").write_text("[" * 200_000)
    (folder / "later.json").write_text('{"schema": 9, "exercises": {}}')
    (folder / "bomb.zip").write_bytes(bomb(tmp_path))
    zipped(folder / "zoe.zip", **{"course/my/progress.json": book(**ONE_REAL)})
    hostile = ["9**" * 500 + "9", "__import__('os')", [[[1]]], {"outputs": [[]]}, {"text": 1}, 1e308]
    names = list(BANK_NOW)
    put(folder / "mallory.json", **{n: entry(hostile[k % 6]) for k, n in enumerate(names)})
    put(folder / "many.json", **{f"x{k}": entry() for k in range(20_000)})
    read = [
        "id 00123",
        "id 007",
        "id NA",
        "id nan",
        "id 1e5",
        "'=cmd",
        'a,b"c',
        "李雷",
        "gus",
        "mallory",
        "many",
    ]
    return read, ["emil", "fay", "noise", "huge", "deep", "later", "bomb"], ["zoe/course"]


ONE_REAL = {"00.1": entry(5.0)}


@pytest.mark.alone
def test_a_class_of_two_hundred_in_one_command(folder, tmp_path):
    """Nobody is missing, in under two minutes, and pandas reads the numbers and names as they are."""
    pandas = pytest.importorskip("pandas", reason="pandas isn't installed")
    kept = {}
    for name, q in BANK_NOW.items():
        data = q.record(q.references[0], [True] * len(getattr(q, "rubric", ())) or None)
        kept[name] = entry(json.loads(json.dumps(data)), version=version(q))
    dice = random.Random(0)
    honest = {f"student {k:03d}": dice.sample(list(kept), dice.randint(1, len(kept))) for k in range(180)}
    for student, names in honest.items():
        put(folder / f"{student}.json", **{name: kept[name] for name in names})
    read, unread, more = odd_ones(folder, tmp_path)
    command = [sys.executable, "-m", "ddpm_core.teach", "report", str(folder)]
    start = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert time.monotonic() - start < 120

    rows, grades = (pandas.read_csv(tmp_path / name) for name in ("report.csv", "grades.csv"))
    assert set(grades.student) == set(rows.student) == {*honest, *read, *unread, *more}
    assert grades.student.is_unique
    total = grades.set_index("student")[f"total (of {len(BANK_NOW)})"]
    assert total[list(honest)].to_dict() == {student: len(names) for student, names in honest.items()}
    assert (total[unread] == 0).all()
    assert (rows.groupby("student").counted.sum() == total.sort_index()).all()
    assert rows.remark[rows.student.isin(unread)].notna().all()
    lessons = grades.drop(columns="student")
    assert (lessons.iloc[:, :-1].sum(axis=1) == lessons.iloc[:, -1]).all()
    assert all(dtype.kind == "i" for dtype in lessons.dtypes)
    for name, table in (("report.csv", rows), ("grades.csv", grades)):
        table.to_csv(tmp_path / f"again {name}", index=False)
        again = pandas.read_csv(tmp_path / f"again {name}")
        pandas.testing.assert_frame_equal(again, table)
        mine = list(csv.reader((tmp_path / name).read_text("utf-8-sig").splitlines()))
        theirs = list(csv.reader((tmp_path / f"again {name}").read_text("utf-8").splitlines()))
        assert mine == theirs


def test_a_reader_that_leaves_early_loses_nothing(folder, tmp_path):
    for k in range(300):
        put(folder / f"s{k}.json", **{"00.1": entry(5.0)})
    command = f"{sys.executable} -m ddpm_core.teach report {folder} | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.stdout.split(), done.stderr) == (["student", "passed"], "")
    for name in ("report.csv", "grades.csv"):
        assert (tmp_path / name).read_text("utf-8-sig").count("\n") == 301
