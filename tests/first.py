"""Put the first code cell into every lesson, and fold what isn't taught.

    python tests/first.py

The first cell says in one sentence which kernel to choose, if need be, and gives all figures their style; it
is the same everywhere.  Cells that only import, ask or compare are folded, and those tagged `hide-input`.
`make notebooks` runs this first.
"""

from pathlib import Path

import nbformat

from ddpm_core.teach.page.folds import fold, is_folded

LESSONS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
ID = "kernel"
METADATA = {"jupyter": {"source_hidden": True}, "tags": ["hide-input", "kernel"]}
SOURCE = """\
# Is this the course's kernel?  If it isn't, one sentence says which to choose.
from importlib import import_module
from importlib.util import find_spec


class OtherKernel(Exception):
    def _render_traceback_(self):
        return [str(self)]


if not all(map(find_spec, ("torch", "ddpm_core", "anywidget"))):
    raise OtherKernel(
        "This kernel doesn't have the course: choose Kernel → Change Kernel… → Python 3 in the JupyterLab "
        "that `make lab` starts, or Select Kernel → Python Environments → .venv in VS Code."
    )

import_module("ddpm_core.teach.page.figures.style").use()  # one look for all figures"""


def dressed(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The notebook with the cell before its first code cell, its folds, and its cells numbered anew."""
    cells = [cell for cell in notebook.cells if cell.id != ID]
    first = next(k for k, cell in enumerate(cells) if cell.cell_type == "code")
    cells.insert(first, nbformat.v4.new_code_cell(SOURCE, id=ID, metadata=METADATA))
    notebook.cells = cells
    for cell in filter(is_folded, cells):
        fold(cell)
    for count, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = None if "live" in cell.metadata.get("tags", []) else count
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = cell.execution_count
    return notebook


if __name__ == "__main__":
    for path in LESSONS:
        nbformat.write(dressed(nbformat.read(path, as_version=4)), path)
