"""What the figures of a swap mean, in plain words; the report and the dashboard say the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasets.provenance.findings import BASIS_WORDS
from evaluate.results import Detectability, Results

CLEARLY = 0.5


@dataclass(frozen=True)
class Row:
    """One line of a table: a label and what is said about it."""

    label: str
    value: str


def share(value: float) -> str:
    """A score or a difference with two decimals and a true minus sign."""
    return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def day(results: Results) -> str:
    """When the swap was finished, as the result states it, without fractions of a second."""
    return str(results.result.get("created") or "").replace("T", " ")[:16]


def names(results: Results) -> tuple[str, str]:
    """The source's and the destination's name as the result states them."""
    return tuple(str((results.result.get(role) or {}).get("name") or role) for role in ("source", "destination"))  # type: ignore[return-value]


def headline(scores: Detectability | None) -> str:
    """The outcome in one sentence."""
    if scores is None:
        return "The swap is made. It is not scored yet."
    low, high = scores.interval
    if high < 0:
        return "The detector takes the original for the swap."
    if low <= 0:
        return "The detector cannot tell this swap from its original."
    if scores.difference >= CLEARLY:
        return "The detector clearly tells this swap from its original."
    return "The detector tells this swap from its original, but not by much."


def explained(scores: Detectability) -> str:
    """The figures behind the headline in one or two sentences."""
    low, high = (share(v) for v in scores.interval)
    sure = f"95\N{NO-BREAK SPACE}% interval {low} to {high}"
    return (
        "On a scale from 0 (no sign of manipulation) to 1 (manipulated), it gives the swap "
        f"{share(scores.fake)} and the clip that the swap was made from {share(scores.original)}. "
        f"The difference is the detectability: {share(scores.difference)}, {sure}."
    )


def means(scores: Detectability | None) -> list[str]:
    """What a score says."""
    said = [
        "A score is the detector's probability, from 0 to 1, that the face in a frame was manipulated.",
        "Detectability is the score of the swap minus the score of its own original. Whatever comes from the camera, "
        "the light or the person is in both clips, so it cancels out.",
        "The interval says how far the difference could move had other moments of the same clip been scored "
        "(95\N{NO-BREAK SPACE}%, bootstrap over blocks of time).",
    ]
    if scores is not None and scores.trained_until is not None:
        start = scores.trained_until if scores.scored_from is None else scores.scored_from
        said.append(
            f"The detector learned from the first {scores.trained_until:.1f} s of the two clips. The scores come from "
            f"{start:.1f} s on, from frames that it had not seen."
        )
    if scores is not None and scores.raw.get("equalised"):
        said.append(
            "Swap and original were decoded, cropped and encoded in the same way, before badge and marks, so the "
            "detector cannot go by the encoding or by the label."
        )
    return said


def means_not(scores: Detectability | None) -> list[str]:
    """What a score does not say."""
    said = [
        "This detector has learned from this one pair of clips. It is not a general detector of manipulated video, "
        "and its score says little about any other clip.",
        "A low score is no proof of authenticity: nothing found does not mean authentic.",
        "A high score does not say who made a video, with what, or why.",
        "The heatmap shows where the detector found signs of manipulation. Where the picture was really changed "
        "is what the swap mask shows.",
    ]
    if scores is not None and "equalised" in scores.raw and not scores.raw["equalised"]:
        said.insert(
            1,
            "Swap and original did not go through the same encoding here, so part of the difference may come from "
            "the encoding.",
        )
    return said


def counts(results: Results) -> dict[str, Any]:
    """Frames in all, swapped and left as they were, and why: ``{"total", "swapped", "left", "why": [(reason, n)]}``."""
    frames = results.result.get("frames") or {}
    reasons = [(str(reason), int(n)) for reason, n in (frames.get("why") or {}).items() if n]
    return {
        "total": int(frames.get("total") or 0),
        "swapped": int(frames.get("swapped") or 0),
        "left": int(frames.get("left_as_is") or 0),
        "why": sorted(reasons, key=lambda pair: -pair[1]),
    }


def made_rows(results: Results) -> dict[str, list[Row]]:
    """How the swap was made: titled groups of rows."""
    result, card = results.result, results.swap_card
    groups: dict[str, list[Row]] = {
        "The two clips": [_clip_row(role, result.get(role) or {}) for role in ("source", "destination")]
    }
    method = dict(card) | dict(result.get("method") or {})
    rows = [Row("Method", _joined(method.get("name"), method.get("method")))]
    if method.get("step"):
        took = f" in {duration(float(method['seconds']))}" if method.get("seconds") else ""
        rows.append(Row("Training", f"{int(method['step']):,} steps{took}"))
    if method.get("size"):
        rows.append(Row("Face size", f"{method['size']} px, coverage {method.get('coverage', 'not stated')}"))
    rows.append(Row("Seed", str(method.get("seed", results.workspace.seed))))
    rows += [Row(f"Held-out SSIM, {role}", share(value)) for role, value in heldout(results)]
    groups["The swap model"] = rows
    if merge := result.get("merge"):
        groups["Putting the face back"] = [Row(_words(key), _value(value)) for key, value in merge.items()]
    if detector := results.detector_card:
        groups["The detector"] = list(_detector_rows(detector))
    groups["Made with"] = [
        Row(label, str(value))
        for label, value in (
            ("Software", result.get("software")),
            ("Finished", day(results)),
            ("Machine", _machine(result.get("machine"))),
        )
        if value
    ]
    return {title: rows for title, rows in groups.items() if rows}


def heldout(results: Results) -> list[tuple[str, float]]:
    """Reconstruction quality on frames that were not trained on: (role, SSIM)."""
    stated = (results.result.get("quality") or {}).get("heldout_ssim") or {}
    card = {role: figures.get("ssim") for role, figures in (results.swap_card.get("heldout") or {}).items()}
    held = {role: stated.get(role, card.get(role)) for role in ("source", "destination")}
    return [(role, float(value)) for role, value in held.items() if value is not None]


def consent_rows(results: Results) -> list[Mapping[str, str]]:
    """The consent records as the result states them, else as the workspace does."""
    records = results.result.get("consent") or [record.to_table() for record in results.workspace.consent]
    rows: list[Mapping[str, str]] = []
    for record in records:
        basis = str(record.get("basis", ""))
        rows.append({k: str(v) for k, v in record.items()} | {"basis": BASIS_WORDS.get(basis, basis)})
    return rows


def limits(results: Results) -> list[str]:
    """What a reader has to know about this result before building on it."""
    said = [str(note) for note in results.result.get("notes") or []]
    for role in ("source", "destination"):
        said += [str(note) for note in (results.result.get(role) or {}).get("notes") or []]
    if results.scores is not None:
        said += [str(n) for key in ("limits", "notes") for n in results.scores.raw.get(key) or []]
        if (few := len(results.scores.counted)) < 20:
            said.append(f"The figures rest on {few} frames only; the interval is wide for that reason.")
    said += [m.sentence for m in results.missing if m.part in ("scores", "heatmaps")]
    said.append(
        "A copy that was encoded again, or a screenshot, loses the Content Credentials. It keeps the badge and the "
        "invisible watermark, by which counterface verify on this machine finds the record again; neither survives "
        "everything."
    )
    return list(dict.fromkeys(said))


def _clip_row(role: str, clip: Mapping[str, Any]) -> Row:
    said = [str(clip.get("name") or "not stated")]
    if clip.get("frames"):
        seen = f", a face in {clip['frames_with_face']}" if clip.get("frames_with_face") is not None else ""
        said.append(f"{clip['frames']} frames{seen}")
    tracks = clip.get("tracks")
    people = len(tracks) if isinstance(tracks, list) else tracks
    if people and people != 1:
        said.append(f"{people} face tracks")
    if clip.get("sha256"):
        said.append(f"SHA-256 {str(clip['sha256'])[:12]}…")
    return Row(
        "Source: the face is taken" if role == "source" else "Destination: the face is replaced", " · ".join(said)
    )


def _detector_rows(card: Mapping[str, Any]) -> Iterator[Row]:
    architecture = card.get("architecture")
    network = architecture.get("name") if isinstance(architecture, Mapping) else architecture
    yield Row("Name", _joined(card.get("name"), network))
    if card.get("step"):
        took = f" in {duration(float(card['seconds']))}" if card.get("seconds") else ""
        yield Row("Training", f"{int(card['step']):,} steps{took}")
    auc = (card.get("held_out") or {}).get("auc")
    said = (
        ("Recipe", card.get("recipe")),
        ("Seed", card.get("seed")),
        ("Held-out AUC, frames", None if auc is None else share(float(auc))),
        ("Calibrated on", card.get("calibrated_on")),
    )
    yield from (Row(label, str(value)) for label, value in said if value is not None)


def _joined(*parts: Any) -> str:
    held = list(dict.fromkeys(str(p) for p in parts if p and not isinstance(p, Mapping)))
    return " · ".join(held) or "not stated"


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_value(v)}" for k, v in value.items())
    return str(value)


def _machine(machine: Any) -> str:
    return _value(machine) if isinstance(machine, Mapping) else str(machine or "")
