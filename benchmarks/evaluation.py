"""Evaluating a detector on 300 clips from scores that are kept: seconds from the folder to the figures.

    python -m benchmarks.evaluation [--clips 300] [--frames 32]

The scores are drawn at random and put into a cache under the keys that scoring would have used; what is timed is what
``counterface evaluate detector`` does when nothing has to be scored: hashing the clips, reading the cache, every figure
with its interval of 1,000 draws, over all clips and by method, compression, face size and attribute. Asked: 10 s.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--megabytes", type=float, default=2.0, help="size of a clip's file")
    options = parser.parse_args()
    from detect.library import find
    from evaluate.clipset import LabelledClip
    from evaluate.detectorquality import detector_quality, gather
    from evaluate.scorecache import ScoreCache
    from evaluate.scored import Job, Scored, key_of

    rng, detector = np.random.default_rng(0), find(None)
    with tempfile.TemporaryDirectory() as scratch:
        folder, cache = Path(scratch), Path(scratch) / "scores.jsonl"
        clips, kept, hashes = [], ScoreCache(cache), dict[Path, str]()
        for number in range(options.clips):
            pair, fake = divmod(number, 2)
            path = folder / f"{number:04d}.mp4"
            path.write_bytes(rng.bytes(int(options.megabytes * 1e6)))
            method, level = ("graphics", "quick96", "reenact")[pair % 3], ("raw", "c23", "c40")[pair % 5 % 3]
            clip = LabelledClip(
                path, path.stem, bool(fake), str(pair), str(pair), method if fake else "", level,
                attributes={"glasses": "yes" if pair % 4 else "no"},
            )  # fmt: skip
            clips.append(clip)
            said = 1 / (1 + np.exp(-rng.normal(1.2 * fake, 1, options.frames)))
            score = Scored(float(said.mean()), "cannot tell", tuple(said.tolist()), float(rng.uniform(50, 250)))
            kept.add(key_of(Job(path, detector), options.frames, hashes), asdict(score))
        began, cpu = time.monotonic(), time.process_time()
        gathered = gather(detector, clips, options.frames, cache, workers=1)
        read = time.monotonic()
        found = detector_quality(gathered)
        ended = time.monotonic()
    print(
        f"{options.clips} clips of {options.frames} frames from kept scores: {ended - began:.1f} s "
        f"({read - began:.1f} s hashing and reading, {ended - read:.1f} s figures; "
        f"{time.process_time() - cpu:.1f} CPU-s), clip AUC {found['clip']['auc']:.3f}; asked: 10 s"
    )


if __name__ == "__main__":
    main()
