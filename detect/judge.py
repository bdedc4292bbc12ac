"""From numbers to a verdict, and the sentences that carry it. Pure functions: no video, no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detect.competence import COLOURLESS, Competence
from detect.conformal import Conformal
from detect.results import CueFinding, FrameScore, Segment, Verdict

THRESHOLD = 0.5
FEW_FRAMES = 4
BRIDGED = 1.5
DOUBT = 0.25
DECIDING = 4
MOST_NAMED = 3
# Coded bits a pixel of a still picture: JPEG at quality 30 has some 0.4.
FEWEST_PICTURE_BITS = 0.25
MUCH_LESS = 3.0


@dataclass(frozen=True)
class Limit:
    """Something that the score can't be trusted for.

    Attributes:
        sentence: for a person.
        outside: whether it takes the face out of what the detector can judge: then nobody can tell.
        doubt: how far it widens the interval, as a share of what is left up to [0, 1].
    """

    sentence: str
    outside: bool
    doubt: float = 0.0


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
                f"This face is not like those the detector knows (feature distance {distance:.2f} times its limit): "
                f"it was trained on {trained_on}, and its probability says nothing about this one.",
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
            Limit(
                f"The face is {face_width:.0f} px wide, larger than the detector has seen ({largest:.0f} px).",
                False,
                DOUBT,
            )
        )
    low, high = competence.sharpness
    if sharpness < low:
        found.append(Limit("The face is more blurred than any the detector was calibrated on.", True))
    elif sharpness > high:
        found.append(Limit("The face is sharper or noisier than those the detector was calibrated on.", False, DOUBT))
    return found


def limits_of_picture(
    competence: Competence, flat: float, colour: float, bits: float | None, still: bool, few_colours: bool
) -> list[Limit]:
    """What the way the pictures were made or compressed takes from a score.

    Args:
        flat: median of :func:`detect.competence.flat_share` over the face's frames, NaN where it is not known.
        colour: median of :func:`detect.competence.colourfulness`.
        bits: coded bits a pixel and frame, None where it is not known.
        still: whether it is one picture.
        few_colours: whether each picture has a palette.
    """
    found = []
    if few_colours:
        found.append(
            Limit("A GIF holds 256 colours a picture: the fine traces that the detector looks for are gone.", True)
        )
    if flat > (1 + competence.flat) / 2:
        found.append(
            Limit(
                f"{flat:.0%} of the pixels around the face equal their neighbours exactly: this looks like a drawing "
                "or animation, and the detector judges photographed faces alone.",
                True,
            )
        )
    elif flat > competence.flat:
        found.append(
            Limit(
                f"{flat:.0%} of the pixels around the face equal their neighbours exactly: a drawing, heavy "
                "smoothing or strong compression.",
                False,
                DOUBT,
            )
        )
    if colour < COLOURLESS:
        found.append(
            Limit(
                "The face is black and white, and the detector was calibrated on colour: its traces are missing.",
                False,
                DOUBT,
            )
        )
    fewest = FEWEST_PICTURE_BITS if still else competence.bits
    if bits is not None and bits < fewest:
        outside = bits < fewest / MUCH_LESS
        found.append(
            Limit(
                f"The file is strongly compressed ({bits:.2g} coded bits a pixel; the detector answers from "
                f"{fewest / MUCH_LESS:.2g}, and surely from {fewest:.2g}): most traces are lost.",
                outside,
                DOUBT,
            )
        )
    return found


def widen(interval: tuple[float, float], limits: Sequence[Limit]) -> tuple[float, float]:
    """Half of what is left up to [0, 1] is added for each limit that takes the face outside; else by its doubt."""
    low, high = interval
    for limit in limits:
        share = 0.5 if limit.outside else limit.doubt
        low, high = low * (1 - share), high + (1 - high) * share
    return low, high


def judge(
    interval: tuple[float, float] | None,
    limits: Sequence[Limit],
    probability: float = 0.0,
    conformal: Conformal | None = None,
    people: int = 1,
) -> Verdict:
    """What the numbers mean.

    ``cannot tell`` without a face, and outside what the detector knows. A detector with a conformal predictor is
    judged by that; where there is doubt, the interval has to be on the same side of the threshold too. One without is
    judged by its interval alone.

    Args:
        probability: of the face that decides, for the conformal predictor.
        people: of how many faces it is the most suspicious one. The most suspicious of many is more suspicious by
            chance, so each of them may be called manipulated at this part of the agreed error (Bonferroni).
    """
    if interval is None or any(limit.outside for limit in limits):
        return "cannot tell"
    low, high = interval
    by_interval: Verdict = "manipulated" if low > THRESHOLD else "cannot tell"
    if high < THRESHOLD:
        by_interval = "no manipulation found"
    if conformal is None:
        return by_interval
    real, fake = conformal.p_values(probability)
    # With few samples no p-value is small enough for many people; the smallest there is has to do.
    error = conformal.error
    strict = min(error, max(error / people, conformal.smallest_error))
    by_rank: Verdict = "cannot tell"
    if real <= strict and fake > error and probability > THRESHOLD:
        by_rank = "manipulated"
    elif fake <= error and real > error and probability < THRESHOLD:
        by_rank = "no manipulation found"
    doubtful = any(limit.doubt for limit in limits)
    return "cannot tell" if doubtful and by_rank != by_interval else by_rank


def deciding(verdict: Verdict, frames: Sequence[FrameScore]) -> tuple[int, ...]:
    """Numbers of the frames that speak most clearly for a verdict, the clearest first, not all of one moment.

    The least suspicious for ``no manipulation found``, and the most suspicious otherwise.
    """
    sign = 1 if verdict == "no manipulation found" else -1
    apart = (frames[-1].time - frames[0].time) / (4 * DECIDING) if frames else 0.0
    chosen: list[FrameScore] = []
    for frame in sorted(frames, key=lambda frame: (sign * frame.probability, frame.index)):
        if len(chosen) < DECIDING and all(abs(frame.time - other.time) >= apart for other in chosen):
            chosen.append(frame)
    return tuple(frame.index for frame in chosen)


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
    cues: Sequence[CueFinding] = (),
    conformal: Conformal | None = None,
    pooled: bool = False,
) -> list[str]:
    """Why the verdict is what it is, in sentences from the evidence.

    Args:
        limits: of the face that decides.
        frames: of that face.
        place: where the heatmap lies, in words, see :func:`detect.explain.where`.
        cues: of that face, the oddest first.
        pooled: whether the probability is that of the track as a whole, rather than the mean of its frames'.
    """
    over = sum(frame.probability >= THRESHOLD for frame in frames)
    said = [f"{_scored(over, len(frames), pooled)} {probability:.0%} ({interval[0]:.0%} to {interval[1]:.0%})."]
    if any(limit.outside for limit in limits):
        return [*said, "The detector does not know faces like this one, so its number is shown and not believed."]
    if over and place:
        said.append(f"Where it is over the threshold, the traces lie {place}.")
    odd = [cue for cue in cues if cue.odd]
    if odd and verdict != "no manipulation found":
        said += [cue.sentence for cue in odd[:MOST_NAMED]]
    if cues:
        said.append(
            f"Of {len(cues)} measurements of the face {len(odd) or 'none'} "
            f"{'lies' if len(odd) < 2 else 'lie'} outside what nine in ten real faces show."
        )
    if verdict == "cannot tell":
        said.insert(1, _why_not(probability, interval, conformal))
    return said


def _scored(over: int, frames: int, pooled: bool) -> str:
    """How many frames were scored and stand over the threshold, up to the number that they give."""
    if frames == 1:
        return (
            f"The face was scored in 1 frame, which is {'' if over else 'not '}over the threshold of {THRESHOLD:.0%}: "
            "the probability of a manipulation is"
        )
    what = "taken together they give a" if pooled else "their mean is a"
    return (
        f"The face was scored in {frames} frames; {over or 'none'} of them {'are' if over > 1 else 'is'} over the "
        f"threshold of {THRESHOLD:.0%}, and {what} probability of a manipulation of"
    )


def _why_not(probability: float, interval: tuple[float, float], conformal: Conformal | None) -> str:
    if conformal is None or interval[0] <= THRESHOLD <= interval[1]:
        return f"The interval holds the threshold of {THRESHOLD:.0%}: the evidence does not decide."
    if conformal.smallest_error > conformal.error:
        return "The detector was calibrated on too few clips to give a verdict with an error that is known."
    real, fake = conformal.p_values(probability)
    return (
        f"Of the real clips it was calibrated on {real:.0%} score as high as this one, and of the manipulated ones "
        f"{fake:.0%} as low: a verdict is given where one of the two is at most {conformal.error:.0%}, and it alone."
    )
