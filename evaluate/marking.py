"""What marks a swap carries, in words for people; the report and the dashboard say the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import InputError
from datasets.provenance.findings import RELATIONS, watermark_finding
from datasets.provenance.watermarkwords import chance, in_time
from evaluate.results import Results

if TYPE_CHECKING:
    from datasets.provenance.verify import Verification

STATES = {
    "trusted": "Intact, and signed with this machine's key.",
    "valid": "Intact; the signer is not known to this machine.",
    "invalid": "Present, but the file was changed after they were signed.",
    "none": "None were found in the file.",
}
ACTIONS = {
    "c2pa.opened": "opened the clip that was edited",
    "c2pa.placed": "placed another clip's content into it",
    "c2pa.created": "created",
    "c2pa.edited": "edited it",
    "c2pa.watermarked": "watermarked it",
    "c2pa.watermarked.bound": "put the invisible watermark into it that these Credentials name",
    "c2pa.transcoded": "encoded it anew",
}
SOURCE_TYPES = {
    "compositeWithTrainedAlgorithmicMedia": "a filmed picture with parts made by a trained model",
    "compositeSynthetic": "a picture with synthetic parts",
    "trainedAlgorithmicMedia": "made by a trained model",
}


@dataclass(frozen=True)
class MarkRow:
    """One kind of mark: its name, what is said of it, and details."""

    label: str
    value: str
    points: tuple[str, ...] = ()


def mark_rows(results: Results) -> list[MarkRow]:
    """The three marks of the swap as they are found in its file now, not as they were noted when it was made."""
    try:
        state = results.video.stat()
        found = _found(results.video, state.st_size, state.st_mtime_ns)
    except InputError as error:
        return [MarkRow("Marks", f"They could not be checked: {error}")]
    except OSError as error:
        return [MarkRow("Marks", f"They could not be checked: {error.strerror or error}.")]
    badge, own = found.badge, found.credentials
    seen = (
        f"A small “AI” in the top right corner: found in {badge.frames} of {badge.looked_at} frames looked at."
        if badge.found
        else "The visible “AI” was not found."
    )
    points = []
    if own.signer:
        points.append(f"Signer: {own.signer}")
    if own.generator:
        points.append(f"Made with: {own.generator}")
    points += [f"Action: {_action(action)}" for action in own.actions]
    points += [f"Ingredient: {_ingredient(entry)}" for entry in own.ingredients]
    points += [f"Fault: {fault}" for fault in own.faults]
    return [
        MarkRow("Badge", seen),
        MarkRow("Content Credentials", f"A signed record inside the file (C2PA). {STATES[own.state]}", tuple(points)),
        _watermark(found),
        *(MarkRow("Damage", sentence) for sentence in found.damaged),
    ]


@lru_cache(maxsize=4)
def _found(path: Path, size: int, changed: int) -> Verification:
    """The marks of a file; looked for anew only when the file has changed, since its every frame may be read."""
    from datasets.provenance.verify import verify

    return verify(path)


def _watermark(found: Verification) -> MarkRow:
    """The invisible watermark for people: whether it is there, how sure that is, and where, if not everywhere."""
    label, mark, said = "Invisible watermark", found.watermark, watermark_finding(found)
    if not mark.present:
        return MarkRow(label, f"A pattern in every frame that survives re-encoding. {said.said}", said.points)
    points = [f"Certainty: an unmarked file gives this answer with a probability of {chance(mark)}"]
    if mark.id is None:
        points += said.points
    else:
        points.append(f"Id: {mark.id}, confirmed with this machine's key")
        known = found.match is not None
        points.append(
            "The table of outputs knows this id: a copy that lost its Credentials is matched by it"
            if known
            else found.table or "The table of outputs does not know this id: a copy cannot be matched by it"
        )
        points += in_time(mark)
    return MarkRow(label, "A pattern in every frame that survives re-encoding. It was found.", tuple(points))


def _action(action: Mapping[str, Any]) -> str:
    said = ACTIONS.get(str(action.get("action")), str(action.get("action")))
    kind = SOURCE_TYPES.get(str(action.get("source_type")), action.get("source_type"))
    described = action.get("description")
    return said + (f" ({described})" if described else "") + (f": {kind}" if kind else "")


def _ingredient(entry: Mapping[str, Any]) -> str:
    relation = RELATIONS.get(str(entry.get("relationship")), str(entry.get("relationship")))
    state = {"valid": ", with Credentials of its own", "invalid": ", with Credentials that do not hold"}
    return f"{entry.get('title')}, {relation}{state.get(str(entry.get('state')), '')}"
