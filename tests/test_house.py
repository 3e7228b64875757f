"""The repository itself: its rooms, its two lists of packages, its notebooks, its README, what it ships."""

import ast
import graphlib
import hashlib
import io
import itertools
import json
import re
import statistics
import subprocess
import sys
import tokenize
import tomllib
from pathlib import Path

import pytest
import yaml
from mutate import MUTANTS, broken
from packaging.requirements import Requirement
from packaging.version import Version
from rattler import MatchSpec

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "ddpm_core"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
HEART = [
    *("gaussian", "schedule", "process", "prediction", "formula"),
    *("denoiser", "sampling", "elbo", "nets", "training"),
]
MACHINE = [
    "data",
    "folders",
    "words",
    "pictures",
    "files",
    "checkpoints",
    "checks",
    "parallel",
    "speed",
    "__main__",
]
ROOMS = {"commands", "study", "teach"}
BARS = {
    "training",
    "folders",
    "commands.latent",
    "commands.sample",
    "commands.evaluate",
}  # what takes long shows how long
OUTSIDE = {"matplotlib", "sympy", "ipywidgets", "IPython", "anywidget", "tqdm", "teach"}
SOURCES = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip("."): path
    for path in sorted(PACKAGE.rglob("*.py"))
}  # "teach.judge.number" and "teach.judge", without the package's own name, which is ""


def imported(name: str) -> set[str]:
    """The modules that a module imports, also inside functions: ours as in SOURCES, others as written."""
    path, found = SOURCES[name], set()
    here = [part for part in name.split(".") if part]
    package = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.ImportFrom):
            up = package[: len(package) - node.level + 1] + (node.module or "").split(".") * bool(node.module)
            inside = {".".join([*up, alias.name]) for alias in node.names}
            found |= {module if module in SOURCES else ".".join(up) for module in inside}
    return found


def room(name: str) -> str:
    """The room of a module: study, teach.judge and so on; a module at the top level is its own room."""
    return ".".join(name.split(".")[: 2 if name.startswith("teach.") else 1])


def test_the_house_has_the_rooms_of_its_plan():
    assert {name for name in SOURCES if name and "." not in name} == {*HEART, *MACHINE, *ROOMS}
    rooms = {room(name) for name in SOURCES if name.startswith("teach.")}
    told = "judge bank maths page text progress report site update exercises __main__"
    assert rooms == {f"teach.{name}" for name in told.split()}


@pytest.mark.parametrize("of", [lambda name: name, room], ids=["files", "rooms"])
def test_arrows_between_files_and_between_rooms_go_one_way(of):
    """There is no cycle: prepare() raises CycleError with its path.  A package's __init__ is no room."""
    arrows = {of(name): set() for name in SOURCES}
    for name in SOURCES:
        arrows[of(name)] |= {of(other) for other in imported(name) if other in SOURCES} - {of(name)}
    graphlib.TopologicalSorter(arrows).prepare()


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.startswith("teach")])
def test_the_core_knows_nothing_of_the_lessons(name):
    found = {module.split(".")[0] for module in imported(name)}
    assert not found & (OUTSIDE - ({"tqdm"} if name in BARS else set()))
    if name in HEART:
        assert found & {*MACHINE, "commands", "study"} <= {"checks", "data", "parallel", "speed", "words"}


def test_the_judge_is_handed_what_it_tells():
    for name in SOURCES:
        if name.startswith("teach.judge"):
            rooms = {room(other) for other in imported(name) if other.startswith("teach")}
            assert rooms <= {"teach.judge", "teach.text"}, name


def code_lines(path: Path) -> set[int]:
    """The numbers of the lines with code: no docstrings, comments or blanks."""
    source = path.read_text("utf-8")
    blank = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in blank:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and ast.get_docstring(node) is not None
        ):
            lines -= {*range(node.body[0].lineno, node.body[0].end_lineno + 1)}
    return lines


def test_the_heart_is_read_in_an_evening():
    size = {name: len(code_lines(path)) for name, path in SOURCES.items()}
    assert sum(size[name] for name in HEART) <= 950
    assert sum(n for name, n in size.items() if name.split(".")[0] not in ("study", "teach")) <= 2900


def test_functions_are_short():
    lengths = []
    for name, path in SOURCES.items():
        code = code_lines(path)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef):
                length = len(code & {*range(node.lineno, node.end_lineno + 1)})
                given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                given = [a for a in given if a.arg not in ("self", "cls")]
                assert length <= 45, (name, node.name)
                assert len(given) <= (12 if node.name == "train" else 8), (name, node.name)
                lengths.append(length)
    assert statistics.median(lengths) <= 6


def borrowed(tree: ast.Module):
    """The private names that a module takes from another: `from .a import _b`, or `a._b` of its module a."""
    modules = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if re.match("_(?!_)", alias.name))
            modules |= {alias.asname or alias.name for alias in node.names if not node.module}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            yield from [f"{node.value.id}.{node.attr}"] * bool(re.match("_(?!_)", node.attr))


def test_what_is_private_to_a_module_stays_in_it():
    assert [*borrowed(ast.parse("from . import a as b\nfrom .c import _d, e\nb._f, e._g"))] == ["_d", "b._f"]
    for path in SOURCES.values():
        tree = ast.parse(path.read_text("utf-8"))
        assert not {*borrowed(tree)}, path
        modules = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
        modules += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        assert not [m for m in modules if re.search(r"(^|\.)_(?!_)", m)], path


def test_one_import_is_light():
    heavy = "matplotlib sympy ipywidgets IPython anywidget pooch requests"
    code = f"import sys, ddpm_core; print([m for m in {heavy.split()} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    # torch itself may bring sympy; what counts is what the package adds
    torch_only = subprocess.run(
        [sys.executable, "-c", code.replace("ddpm_core", "torch")], capture_output=True, text=True, check=True
    ).stdout
    assert out == torch_only


def test_everything_public_is_exported_once_and_told():
    import ddpm_core

    assert len(set(ddpm_core.__all__)) == len(ddpm_core.__all__)
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text("utf-8"))
    told = [(home.module, name.asname) for home in stub.body for name in home.names]
    assert told == [(home, name) for home, names in ddpm_core._HOMES.items() for name in names.split()]
    for name in ddpm_core.__all__:
        thing = getattr(ddpm_core, name)
        assert (thing.__doc__ or "").strip(), name
        assert thing.__module__.startswith("ddpm_core"), name


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch"}


def required() -> list[Requirement]:
    """The requirements in pyproject.toml, of the package, the lessons and the tests."""
    extras = (PROJECT["optional-dependencies"][name] for name in ("lab", "test"))
    return [Requirement(r) for r in itertools.chain(PROJECT["dependencies"], *extras)]


def test_environment_yml_names_what_pyproject_names():
    ranges = {CONDA_NAMES.get(r.name, r.name): set(str(r.specifier).split(",")) for r in required()}
    listed = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))["dependencies"]
    conda = {}
    for line in listed:
        if isinstance(line, dict):
            *by_pip, self = line["pip"]
            assert self == "-e ."
            conda |= {r.name: set(str(r.specifier).split(",")) for r in map(Requirement, by_pip)}
        else:
            spec = MatchSpec(line, strict=True)
            conda[spec.name.normalized] = set(str(spec.version).split(",")) if spec.version else set()
    assert conda.pop("python") == {PROJECT["requires-python"]}
    assert {conda.pop(name) == set() for name in ("pip", "make")} == {True}
    assert conda == ranges


def test_the_versions_told_as_tried_are_the_ends_of_what_pyproject_admits():
    page = (ROOT / "tests/README.md").read_text("utf-8").split("## Other versions")[1].split("\n## ")[0]
    tried = re.findall(r"^\| (\S+) \| (\d\S*) \| (\d\S*) \|$", page, re.M)
    assert [name for name, _, _ in tried] == [r.name for r in required()]
    for r, (_, *versions) in zip(required(), tried, strict=True):
        low, new = map(Version, versions)
        (bound,) = (Version(s.version) for s in r.specifier if s.operator == ">=")
        assert low == bound, r
        assert r.specifier.contains(new), r
        assert low <= new, r


def test_a_version_is_the_same_wherever_it_stands_and_so_is_its_day():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    told = re.findall(r"^## \[(\S+)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert told[0] == ("Unreleased", "")
    assert told[1] == (PROJECT["version"], cited["date-released"])
    assert cited["version"] == PROJECT["version"]
    assert [Version(v) for v, _ in told[1:]] == sorted((Version(v) for v, _ in told[1:]), reverse=True)


def test_workflows_are_yaml_and_run_the_commands_of_the_readme():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    assert [step.get("run") for step in workflow["jobs"]["test"]["steps"]][-1] == "make test"
    assert True in workflow  # `on`, as YAML 1.1 reads it
    assert "make test" in (ROOT / ".ci/run").read_text("utf-8")


def test_workflow_of_the_site_publishes_what_make_site_writes():
    workflow = yaml.safe_load((ROOT / ".github/workflows/pages.yml").read_text("utf-8"))
    build, deploy = (workflow["jobs"][name]["steps"] for name in ("build", "deploy"))
    assert [step["run"] for step in build if "run" in step] == ["make site"]
    assert build[-1]["uses"].startswith("actions/upload-pages-artifact@")
    assert build[-1]["with"]["path"] in (ROOT / "Makefile").read_text("utf-8")
    assert deploy[-1]["uses"].startswith("actions/deploy-pages@")
    assert workflow["permissions"] == {"contents": "read", "pages": "write", "id-token": "write"}
    assert workflow["jobs"]["deploy"]["needs"] == "build"


README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
def test_the_readme_s_code_runs_as_it_stands(tmp_path):
    """One piece after the other, in one program."""
    pieces = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(pieces) == 2
    assert all(5 <= len(code.strip().splitlines()) <= 15 for code in pieces)
    run = [sys.executable, "-c", "\n".join(pieces)]
    subprocess.run(run, check=True, timeout=300, cwd=tmp_path, capture_output=True)


def test_the_readme_maps_every_lesson():
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in README


def test_what_ships_has_a_card_with_its_sum():
    shipped = [p for p in (ROOT / "data").iterdir() if p.suffix in (".npz", ".safetensors", ".zip")]
    assert len(shipped) >= 3
    for path in shipped:
        card = path.with_suffix(".md").read_text("utf-8")
        assert hashlib.sha256(path.read_bytes()).hexdigest() in card, path.name
        assert f"({path.stem}.md)" in (ROOT / "data/README.md").read_text("utf-8")
        for word in ("Source", "Licence", "sha256", "How made"):
            assert word in card, (path.name, word)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.name)
def test_a_notebook_is_small_and_was_run_from_top_to_bottom(path):
    raw = path.read_text("utf-8")
    assert len(raw) < 1_500_000
    cells = json.loads(raw)["cells"]
    code = [c for c in cells if c["cell_type"] == "code"]
    live = ["live" in c["metadata"].get("tags", []) for c in code]  # not stored, as the map of one's progress
    counts = [None if alive else n for n, alive in enumerate(live, 1)]
    assert [c["execution_count"] for c in code] == counts
    outputs = [o for c in code for o in c["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    unexpected = [
        o["text"]
        for c in code
        for o in c["outputs"]
        if o.get("name") == "stderr" and "nbval-ignore-output" not in c["metadata"].get("tags", [])
    ]
    assert not unexpected
    assert not json.loads(raw)["metadata"].get("widgets")


def test_every_mutant_still_finds_the_piece_that_it_breaks():
    for mutant in MUTANTS:
        assert broken(mutant, ROOT) != (ROOT / "ddpm_core" / mutant.file).read_text("utf-8")


def test_no_two_public_functions_have_one_name():
    """Except `main`, which every command line has."""
    found = {}
    for name, path in SOURCES.items():
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                found.setdefault(node.name, []).append(name)
    assert found.pop("main") == ["__main__", "teach.__main__"]
    assert {name: modules for name, modules in found.items() if len(modules) > 1} == {}
