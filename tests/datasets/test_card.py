"""The card of a data set says what is in it, on what ground, and what the audit found, and no more."""

from __future__ import annotations

from pathlib import Path

from datasets.atomic import write_json
from datasets.card import AUDIT, card, read_audit, write_card
from datasets.labelledset import LabelledSet
from datasets.manifest import read_index
from datasets.provenance.reading import read_credentials


def test_the_card_says_what_how_and_on_what_ground(built_set: Path) -> None:
    text = (built_set / "README.md").read_text()
    parts = ("What is in it", "How it was made", "Consent and licence", "Intended use", "Known limits", "Audit")
    assert all(f"## {part}\n" in text for part in parts)
    assert "| train | c30 | 2 | 1 |" in text and "4 real clips and 2 fakes" in text
    assert "- public-domain: 4 people (a portrait)" in text and "licence: public domain" in text.lower()
    assert "seed 3" in text and "- `self-blend`" in text and "There is no clip in val." in text


def test_the_strip_is_marked_and_signed(built_set: Path) -> None:
    said = read_credentials(built_set / "strip.jpg")
    assert said.by_studio and said.synthetic and len(said.ingredients) == 4


def test_an_audit_of_another_manifest_is_not_shown(own_set: Path) -> None:
    assert "Not audited yet" in card(LabelledSet(own_set), read_audit(own_set), True)
    held = {"clean": True, "findings": [], "remarks": [], "probes": [], "figures": {}}
    write_json(own_set / AUDIT, {"manifest": {"clips.parquet": "another"}} | held)
    assert read_audit(own_set) is None
    write_json(own_set / AUDIT, {"manifest": dict(read_index(own_set).sha256)} | held)
    write_card(own_set)
    assert "Nothing was found." in (own_set / "README.md").read_text()
