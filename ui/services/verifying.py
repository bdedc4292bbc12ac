"""The marks of a file for the page Verify: what was found, on what that rests, where, and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from datasets.progress import Progress, silent

if TYPE_CHECKING:
    from datasets.provenance.verify import Verification

Tone = Literal["marked", "foreign", "warning", "nothing"]
# How the answer is set in colour; the words say it, too.
TONE_WORDS = {
    "marked": "Marked by a studio",
    "foreign": "Credentials from another signer",
    "warning": "Look twice",
    "nothing": "Nothing found",
}
STATE_WORDS = {
    "trusted": "intact, signer trusted here",
    "valid": "intact, signer not known here",
    "invalid": "does not hold: changed since it was signed",
    "none": "no Credentials of its own",
}
# Of a part nothing is checked but what its manifest says inside the file that was made of it.
PART_WORDS = {
    "trusted": "intact when it went in",
    "valid": "intact when it went in",
    "invalid": "did not hold when it went in",
    "none": "none of its own",
}
RELATION_WORDS = {
    "parentOf": "what was edited",
    "componentOf": "what was placed into it",
    "inputTo": "what a model was given",
}


def look(path: Path, name: str, progress: Progress = silent) -> dict[str, Any]:
    """Look for every mark in a video or a picture; plain values, for a job to keep and a page to draw.

    Args:
        path: the file. name: what the user calls it; an upload lies under another name.

    Raises:
        InputError: there is no such file, or it is neither a video nor a picture.
    """
    from datasets.provenance.ingredienttree import ingredient_tree, stored_tree
    from datasets.provenance.verify import verify
    from datasets.video import is_picture

    found = verify(path, progress)
    tree = ingredient_tree(path)
    stored = None
    if tree is None and found.match is not None and not found.transplanted:
        stored = stored_tree(found.match.record.manifest, found.match.record.title)
    return {
        "name": name,
        "answer": found.to_json() | {"file": name},
        "headline": found.headline,
        "tone": tone(found),
        "findings": [asdict(finding) | {"points": list(finding.points)} for finding in found.findings],
        "tree": None if tree is None else tree.to_json() | {"title": name},
        "stored_tree": None if stored is None else stored.to_json(),
        "seconds": None if is_picture(path) else _seconds(path),
    }


def _seconds(path: Path) -> float | None:
    from datasets.errors import InputError
    from datasets.video import probe

    try:
        return float(probe(path).duration)
    except InputError:
        return None


def tone(found: Verification) -> Tone:
    """How the answer is meant."""
    own = found.credentials
    if found.transplanted or own.state == "invalid":
        return "warning"
    if found.studio_output:
        return "marked"
    if own.state in ("valid", "trusted"):
        return "foreign"
    return "warning" if found.badge.found else "nothing"


def passages(look: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Where in time the watermark was found: ``{"start", "end", "present", "id"}``, seconds; empty of a picture."""
    seconds = look.get("seconds")
    mark = look["answer"]["watermark"]
    if not seconds:
        return []
    held = [
        {"start": p["start"], "end": min(p["end"], seconds), "present": p["present"], "id": p["id"]}
        for p in mark["passages"]
    ]
    if not held and mark["frames"]:
        held = [{"start": 0.0, "end": seconds, "present": mark["present"], "id": mark["id"]}]
    return [one for one in held if one["end"] > one["start"]]
