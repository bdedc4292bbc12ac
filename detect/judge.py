"""From numbers to a verdict, and the sentences that carry it. Pure functions: no video, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detect.competence import Competence
from detect.results import FrameScore, Segment, Verdict

THRESHOLD = 0.5
FEW_FRAMES = 4
BRIDGED = 1.5


@dataclass(frozen=True)
class Limit:
    """Something that the score can't be trusted for.

    Attributes:
        sentence: for a person.
        outside: whether it takes the face out of what the detector can judge: then nobody can tell.
    """

    sentence: str
    outside: bool


def limits_of_face(
    competence: Competence, distance: float, face_width: float, sharpness: float, trained_on: str
) -> list[Limit]:
    """What speaks against trusting the detector on this face; all figures are medians over its frames.

    Args:
        distance: feature distance in units of its threshold.
        face_width: pixels of the frame.
        sharpness: variance of the Laplacian of the crop.
        trained_on: the card's words.
    """
    found = []
    if distance > 1:
        found.append(
            Limit(
                f"This face is not like those the detector knows (feature distance {distance:.1f} times its limit): "
                f"it was trained on {trained_on}, and its probability says nothing about another person.",
                True,
            )
        )
    smallest, largest = competence.face_width
    if face_width < smallest:
        found.append(
            Limit(f"The face is {face_width:.0f} px wide, and the detector answers from {smallest:.0f} px up.", True)
        )
    elif largest is not None and face_width > largest:
        found.append(
            Limit(f"The face is {face_width:.0f} px wide, larger than the detector has seen ({largest:.0f} px).", False)
        )
    low, high = competence.sharpness
    if sharpness < low:
        found.append(Limit("The face is more blurred than any the detector was calibrated on.", True))
    elif sharpness > high:
        found.append(Limit("The face is sharper or noisier than those the detector was calibrated on.", False))
    return found


def widen(interval: tuple[float, float], limits: Sequence[Limit]) -> tuple[float, float]:
    """Half of what is left up to [0, 1] is added for each limit that takes the face outside."""
    low, high = interval
    for limit in limits:
        if limit.outside:
            low, high = low / 2, high + (1 - high) / 2
    return low, high


def judge(interval: tuple[float, float] | None, limits: Sequence[Limit]) -> Verdict:
    """``cannot tell`` without a face, outside what the detector knows, or where the interval holds the threshold."""
    if interval is None or any(limit.outside for limit in limits):
        return "cannot tell"
    low, high = interval
    if low > THRESHOLD:
        return "manipulated"
    return "no manipulation found" if high < THRESHOLD else "cannot tell"


def segments(frames: Sequence[FrameScore]) -> tuple[Segment, ...]:
    """Stretches in which every scored frame is over the threshold.

    A stretch ends where a frame is under it, or where the next scored frame of this face is further off than usual.
    """
    if not frames:
        return ()
    times = np.array([frame.time for frame in frames])
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    found: list[Segment] = []
    run: list[FrameScore] = []

    def close() -> None:
        if run:
            mean = float(np.mean([frame.probability for frame in run]))
            found.append(Segment(run[0].time, run[-1].time, mean))
            run.clear()

    for frame in frames:
        if run and frame.time - run[-1].time > BRIDGED * step:
            close()
        if frame.probability >= THRESHOLD:
            run.append(frame)
        else:
            close()
    close()
    return tuple(found)


def reasons(
    verdict: Verdict,
    probability: float,
    interval: tuple[float, float],
    limits: Sequence[Limit],
    frames: Sequence[FrameScore],
    place: str | None,
) -> list[str]:
    """Why the verdict is what it is, in sentences from the evidence.

    Args:
        limits: of the face that decides.
        frames: of that face.
        place: where the heatmap lies, in words, see :func:`detect.explain.where`.
    """
    over = sum(frame.probability >= THRESHOLD for frame in frames)
    said = [
        f"The face was scored in {_frames(len(frames))}; {over} of {len(frames)} "
        f"{'is' if over == 1 else 'are'} over the threshold of {THRESHOLD:.0%}, and the mean probability of a "
        f"manipulation is {probability:.0%} ({interval[0]:.0%} to {interval[1]:.0%})."
    ]
    if over and place:
        said.append(f"Where it is over the threshold, the traces lie {place}.")
    if verdict == "cannot tell":
        outside = [limit for limit in limits if limit.outside]
        if outside:
            said.append("The detector does not know faces like this one, so its number is shown and not believed.")
        else:
            said.append(f"The interval holds the threshold of {THRESHOLD:.0%}: the evidence does not decide.")
    return said


def _frames(count: int) -> str:
    return "1 frame" if count == 1 else f"{count} frames"
