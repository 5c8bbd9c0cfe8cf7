"""Pack what a machine with a GPU and no network needs beside this checkout, in at most 40 MiB.

That machine has torch, numpy, scipy and the like; the folder brings the few packages it may lack,
as wheels, and full MNIST and Fashion-MNIST (the packaged digits come with the checkout). There:

    source gpu-bundle/activate.sh     # unpacks, sets PYTHONPATH and GANVAS_DATA
    python3 -m ganvas.cli train r3gan/mnist --out runs/gpu

Usage: python scripts/gpu_bundle.py [--out DIR] [--python 3.12] [--wheels NAME ...]
"""

from __future__ import annotations

import argparse
import gzip
import io
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from ganvas.data.standard import data_root
from ganvas.errors import GanvasError

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "constraints" / "pinned.txt"
WHEELS = ["annotated-types", "lightning-fabric", "pydantic", "pydantic_core", "typing-inspection"]
SETS = ("mnist", "fashion_mnist")
GLIBC = ("2_28", "2_17")
LIMIT = 40 * 2**20
ACTIVATE = """\
# Source this from the root of the checkout, in bash.
bundle="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
python3 -m pip install -q --no-index --no-deps --upgrade --target "$bundle/site" \\
    "$bundle"/wheels/*.whl
[ -d "$bundle/data" ] || python3 -m tarfile -e "$bundle/data.tar.bz2" "$bundle/data"
export PYTHONPATH="$bundle/site:$(dirname "$bundle")/src"
export GANVAS_DATA="$bundle/data"
"""


def main() -> int:
    """Write the bundle and print what is in it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "gpu-bundle")
    parser.add_argument("--python", default="3.12", help="that machine's version")
    parser.add_argument("--wheels", nargs="*", default=WHEELS, help="packages it lacks")
    options = parser.parse_args()
    shutil.rmtree(options.out, ignore_errors=True)
    options.out.mkdir(parents=True)
    try:
        download(options.wheels, options.python, options.out / "wheels")
        pack(options.out / "data.tar.bz2")
    except GanvasError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    (options.out / "activate.sh").write_text(ACTIVATE, encoding="utf-8")
    files = sorted(path for path in options.out.rglob("*") if path.is_file())
    for path in files:
        size = path.stat().st_size / 2**20
        print(f"{size:7.2f} MiB  {path.relative_to(options.out).as_posix()}")
    total = sum(path.stat().st_size for path in files)
    print(f"{total / 2**20:7.2f} MiB  of {LIMIT / 2**20:.0f} in {options.out.name}/")
    return int(total > LIMIT)


def pins() -> dict[str, str]:
    """Return the pinned versions by package name."""
    lines = (line.strip() for line in PINS.read_text(encoding="utf-8").splitlines())
    return dict(line.split("==") for line in lines if "==" in line)


def download(names: list[str], python: str, folder: Path) -> None:
    """Fetch the pinned wheels of ``names`` for 64-bit Linux.

    Raises:
        GanvasError: a package is not pinned, or has no such wheel.
    """
    versions = pins()
    unknown = [name for name in names if name not in versions]
    if unknown:
        raise GanvasError(f"{PINS.name} has no {', '.join(unknown)}")
    platforms = [f"--platform=manylinux_{version}_x86_64" for version in GLIBC]
    command = [
        *(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:"),
        *("--disable-pip-version-check", f"--python-version={python}", "--implementation=cp"),
        *platforms,
        f"--dest={folder}",
        *(f"{name}=={versions[name]}" for name in names),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GanvasError(f"pip download failed:\n{done.stderr[-2000:]}")


def pack(archive: Path) -> None:
    """Pack the standard sets that are below the data root, as plain IDX files.

    Raises:
        GanvasError: none is there.
    """
    folders = [data_root() / name for name in SETS if (data_root() / name).is_dir()]
    if not folders:
        raise GanvasError(f"neither of {', '.join(SETS)} is in {data_root()}; run: make data")
    # gzip would leave the two sets just above the limit, and xz takes twenty times as long.
    with tarfile.open(archive, "w:bz2") as tar:
        for folder in folders:
            for path in sorted(folder.glob("*-ubyte*")):
                raw = path.read_bytes()
                content = gzip.decompress(raw) if path.suffix == ".gz" else raw
                entry = tarfile.TarInfo(f"{folder.name}/{path.name.removesuffix('.gz')}")
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))


if __name__ == "__main__":
    sys.exit(main())
