"""The formula sheet: each proved identity, where its proof is, and the functions that it runs."""

import html
import inspect
import re
from collections.abc import Callable
from typing import Any

from ..maths import proofs
from ..maths.proofs import LEVELS, PROOFS, prove
from ..maths.symbols import Identity
from ..text.latex import mathml
from .lessons import coloured

_HEADING = re.compile(r"^# ── (.+?) ─+$")


def formula_sheet() -> str:
    """The page's body: a sheet of PROOFS, one of LEVELS.  ArithmeticError if an identity doesn't hold."""
    return f'{_sheet(PROOFS)}\n{_sheet(LEVELS)}\n<div class="sources">{_sources()}</div>'


def _sheet(proofs: dict[str, Identity]) -> str:
    groups: dict[str, list[str]] = {}
    for proof in proofs.values():
        if not prove(proof.name):
            raise ArithmeticError(f"{proof.name!r} doesn't hold: {proof.says}")
        groups.setdefault(_group(proof), []).append(_row(proof))
    tables = "".join(
        f"<section><h2>{html.escape(group[0].upper() + group[1:])}</h2><dl>{''.join(rows)}</dl></section>"
        for group, rows in groups.items()
    )
    return f'<div class="sheet">{tables}</div>'


def _line(proof: Identity) -> int:
    return proof.pairs.__code__.co_firstlineno


def _group(proof: Identity) -> str:
    """The heading in proofs.py above the proof."""
    above = inspect.getsource(proofs).splitlines()[: _line(proof)]
    return next((m[1] for line in reversed(above) if (m := _HEADING.match(line))), "identities")


def _row(proof: Identity) -> str:
    runs = ", ".join(f'<a href="#{_name(run)}"><code>{run.__qualname__}</code></a>' for run in proof.runs)
    place = f'<span class="place">proofs.py:{_line(proof)}</span>'
    return (
        f'<div data-proof="{html.escape(proof.name)}"><dt>{html.escape(proof.name)}</dt>'
        f'<dd>{mathml(proof.says)}</dd><dd class="runs">{runs} {place}</dd></div>'
    )


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _sources() -> str:
    """The source of every function that the sheet names."""
    functions = {_name(run): run for proof in (PROOFS | LEVELS).values() for run in proof.runs}
    return "<h2>The functions that run them</h2>" + "".join(
        f'<h3 id="{name}"><code>{name}</code></h3>'
        + coloured(inspect.cleandoc("\n" + inspect.getsource(run)))
        for name, run in sorted(functions.items())
    )
