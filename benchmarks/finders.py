"""A face finder against YuNet, frame by frame: who sees a face, and do the boxes agree.

    python -m benchmarks.finders YUNET.onnx CLIP... [--finder mediapipe] [--every 5]

YuNet (Wu et al., 2023) runs through OpenCV. Neither of the two is the truth: what counts is where they differ.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

YUNET_SCORE = 0.7


def shared(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two boxes (4,) xyxy."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    areas = float(np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]))
    return common / max(areas - common, 1e-9)


def main(arguments: list[str] | None = None) -> None:
    import cv2

    from datasets.faces.finder import make_finder
    from datasets.video import read_frames

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("yunet", type=Path)
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--finder", default="mediapipe")
    parser.add_argument("--every", type=int, default=5, help="compare each how manieth frame (all are read)")
    options = parser.parse_args(arguments)
    finder = make_finder(options.finder)
    reference = cv2.FaceDetectorYN.create(str(options.yunet), "", (320, 320), YUNET_SCORE)
    names = "".join(f" {name:>6}" for name in ("frames", "YuNet", "ours", "both", "recall", "extra", "IoU", "ms"))
    print(f"{'clip':24}{names}")
    sums = np.zeros(5)
    overlaps: list[float] = []
    for clip in options.clips:
        finder.reset()
        counts, here, spent = np.zeros(5), list[float](), 0.0
        for frame in read_frames(clip):
            start = time.perf_counter()
            ours = [face.box for face in finder.find(frame.image)]
            spent += time.perf_counter() - start
            counts[4] += 1
            if frame.index % options.every:
                continue
            height, width = frame.image.shape[:2]
            reference.setInputSize((width, height))
            found = reference.detect(cv2.cvtColor(frame.image, cv2.COLOR_RGB2BGR))[1]
            theirs = [] if found is None else [np.append(f[:2], f[:2] + f[2:4]) for f in found]
            best = [max((shared(t, o) for o in ours), default=0.0) for t in theirs]
            here += [b for b in best if b > 0.3]
            counts[:4] += 1, len(theirs), len(ours), sum(b > 0.3 for b in best)
        overlaps += here
        sums += counts
        _line(clip.stem, counts, here, spent / counts[4] * 1e3)
    _line("all", sums, overlaps, float("nan"))


def _line(name: str, counts: np.ndarray, overlaps: list[float], milliseconds: float) -> None:
    frames, theirs, ours, both = (int(c) for c in counts[:4])
    recall = both / theirs if theirs else float("nan")
    overlap = float(np.mean(overlaps)) if overlaps else float("nan")
    print(
        f"{name:24} {frames:6} {theirs:6} {ours:6} {both:6} {recall:6.3f} {ours - both:6} {overlap:6.2f} "
        f"{milliseconds:6.1f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
