"""The ways through the course: what they name is there, and they take the hours that they say."""

import html
import re
import sys
from pathlib import Path

import nbformat
import pytest

sys.path.append(str(Path(__file__).parents[1]))

from ddpm_core.teach.exercises import course_map, course_ways
from ddpm_core.teach.page.folds import PACE, deeper
from ddpm_core.teach.progress.lessons import LESSONS
from ddpm_core.teach.progress.places import ASKS, HEADING, cell_ids
from ddpm_core.teach.progress.ways import Stop, Way, ways, ways_table

ROOT = Path(__file__).parents[2]
NOTEBOOKS = {path.stem.split("_")[0]: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
EASY, EXERCISE = 2, 3  # minutes, with the reply read; the first of a section is an easy one
ALL = pytest.mark.parametrize("way", ways(), ids=lambda way: way.name)


def sections(lesson: str) -> list[tuple[str, int, int]]:
    """The sections of a lesson's road: title ("" for its beginning), words, exercises."""
    found = [["", 0, 0]]
    cells = nbformat.read(NOTEBOOKS[lesson], as_version=4).cells
    for cell, beside in zip(cells, deeper(cells), strict=True):
        if beside:
            continue
        if cell.cell_type == "code":
            found[-1][2] += len(ASKS.findall(cell.source))
            continue
        for part in re.split(r"^(?=## )", cell.source, flags=re.M):
            if heading := HEADING.match(part):
                found.append([heading[1], 0, 0])
            found[-1][1] += len(part.split())
    return [tuple(each) for each in found]


def missing(stop: Stop) -> list[str]:
    """What a stop names and its lesson's road lacks."""
    there = [title for title, _, _ in sections(stop.lesson)] if stop.lesson in NOTEBOOKS else []
    return [title for title in stop.sections or ([] if there else [stop.lesson]) if there.count(title) != 1]


def hours(way: Way, first_only: bool) -> float:
    """Reading at the README's pace, and its exercises: all, or the first of each section."""
    took = 0.0
    for stop in way.stops:
        for title, words, asked in sections(stop.lesson):
            if not stop.sections or title in ("", *stop.sections):
                more = 0 if first_only else max(0, asked - 1)
                took += words / PACE + EASY * min(asked, 1) + EXERCISE * more
    return took / 60


@ALL
def test_every_lesson_and_section_on_a_way_is_there(way):
    assert not [name for stop in way.stops for name in missing(stop)]
    numbers = [stop.lesson for stop in way.stops]
    assert numbers[0] == "00"
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(LESSONS)


def test_what_is_not_there_or_folded_is_seen():
    assert missing(Stop("03", ("A lower bound", "A lower bond"))) == ["A lower bond"]
    assert missing(Stop("03", ("Deeper",))) == ["Deeper"]
    assert missing(Stop("77", ())) == ["77"]
    assert missing(Stop("02", ())) == []


@ALL
def test_a_way_takes_the_hours_that_it_says(way):
    assert hours(way, "first of each" in way.told) == pytest.approx(way.hours, rel=0.2)


def test_one_way_is_of_three_hours_and_two_lead_through_every_lesson():
    express, whole, other = ways()
    assert express.hours == 3
    assert {s.lesson for s in whole.stops} == {s.lesson for s in other.stops} == set(LESSONS) - {"A"}
    assert not any(stop.sections for way in (whole, other) for stop in way.stops)
    order = [stop.lesson for stop in other.stops]
    assert order.index("02") < order.index("01"), "who knows no VAE begins with noise"


def test_the_readme_shows_the_ways_as_they_are():
    readme = (ROOT / "README.md").read_text("utf-8")
    files = {number: f"notebooks/{path.name}" for number, path in NOTEBOOKS.items()}
    assert ways_table(files) in readme, "make notebooks"


def test_the_map_leads_to_every_exercise_and_to_every_section_on_a_way(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT / "notebooks")
    monkeypatch.setenv("DDPM_PROGRESS", str(tmp_path / "progress.json"))
    shown = course_map()
    text = shown._repr_html_()
    cells = {n: {c.id for c in nbformat.read(path, as_version=4).cells} for n, path in NOTEBOOKS.items()}
    links = dict(re.findall(r"<span class='id'>([\w.]+)</span> <span><a href='([^']+)'", text))
    assert len(links) == shown.total
    for number, link in links.items():
        name, _, cell = link.partition("#cell-id=")
        assert name == NOTEBOOKS[number.partition(".")[0]].name
        assert cell in cells[number.partition(".")[0]], number
    for way in ways():
        assert html.escape(way.told) in text
        for stop in way.stops:
            for title in stop.sections:
                place = cell_ids(NOTEBOOKS[stop.lesson])[title]
                assert f"{NOTEBOOKS[stop.lesson].name}#cell-id={place}'>{html.escape(title)}</a>" in text
    first = links["00.1"]
    assert f"<a href='{first}'>continue here</a>" in text


def test_the_ways_in_a_notebook_link_what_is_beside_it(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert "](" not in course_ways()._repr_markdown_()
    (tmp_path / "02_x.ipynb").write_text("{}")
    assert course_ways()._repr_markdown_().count("[02](02_x.ipynb)") == 3
    assert "02" in repr(course_ways())


def test_the_plan_by_weeks_has_every_lesson_once_and_in_both_orders_begins_with_00():
    plan = (ROOT / "TEACHING.md").read_text("utf-8").partition("## A plan by weeks")[2].partition("\n## ")[0]
    named = re.findall(r"\]\(notebooks/(\w+?)_", plan)
    assert sorted(named) == sorted(LESSONS)
    assert named[0] == "00"
