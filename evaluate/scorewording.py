"""What the score of a suspect file means, in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detect.conformal import ERROR
from detect.results import ClipScore, FailedScore, TrackScore
from evaluate.wording import Row

HEADLINES = {
    "manipulated": "Signs of a manipulated face were found.",
    "no manipulation found": "No sign of a manipulated face was found.",
    "cannot tell": "The detector cannot tell.",
}
KINDS = {"manipulated": "swap", "no manipulation found": "original", "cannot tell": "unsure"}
MEANS = (
    "The score is the detector's calibrated probability that the face was manipulated: of faces like those it was "
    "calibrated on that score 80 %, about 80 in 100 are manipulated. Where manipulated faces are rarer than they were "
    "there, as they are among ordinary clips, an alarm is false more often than that.",
    "The interval says how far the score could move had other moments of the same face been scored, and how sure the "
    "calibration itself is. It is widened where the face is unlike what the detector knows.",
    "It is about the traces in the pixels alone. Marks and Credentials are reported beside it and never enter into it.",
    "“Cannot tell” is an answer: it is given where the evidence does not decide, or where the detector was never "
    "shown anything like this face.",
)
MEANS_NOT = (
    "It is no proof, either way. “No manipulation found” does not mean authentic: good swaps, and other kinds of "
    "manipulation, leave traces that this detector does not know.",
    "It speaks of faces alone: not of voices, of what was cut out, of the scene, or of wholly synthetic people.",
    "It does not say who made a clip, with what, or why.",
    "Heavy compression, filters, make-up, and small or blurred faces raise and lower scores. Look at the limits first.",
    "The heatmap and the measurements say what the detector looked at. They are hints for a look of your own, "
    "not evidence by themselves.",
)
CREDENTIALS = {
    "none": "No Content Credentials are in the file. Most files have none; it says nothing about the picture.",
    "valid": "Content Credentials are in the file and intact; the signer is not known to this machine.",
    "trusted": "Content Credentials are in the file, intact, and from a signer that this machine trusts.",
    "invalid": "Content Credentials are in the file, and it was changed after they were signed.",
}


def percent(value: float) -> str:
    """A probability for people, in whole per cent, never rounded to certainty."""
    if 0 < value < 0.005:
        return "under 1\N{NO-BREAK SPACE}%"
    if 0.995 < value < 1:
        return "over 99\N{NO-BREAK SPACE}%"
    return f"{100 * value:.0f}\N{NO-BREAK SPACE}%"


def title(scores: Sequence[ClipScore | FailedScore]) -> str:
    """The page's title."""
    if len(scores) != 1:
        return f"{len(scores)} files scored"
    only = scores[0]
    return HEADLINES[only.verdict] if isinstance(only, ClipScore) else "The file could not be scored."


def explained(score: ClipScore) -> str:
    """The figures behind the verdict in one sentence."""
    if score.probability is None or score.interval is None:
        return "No face was found, so there is nothing that could be scored."
    low, high = (percent(v) for v in score.interval)
    return f"The probability of a manipulation is {percent(score.probability)}, with a 95 % interval {low} to {high}."


def person(order: int, track: TrackScore, count: int) -> str:
    """What a person is called in the page."""
    return "The face" if count == 1 else f"Person {order + 1}"


def seen(track: TrackScore) -> str:
    """Where in the clip a face is and how large."""
    size = f"about {track.face_width:.0f} px wide"
    if len(track.frames) == 1:
        return f"One frame was scored; the face is {size}."
    span = f"{track.first:.1f} to {track.last:.1f} s"
    return f"{len(track.frames)} frames were scored, from {span}; the face is {size}."


def provenance(found: Mapping[str, Any]) -> list[str]:
    """What marks the file carries, a sentence each."""
    said = [CREDENTIALS.get(str(found.get("credentials")), "Its Content Credentials were not read.")]
    mark = found.get("watermark")
    if mark:
        known = f" with the id {mark['id']}" if mark.get("id") else ", and its id cannot be read here"
        said.append(f"The invisible watermark of a Counterface studio was found{known}.")
    else:
        said.append("The invisible watermark of a Counterface studio was not found.")
    synthetic = found.get("synthetic")
    if synthetic:
        said.append("By these marks it is a synthetic output, whatever the score says.")
    elif synthetic is False:
        said.append("By these marks it is a real clip of a labelled data set.")
    elif found.get("studio_output"):
        said.append("Whether it is a synthetic output or a real clip of a labelled data set is not known here.")
    else:
        said.append("That no mark says so does not make it authentic: marks can be lost or were never there.")
    return said


def detector_rows(card: Mapping[str, Any], explained_by: str | None) -> list[Row]:
    """What the detector is, what it was trained and calibrated on, and how good it was there."""
    scope = card.get("scope") or {}
    wide = (card.get("competence") or {}).get("face_width") or [None]
    kind = "for one swap and its own original only" if scope.get("kind") == "pair" else "for faces in general"
    said: list[tuple[str, Any]] = [
        ("Name", f"{card.get('name')}, version {card.get('version', 'not stated')}, {kind}"),
        ("Trained on", card.get("trained_on")),
        ("Calibrated on", card.get("calibrated_on")),
        ("Recipe", card.get("recipe")),
        ("Measured when made", figures(card)),
        ("Smallest face", f"{float(wide[0]):.0f} px wide" if wide[0] is not None else None),
        ("Abstains", _abstains(card)),
        ("Heatmaps are", explained_by),
    ]
    return [Row(label, str(value)) for label, value in said if value]


def figures(card: Mapping[str, Any]) -> str:
    """The figures of a card in words; empty where it has none."""
    parts = []
    for part, words in (("held_out", "held-out part"), ("figures", "")):
        found = card.get(part) or {}
        named = {key.replace("auc", "AUC").replace("_", " "): value for key, value in found.items()}
        plain = [f"{key} {value:.3g}" for key, value in named.items() if isinstance(value, float)]
        if plain:
            parts.append(f"{words}: {', '.join(plain)}" if words else ", ".join(plain))
    return "; ".join(parts)


def _abstains(card: Mapping[str, Any]) -> str:
    conformal = card.get("conformal")
    if not conformal:
        return "where the interval holds 50 %, or the face is unlike those it knows"
    return (
        f"where the score fits both classes, or neither, at an error of {conformal.get('error', ERROR):.0%} (split "
        "conformal prediction on "
        f"{len(conformal['real'])} real and {len(conformal['fake'])} manipulated), or the face is unlike those it knows"
    )
