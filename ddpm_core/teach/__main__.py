"""For teachers: python -m ddpm_core.teach report FOLDER."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

from .report import clean, report


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 0 if it went well, 2 with a line on stderr if not."""
    args = _parser().parse_args(argv)
    try:
        report(Path(args.folder), Path(args.out))
    except (OSError, ValueError) as error:
        print(f"error: {clean(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ddpm_core.teach", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="report")
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
    return parser


if __name__ == "__main__":
    sys.exit(main())
