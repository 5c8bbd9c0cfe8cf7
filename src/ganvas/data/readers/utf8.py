"""Text of a file's bytes, or the line that is none."""

from __future__ import annotations

from codecs import getincrementaldecoder
from pathlib import Path

from ganvas.errors import UsageError


def decoded(path: Path, content: bytes) -> str:
    """Return the text that the content of a file is, without a byte order mark.

    Raises:
        UsageError: it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}, line {line}: not UTF-8; save the file as UTF-8.") from None


def is_text(beginning: bytes) -> bool:
    """Tell whether what a file begins with is text: UTF-8 without control characters."""
    try:
        text = getincrementaldecoder("utf-8-sig")().decode(beginning)  # the last may be half a one
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\n\r\f" for letter in text)
