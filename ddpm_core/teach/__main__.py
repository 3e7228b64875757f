"""The course from outside the notebooks: python -m ddpm_core.teach update, join, report, site or card."""

import argparse
import contextlib
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import files
from .progress.file import PASSED, join
from .report import class_report, moment
from .report.tables import clean

COURSE = Path(__file__).parents[2]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 after an error (one line on stderr), or 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # as with `| head`: all is written before anything is printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        print(f"error: {clean(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _report(args: argparse.Namespace) -> None:
    until = moment(args.until) if args.until else None
    class_report(Path(args.folder), Path(args.out), Path(args.grades) if args.grades else None, until)


def _join(args: argparse.Namespace) -> None:
    paths = [Path(name) for name in args.files]
    out = Path(args.out) if args.out else paths[0]
    entries = join(paths, out)
    passed = sum(entry.outcome == PASSED for entry in entries.values())
    print(f"{len(entries)} exercises, {passed} passed, in {clean(str(out))}")


def _update(args: argparse.Namespace) -> None:
    from .update import update  # imports nbformat and IPython, which a report doesn't need

    folder, lessons = Path(args.folder or COURSE / "my"), Path(args.lessons or COURSE / "notebooks")
    for line in update(folder, lessons):
        print(clean(line))
    if not args.folder and not (folder / "progress.json").exists():  # from when lessons were worked in there
        with contextlib.suppress(FileNotFoundError):  # byte for byte: what is damaged in it is mended there
            files.write(folder / "progress.json", (lessons / "progress.json").read_bytes())
    print(f"the lessons in {clean(str(folder))} are up to date")


def _site(args: argparse.Namespace) -> None:
    from .site import build  # imports nbconvert and sympy, which a report doesn't need

    lessons = build(Path(args.notebooks), Path(args.out), Path(args.runs), args.address)
    for lesson in lessons:
        for formula in lesson.unread:
            print(f"{lesson.name}: a formula that isn't understood: {clean(formula)}", file=sys.stderr)
        for picture in lesson.missing:
            print(f"{lesson.name}: a picture that isn't found: {clean(picture)}", file=sys.stderr)
    print(f"{len(lessons)} lessons: open {Path(args.out) / 'index.html'}")


def _card(args: argparse.Namespace) -> None:
    from .report.card import write_or_check  # imports torch, which a report doesn't need

    out = Path(args.out or Path(args.source) / "card.md")
    print(*map(clean, write_or_check(args.source, args.data, out, args.fit, args.background)), sep="\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ddpm_core.teach", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _report_parser(commands)
    u = commands.add_parser(
        "update",
        help="put the lessons into a student's folder, or bring those there up to date",
        description="Put each lesson into a student's folder the first time; later, bring a changed one in. "
        "Answers, notes and own cells are carried over; what can't be placed is kept in a cell that says so, "
        "and each notebook as it was in the folder backup.",
    )
    u.add_argument("folder", nargs="?", metavar="FOLDER", help="default: my/ in the course's folder")
    u.add_argument(
        "--lessons", metavar="DIR", help="the delivered lessons (default: the course's notebooks/)"
    )
    u.set_defaults(run=_update)
    j = commands.add_parser(
        "join",
        help="join the progress files of two devices",
        description="Join progress files: of each exercise a pass wins, else the last answer. "
        "The file that is written over is kept beside it, as NAME.before-join.",
    )
    j.add_argument("files", nargs="+", metavar="FILE", help="the files, such as progress.json of each device")
    j.add_argument("--out", metavar="FILE", help="where to write (default: over the first)")
    j.set_defaults(run=_join)
    _site_parser(commands)
    _card_parser(commands)
    return parser


def _site_parser(commands: Any) -> None:
    s = commands.add_parser(
        "site",
        help="build the course as static pages",
        description="Run the notebooks, and write them as pages that need no server, kernel or network.",
    )
    s.add_argument("out", metavar="OUT", help="the folder to write, over the site that is there")
    s.add_argument("--notebooks", default="notebooks", metavar="DIR", help="default: %(default)s")
    s.add_argument(
        "--runs",
        default="build/runs",
        metavar="DIR",
        help="where the notebooks' runs are kept for the next time (default: %(default)s)",
    )
    s.add_argument(
        "--address",
        default="",
        metavar="URL",
        help="where the site will stand: links to it then show its picture",
    )
    s.set_defaults(run=_site)


def _card_parser(commands: Any) -> None:
    c = commands.add_parser(
        "card",
        help="write a model card for a model of one's own pictures, or check the one that is there",
        description="The first time, measure a run and write its card, with blanks to fill in; then measure "
        "again, and say which numbers don't agree and what is still blank.",
    )
    c.add_argument("--from", dest="source", required=True, metavar="RUN", help="the folder of the run")
    c.add_argument("--data", required=True, metavar="FOLDER", help="the pictures that it was trained on")
    c.add_argument(
        "--fit", choices=("crop", "pad"), default="crop", help="as in its training (default: crop)"
    )
    c.add_argument(
        "--background", metavar="COLOUR", default="white", help="as in its training (default: white)"
    )
    c.add_argument("--out", metavar="FILE", help="the card (default: card.md in the run's folder)")
    c.set_defaults(run=_card)


REPORT = """\
    Collect the progress files of a class and check every answer in them again.

    FOLDER is a folder, however deep, or a ZIP. It holds a file for each student, anna.json or
    anna/progress.json; several progress files in one student's folder are joined. Every file is
    read or named. The answers in the files are data: nothing in them is run. A claim that the
    recheck doesn't confirm is marked with "!". Answers in prose are marked by the students
    themselves, and the recheck can only repeat their marks.

    Two tables are written. One has a row for each student and exercise: student, exercise, claimed,
    rechecked, attempts, passed (when), version (of the exercise), counted (1 or 0) and remark. The
    other, for a gradebook, has a row for each student and a column for each lesson: how many of its
    exercises count."""


def _report_parser(commands: Any) -> None:
    r = commands.add_parser(
        "report",
        help="collect and recheck a class's progress files",
        description=textwrap.dedent(REPORT),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    r.add_argument("folder", metavar="FOLDER", help="the folder, or ZIP, with the students' files")
    r.add_argument(
        "--out",
        default="report.csv",
        metavar="FILE.csv",
        help="where to write the rows, over what is there (default: %(default)s)",
    )
    r.add_argument(
        "--grades", metavar="FILE.csv", help="where to write the grades (default: grades.csv beside the rows)"
    )
    r.add_argument(
        "--until",
        metavar="DATE",
        help="count what was passed up to this day, 2026-12-01, or moment, '2026-12-01 18:00'",
    )
    r.set_defaults(run=_report)


if __name__ == "__main__":
    sys.exit(main())
