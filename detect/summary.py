"""From the evidence of every face of a file to what is said of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from detect.evidence import Evidence, cue_findings, median, track_score
from detect.explain import where
from detect.judge import (
    DOUBT,
    FEW_FRAMES,
    Limit,
    deciding,
    judge,
    limits_of_face,
    limits_of_picture,
    reasons,
    segments,
    widen,
)
from detect.library import kind
from detect.results import TrackScore

if TYPE_CHECKING:
    from detect.detector import Detector
    from detect.look import Tally
    from detect.source import Source

SHORT_TRACK = 0.1
LOOK_AT_ALL = " Not every frame was looked at; --every 1 does that."


def summarise(evidence: Mapping[int, Evidence], detector: Detector, tally: Tally, source: Source) -> dict[str, Any]:
    """What follows from the evidence, as keyword arguments of :class:`detect.results.ClipScore`.

    Args:
        evidence: by track number; empty where no face was found.
    """
    if not evidence:
        said = "No face was found in the picture." if source.still else f"No face was found in {tally.frames} frames."
        said += LOOK_AT_ALL if source.more else ""
        return {
            "probability": None,
            "interval": None,
            "verdict": "cannot tell",
            "reasons": (said,),
            "limits": ("The detector judges faces, and nothing else in a picture.",),
            "tracks": (),
            "segments": (),
        }
    tracks = tuple(track_score(number, evidence[number], detector) for number in sorted(evidence))
    # What is seen in a few frames only is often no face at all; it must not speak for the clip.
    longest = max(len(track.frames) for track in tracks)
    lasting = [track for track in tracks if len(track.frames) >= max(1.0, SHORT_TRACK * longest)]
    main = max(lasting, key=lambda track: track.probability)
    own = evidence[main.id]
    table = own.table()
    limits = [
        *limits_of_face(
            detector.competence,
            main.distance,
            main.face_width,
            median(table.sharpness),
            str(detector.card.get("trained_on", "other material")),
        ),
        *limits_of_picture(
            detector.competence, median(table.flat), median(table.colour), source.bits, source.still, source.few_colours
        ),
        *_limits_of_track(detector, main, source),
    ]
    people = most_at_once(lasting)
    interval = widen(main.interval, limits)
    verdict = judge(interval, limits, main.probability, detector.conformal, people)
    place = where(own.regions / own.hot_frames) if own.hot_frames else None
    cues = cue_findings(own, table, detector)
    pooled = detector.clip_calibration is not None
    said_why = reasons(
        verdict, main.probability, interval, limits, main.frames, place, cues, detector.conformal, pooled
    )
    notes = _notes(detector, tally, tracks, len(lasting), people)
    return {
        "probability": main.probability,
        "interval": interval,
        "verdict": verdict,
        "reasons": tuple(said_why),
        "limits": tuple(limit.sentence for limit in [*limits, *notes]),
        "tracks": tracks,
        "segments": segments(main.frames),
        "deciding": deciding(verdict, main.frames),
        "cues": cues,
    }


def most_at_once(tracks: Sequence[TrackScore]) -> int:
    """The most faces that were seen in one frame: tracks that follow one another are often one person's."""
    seen = Counter(frame.index for track in tracks for frame in track.frames)
    return max(seen.values(), default=0)


def _limits_of_track(detector: Detector, main: TrackScore, source: Source) -> list[Limit]:
    """What there is too little of. A detector of clips was calibrated on many frames each."""
    few = len(main.frames)
    if few >= FEW_FRAMES:
        return []
    doubt = 0.0 if detector.clip_calibration is None else DOUBT
    if source.still:
        return [Limit("One picture was looked at: there is nothing to average over.", False, doubt)]
    frames = "1 frame" if few == 1 else f"{few} frames"
    more = LOOK_AT_ALL if source.more else ""
    return [Limit(f"The face was seen in only {frames}: there is little to average over.{more}", False, doubt)]


def _notes(detector: Detector, tally: Tally, tracks: Sequence[TrackScore], lasting: int, people: int) -> list[Limit]:
    """What else a reader should know; none of it changes the verdict by itself."""
    found = []
    if tally.empty:
        found.append(Limit(f"No face was found in {tally.empty} of {tally.frames} frames.", False))
    if people > 1:
        found.append(
            Limit(f"Up to {people} faces were seen at once; the score is that of the most suspicious one.", False)
        )
    if lasting > people:
        found.append(
            Limit(f"Faces were followed over {lasting} stretches; the score is that of the most suspicious one.", False)
        )
    if len(tracks) > lasting:
        found.append(Limit(f"{len(tracks) - lasting} faces were seen too briefly to count.", False))
    if kind(detector.card) == "pair":
        found.append(
            Limit(
                "The detector was trained on one swap and its own original: it knows that clip, and is no general "
                "detector of manipulated faces.",
                False,
            )
        )
    return found
