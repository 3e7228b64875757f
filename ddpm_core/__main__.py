"""The package from the command line: python -m ddpm_core train | sample | evaluate."""

import argparse
import sys
from collections.abc import Sequence

from .commands.evaluate import add_evaluate
from .commands.sample import add_sample
from .commands.train import add_train


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 2 after an error (one line on stderr), or 130 after Ctrl-C."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, TypeError, OSError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        print(f"stopped{stop}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ddpm_core", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="train | sample | evaluate")

    for add in (add_train, add_sample, add_evaluate):
        command = add(commands)
        command.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto")
    return parser


if __name__ == "__main__":
    sys.exit(main())
