"""The house itself: its rooms, its two package lists, its notebooks, its README, what it ships."""

import ast
import hashlib
import itertools
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version
from rattler import MatchSpec

ROOT = Path(__file__).parents[1]
CORE = sorted(p for p in (ROOT / "ddpm_core").glob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
OUTSIDE = {"matplotlib", "sympy", "ipywidgets", "IPython", "anywidget", "tqdm"}


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


@pytest.mark.parametrize("path", CORE, ids=lambda p: p.name)
def test_the_core_knows_nothing_of_the_lessons(path):
    names = set(imports(path))
    assert not {n for n in names if "teach" in n}
    allowed = {"tqdm"} if path.name in ("training.py", "__main__.py") else set()
    assert not {n.split(".")[0] for n in names} & (OUTSIDE - allowed)


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


OF_TORCH = {"_InferenceMode"}  # what torch.inference_mode holds: its public door an interrupt can leave open


def test_what_is_private_to_a_module_stays_in_it():
    assert [*borrowed(ast.parse("from . import a as b\nfrom .c import _d, e\nb._f, e._g"))] == ["_d", "b._f"]
    for path in (ROOT / "ddpm_core").rglob("*.py"):
        assert {*borrowed(ast.parse(path.read_text("utf-8")))} <= OF_TORCH, path


def test_one_import_is_light():
    heavy = "matplotlib sympy ipywidgets IPython anywidget"
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
    for name in ddpm_core.__all__:
        thing = getattr(ddpm_core, name)
        assert (thing.__doc__ or "").strip(), name
        assert thing.__module__.startswith("ddpm_core"), name


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch"}


def required() -> list[Requirement]:
    """What pyproject.toml asks for: for the package, the lessons and the tests."""
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


def test_workflow_is_yaml_and_runs_the_command_of_the_readme():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    assert [step.get("run") for step in workflow["jobs"]["test"]["steps"]][-1] == "make test"
    assert True in workflow  # `on`, as YAML 1.1 reads it
    assert "make test" in (ROOT / ".ci/run").read_text("utf-8")


README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_s_code_runs_as_it_stands(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    assert 5 <= len(code.strip().splitlines()) <= 15
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300, cwd=tmp_path, capture_output=True)


def test_the_readme_maps_every_lesson():
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in README


def test_what_ships_has_a_card_with_its_sum():
    shipped = [p for p in (ROOT / "data").iterdir() if p.suffix in (".npz", ".safetensors")]
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
    assert [c["execution_count"] for c in code] == list(range(1, len(code) + 1))
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
