"""Looks at a generator, verdicts on its run, and what to change."""
