"""Reports for people: one self-contained page per run."""

from ganvas.report.page import write_report

__all__ = ["write_report"]
