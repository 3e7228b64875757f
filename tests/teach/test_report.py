import csv
import io
import json
import os
import subprocess
import sys
import time

import pytest

from ddpm_core.teach import report
from ddpm_core.teach.__main__ import main
from ddpm_core.teach.judge import Outcome, Verdict
from ddpm_core.teach.report import cell, class_report, clean

pytestmark = pytest.mark.slow


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


def entry(data=1, outcome="PASSED", attempts=1):
    passed = "2026-01-01T00:00:00+00:00" if outcome == "PASSED" else None
    return {"outcome": outcome, "attempts": attempts, "passed": passed, "data": data}


def put(path, **exercises):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schema": 1, "exercises": exercises}))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("ddpm_core.teach.progress.file.former", str)  # names of exercises are made up here
    (tmp_path / "class").mkdir()
    return tmp_path / "class"


def run(folder, tmp_path, capsys):
    """The rows of the CSV, as dicts, and the lines on the terminal."""
    class_report(folder, tmp_path / "out" / "r.csv", SOURCE)
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
    assert list(rows[0]) == ["student", "exercise", "claimed", "rechecked", "attempts", "remark"]
    assert [list(row.values()) for row in rows] == [
        ["Zoë", "00.1", "PASSED", "PASSED", "1", ""],
        ["Zoë", "00.2", "PASSED", "NOT_YET", "1", ""],
        ["Zoë", "00.5", "PASSED", "PASSED", "1", "marked by the student"],
        ["Zoë/second", "00.1", "NOT_YET", "PASSED", "1", ""],
        ["anna", "00.1", "NOT_YET", "NOT_YET", "3", ""],
        ["anna", "00.2", "PASSED", "PASSED", "1", ""],
        ["anna", "00.10", "PASSED", "PASSED", "1", ""],
        ["bob", "00.1", "PASSED", "", "1", "no answer in the file"],
        ["bob", "99.1", "PASSED", "", "1", "unknown exercise"],
    ]
    assert line(lines, "anna").endswith("  2 of 4")
    assert line(lines, "Zoë ").endswith("2 of 4   ! claimed, not confirmed: 00.2")
    assert line(lines, "Zoë/second").endswith("1 of 4   passes, though not claimed: 00.1")
    assert line(lines, "bob").endswith("0 of 4   ! claimed, not confirmed: 00.1; unknown: 99.1")
    assert "deeper" not in str(lines)


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
    put(folder / "deep" / "er" / "progress.json", **{"00.1": entry()})
    _, lines = run(folder, tmp_path, capsys)
    for name in ("erik", "deep"):
        assert any(f"{name}: no progress file" in text for text in lines)


def test_a_mark_of_the_byte_order_is_no_damage(folder, tmp_path, capsys):
    put(folder / "anna.json", **{"00.1": entry()})
    (folder / "anna.json").write_bytes(b"\xef\xbb\xbf" + (folder / "anna.json").read_bytes())
    rows, _ = run(folder, tmp_path, capsys)
    assert rows[0]["rechecked"] == "PASSED"


def test_what_is_slow_deadly_or_faulty_costs_its_own_line_only(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(report, "LIMIT", 3.0)
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
    (folder / "notes.txt").write_text("not looked at")
    (folder / ".hidden.json").write_text("not looked at")
    put(folder / "broken.json", **{"00.1": {"outcome": "GREAT"}, "00.2": entry()})
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.json")
    put(folder / "good.json", **{"00.1": entry()})
    rows, lines = run(folder, tmp_path, capsys)
    assert [(r["student"], r["exercise"]) for r in rows] == [("broken", "00.2"), ("good", "00.1")]
    problems = [x.removeprefix("problem: ") for x in lines if x.startswith("problem: ")]
    said = {x.split(":")[0].rpartition("/")[2]: x for x in problems}
    assert "not followed" in said["link.json"]
    assert "not followed" in said["up"]
    assert "5,000,000 bytes" in said["huge.json"]
    assert "too deep" in said["deep.json"]
    assert said["noise.json"].endswith("no JSON")
    assert "no progress of this course" in said["list.json"]
    assert "later version" in said["new.json"]
    assert "1 entries" in said["broken.json"]
    assert "no progress file" in said["folder.json"]
    assert len(problems) == 9 + hasattr(os, "mkfifo")


def test_names_steer_neither_the_terminal_nor_a_spreadsheet(folder, tmp_path, capsys):
    name = "=cmd|' \x1b[31m;@x\n"
    put(folder / f"{name}.json", **{"=1+1": entry(), "+\x07\u202e": entry(), "00.1": entry()})
    rows, lines = run(folder, tmp_path, capsys)
    assert rows[0]["student"].startswith("'=cmd ' �[31m @x�")
    assert {r["exercise"] for r in rows} == {"'=1+1", "'+��", "00.1"}
    assert not any(c in "\x1b\x07\u202e" for text in lines for c in text)


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", " =1", "＝1", "\t=1", "\r=1", "\n@a"])
def test_no_cell_is_a_formula(text):
    assert not cell(text).lstrip().startswith(tuple("=+-@＝"))


def test_plain_cells_are_left_alone():
    assert [cell(x) for x in ("anna", "00.1", 3, "Zoë-Marie", "")] == ["anna", "00.1", "3", "Zoë-Marie", ""]
    assert len(clean("x" * 1000)) == 200


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
        class_report(folder, tmp_path / "r.csv", SOURCE)
    assert "anna        1 of 4" in capsys.readouterr().out
    assert sorted(p.name for p in tmp_path.iterdir()) == ["class"]


def test_a_console_without_the_letters_does_not_end_the_report(folder, tmp_path, monkeypatch):
    put(folder / "李雷.json", **{"00.1": entry()})
    shown = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr(sys, "stdout", shown)
    class_report(folder, tmp_path / "r.csv", SOURCE)
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


def test_exercises_that_do_not_load_end_with_one_line(folder, tmp_path):
    put(folder / "anna.json", **{"00.1": entry()})
    with pytest.raises(OSError, match="does not start"), report.Rechecker("nowhere:BANK") as rechecker:
        rechecker("00.1", 1)
