"""The video line, measured: one part for each file of benchmarks/parts/video.

    python benchmarks/video.py --list
    python benchmarks/video.py --part mocogan
    python benchmarks/video.py --all                   # at most two hours of one process
    python benchmarks/video.py --table                 # what was found, in Markdown

A run is one line of benchmarks/results/video.jsonl (see line.py).
"""

from line import Line, main

if __name__ == "__main__":
    main(Line("video"), __doc__ or "")
