"""How fast crops and clips are scored, and whether memory grows with the clip's length.

python -m benchmarks.detection [--minutes 10] [--every 5]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from benchmarks.memory import peak
from detect.detector import TrainedDetector

SIDE, RATE, SECONDS, CROP = 480, 25, 10, 160


def make_clip(path: Path) -> None:
    """Ten seconds of a public-domain portrait, moved a little."""
    from skimage.data import astronaut

    from datasets.encode import ClipEncoder
    from datasets.video import Frame

    portrait = cv2.resize(astronaut()[:400, 40:440], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    with ClipEncoder(path, (SIDE, SIDE), Fraction(RATE)) as encoder:
        for index in range(SECONDS * RATE):
            shift = np.array([[1, 0, 9 * np.sin(index / 12)], [0, 1, 6 * np.cos(index / 17)]], np.float32)
            image = cv2.warpAffine(portrait, shift, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
            encoder.write(Frame(index, index / RATE, image))


def repeat(path: Path, times: int, output: Path, seconds: float = SECONDS) -> None:
    """The same clip over and over, its packets copied."""
    with av.open(str(output), "w") as out:
        stream = None
        offset = 0
        for _ in range(times):
            with av.open(str(path)) as source:
                template = source.streams.video[0]
                stream = stream or out.add_stream_from_template(template)
                for packet in source.demux(template):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts, packet.stream = packet.pts + offset, packet.dts + offset, stream
                    out.mux(packet)
                offset += round(seconds / float(template.time_base or 1))


def untrained() -> TrainedDetector:
    """A detector of the default architecture; what it answers does not matter here, only what it costs."""
    import torch

    from detect.calibration import Platt
    from detect.competence import Competence
    from detect.detector import build_model, forward

    torch.set_num_threads(2)
    built = build_model("timm_heatmap")
    width = forward(built.module, np.zeros((1, CROP, CROP, 3), np.uint8), built.normalisation)[2].shape[1]
    competence = Competence(np.zeros(width, np.float32), np.eye(width, dtype=np.float32), 1.0, (0.0, 1e9), (64.0, None))
    card = {
        "name": "untrained",
        "version": "0",
        "calibrated_on": "nothing",
        "input": {"size": CROP, "coverage": "full", "normalisation": dict(built.normalisation)},
        "calibration": Platt().to_card(),
    }
    return TrainedDetector(built.module, card, competence)


def crops_a_second() -> float:
    detector = untrained()
    crops = np.random.default_rng(0).integers(0, 256, (64, CROP, CROP, 3), dtype=np.uint8)
    detector.score(crops)
    began, done = time.monotonic(), 0
    while time.monotonic() - began < 5:
        detector.score(crops)
        done += len(crops)
    return done / (time.monotonic() - began)


def score_one(path: Path, every: int | None) -> dict[str, float]:
    """Score one clip in this process: its peak memory is then that of the clip alone."""
    from detect.score import score_clip

    score = score_clip(path, untrained(), every=every)
    return {"frames": score.frames_scored, "seconds": score.seconds, "peak_mb": peak()}


def apart(path: Path, every: int | None) -> dict[str, float]:
    """Score a clip in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.detection", "--one", str(path)]
    command += [] if every is None else ["--every", str(every)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--every", type=int)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(score_one(options.one, options.every)))
        return
    every = options.every or 5
    print(f"scoring crops of {CROP} px: {crops_a_second():.0f} a second")
    with tempfile.TemporaryDirectory() as name:
        short, long = Path(name) / "short.mp4", Path(name) / "long.mp4"
        make_clip(short)
        repeat(short, max(2, round(options.minutes * 60 / SECONDS)), long)
        quick = apart(short, None)
        print(f"a clip of {SECONDS} s, 32 frames, decoding and finding included: {quick['seconds']:.1f} s")
        a, b = apart(short, every), apart(long, every)
        for said, found in (("10 s", a), (f"{options.minutes:g} minutes", b)):
            rate = found["frames"] * every / found["seconds"]
            print(f"{said}, every {every}th frame: {rate:.0f} frames/s of the clip, peak {found['peak_mb']:.0f} MB")
        print(f"memory, {options.minutes:g} minutes over 10 s: {b['peak_mb'] / a['peak_mb']:.2f}")


if __name__ == "__main__":
    main()
