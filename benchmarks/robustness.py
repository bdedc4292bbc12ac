"""Robustness of 20 clips under 40 conditions: minutes, CPU-seconds a score, and where the detector gives way.

    python -m benchmarks.robustness DATASET [--detector NAME] [--clips 20] [--workers 2] [--cache FILE]

DATASET is what ``counterface evaluate robustness`` takes. Scores are kept: a run that was stopped goes on, and the time
of what was scored before is not counted again. Asked: 20 clips x 40 conditions on 2 cores in 30 minutes.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

from datasets.errors import CounterfaceError


def main() -> int:
    options = _parsed()
    try:
        measure(options)
    except CounterfaceError as error:
        print(f"\nbenchmarks.robustness: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--detector")
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> None:
    """Score, and print the curves and the time."""
    from detect.library import find
    from evaluate import robustnessreport
    from evaluate.clipset import labelled_clips, some
    from evaluate.robustness import all_conditions, robustness, score_all
    from evaluate.scorecache import ScoreCache, usual_cache
    from evaluate.study import described

    folder, wanted = find(options.detector), all_conditions()
    clips = some(labelled_clips(options.dataset), options.clips)
    cache = options.cache or usual_cache("benchmark-robustness")
    before, began = len(ScoreCache(cache).known()), time.monotonic()

    def progress(step: str, done: float, total: float | None, note: str = "") -> None:
        print(f"\r{step} {done:.0f} of {total or 0:.0f}", end="", file=sys.stderr, flush=True)

    scores, failed = score_all(folder, clips, wanted, cache, workers=options.workers, progress=progress)
    print(file=sys.stderr)
    seconds, made = time.monotonic() - began, len(ScoreCache(cache).known()) - before
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    found = robustness(clips, scores, wanted) | {
        "detector": described(folder), "data": {"folder": str(options.dataset)}, "failed": failed,
    }  # fmt: skip
    for line in robustnessreport.lines(found):
        print(line)
    if made:
        whole = 20 * len(wanted) * cpu / made / 2 / 60
        print(
            f"{made} scores in {seconds / 60:.1f} min with {options.workers} workers, {cpu / made:.2f} CPU-s a score; "
            f"20 clips x {len(wanted) - 1} conditions and the clean one take {whole:.0f} min of two cores; asked: 30"
        )


if __name__ == "__main__":
    sys.exit(main())
