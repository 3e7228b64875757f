"""For teachers: python -m ddpm_core.teach report FOLDER, and the course as pages: ... site OUT."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from .report import class_report, clean


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 after an error (one line on stderr), or 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except (OSError, ValueError) as error:
        print(f"error: {clean(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _report(args: argparse.Namespace) -> None:
    class_report(Path(args.folder), Path(args.out))


def _site(args: argparse.Namespace) -> None:
    from .site import build  # imports nbconvert and sympy, which a report doesn't need

    lessons = build(Path(args.notebooks), Path(args.out), Path(args.runs))
    for lesson in lessons:
        for formula in lesson.unread:
            print(f"{lesson.name}: a formula that isn't understood: {clean(formula)}", file=sys.stderr)
        for picture in lesson.missing:
            print(f"{lesson.name}: a picture that isn't found: {clean(picture)}", file=sys.stderr)
    print(f"{len(lessons)} lessons: open {Path(args.out) / 'index.html'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ddpm_core.teach", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    text = """\
        Collect the progress files of a class and check every answer in them again.

        FOLDER holds one file for each student, anna.json or anna/progress.json; subfolders are
        searched one level down. The answers in the files are data: nothing in them is run. A claim
        that the recheck doesn't confirm is marked with "!". Answers in prose are marked by the
        students themselves, and the recheck can only repeat their marks.

        The CSV has the columns student, exercise, claimed, rechecked, attempts and remark."""
    r = commands.add_parser(
        "report",
        help="collect and recheck a class's progress files",
        description=textwrap.dedent(text),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    r.add_argument("folder", metavar="FOLDER", help="the folder with the students' files")
    r.add_argument(
        "--out",
        default="report.csv",
        metavar="FILE.csv",
        help="where to write, over what is there (default: %(default)s)",
    )
    r.set_defaults(run=_report)
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
    s.set_defaults(run=_site)
    return parser


if __name__ == "__main__":
    sys.exit(main())
