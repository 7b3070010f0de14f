"""The repository checks itself: layers, generated files, versions, documentation, and what must not be in it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from jupyter_gpumon import schema

if TYPE_CHECKING:
    from jupyter_gpumon.server.service import Service

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jupyter_gpumon"
DOCS = PACKAGE / "docs"
LAYERS = (
    {
        "metrics",
        "conventions",
        "devices",
        "rates",
        "model",
        "books",
        "findings",
        "checkups",
        "links",
        "absence",
        "xids",
        "rulebook",
        "experiments",
        "wire",
        "units",
        "errors",
        "places",
        "clock",
        "schema",
    },
    {"sources", "energy", "attribution", "carbon", "rules", "health", "scrub", "spread"},
    {
        "monitor",
        "alerts",
        "wiring",
        "distribution",
        "history",
        "rings",
        "rows",
        "sinks",
        "report",
        "runs",
        "store",
        "tally",
        "dcgm",
        "exposition",
    },
    {"agent", "server", "kernel", "cli", "callbacks", "dashboards", "bench", "doctor"},
)
ALLOWED_FOLDERS = {"jupyter_gpumon", "labextension", "tests", "examples", ".ci", ".git"}


def _tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def _modules() -> list[Path]:
    return [
        path for path in PACKAGE.rglob("*.py") if path.name not in ("_version.py",) and "examples" not in path.parts
    ]


def _layer(part: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if part in names), None)


def _imports(path: Path) -> set[str]:
    """First parts, below jupyter_gpumon, of what a module imports from its own package."""
    package = ["jupyter_gpumon", *path.relative_to(PACKAGE).parent.parts]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module or "").split(".")
            found.update([".".join([*base, alias.name]) for alias in node.names])
    return {name.replace("..", ".").split(".")[1] for name in found if name.startswith("jupyter_gpumon.")}


def test_a_module_imports_only_from_its_own_layer_or_a_lower_one():
    """So that the agent stays small and a surface can be taken away."""
    wrong = []
    for path in _modules():
        own = _layer(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
        wrong += [f"{path.name} -> {name}" for name in _imports(path) if own is not None and (_layer(name) or 0) > own]
    assert not wrong


def test_every_module_has_a_place_in_the_layers():
    """A new module says where it stands."""
    names = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in _modules()}
    assert {name for name in names if _layer(name) is None} <= {"__init__", "__main__", "examples"}


@pytest.mark.parametrize(
    ("path", "make"),
    [
        (ROOT / "labextension/src/schema.ts", schema.typescript),
        (DOCS / "cell.schema.json", schema.cell_schema),
        (DOCS / "metrics.md", schema.metrics_table),
    ],
    ids=["schema.ts", "cell.schema.json", "metrics.md"],
)
def test_generated_files_are_current(path, make):
    """`python -m jupyter_gpumon.schema` was run after the last change of the structs."""
    assert path.read_text() == make()


def test_the_versions_are_equal():
    """The browser part, the Python part and the changelog are of one version."""
    version = json.loads((ROOT / "labextension/package.json").read_text())["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
    import jupyter_gpumon

    assert jupyter_gpumon.__version__ == version


def test_every_trait_is_documented():
    """Each configurable trait of the server extension stands in docs/settings.md, with its default's reason in help."""
    from jupyter_gpumon.server.app import GpuMon

    page = (DOCS / "settings.md").read_text()
    traits = GpuMon.class_own_traits(config=True)
    assert traits
    assert not [name for name in traits if f"`{name}`" not in page]
    assert not [name for name, trait in traits.items() if not trait.help]


def test_every_route_is_documented():
    """Each route of the server stands in docs/rest.md."""
    from jupyter_gpumon.server.handlers import routes

    page = (DOCS / "rest.md").read_text()
    paths = {path.partition("(")[0].strip("/") for path, *_ in routes(cast("Service", None))}
    assert "gpumon/api/hello" in paths
    assert not [path for path in paths if path not in page]


def test_every_command_is_documented():
    """Each JupyterLab command, magic and command-line verb stands in the docs."""
    pages = "".join(path.read_text() for path in DOCS.glob("*.md"))
    sources = (ROOT / "labextension/src/commands.ts").read_text()
    commands = set(re.findall(r"export const \w+ = '(gpumon:[a-z-]+)'", sources))
    assert commands
    assert not [command for command in commands if f"`{command}`" not in pages]


def test_every_setting_is_documented():
    """Each setting of the panel stands in docs/settings.md."""
    settings = json.loads((ROOT / "labextension/schema/plugin.json").read_text())["properties"]
    page = (DOCS / "settings.md").read_text()
    assert not [name for name in settings if f"`{name}`" not in page]


def test_the_links_of_the_docs_lead_somewhere():
    """Relative links in README and docs name files that exist."""
    broken = []
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")]:
        for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
            if "://" not in link and not (page.parent / link).exists():
                broken.append(f"{page.name}: {link}")
    assert not broken


def test_ci_runs_the_command_the_readme_names():
    """One command passes the tests, in README and in CI."""
    command = 'pip install -e ".[test]" && pytest'
    assert command in (ROOT / "README.md").read_text()
    assert command in (ROOT / ".ci/run").read_text()


def test_the_top_level_holds_what_was_agreed():
    """No further folders beside the fixed ones."""
    folders = {path.relative_to(ROOT).parts[0] for path in _tracked() if len(path.relative_to(ROOT).parts) > 1}
    assert folders <= ALLOWED_FOLDERS


def test_no_address_of_a_registry_or_machine_is_in_the_repository():
    """Lock files and docs name packages, not the hosts they came from."""
    hosts = re.compile(r"registry\.(npmjs|yarnpkg)|files\.pythonhosted|/root/|/home/[a-z]|/work/")
    texts = [path for path in _tracked() if path.suffix not in (".png", ".gz", ".ico") and path != Path(__file__)]
    assert not [path.name for path in texts if hosts.search(path.read_text(errors="replace"))]


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]], ids=" ".join)
def test_the_python_is_clean(command):
    """ruff and mypy (strict) have nothing to say."""
    tool = Path(sys.executable).with_name(command[0])
    done = subprocess.run([tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_class_has_its_look_in_one_style_sheet():
    """Sheets come with their tabs, in the order in which those are opened, and stay."""
    found: dict[str, str] = {}
    for sheet in sorted((ROOT / "labextension" / "style").glob("*.css")):
        for name in set(re.findall(r"^\.(jp-GpuMon-[\w-]+)(?=[ ,]*\{|,$)", sheet.read_text(), re.MULTILINE)):
            assert found.setdefault(name, sheet.name) == sheet.name, f"{name} is in {found[name]} and {sheet.name}"


def test_the_typescript_is_clean(require):
    """eslint and prettier have nothing to say."""
    jlpm = require(shutil.which("jlpm", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"), "jlpm")
    require((ROOT / "labextension/node_modules").exists(), "labextension/node_modules")
    done = subprocess.run([jlpm, "lint:check"], cwd=ROOT / "labextension", capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_all_and_no_secret(tmp_path):
    """The wheel has the browser part, the server's configuration, docs and notebook, and nothing private."""
    copy = tmp_path / "copy"  # a build writes into its folder
    left_out = shutil.ignore_patterns(
        ".git", "node_modules", "screenshots", "__pycache__", ".mypy_cache", ".ruff_cache"
    )
    shutil.copytree(ROOT, copy, ignore=left_out)
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", str(tmp_path), str(copy)]
    subprocess.run(pip, check=True, capture_output=True, timeout=280)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for part in (
        "static/style.js",
        "jupyter_server_config.d/jupyter_gpumon.json",
        "docs/metrics.md",
        "grid.json",
        "dashboards/gpu-node.json",
        "dashboards/alerts.yml",
        "quickstart.ipynb",
        "report/page.css",
        "report/page.js",
        "templates/gpumon/index.html.j2",
    ):
        assert any(name.endswith(part) for name in names), part
    private = re.compile(r"(^|/)(tests|\.env|\.npmrc|\.pypirc|id_rsa|.*\.pem|.*\.key|node_modules)(/|$)")
    assert not [name for name in names if private.search(name)]
