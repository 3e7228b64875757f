"""What those who carry on read: the map of the code, the changelog, the citation, the hooks."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
CORE = {path.stem: path for path in (ROOT / "ddpm_core").glob("*.py") if path.stem != "__init__"}


def layers() -> list[list[str]]:
    """The lines of the map, each as its rooms."""
    (block,) = re.findall(r"## The map of the code.*?```\n(.*?)```", CONTRIBUTING, re.S)
    return [line.partition(":")[0].split(", ") for line in block.splitlines()]


def imported(path: Path) -> set[str]:
    """The rooms that a room imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module} if node.module else {alias.name for alias in node.names}
    return found & CORE.keys()


def test_the_map_names_every_room_once():
    assert sorted(room for line in layers() for room in line) == sorted(CORE)


def test_a_room_imports_only_from_the_lines_above_its_own():
    above: set[str] = set()
    for line in layers():
        for room in line:
            assert imported(CORE[room]) <= above, room
        above |= set(line)


def test_the_map_names_what_teach_holds():
    teach = ROOT / "ddpm_core/teach"
    rooms = {p.name for p in teach.glob("*.py")} | {f"{p.parent.name}/" for p in teach.glob("*/__init__.py")}
    told = set(re.findall(r"`([\w/.]+)`", CONTRIBUTING.split("| in `teach`")[1].split("The laws")[0]))
    assert told == rooms - {"__init__.py", "__main__.py"}


@pytest.mark.parametrize(
    "name", ["README.md", "TEACHING.md", "CONTRIBUTING.md", "CHANGELOG.md", "notebooks/LICENSE.md"]
)
def test_links_lead_somewhere_and_commands_are_there(name):
    page = ROOT / name
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#]+?)\)", text):
        assert link.startswith("https://") or (page.parent / link).exists(), link
    for target in re.findall(r"\bmake (\w+)", "\n".join(re.findall(r"`([^`]*)`|^make .*", text, re.M))):
        subprocess.run(
            ["make", "-n", "-o", ".venv/.installed", target], cwd=ROOT, check=True, capture_output=True
        )
    for path in re.findall(r"`((?:teach|tests|ddpm_core|data|notebooks)/[\w/.]+)`", text):
        written = path.replace("NN", "05").replace("05_name", "05_sampling")
        assert (ROOT / written).exists() or (ROOT / "ddpm_core" / written).exists(), path


def test_the_version_is_one():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    released = re.findall(
        r"^## \[([\d.]+)\] - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M
    )
    assert released[0] == (citation["version"], citation["date-released"])
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == "MIT"
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License")
    versions = [Version(version) for version, _ in released]
    assert versions == sorted(versions, reverse=True)


def test_the_hooks_take_the_ruff_of_the_tests():
    (ruff,) = [line for line in PROJECT["optional-dependencies"]["test"] if line.startswith("ruff")]
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    assert {hook["id"] for hook in hooks} == {"ruff-check", "ruff-format"}
    for hook in hooks:
        assert hook["additional_dependencies"] == [ruff]
        assert "jupyter" in hook["types_or"]
