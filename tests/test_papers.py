"""What maintainers read: links and commands, the changelog, the citation, the hooks."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


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
        written = path.replace("NN", "02").replace("02_name", "02_forward_process")
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
