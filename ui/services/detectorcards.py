"""What a detector's card says, in words and rows for a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.checkpoint import read_card
from datasets.errors import InputError
from datasets.provenance.findings import BASIS_WORDS
from ui.services.detectors import Listed, figures, listed

PLACES = {"shipped": "comes with the program", "own": "trained here"}
SCOPES = {"pair": "for one swap and its original", "general": "for clips from anywhere"}
NAMES = {
    "clip_auc": "Clip AUC",
    "frame_auc": "Frame AUC",
    "auc": "AUC, frames",
    "paired": "Fake above its own original",
    "network_clip_auc": "Clip AUC, networks alone",
    "cues_clip_auc": "Clip AUC, measurements alone",
    "clip_auc_of_large_faces": "Clip AUC, large faces",
    "cues_clip_auc_of_large_faces": "Clip AUC, large faces, measurements alone",
    "auc_degraded": "AUC, frames, degraded",
    "heat_iou": "Heatmap IoU",
    "ece": "ECE",
}


@dataclass(frozen=True)
class Sheet:
    """A detector's card for people.

    Attributes:
        place, scope: where it is from, and what it is for, in words.
        answers: of which faces it answers, a phrase; empty where its card sets no limits.
        figures: name and value, what was measured when it was made.
        rows: what else there is to know.
        broken: why the card can't be read; then all else is empty.
    """

    name: str
    place: str
    scope: str = ""
    trained_on: str = ""
    calibrated_on: str = ""
    answers: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    rows: tuple[tuple[str, str], ...] = ()
    broken: str = ""


def sheets() -> list[Sheet]:
    """All detectors: those shipped, then the user's own, the one trained last first."""
    return [_sheet(one) for one in listed()]


def _sheet(one: Listed) -> Sheet:
    place = PLACES.get(one.place, one.place)
    if one.broken:
        return Sheet(one.name, place, broken=one.broken)
    try:
        card = read_card(one.folder)
    except InputError as error:
        return Sheet(one.name, place, broken=str(error))
    return Sheet(
        one.name,
        place,
        SCOPES.get(one.scope, one.scope),
        one.trained_on,
        str(card.get("calibrated_on") or ""),
        _answers(card.get("competence") or {}),
        tuple((NAMES.get(key, key), f"{value:.2f}") for key, value in figures(card).items()),
        tuple(_rows(card)),
    )


def _answers(held: Mapping[str, Any]) -> str:
    width = held.get("face_width") or (None, None)
    said = []
    if width[0]:
        most = f" to {width[1]:.0f}" if width[1] else ""
        said.append(f"for faces {width[0]:.0f}{most} px wide")
    if held.get("threshold"):
        said.append("and only for those not too unlike what it knows")
    return " ".join(said)


def _rows(card: Mapping[str, Any]) -> list[tuple[str, str]]:
    architecture = card.get("architecture") or {}
    options = architecture.get("options") or {}
    network = " ".join(str(part) for part in (architecture.get("name"), options.get("backbone")) if part)
    size, seconds = card.get("input") or {}, card.get("seconds")
    steps = card.get("step")
    if isinstance(steps, list):
        steps = " + ".join(f"{step:,}" for step in steps)
    elif isinstance(steps, int):
        steps = f"{steps:,}"
    grounds = sorted({BASIS_WORDS.get(str(r.get("basis")), str(r.get("basis"))) for r in card.get("consent") or ()})
    members = options.get("members")
    held = (
        ("Version", card.get("version")),
        ("Recipe", card.get("recipe")),
        ("Network", network + (f", {members} of them" if members else "")),
        ("Parameters", f"{card['parameters']:,}" if isinstance(card.get("parameters"), int) else None),
        ("Input", f"{size['size']} px, {size['coverage']} times the face" if "coverage" in size else None),
        ("Started from", card.get("initial_weights")),
        ("Steps", steps),
        (
            "Trained for",
            f"{seconds / 60:,.1f} min on {card.get('device')}" if isinstance(seconds, (int, float)) else None,
        ),
        ("Codecs it knows", ", ".join(map(str, card.get("codecs") or ()))),
        ("Ground to use the faces", ", ".join(grounds)),
        ("Licence", card.get("licence")),
        ("Weights, SHA-256", str(card.get("weights_sha256") or "")[:16]),
    )
    return [(label, str(value)) for label, value in held if value]
