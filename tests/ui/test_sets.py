"""Data sets for the page: found, filtered, in pairs, with their audit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from datasets.errors import InputError
from ui.services import sets


def test_sets_are_found_and_other_files_of_that_name_are_not(built_set: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "dataset.json").write_text('{"version": 3}')
    assert sets.found([tmp_path]) == []
    assert built_set in sets.found([built_set.parent])


def test_filters_are_joined_and_an_empty_one_lets_all_pass(built_set: Path) -> None:
    rows = sets.opened(built_set).clips
    facets = sets.facets(rows)
    assert facets["label"] == ["fake", "real"] and facets["level"] == ["raw", "c30"] and "hop" in facets["person"]
    assert sets.filtered(rows, {name: [] for name in sets.FACETS}) == list(rows)
    chosen = sets.filtered(rows, {"label": ["fake"], "level": ["c30"]})
    assert chosen and all(row.is_fake and row.level == "c30" for row in chosen)
    assert all("ast" in (row.target, row.source) for row in sets.filtered(rows, {"person": ["ast"]}))
    assert len(sets.table(rows)) == len(rows)


def test_a_pair_is_shown_at_a_level_that_browsers_play(built_set: Path) -> None:
    data = sets.opened(built_set)
    for row in data.clips:
        held = sets.pair_of(data, row)
        if held is None:
            assert not row.is_fake  # a person who is in no swap as a target
            continue
        assert held.level == "c30" and held.fake.original == held.original.clip
        assert row.clip in (held.fake.clip, held.original.clip)
        assert held.fake_file.is_file() and held.original_file.is_file() and held.mask


def test_an_audit_is_of_the_set_as_it_is_or_said_to_be_old(own_set: Path) -> None:
    assert sets.last_audit(own_set) == (None, False)
    known = json.loads((own_set / "dataset.json").read_text())["sha256"]
    report = {"manifest": known, "clean": True, "findings": [], "figures": {"counts": {"train/raw": {"real": 2}}}}
    (own_set / "audit.json").write_text(json.dumps(report))
    assert sets.last_audit(own_set) == (report, True)
    (own_set / "audit.json").write_text(json.dumps(report | {"manifest": {}}))
    assert sets.last_audit(own_set)[1] is False
    assert sets.balance(report) == [{"split": "train", "level": "raw", "real": 2, "fake": 0}]


def test_a_set_is_read_once_until_it_changes(own_set: Path) -> None:
    first = sets.opened(own_set)
    assert sets.opened(own_set) is first
    index = own_set / "dataset.json"
    index.write_text(index.read_text() + " ")
    assert sets.opened(own_set) is not first


def test_what_is_no_set_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no data set"):
        sets.opened(tmp_path)


def test_an_export_never_goes_where_one_is(tmp_path: Path) -> None:
    first = sets.export_folder(tmp_path / "set", "ffpp", "c23")
    assert first.name == "set-ffpp-c23"
    first.mkdir(parents=True)
    assert sets.export_folder(tmp_path / "set", "ffpp", "c23").name == "set-ffpp-c23-2"
