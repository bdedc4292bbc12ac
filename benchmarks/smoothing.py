"""What landmark smoothing does: how much jitter it takes out, how much expression it keeps, and whether it lags.

    python -m benchmarks.smoothing [CLIP|FACESET ...]

Without arguments: the two clips of the shipped sample. Jitter is the second difference of the landmarks over the eye
distance, in the stretches in which the head is still, of the middle one of all points, for a talking mouth moves in
truth. Expression is the range of the opening of eyes and mouth. The lag is the shift, in frames, at which the courses
of these openings before and after match best.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

EYES = (33, 133, 362, 263)
STILL_SECONDS = 0.2
STILL = 0.004  # of the eye distance that a point moves from frame to frame, noise evened out
FEWEST_STILL = 20
LAGS = 6


@dataclass(frozen=True)
class Smoothing:
    """What smoothing did to one clip.

    Attributes:
        frames, still: frames in all, and those in which the head is still.
        raw, smooth: jitter before and after, part of the eye distance.
        eyes, mouth: range of their opening after over before.
        lag: frames.
    """

    frames: int
    still: int
    raw: float
    smooth: float
    eyes: float
    mouth: float
    lag: float

    @property
    def ratio(self) -> float:
        """Jitter after over before."""
        return self.smooth / self.raw


def measure(rows: Iterable[object]) -> Smoothing:
    """Compare the rows of one track of a face set with what smoothing makes of them."""
    from datasets.faces.expression import eye_opening, mouth_opening
    from datasets.faces.smooth import smoothed

    before = [row for row in rows if row.landmarks is not None]  # type: ignore[attr-defined]
    after = list(smoothed(before))
    raw, smooth = (np.stack([row.landmarks for row in some])[..., :2].astype(np.float64) for some in (before, after))
    rate = (len(before) - 1) / max(before[-1].time - before[0].time, 1e-9)
    eyes = raw[:, EYES]
    distance = float(np.median(np.linalg.norm(eyes[:, :2].mean(axis=1) - eyes[:, 2:].mean(axis=1), axis=1)))
    still = still_frames(raw, distance, rate)
    openings = np.array([[(eye_opening(r), mouth_opening(r)) for r in some] for some in (raw, smooth)])
    spans = np.ptp(openings, axis=1)
    kept = spans[1] / np.maximum(spans[0], 1e-9)
    return Smoothing(
        len(before),
        int(still.sum()),
        jitter(raw, still, distance),
        jitter(smooth, still, distance),
        float(kept[0]),
        float(kept[1]),
        max((lag(openings[0, :, i], openings[1, :, i]) for i in (0, 1)), key=abs),
    )


def still_frames(points: np.ndarray, distance: float, rate: float) -> np.ndarray:
    """Which frames have a still face: bool (N,); of a clip that never rests, its quietest fifth.

    Args:
        points: (N, P, 2), pixels.
        distance: between the eyes, pixels.
        rate: frames a second.
    """
    from scipy.ndimage import gaussian_filter1d

    even = gaussian_filter1d(points, max(1.0, STILL_SECONDS * rate / 2), axis=0)
    speed = np.median(np.linalg.norm(np.gradient(even, axis=0), axis=-1), axis=-1) / distance
    return speed <= max(STILL, float(np.quantile(speed, 0.2)))


def jitter(points: np.ndarray, still: np.ndarray, distance: float) -> float:
    """Median over points and still frames of the second difference over the eye distance."""
    second = np.linalg.norm(np.diff(points, 2, axis=0), axis=-1) / distance
    inside = still[:-2] & still[1:-1] & still[2:]
    chosen = second[inside] if inside.any() else second
    return float(np.median(chosen))


def lag(before: np.ndarray, after: np.ndarray) -> float:
    """By how many frames ``after`` follows ``before``: where they match best in least squares, between frames too.

    Unlike the peak of the plain cross-correlation it is not drawn aside by a course that rises or falls as a whole.
    """
    shifts = np.arange(-LAGS, LAGS + 1)
    inner = slice(LAGS, len(before) - LAGS)
    found = np.array([-float(((before[inner] - np.roll(after, -shift)[inner]) ** 2).sum()) for shift in shifts])
    peak = int(found.argmax())
    if not 0 < peak < len(found) - 1:
        return float(shifts[peak])
    left, middle, right = found[peak - 1 : peak + 2]
    return float(shifts[peak] + (left - right) / 2 / max(left - 2 * middle + right, 1e-12, key=abs))


def face_set(path: Path, scratch: Path) -> Path:
    """The face set that a path is, or one made of the clip that it is."""
    if path.is_dir():
        return path
    from datasets.extract import extract

    folder = scratch / path.stem
    extract(path, folder, size=64)
    return folder


def main(arguments: list[str] | None = None) -> None:
    from datasets.faceset import FaceSet

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=Path, metavar="CLIP|FACESET")
    paths = parser.parse_args(arguments).paths
    if not paths:
        from datasets.samples import sample_clips

        paths = list(sample_clips())
    with tempfile.TemporaryDirectory() as scratch:
        for path in paths:
            faces = FaceSet(face_set(path, Path(scratch)))
            found = measure(faces.rows(faces.main_track()))
            print(
                f"{path.name}: jitter {found.raw:.2%} -> {found.smooth:.2%} of the eye distance, ratio "
                f"{found.ratio:.2f} ({found.still} still frames of {found.frames}); expression kept: eyes "
                f"{found.eyes:.0%}, mouth {found.mouth:.0%}; lag {found.lag:+.2f} frames",
                flush=True,
            )


if __name__ == "__main__":
    main()
