"""A hook of MkDocs: the pages that would only repeat what stands elsewhere.

- reference/NAME.md for every public module and package directly below ganvas;
- CHANGELOG.md and CONTRIBUTING.md from the root of the repository.
"""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "ganvas"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those of docs/."""
    for name in public_modules():
        content = f"# ganvas.{name}\n\n::: ganvas.{name}\n"
        files.append(File.generated(config, f"reference/{name}.md", content=content))
    for name in ("CHANGELOG.md", "CONTRIBUTING.md"):
        path = ROOT / name
        if path.is_file():  # below docs/ its links to pages are shorter
            content = path.read_text("utf-8").replace("](docs/", "](")
            files.append(File.generated(config, name.lower(), content=content))
    return files


def public_modules() -> list[str]:
    """Return the names of the modules and packages directly below ganvas."""
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")}
    return sorted(name for name in packages | modules if not name.startswith("_"))
