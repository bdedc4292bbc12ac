"""No face without a ground to use it: the consent records and the gate."""

from __future__ import annotations

import datetime as dt
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.errors import InputError, Refused
from datasets.provenance.consent import BASES, TEMPLATE, Consent, from_option, read_file, require

SOURCE = Consent("source", "written", "Ada", "contract 7", "2026-01-31", "2026-12-31")
DESTINATION = Consent("destination", "self", "Ben", "it is me", "2026-02-01")
TODAY = dt.date(2026, 6, 1)


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def record(role: str, **changes: str) -> str:
    table = {"role": role, "basis": "self", "who": "Ada", "reference": "here", "date": "2020-01-31"} | changes
    return "[[consent]]\n" + "".join(f'{key} = "{value}"\n' for key, value in table.items() if value) + "\n"


@pytest.mark.parametrize("basis", BASES)
def test_a_word_stands_for_both_clips(basis: str) -> None:
    source, destination = from_option(basis, "some/a.mp4", "b.mp4")
    assert (source.role, destination.role) == ("source", "destination")
    assert (source.who, destination.who) == ("a.mp4", "b.mp4")
    assert source.reference == "stated on the command line"
    assert source.date == dt.date.today().isoformat()
    assert require((source, destination)) == (source, destination)


def test_the_template_is_a_file_that_works(tmp_path: Path) -> None:
    source, destination = from_option(write(tmp_path / "c.toml", TEMPLATE), "a", "b")
    assert source.basis == "written" and destination.basis == "self"
    assert source.date == "2026-01-31"


def test_a_record_survives_its_table() -> None:
    for kept in (SOURCE, DESTINATION):
        assert Consent.from_table(kept.to_table()) == kept
        assert Consent.from_table(kept.to_table()).id == kept.id


def test_the_id_follows_the_content() -> None:
    assert SOURCE.id == replace(SOURCE).id
    changed = [replace(SOURCE, who="Eve"), replace(SOURCE, basis="self"), replace(SOURCE, expires=None)]
    assert len({SOURCE.id, *(c.id for c in changed)}) == 4


def test_toml_dates_and_text_dates_are_the_same(tmp_path: Path) -> None:
    text = record("source").replace('"2020-01-31"', "2020-01-31") + record("destination")
    source, destination = from_option(write(tmp_path / "c.toml", text), "a", "b")
    assert source.date == destination.date == "2020-01-31"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[consent]\nrole=", "not readable TOML"),
        ("", "no [[consent]]"),
        ("consent = 3", "no [[consent]]"),
        ("consent = [3]", "must be a table"),
        (record("source", basis="permission"), "one of self, written"),
        (record("victim"), '"source" or "destination"'),
        (record(""), "needs role"),
        (record("source", who=" "), "needs who"),
        (record("source", reference=""), "needs reference"),
        (record("source", date="31.1.2020"), "as a date"),
        (record("source", expires="soon"), "as a date"),
        (record("source", expires="2019-01-01"), "before it begins"),
        (record("source", expire="2030-01-01"), "not known: expire"),
    ],
)
def test_a_malformed_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        from_option(write(tmp_path / "c.toml", text), "a", "b")
    assert said in str(caught.value) and "c.toml" in str(caught.value)


def test_neither_word_nor_file(tmp_path: Path) -> None:
    for value in ("permitted", str(tmp_path), str(tmp_path / "none.toml")):
        with pytest.raises(InputError, match="neither a basis"):
            from_option(value, "a", "b")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not readable"):
        read_file(tmp_path / "binary.toml")


def test_a_file_without_one_of_the_roles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no consent record for the destination") as caught:
        from_option(write(tmp_path / "c.toml", record("source")), "a", "b")
    assert caught.value.exit_code == 3 and "--consent" in str(caught.value)


def test_the_gate() -> None:
    assert require([SOURCE, DESTINATION], TODAY) == (SOURCE, DESTINATION)
    for missing in ((), (SOURCE,), (DESTINATION,)):
        with pytest.raises(Refused):
            require(missing, TODAY)


def test_an_expired_record_does_not_hold_and_a_renewal_does() -> None:
    assert require((SOURCE, DESTINATION), dt.date(2026, 12, 31))
    after = dt.date(2027, 1, 1)
    with pytest.raises(Refused, match="expired on 2026-12-31"):
        require((SOURCE, DESTINATION), after)
    renewed = replace(SOURCE, date="2026-12-20", expires="2027-12-20")
    assert require((SOURCE, renewed, DESTINATION), after) == (renewed, DESTINATION)


def test_a_record_that_begins_later_does_not_hold() -> None:
    with pytest.raises(Refused, match="holds only from 2026-01-31"):
        require((SOURCE, DESTINATION), dt.date(2026, 1, 1))


def test_of_several_records_the_latest_counts(tmp_path: Path) -> None:
    text = record("source", who="new", date="2024-05-05") + record("source", who="old") + record("destination")
    assert from_option(write(tmp_path / "c.toml", text), "a", "b")[0].who == "new"
    assert len(tomllib.loads(text)["consent"]) == 3
