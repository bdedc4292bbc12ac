"""What an audit found: findings, which fail it; figures and remarks, which do not."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datasets.audit.probe import ProbeResult

KINDS = ("file", "mask", "identity", "duplicate", "balance", "marks", "shortcut")
LISTED = 5


@dataclass(frozen=True)
class Finding:
    """Something that is wrong with a data set.

    Attributes:
        kind: one of :data:`KINDS`.
        sentence: for a person.
        clips: names of the clips that it is about.
    """

    kind: str
    sentence: str
    clips: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "sentence": self.sentence, "clips": list(self.clips)}


@dataclass
class AuditReport:
    """The outcome of an audit.

    Attributes:
        name: of the data set. clips: how many rows were looked at.
        findings: what is wrong.
        remarks: what a person should know and what could not be told.
        probes: of the shortcuts.
        figures: counts by split, level, label; balance; seconds.
    """

    name: str
    clips: int = 0
    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    probes: list[ProbeResult] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return not self.findings

    def add(self, kind: str, sentence: str, clips: tuple[str, ...] = ()) -> None:
        self.findings.append(Finding(kind, sentence, clips))

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "clean": self.clean,
            "clips": self.clips,
            "findings": [finding.to_json() for finding in self.findings],
            "remarks": self.remarks,
            "probes": [probe_json(one) for one in self.probes],
            "figures": self.figures,
        }

    @property
    def words(self) -> list[str]:
        """Lines for a person."""
        said = [f"{self.name}: {self.clips} clips"]
        said += [f"  {one.sentence()}" for one in self.probes]
        said += [f"  note: {remark}" for remark in self.remarks]
        said += [f"  FOUND ({finding.kind}): {finding.sentence}" for finding in self.findings]
        return [*said, f"{len(self.findings)} findings." if self.findings else "Nothing was found."]


def probe_json(one: ProbeResult) -> Mapping[str, Any]:
    def number(value: float) -> float | None:
        return None if math.isnan(value) else round(value, 4)

    return {
        "name": one.name,
        "auc": number(one.auc),
        "interval": [number(value) for value in one.interval],
        "chance": number(one.chance),
        "within_pairs": number(one.within),
        "pairs": one.n,
        "people": one.groups,
        "verdict": one.verdict,
        "people_needed": one.needed,
    }


def some(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
