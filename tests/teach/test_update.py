"""A student's copy of the lessons and new versions of the course: nothing is lost, nothing misplaced."""

import copy
import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from ddpm_core.teach.__main__ import main
from ddpm_core.teach.bank import bank, number_shown
from ddpm_core.teach.progress.file import current, load_entries
from ddpm_core.teach.update import update
from ddpm_core.teach.update.cells import made, roles, used, variables, with_names
from ddpm_core.teach.update.merge import merge

ROOT = Path(__file__).parents[2]
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code(source, id=None):
    return new_code_cell(source, **({"id": id} if id else {}))


def text(source, id=None):
    return new_markdown_cell(source, **({"id": id} if id else {}))


def book(*cells):
    return new_notebook(cells=[copy.deepcopy(cell) for cell in cells])


def sources(notebook):
    return [cell.source for cell in notebook.cells]


def changed(notebook, **change):
    """A copy in which the cells of these ids have another source, None to take one away."""
    other = copy.deepcopy(notebook)
    for cell in other.cells:
        cell.source = change.get(cell.id, cell.source) or ""
    other.cells = [cell for cell in other.cells if change.get(cell.id, "") is not None]
    return other


ONE = book(
    text("# 1", "head"),
    code("a = 1", "a"),
    code('q1 = exercise("00.1")\nq1', "ask1"),
    code("answer = ...\nq1.check(answer)", "try1"),
    code("b = a + 1", "b"),
    code('q3 = exercise("00.3")\nq3', "ask3"),
    code("answer = ...  # as text\nq3.check(answer)", "try3"),
    text("the end", "end"),
)


def test_what_only_the_course_changed_is_the_course_s_and_what_only_the_student_changed_the_student_s():
    mine = changed(ONE, try1="answer = 5\nq1.check(answer)", end="the end, at last")
    mine.cells[1].outputs = [nbformat.v4.new_output("stream", text="hi")]
    new = changed(ONE, head="# One", b="b = a + 2")
    done = merge(mine, ONE, new).notebook
    assert sources(done) == sources(changed(mine, head="# One", b="b = a + 2"))
    assert done.cells[1].outputs == mine.cells[1].outputs
    assert [c.id for c in done.cells] == [c.id for c in new.cells]


def test_an_answer_goes_where_its_exercise_goes_under_its_new_name():
    mine = changed(ONE, try1="answer = 5\nq1.check(answer)", try3='answer = "abar"\nq3.check(answer)')
    mine.cells.insert(4, code("q1.hint()", "own"))
    moved = [ONE.cells[k] for k in (0, 1, 4, 5, 6, 2, 3, 7)]
    new = changed(
        book(*moved),
        ask1='noise = exercise("00.1")\nnoise',
        try1="answer = ...  # a number\nnoise.check(answer)",
        ask3='q1 = exercise("00.3")\nq1',  # the other's name of before
        try3="answer = ...\nq1.check(answer)",
    )
    for cell, id in zip(new.cells[3:7], ("i", "j", "k", "l"), strict=True):
        cell.id = id
    done = merge(mine, ONE, new)
    assert done.kept == 0
    assert sources(done.notebook)[3:8] == [
        'q1 = exercise("00.3")\nq1',
        'answer = "abar"\nq1.check(answer)',
        'noise = exercise("00.1")\nnoise',
        "answer = 5\nnoise.check(answer)",
        "noise.hint()",
    ]


def test_an_id_that_now_belongs_to_another_exercise_takes_no_answer_of_this_one():
    mine = changed(ONE, try1="answer = 5\nq1.check(answer)")
    new = changed(ONE, ask1='q1 = exercise("00.4")\nq1')
    done = merge(mine, ONE, new, {"00.sum-of-noises": "07_x.ipynb"})
    blank = next(c for c in done.notebook.cells if c.id == "try1")
    assert blank.source == "answer = ...\nq1.check(answer)"
    (kept,) = [c.source for c in done.notebook.cells if "Kept from your copy" in c.source]
    assert "The exercise 00.1 is now in 07_x.ipynb" in kept  # the number that the student's cell shows
    assert "answer = 5" in kept


def test_messages_name_an_exercise_by_the_number_that_the_page_shows():
    """In its own cell it may stand by its key; the number is that of the saved page, else that of today."""
    named = changed(ONE, ask1='q1 = exercise("00.sum-of-noises")\nq1')
    mine = changed(named, try1="answer = 5\nq1.check(answer)")
    kept = {}
    for shown in ("", "exercise('00.9'): A number"):
        ask = next(cell for cell in mine.cells if cell.id == "ask1")
        ask.outputs = [nbformat.v4.new_output("execute_result", {"text/plain": shown})] * bool(shown)
        for place in ({"00.sum-of-noises": "07_x.ipynb"}, {}):
            done = merge(mine, named, changed(named, ask1=None, try1=None), place).notebook
            kept[shown[10:14], bool(place)] = next(c.source for c in done.cells if "Kept from" in c.source)
    now = bank["00.sum-of-noises"].id
    assert f"The exercise {now} is now in 07_x.ipynb. This" in kept["", True]
    assert f"The exercise 00.9 is now in 07_x.ipynb, as {now}. This" in kept["00.9", True]
    assert f"no longer has the exercise {now}." in kept["", False]
    assert "no longer has the exercise 00.9." in kept["00.9", False]
    assert not any("00.sum" in text for text in kept.values())


def test_an_answer_to_an_exercise_that_is_gone_is_kept_and_says_so():
    mine = changed(ONE, try3='answer = "abar"  # ```\nq3.check(answer)')
    mine.cells.append(code("q3.hint()"))
    done = merge(mine, ONE, changed(ONE, ask3=None, try3=None)).notebook
    kept = [c.source for c in done.cells if "Kept from your copy" in c.source]
    assert len(kept) == 2
    assert "no longer has the exercise 00.3." in kept[0]
    assert 'answer = "abar"  # ```\nq3.check(answer)\n````' in kept[0]
    assert "q3" in kept[1]
    assert [c.id for c in done.cells if "Kept" not in c.source] == ["head", "a", "ask1", "try1", "b", "end"]


def test_where_both_changed_a_text_the_student_s_is_kept_below_with_its_pictures():
    mine = changed(ONE, end="the end, said I ![](attachment:a.png)")
    mine.cells[-1].attachments = {"a.png": {"image/png": "AAAA"}}
    done = merge(mine, ONE, changed(ONE, end="The End")).notebook
    assert sources(done)[-2] == "The End"
    assert sources(done)[-1].endswith("the end, said I ![](attachment:a.png)")
    assert done.cells[-1].attachments == mine.cells[-1].attachments


def test_own_cells_stay_behind_the_cell_they_stood_behind_and_go_on_running():
    mine = copy.deepcopy(ONE)
    mine.cells.insert(5, code("mine = b * 2"))
    mine.cells.insert(6, code("print(mine)"))
    mine.cells.insert(0, text("my notes"))
    new = changed(ONE, b="c = a + 1", a=None)
    new.cells.insert(0, code("a = 3", "early"))
    done = merge(mine, ONE, new).notebook
    assert sources(done)[:2] == ["my notes", "a = 3"]
    kept = [c.source for c in done.cells if "Kept" in c.source]
    assert "`b`, which the lesson no longer makes" in kept[0]
    assert "mine = b * 2" in kept[0]
    assert "print(mine)" in kept[1]  # it can't run either
    fine = merge(mine, ONE, changed(ONE, head="# One")).notebook
    assert sources(fine) == ["my notes", *sources(changed(mine, head="# One"))[1:]]


def test_a_cell_that_was_split_is_one_again():
    mine = copy.deepcopy(ONE)
    mine.cells[3:4] = [code("answer = 5", "try1"), code("q1.check(answer)", "x1")]
    mine.cells[1:2] = [code("a = 1  "), code("")]
    new = changed(ONE, try1="answer = ...  # a number\nq1.check(answer)", a="a = 2")
    done = merge(mine, ONE, new)
    assert done.kept == 0
    assert sources(done.notebook)[3] == "answer = 5\nq1.check(answer)"
    assert len([s for s in sources(done.notebook) if s.strip()]) == len(ONE.cells)


def test_a_cell_that_was_doubled_or_deleted():
    mine = changed(ONE, try1="answer = 7\nq1.check(answer)", b=None, head=None)
    mine.cells.insert(3, code("answer = 5\nq1.check(answer)", "x"))
    new = changed(ONE, ask1='z = exercise("00.1")\nz', try1="answer = ...\nz.check(answer)", a="a = 4")
    done = merge(mine, ONE, new).notebook
    answers = [s for s in sources(done) if "z.check" in s]
    assert answers == ["answer = 7\nz.check(answer)", "answer = 5\nz.check(answer)"]
    assert "b = a + 1" in sources(done)
    assert len({c.id for c in done.cells}) == len(done.cells)


def test_without_the_version_it_was_made_from_nothing_is_lost():
    mine = changed(ONE, try1="answer = 5\nq1.check(answer)", end="mine")
    new = changed(ONE, head="# One", try1="answer = ...  # a number\nq1.check(answer)")
    done = merge(mine, None, new).notebook
    assert "answer = 5\nq1.check(answer)" in sources(done)
    assert any(s.endswith("\n\nmine") for s in sources(done))
    assert any(s.endswith("\n\n# 1") for s in sources(done))  # it may have been the student's


def test_a_second_update_to_the_same_version_changes_nothing():
    mine = changed(ONE, try1="answer = 5\nq1.check(answer)", end="mine")
    new = changed(ONE, end="The End", try1="answer = ...  # n\nq1.check(answer)")
    once = merge(mine, ONE, new).notebook
    for base in (ONE, new):  # the version from before, as after an update that was cut short
        assert merge(once, base, new).notebook.cells == once.cells


def test_metadata_are_the_student_s_but_where_the_course_changed_them():
    mine = changed(ONE, a="a = 5")
    mine.cells[1].metadata = {"collapsed": True, "tags": [], "old": 1}
    base, new = copy.deepcopy(ONE), copy.deepcopy(ONE)
    base.cells[1].metadata, new.cells[1].metadata = {"old": 1}, {"tags": ["live"]}
    done = merge(mine, base, new).notebook
    assert done.cells[1].metadata == {"collapsed": True, "tags": ["live"]}


def test_names_and_roles_of_cells():
    assert made("import a.b as c, d.e\ndef f(x):\n    y = 1\nz: int = 2") == {"c", "d", "f", "x", "y", "z"}
    assert used("print(a, f.b)\nb = a\nb") == {"print", "a", "f"}
    assert made("%matplotlib inline\nx = 1") == {"x"}
    assert with_names("q1.check(x.q1, q2)  # q1", {"q1": "q2", "q2": "q1"}) == "q2.check(x.q1, q1)  # q1"
    cells = [
        code('quiz("00.2").check("a")'),
        code('q = exercise("00.1")'),
        code("q.check(5)"),
        text("q.check(1)"),
    ]
    second, first = "00.clean-picture", "00.sum-of-noises"
    assert roles(cells) == [(second, True), (first, False), (first, True), None]
    assert variables(cells) == {first: "q"}


# all answers in all lessons, over three versions


def blank(source):
    return re.search(r"\.\.\.|return\b", source) and ".check(" in source


def answered(notebook):
    """The notebook with an answer, which bears its exercise's name, in the place of every blank."""
    done, given, cells = copy.deepcopy(notebook), set(), []
    for cell, role in zip(done.cells, roles(done.cells), strict=True):
        cells.append(cell)
        if cell.cell_type != "code" or role is None or role.exercise in given:
            continue
        mark = f"mine {role.exercise}"
        if role.checks:
            cell.source = f"# {mark}\n{cell.source.replace('...', repr(mark), 1)}"
        elif bank[role.exercise].kind in ("choice", "prose"):
            cells.append(code(f'quiz("{role.exercise}").check("{mark}")  # {mark}'))
        else:
            continue
        given.add(role.exercise)
    done.cells = cells
    return done, given


def next_version(notebook, dice):
    """A version in which an exercise has moved, one is gone, and names, ids, texts and blanks are others."""
    new = copy.deepcopy(notebook)
    pairs = {}
    for k, role in enumerate(roles(new.cells)):
        if role is not None:
            pairs.setdefault(role.exercise, []).append(k)
    whole = [at for at in pairs.values() if len(at) == 2]
    chosen = dice.sample(whole, min(2, len(whole)))
    for at, move in zip(chosen, (True, False), strict=False):
        cells = [new.cells[k] for k in at]
        for k in at:
            new.cells[k] = None
        new.cells += cells if move else []
    new.cells = [cell for cell in new.cells if cell is not None]
    names = {old: f"{old}_{dice.randint(10, 99)}" for old in variables(new.cells).values()}
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.source = with_names(cell.source, names)
            if blank(cell.source):
                cell.source = re.sub(r"\.\.\.$", "...  # here", cell.source, count=1, flags=re.M)
        elif dice.random() < 0.3:
            cell.source += f"\n\nRewritten, {dice.random()}."
        if dice.random() < 0.3:
            cell.id = f"{dice.getrandbits(32):08x}"
    fresh = dice.choice(sorted(set(bank) - set(pairs)))
    new.cells.insert(3, code(f'fresh = exercise("{fresh}")\nfresh', f"{dice.getrandbits(32):08x}"))
    new.cells.insert(4, code("answer = ...\nfresh.check(answer)", f"{dice.getrandbits(32):08x}"))
    return new


def standing(notebook):
    """For each exercise the cells that check it."""
    found = {}
    for cell, role in zip(notebook.cells, roles(notebook.cells), strict=True):
        if role is not None and role.checks:
            found.setdefault(role.exercise, []).append(cell.source)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_and_twenty_one_answers_over_three_versions(tmp_path, seed):
    dice, course, mine = random.Random(seed), tmp_path / "course", tmp_path / "mine"
    course.mkdir()
    for path in LESSONS:
        shutil.copy(path, course)
    list(update(mine, course))
    every = set()
    for path in sorted(mine.glob("*.ipynb")):
        done, given = answered(nbformat.read(path, 4))
        nbformat.write(done, path)
        every |= given
    assert len(every) == len(bank)
    numbers = {number_shown(key): key for key in bank}
    gone = set()
    for _ in range(3):
        for path in sorted(course.glob("*.ipynb")):
            nbformat.write(next_version(nbformat.read(path, 4), dice), path)
        lines = list(update(mine, course))
        assert len(lines) == len(LESSONS)
        found = set()
        for path in sorted(mine.glob("*.ipynb")):
            notebook = nbformat.read(path, 4)
            nbformat.validate(notebook)
            there = standing(nbformat.read(course / path.name, 4))
            for exercise, cells in standing(notebook).items():
                marks = {mark for cell in cells for mark in re.findall(r"# mine ([\w.-]+)", cell)}
                assert marks <= {exercise}, "an answer stands with another exercise"
                found |= marks
            kept = [c.source for c in notebook.cells if c.cell_type == "markdown" and "Kept from" in c.source]
            for cell in kept:
                (mark,) = set(re.findall(r"# mine ([\w.-]+)", cell)) or pytest.fail(cell)
                assert [numbers[shown] for shown in re.findall(r"exercise (\d\d\.[\w-]+)", cell)] == [mark]
                assert mark in gone or mark not in there
                gone.add(mark)
        assert found | gone == every
        assert not found & gone
    assert len(gone) <= 3 * len(LESSONS)
    assert all(bank[exercise].kind not in ("choice", "prose") for exercise in gone)


# what students do to their notebooks

SMALL = book(
    text("# A small lesson", "c0"),
    code("import math\n\nfrom ddpm_core.teach import exercise", "c1"),
    code("steps = 10\n\n\ndef level(t):\n    share = t / steps\n    return math.cos(share)", "c2"),
    text("First.\n\nThen.\n\nLast.", "c3"),
    code('q1 = exercise("00.1")', "c4"),
    code("answer = ...\nverdict = q1.judge(answer)", "c5"),
    code("table = [level(t) for t in range(steps)]\nassert len(table) == steps", "c6"),
    code('q3 = exercise("00.3")', "c7"),
    code("answer = ...  # as text\nq3.judge(answer)", "c8"),
    code("total = sum(table)\nfor x in table:\n    total -= x", "c9"),
    text("The end.", "c10"),
)


def small(version):
    """The small lesson in a version: every second one counts other steps under another name."""
    new = copy.deepcopy(SMALL)
    if version % 2:
        for cell in new.cells:
            cell.source = re.sub(r"\bsteps\b", "count", cell.source).replace("q1", "one")
        new.cells[4:4] = new.cells[6:7]
        del new.cells[7]
    new.cells[3].source += f"\n\nVersion {version}."
    new.cells[10].source = f"The end, {version}."
    return new


class Student:
    """Does random things to a notebook, and remembers what is theirs."""

    def __init__(self, seed):
        self.dice, self.marks, self.count = random.Random(seed), set(), 0

    def mark(self):
        self.count += 1
        self.marks.add(mark := f"mine-{self.count}-")
        return mark

    def edit(self, cells):
        k = self.dice.randrange(len(cells))
        getattr(self, self.dice.choice(["move", "split", "delete", "double", "write", "answer", "note"]))(
            cells, k
        )

    def move(self, cells, k):
        cells.insert(self.dice.randrange(len(cells)), cells.pop(k))

    def split(self, cells, k):
        lines = cells[k].source.split("\n")
        if len(lines) > 1:
            at = self.dice.randrange(1, len(lines))
            second = copy.deepcopy(cells[k])
            second.id = f"{self.dice.getrandbits(32):08x}"
            cells[k].source, second.source = "\n".join(lines[:at]), "\n".join(lines[at:])
            cells.insert(k + 1, second)

    def delete(self, cells, k):
        if len(cells) > 4:
            gone = cells.pop(k)
            left = "".join(cell.source for cell in cells)
            self.marks -= {mark for mark in self.marks if mark in gone.source and mark not in left}

    def double(self, cells, k):
        second = copy.deepcopy(cells[k])
        if self.dice.random() < 0.7:  # some editors keep the id
            second.id = f"{self.dice.getrandbits(32):08x}"
        cells.insert(k + 1, second)

    def write(self, cells, k):
        here = "steps" if any("steps = 10" in cell.source for cell in cells) else "count"
        names = self.dice.choice(["1", "1", "math.pi", here, "total"])
        cells.insert(k + 1, code(f"own{self.count} = {names}  # {self.mark()}"))

    def answer(self, cells, k):
        blanks = [c for c in cells if "answer = ..." in c.source]
        if blanks:
            cell = self.dice.choice(blanks)
            cell.source = cell.source.replace("...", f"'{self.mark()}'", 1)

    def note(self, cells, k):
        if cells[k].cell_type == "markdown":
            cells[k].source += f"\n\n{self.mark()}"
        else:
            cells.insert(k, text(self.mark()))


def runs(notebook):
    """Run the code cells in one namespace; the errors."""
    names = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), names)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_fifty_edits_with_an_update_after_each(tmp_path, seed):
    course, mine, student = tmp_path / "course", tmp_path / "mine", Student(seed)
    course.mkdir()
    nbformat.write(small(0), course / "01_small.ipynb")
    list(update(mine, course))
    path = mine / "01_small.ipynb"
    for version in range(1, 51):
        notebook = nbformat.read(path, 4)
        for _ in range(student.dice.randint(1, 3)):
            student.edit(notebook.cells)
        nbformat.write(notebook, path)
        if student.dice.random() < 0.2:
            path = path.rename(mine / student.dice.choice(["my notes.ipynb", "b.ipynb", "ü.ipynb"]))
        nbformat.write(small(version), course / "01_small.ipynb")
        before = path.read_bytes()
        lines = list(update(mine, course))
        assert list(mine.glob("*.ipynb")) == [path]
        assert len(lines) == 1
        assert before in [p.read_bytes() for p in (mine / "backup").rglob("*.ipynb")]
        after = nbformat.read(path, 4)
        nbformat.validate(after)
        assert len({cell.id for cell in after.cells}) == len(after.cells)
        everything = "".join(sources(after))
        assert [mark for mark in student.marks if mark not in everything] == []
        assert f"Version {version}." in everything
        runs(after)


@pytest.mark.slow
@pytest.mark.parametrize("path", LESSONS, ids=lambda p: p.stem)
def test_edits_of_a_real_lesson_leave_every_name_where_it_is_used(tmp_path, path):
    """As running would show: every cell is Python, and each name of the lesson is made above its use."""
    base, dice = nbformat.read(path, 4), random.Random(path.stem)
    for seed in range(3):
        student, mine = Student(seed), copy.deepcopy(base)
        for _ in range(10):
            student.edit(mine.cells)
        new = next_version(base, dice)
        after = merge(mine, base, new).notebook
        nbformat.validate(after)
        everything = "".join(sources(after))
        assert [mark for mark in student.marks if mark not in everything] == []
        course = set().union(*(made(c.source) for c in base.cells if c.cell_type == "code"))
        there = set()
        for cell in after.cells:
            if cell.cell_type == "code" and cell.id not in {c.id for c in new.cells}:
                compile(cell.source, cell.id, "exec")
                assert not (used(cell.source) & course) - there
            there |= made(cell.source) if cell.cell_type == "code" else set()


# the folder


@pytest.fixture
def course(tmp_path):
    (tmp_path / "course").mkdir()
    nbformat.write(ONE, tmp_path / "course" / "01_one.ipynb")
    nbformat.write(SMALL, tmp_path / "course" / "02_small.ipynb")
    (tmp_path / "course" / "picture.png").write_bytes(b"1")
    (tmp_path / "course" / "progress.json").write_text("the teacher's")
    return tmp_path / "course"


def there(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if ".course" not in p.parts)


def test_a_lesson_is_put_there_once_and_left_alone_while_it_does_not_change(tmp_path, course):
    mine = tmp_path / "mine"
    assert list(update(mine, course)) == ["01_one.ipynb: new", "02_small.ipynb: new"]
    assert there(mine) == ["01_one.ipynb", "02_small.ipynb", "picture.png"]
    assert (mine / "01_one.ipynb").read_bytes() == (course / "01_one.ipynb").read_bytes()
    nbformat.write(changed(ONE, a="a = 7"), mine / "01_one.ipynb")
    before = (mine / "01_one.ipynb").read_bytes()
    (mine / "02_small.ipynb").unlink()
    assert list(update(mine, course)) == ["02_small.ipynb: new"]
    assert (mine / "01_one.ipynb").read_bytes() == before


def test_a_copy_a_renamed_one_one_in_a_folder_and_an_own_notebook(tmp_path, course):
    mine = tmp_path / "mine"
    list(update(mine, course))
    (mine / "week 1").mkdir()
    (mine / "01_one.ipynb").rename(mine / "week 1" / "first.ipynb")
    shutil.copy(mine / "02_small.ipynb", mine / "02_small-Copy1.ipynb")
    nbformat.write(book(code("x = 1"), text("mine")), mine / "03_own.ipynb")
    own = (mine / "03_own.ipynb").read_bytes()
    for name in ("01_one.ipynb", "02_small.ipynb"):
        notebook = nbformat.read(course / name, 4)
        notebook.cells[0].source += " new"
        nbformat.write(notebook, course / name)
    (course / "picture.png").write_bytes(b"2")
    lines = list(update(mine, course))
    assert [line.split(":")[0] for line in lines] == [
        "02_small-Copy1.ipynb",
        "02_small.ipynb",
        "week 1/first.ipynb",
    ]
    for path in (mine / "week 1" / "first.ipynb", mine / "02_small-Copy1.ipynb", mine / "02_small.ipynb"):
        assert nbformat.read(path, 4).cells[0].source.endswith(" new")
    assert (mine / "03_own.ipynb").read_bytes() == own
    assert (mine / "picture.png").read_bytes() == b"2"
    assert list(update(mine, course)) == []


def test_an_old_copy_that_comes_back_is_brought_up_to_date_from_its_own_version(tmp_path, course):
    mine = tmp_path / "mine"
    list(update(mine, course))
    old = changed(ONE, try1="answer = 5\nq1.check(answer)")
    for k in (1, 2):
        nbformat.write(changed(ONE, head=f"# {k}1", b=f"b = a + {k}1"), course / "01_one.ipynb")
        list(update(mine, course))
        assert not any("Kept from" in s for s in sources(nbformat.read(mine / "01_one.ipynb", 4)))
    nbformat.write(old, mine / "01_one.ipynb")  # from a backup, or another device
    list(update(mine, course))
    after = sources(nbformat.read(mine / "01_one.ipynb", 4))
    assert after == sources(changed(old, head="# 21", b="b = a + 21"))


@pytest.mark.slow
@pytest.mark.parametrize("raw", [b"<<<<<<< HEAD\n{}", b"", b'{"cells": 1}', b"[]", b"\xff"])
def test_a_damaged_lesson_is_set_aside_and_a_fresh_one_comes(tmp_path, course, raw):
    mine = tmp_path / "mine"
    list(update(mine, course))
    (mine / "01_one.ipynb").write_bytes(raw)
    (mine / "own.ipynb").write_bytes(raw)
    lines = list(update(mine, course))
    assert len(lines) == 3
    assert raw in [p.read_bytes() for p in (mine / "backup").rglob("01_one.ipynb")]
    assert sources(nbformat.read(mine / "01_one.ipynb", 4)) == sources(ONE)
    assert (mine / "own.ipynb").read_bytes() == raw


@pytest.mark.slow
@pytest.mark.parametrize("raw", [b"", b'{"cells": 1}', b"[]", b"\xff"])
def test_a_damaged_version_of_before_ends_no_update(tmp_path, course, raw):
    mine = tmp_path / "mine"
    list(update(mine, course))
    (version,) = (mine / ".course" / "01_one.ipynb").glob("*.ipynb")
    sound = version.read_bytes()
    version.write_bytes(raw)
    nbformat.write(changed(ONE, try1="answer = 5\nq1.check(answer)"), mine / "01_one.ipynb")
    before = (mine / "01_one.ipynb").read_bytes()
    assert list(update(mine, course)) == []
    assert (mine / "01_one.ipynb").read_bytes() == before
    assert version.read_bytes() == sound
    version.write_bytes(raw)
    nbformat.write(changed(ONE, head="# One"), course / "01_one.ipynb")
    assert [line.split(":")[0] for line in update(mine, course)] == ["01_one.ipynb"]
    assert "answer = 5\nq1.check(answer)" in sources(nbformat.read(mine / "01_one.ipynb", 4))


def test_cells_without_ids_as_an_old_editor_leaves_them(tmp_path, course):
    mine = tmp_path / "mine"
    list(update(mine, course))
    raw = json.loads((mine / "01_one.ipynb").read_text())
    raw["nbformat_minor"] = 4
    for cell in raw["cells"]:
        del cell["id"]
    raw["cells"][3]["source"] = "answer = 5\nq1.check(answer)"
    (mine / "01_one.ipynb").write_text(json.dumps(raw))
    nbformat.write(changed(ONE, head="# One", b="b = 0"), course / "01_one.ipynb")
    list(update(mine, course))
    after = nbformat.read(mine / "01_one.ipynb", 4)
    assert sources(after) == sources(
        changed(ONE, head="# One", b="b = 0", try1="answer = 5\nq1.check(answer)")
    )


def test_a_folder_that_was_copied_from_the_lessons_by_hand(tmp_path, course):
    """Who has worked in notebooks/ itself copies it to my/: the version isn't known, and nothing is lost."""
    mine = tmp_path / "mine"
    shutil.copytree(course, mine)
    nbformat.write(changed(ONE, try1="answer = 5\nq1.check(answer)"), mine / "01_one.ipynb")
    nbformat.write(changed(ONE, head="# One"), course / "01_one.ipynb")
    lines = list(update(mine, course))
    assert [line.split(":")[0] for line in lines] == ["01_one.ipynb"]
    assert "answer = 5\nq1.check(answer)" in sources(nbformat.read(mine / "01_one.ipynb", 4))


def test_a_disk_that_fills_up_loses_nothing_and_the_next_time_goes_on(tmp_path, course, monkeypatch):
    from ddpm_core import files

    mine = tmp_path / "mine"
    list(update(mine, course))
    nbformat.write(changed(ONE, try1="answer = 5\nq1.check(answer)"), mine / "01_one.ipynb")
    nbformat.write(changed(ONE, head="# One"), course / "01_one.ipynb")
    write, count = files.write, 0

    def full(path, raw, aside=None):
        nonlocal count
        count += 1
        if count == stop:
            raise OSError(28, "No space left on device")
        write(path, raw, aside)

    before = (mine / "01_one.ipynb").read_bytes()
    for fails in (1, 2, 2):  # the version, the backup, the lesson
        count, stop = 0, fails
        monkeypatch.setattr(files, "write", full)
        with pytest.raises(OSError, match="No space"):
            list(update(mine, course))
        assert (mine / "01_one.ipynb").read_bytes() == before
        monkeypatch.setattr(files, "write", write)
    list(update(mine, course))
    after = sources(nbformat.read(mine / "01_one.ipynb", 4))
    assert after == sources(changed(ONE, head="# One", try1="answer = 5\nq1.check(answer)"))


def test_the_command(tmp_path, course, capsys):
    assert main(["update", str(tmp_path / "anna"), "--lessons", str(course)]) == 0
    assert there(tmp_path / "anna") == ["01_one.ipynb", "02_small.ipynb", "picture.png"]
    assert "up to date" in capsys.readouterr().out
    assert main(["update", str(tmp_path / "anna"), "--lessons", str(tmp_path / "none")]) == 2
    assert "no lessons in" in capsys.readouterr().err


@pytest.mark.parametrize("other", [{}, {"00.2": {"outcome": "GREAT"}}], ids=["sound", "damaged"])
def test_progress_from_when_lessons_were_worked_in_comes_along_once(tmp_path, monkeypatch, other):
    passed = {"outcome": "PASSED", "attempts": 1, "passed": "2026-01-01T00:00:00+00:00", "data": 5}
    (tmp_path / "notebooks").mkdir()
    nbformat.write(ONE, tmp_path / "notebooks" / "01_one.ipynb")
    old, mine = tmp_path / "notebooks" / "progress.json", tmp_path / "my" / "progress.json"
    monkeypatch.setattr("ddpm_core.teach.__main__.COURSE", tmp_path)
    monkeypatch.setenv("DDPM_PROGRESS", str(mine))
    assert main(["update"]) == 0
    assert not mine.exists()
    old.write_text(json.dumps({"schema": 1, "exercises": {"00.1": passed, **other}}))
    assert main(["update"]) == 0
    assert mine.read_bytes() == old.read_bytes()
    assert load_entries()["00.sum-of-noises"].data == 5
    mine.write_text("later")
    assert main(["update"]) == 0
    assert mine.read_text() == "later"


def test_former_ids_and_present_ones_are_one_exercise(monkeypatch):
    from ddpm_core.teach.update import cells

    keys = {"00.1": "00.add-noises", "00.3": "00.one-step"}
    monkeypatch.setattr(cells, "current", lambda name: keys.get(name, name))
    mine = changed(ONE, try1="answer = 5\nq1.check(answer)", try3='answer = "a"\nq3.check(answer)')
    new = changed(ONE, ask1='add = exercise("00.add-noises")\nadd', try1="answer = ...\nadd.check(answer)")
    done = merge(mine, ONE, new).notebook
    assert "answer = 5\nadd.check(answer)" in sources(done)
    assert current("00.1") == "00.sum-of-noises"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_a_clone_is_updated_after_a_lesson_was_worked_in(tmp_path, course):
    """A pull meets no work of the student's, since that lies in my/, which git leaves alone."""

    def git(*arguments, at):
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@x", *arguments]
        return subprocess.run(command, cwd=at, check=True, capture_output=True, text=True).stdout

    origin = tmp_path / "origin"
    (origin / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / ".gitignore", origin)
    shutil.copy(course / "01_one.ipynb", origin / "notebooks")
    git("init", "-q", at=origin)
    git("add", "-A", at=origin)
    git("commit", "-qm", "one", at=origin)
    clone = tmp_path / "clone"
    git("clone", "-q", str(origin), str(clone), at=tmp_path)
    bring = [sys.executable, "-m", "ddpm_core.teach", "update", "my", "--lessons", "notebooks"]
    subprocess.run(bring, cwd=clone, check=True, capture_output=True)
    nbformat.write(changed(ONE, try1="answer = 5\nq1.check(answer)"), clone / "my" / "01_one.ipynb")
    assert git("status", "--porcelain", at=clone) == ""
    nbformat.write(changed(ONE, head="# One"), origin / "notebooks" / "01_one.ipynb")
    git("commit", "-qam", "two", at=origin)
    git("pull", "-q", "--ff-only", at=clone)
    subprocess.run(bring, cwd=clone, check=True, capture_output=True)
    after = sources(nbformat.read(clone / "my" / "01_one.ipynb", 4))
    assert after == sources(changed(ONE, head="# One", try1="answer = 5\nq1.check(answer)"))
