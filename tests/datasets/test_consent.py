"""No face without a ground to use it: the consent records and the gate."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from datasets.errors import InputError, Refused
from datasets.provenance.consent import BASES, Consent, from_option, in_force, read_file, require
from datasets.provenance.consentcheck import check_file, check_workspace
from datasets.provenance.consentlines import line_of
from datasets.provenance.consentrenewal import renewed, withdrawn
from datasets.provenance.consenttemplate import NAME_TO_FILL_IN, PROOF_TO_FILL_IN, template
from datasets.workspace import Workspace, open_workspace, renew_consent, withdraw_consent

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


def test_the_template_filled_in_is_a_file_that_works_and_unfilled_it_is_refused(tmp_path: Path) -> None:
    text = template()
    with pytest.raises(InputError, match=r"c.toml, line \d+: The who .* as the template does"):
        from_option(write(tmp_path / "c.toml", text), "a", "b")
    text = text.replace(NAME_TO_FILL_IN, "Ada")
    with pytest.raises(InputError, match="reference"):
        from_option(write(tmp_path / "c.toml", text), "a", "b")
    text = text.replace(PROOF_TO_FILL_IN, "contract 7").replace("# expires", "expires")
    source, destination = from_option(write(tmp_path / "c.toml", text), "a", "b")
    assert source.basis == "written" and destination.basis == "self"
    assert source.date == dt.date.today().isoformat() < (source.expires or "")


def test_a_record_survives_its_table() -> None:
    for kept in (SOURCE, DESTINATION, replace(SOURCE, withdrawn="2026-03-01")):
        assert Consent.from_table(kept.to_table()) == kept
        assert Consent.from_table(kept.to_table()).id == kept.id


def test_the_id_follows_the_content() -> None:
    assert SOURCE.id == replace(SOURCE).id
    changed = [replace(SOURCE, who="Eve"), replace(SOURCE, basis="self"), replace(SOURCE, expires=None)]
    assert len({SOURCE.id, *(c.id for c in changed)}) == 4


def test_the_id_stays_over_a_withdrawal_and_over_versions() -> None:
    assert replace(SOURCE, withdrawn="2026-03-01").id == SOURCE.id == "e2260b613246"


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
        (record("source", withdrawn="yes"), "withdrawn as a date"),
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


# -- withdrawal -----------------------------------------------------------------------------------------------------


def test_a_withdrawn_record_does_not_hold_from_that_day_on() -> None:
    records = (replace(SOURCE, withdrawn="2026-06-01"), DESTINATION)
    assert require(records, dt.date(2026, 5, 31))
    for day in (TODAY, dt.date(2027, 3, 1)):
        with pytest.raises(Refused, match=r"source \(Ada\) was withdrawn on 2026-06-01"):
            require(records, day)


def test_a_withdrawal_ends_every_record_of_the_person_but_later_ones_with_a_reference() -> None:
    older = replace(SOURCE, date="2026-01-01", expires=None, reference="an older paper")
    taken_back = replace(SOURCE, withdrawn="2026-05-01")
    bare = Consent("source", "self", "a.mp4", "stated on the command line", "2026-05-02")
    for others in ((), (older,), (bare,), (replace(older, date="2026-05-01"),)):
        with pytest.raises(Refused, match="withdrawn on 2026-05-01"):
            require((*others, taken_back, DESTINATION), TODAY)
    anew = replace(older, date="2026-05-02")
    assert require((taken_back, anew, DESTINATION), TODAY) == (anew, DESTINATION)


def test_the_gate_says_how_to_renew_in_the_workspace() -> None:
    after = dt.date(2027, 1, 1)
    for records in ((), (SOURCE, DESTINATION), (replace(SOURCE, withdrawn="2026-05-01"), DESTINATION)):
        with pytest.raises(Refused, match="counterface consent renew 'my work' --consent"):
            require(records, after, Path("my work"))


# -- renewal --------------------------------------------------------------------------------------------------------


def test_a_renewal_loses_nothing_and_done_twice_is_done_once() -> None:
    held, later = (SOURCE, DESTINATION), replace(SOURCE, date="2026-12-01", expires="2027-12-31")
    after = renewed(held, (later,), TODAY)
    assert after == (*held, later) and renewed(after, (later, SOURCE), TODAY) == after
    # Until the later one begins the earlier one counts, and no day between them is without a record.
    assert in_force(after, TODAY)["source"] == SOURCE
    assert all(
        "source" in in_force(after, TODAY + dt.timedelta(days=days))
        for days in range((dt.date(2027, 12, 31) - TODAY).days)
    )


def test_a_renewal_that_does_not_hold_is_refused() -> None:
    gone = replace(SOURCE, date="2020-01-01", expires="2020-12-31")
    with pytest.raises(Refused, match="expired on 2020-12-31"):
        renewed((SOURCE, DESTINATION), (gone,), TODAY)
    with pytest.raises(Refused, match="was withdrawn on 2026-05-01"):
        renewed((replace(SOURCE, withdrawn="2026-05-01"), DESTINATION), (replace(SOURCE, who="A"),), TODAY)
    # One that is over, beside its renewal, only tells what was.
    assert renewed((), (gone, SOURCE, DESTINATION), TODAY) == (SOURCE, DESTINATION)


def test_a_bare_word_does_not_push_a_reference_aside() -> None:
    bare = from_option("self", "a.mp4", "b.mp4")
    today = dt.date.fromisoformat(bare[0].date)
    held = (replace(SOURCE, expires=None), DESTINATION)
    assert renewed(held, bare, today) == held
    assert renewed(bare, bare, today) == bare
    assert renewed((SOURCE, DESTINATION), bare, dt.date(2030, 1, 1))[2:] == bare[:1]


def test_a_withdrawal_is_written_and_is_not_undone_by_the_older_file() -> None:
    after = withdrawn((SOURCE, DESTINATION), "source", TODAY)
    assert after == (replace(SOURCE, withdrawn="2026-06-01"), DESTINATION)
    assert renewed((SOURCE, DESTINATION), after[:1], TODAY) == after
    with pytest.raises(Refused, match="withdrawn"):
        renewed(after, (SOURCE,), TODAY)
    for records, said in ((after, "already, on 2026-06-01"), ((DESTINATION,), "no consent record")):
        with pytest.raises(InputError, match=said):
            withdrawn(records, "source", TODAY)
    for day in (dt.date(2025, 1, 1), dt.date(2027, 1, 1)):
        with pytest.raises(InputError, match=f"holds on {day}"):
            withdrawn((SOURCE, DESTINATION), "source", day)


def test_a_withdrawal_can_be_brought_forward_and_not_put_off() -> None:
    later = withdrawn((SOURCE, DESTINATION), "source", dt.date(2026, 9, 1), TODAY)
    assert in_force(later, TODAY)["source"].withdrawn == "2026-09-01"
    now = withdrawn(later, "source", TODAY, TODAY)
    assert now == (replace(SOURCE, withdrawn="2026-06-01"), DESTINATION)
    assert renewed(now, (later[0], DESTINATION), TODAY) == now


def test_a_withdrawal_ends_the_renewals_that_were_given_before_it() -> None:
    follows = replace(SOURCE, date="2026-12-01", expires=None)
    after = withdrawn((SOURCE, follows, DESTINATION), "source", TODAY, TODAY)
    assert [record.withdrawn for record in after] == ["2026-06-01", "2026-06-01", None]
    assert all("source" not in in_force(after, TODAY + dt.timedelta(days=days)) for days in range(400))
    anew = replace(follows, reference="another paper")
    assert in_force((*after, anew), dt.date(2026, 12, 2))["source"] == anew


def test_a_workspace_keeps_its_records_and_its_settings(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace("result", "model", "detector")
    file, held = workspace.root / "workspace.toml", workspace.consent
    before = file.read_bytes()
    assert renew_consent(workspace, held) == workspace and file.read_bytes() == before
    later = replace(held[0], date="2026-02-02", expires="2099-01-01")
    after = renew_consent(workspace, (later,))
    assert after == open_workspace(workspace.root) and after.consent == (*held, later)
    assert after.settings == workspace.settings
    assert after.require_consent() == (later, held[1])
    ended = withdraw_consent(after, "source", dt.date.today())
    with pytest.raises(Refused, match=r"was withdrawn on .* counterface consent renew"):
        ended.require_consent()


# -- the check ------------------------------------------------------------------------------------------------------


def test_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    text = (
        "seed = 3\n"
        + record("source")
        + "# [[consent]]\n"
        + record("destination", basis="nod")
        + record("source", who=" ")
    )
    lines = text.splitlines()
    with pytest.raises(InputError) as caught:
        read_file(Path(write(tmp_path / "c.toml", text)))
    said = str(caught.value)
    basis, who = (lines.index(line) + 1 for line in ('basis = "nod"', 'who = " "'))
    assert f"line {basis}: The basis" in said and f"line {who}: A consent record needs who" in said
    (tmp_path / "workspace.toml").write_text(text)
    with pytest.raises(InputError, match=r"workspace.toml, line \d+: The basis"):
        open_workspace(tmp_path)
    with pytest.raises(InputError, match=r"c.toml, record 1: A consent record needs role"):
        read_file(Path(write(tmp_path / "c.toml", "consent = [{}]")))


def test_a_field_inside_a_long_string_is_no_field() -> None:
    text = '[[consent]]\nwho = """\n[[consent]]\nbasis = "no"\n"""\nbasis = "self"\n\n[[ "consent" ]]\n'
    assert line_of(text, "consent", 0, 1 + 1, "basis") == 6
    assert line_of(text, "consent", 1, 2, None) == line_of(text, "consent", 1, 2, "basis") == 8
    assert line_of(text, "consent", 0, 3, None) is None


def test_a_check_says_what_runs_out_and_what_follows(tmp_path: Path) -> None:
    file = Path(write(tmp_path / "c.toml", record("source", expires="2026-06-20") + record("destination")))
    found = check_file(file, TODAY)
    source = found.to_json()["roles"]["source"]
    assert found.holds and source["in_force"]["days_left"] == 19 and source["in_force"]["until"] == "2026-06-20"
    assert "19 days more" in " ".join(source["warnings"])
    assert not check_file(file, dt.date(2026, 5, 1)).roles[0].warnings
    write(file, file.read_text() + record("source", date="2026-06-21", reference="renewal"))
    followed = check_file(file, TODAY).roles[0]
    assert not followed.warnings and "follows on 2026-06-21" in followed.notes[0]
    assert [state for _, state in check_file(file, dt.date(2026, 7, 1)).roles[0].records] == ["expired", "in force"]
    write(file, record("source", expires="2026-06-20") + record("destination", who="C"))
    late = check_file(file, dt.date(2026, 7, 1))
    assert not late.holds and late.roles[0].lacking and "expired on 2026-06-20" in late.roles[0].lacking
    with pytest.raises(Refused, match="expired on 2026-06-20"):
        late.require()


def test_a_check_says_that_a_bare_word_is_no_proof_and_that_two_names_are_two_people(tmp_path: Path) -> None:
    bare = "".join(record(role, reference="stated on the command line") for role in ("source", "destination"))
    found = check_file(Path(write(tmp_path / "c.toml", bare)))
    assert found.holds and all("no proof" in role.warnings[0] for role in found.roles)
    two = record("source") + record("source", who="Eve") + record("destination")
    said = check_file(Path(write(tmp_path / "c.toml", two))).roles[0].warnings
    assert "Ada, Eve" in said[0] and "one person" in said[0]


def test_a_check_holds_the_result_against_the_records_it_was_made_under(
    own_workspace: Callable[..., Workspace],
) -> None:
    workspace = own_workspace("model", "detector")
    fine = check_workspace(workspace)
    assert fine.holds and fine.result is not None and fine.result.holds
    assert [(r.id, state) for r, state in fine.result.records] == [(r.id, "in force") for r in workspace.consent]
    file = workspace.root / "workspace.toml"
    text = file.read_text()

    def after(change: Callable[[str], str]) -> tuple[bool, list[str], str]:
        file.write_text(change(text))
        found = check_workspace(open_workspace(workspace.root))
        assert found.result is not None
        return found.holds, [state for _, state in found.result.records], "\n".join(found.words)

    day = 'date = "2026-01-01"'
    holds, states, said = after(lambda t: t.replace(day, day + '\nwithdrawn = "2026-01-05"', 1))
    assert not holds and states == ["withdrawn", "in force"] and "withdrew the consent on 2026-01-05" in said
    holds, states, said = after(lambda t: t.replace('who = "Grace Hopper"', 'who = "G. Hopper"'))
    assert holds and states[0] == "unknown" and "not among" in said and "edited after it was written" in said
    later = record("source", date="2026-01-02", who="Grace Hopper")
    holds, states, said = after(lambda t: t + "\n" + later)
    assert holds and states == ["renewed", "in force"]
    (workspace.result / "result.mp4").write_bytes(workspace.clip("destination").read_bytes())
    holds, states, said = after(lambda t: t)
    assert holds and not states and "carries no Content Credentials" in said
