"""The high-fidelity line, measured: one part for each file of benchmarks/parts/fidelity.

    python benchmarks/fidelity.py --list
    python benchmarks/fidelity.py --part biggan [--only threshold]
    python benchmarks/fidelity.py --all --jobs 2          # eighty minutes of two cores
    python benchmarks/fidelity.py --table                 # what was found, in Markdown

A run is one line of benchmarks/results/fidelity.jsonl (see line.py).
"""

from line import Line, main

if __name__ == "__main__":
    main(Line("fidelity"), __doc__ or "")
