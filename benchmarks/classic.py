"""The classic image line, measured: one part for each file of benchmarks/parts/classic.

    python benchmarks/classic.py --list
    python benchmarks/classic.py --part conditions [--only sngan acgan]
    python benchmarks/classic.py --all --jobs 2          # an hour and a half of two cores
    python benchmarks/classic.py --table                 # what was found, in Markdown

A run is one line of benchmarks/results/classic.jsonl (see line.py).
"""

from line import Line, main

if __name__ == "__main__":
    main(Line("classic"), __doc__ or "")
