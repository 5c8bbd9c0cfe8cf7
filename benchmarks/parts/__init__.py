"""The parts of benchmarks/classic.py, each found by its file's name."""
