"""What is shown of a detector under perturbations: lines, curves, a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evaluate.perturb import CLEAN
from evaluate.pictures import curves, png
from evaluate.studyreport import NOTHING, Part, address, number, with_interval, write_study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The curves begin here, or lower where they reach lower.
LOWEST = 0.3


def families(found: Mapping[str, Any]) -> dict[str, list[Mapping[str, Any]]]:
    """The conditions of each perturbation, milder first."""
    held: dict[str, list[Mapping[str, Any]]] = {}
    for row in found["conditions"]:
        if row["family"] != CLEAN:
            held.setdefault(row["family"], []).append(row)
    return held


def clean_row(found: Mapping[str, Any]) -> Mapping[str, Any]:
    return next(row for row in found["conditions"] if row["family"] == CLEAN)


def _auc(row: Mapping[str, Any]) -> str:
    return with_interval(row["clip"].get("auc"), row["intervals"]["clip"].get("auc"), 2)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The figures in sentences."""
    clean = clean_row(found)
    said = [
        f"{found['detector']['name']} on {found['n_clips']} clips of {found['data']['folder']}; clip AUC "
        f"{_auc(clean)} as they are"
    ]
    for family, rows in families(found).items():
        figures = ", ".join(f"{row['setting']} {number(row['clip'].get('auc'), 2)}" for row in rows)
        said.append(f"  {family}: {figures}; gives way: {gives_way(found, family)}")
    return said + [f"  could not be scored: {sentence}" for sentence in found["failed"]]


def gives_way(found: Mapping[str, Any], family: str) -> str:
    """At which level a detector has lost half of its lead over chance, in words."""
    held, clean = found["gives_way"][family], clean_row(found)["clip"].get("auc")
    if held is not None:
        return f"{held['setting']}" + (f" (level {held['level']})" if family != "platform" else "")
    return "not up to the last level" if clean is not None and clean >= 0.55 else "it has no lead to lose"


def picture(found: Mapping[str, Any]) -> Figure:
    """Clip AUC over the levels of each perturbation, from the clean clips on."""
    clean = clean_row(found)
    panels, ticks = [], {}
    for family, rows in families(found).items():
        own = [clean, *rows]
        values = np.array([row["clip"].get("auc", np.nan) for row in own], dtype=np.float64)
        ends = np.array([row["intervals"]["clip"].get("auc") or [np.nan, np.nan] for row in own], dtype=np.float64)
        panels.append((family, [("clip AUC", np.arange(len(own)), values, ends)]))
        ticks[family] = ["0", *(str(row["level"]) for row in rows)]
    drawn = [part for _, [(_, _, values, ends)] in panels for part in (values, ends)]
    lowest = min([LOWEST, *(float(np.nanmin(part, initial=1.0)) for part in drawn)])
    return curves(
        panels, "level (0: as they are)", "clip AUC, 95 % interval", (lowest, 1.04), (0.5, "chance"), 5, ticks
    )


def write_report(path: Path, head: Mapping[str, Any], found: Mapping[str, Any]) -> Path:
    """Write the page of a robustness study."""
    name, clean = found["detector"]["name"], clean_row(found)
    parts = [
        Part("Clip AUC over the levels", "", address(png(picture(found)))),
        Part(
            "Where it gives way",
            "The mildest level from which on half of the lead over chance is lost that the detector has on the clips "
            f"as they are (clip AUC {_auc(clean)}).",
            columns=("perturbation", "gives way at", "clip AUC at its levels"),
            rows=[
                (
                    family,
                    gives_way(found, family),
                    " · ".join(f"{row['setting']}: {number(row['clip'].get('auc'), 2)}" for row in rows),
                )
                for family, rows in families(found).items()
            ],
        ),
        Part(
            "Every condition", "", columns=COLUMNS, rows=[_row(row) for row in found["conditions"]], notes=_notes(found)
        ),
    ]
    lead = [
        f"{name} on {found['n_clips']} clips of {found['data']['folder']}, under {len(found['conditions']) - 1} "
        "conditions. The same frames are scored under each, with the faces where they were found in the clean ones."
    ]
    return write_study(path, head, f"What does {name} still see?", lead, parts)


COLUMNS = ("condition", "setting", "clip AUC", "frame AUC", "fakes said", "originals said", "cannot tell")


def _row(row: Mapping[str, Any]) -> Sequence[str]:
    mean = row["mean_probability"]
    unsure = [counts["cannot tell"] / max(1, sum(counts.values())) for counts in row["verdicts"].values()]
    return (
        row["condition"],
        row["setting"],
        _auc(row),
        number(row["frame"].get("auc"), 2),
        number(mean["fake"], 2),
        number(mean["real"], 2),
        " / ".join(f"{share:.0%}" for share in unsure) or NOTHING,
    )


def _notes(found: Mapping[str, Any]) -> list[str]:
    said = [
        "Means of the clips' probabilities; cannot tell: of fakes / of originals.",
        "Encoders see four windows of twelve frames, the first four of which lead in and are not scored; the other "
        "conditions change the pixels around the face alone.",
    ]
    return said + [f"Could not be scored: {sentence}" for sentence in found["failed"]]
