"""What must never be committed: addresses of one machine, local builds, hollow work."""

from __future__ import annotations

import math
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()
FORBIDDEN = {
    "a path of one machine": r"/work/|/root/|/home/\w|/tmp/\w|[A-Z]:\\\\Users",
    "a package registry's host": r"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian|find-links",
    "a local build of torch": r"\+c(pu|u\d)",
    "unfinished work": r"\b(TODO|FIXME|XXX)\b",
}
PICTURE = re.compile(r"base64,[A-Za-z0-9+/=]+")
"""A picture inside a figure: any letters may follow one another there."""
MEBIBYTE = 2**20


def tracked() -> list[Path]:
    """Return the files that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_contains(what: str) -> None:
    pattern = re.compile(FORBIDDEN[what])
    hits: list[str] = []
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        data = path.read_bytes()
        if name == HERE or b"\0" in data:  # the patterns themselves; binary files
            continue
        text = PICTURE.sub("", data.decode("utf-8"))
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                hits.append(f"{name}:{number}: {line.strip()[:100]}")
    assert hits == []


def test_no_large_file() -> None:
    limits = {"packaged": math.inf, "results": 4}  # rows of benchmarks are kept, and grow
    large = {
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.stat().st_size > limits.get(path.parent.name, 1) * MEBIBYTE
    }
    assert large == set()


def test_source_files_stay_readable() -> None:
    long = {
        path.relative_to(ROOT).as_posix()
        for path in tracked()
        if path.suffix == ".py"
        and path.is_relative_to(ROOT / "src")
        and len(path.read_text("utf-8").splitlines()) > 500
    }
    assert long == set()


def test_the_network_is_refused_to_tests(no_network: object) -> None:
    import socket

    with pytest.raises(RuntimeError, match="must not use the network"):
        socket.create_connection(("example.com", 80), timeout=1)
    with socket.socket() as server:  # this machine itself is no network
        server.bind(("127.0.0.1", 0))
        server.listen()
        socket.create_connection(server.getsockname(), timeout=5).close()
