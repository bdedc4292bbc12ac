"""No command makes anything of a face without a ground, and the commands that look after the grounds."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from footage import counterface, tree

from datasets.errors import Refused
from datasets.provenance.consentcheck import check_workspace
from datasets.workspace import Workspace, open_workspace
from synth.method import methods
from ui.cli import app

CPU = ("--device", "cpu", "-q")
DAY = 'date = "2026-01-01"'
GONE = {
    "expired": (DAY, 'date = "2020-01-01"\nexpires = "2020-02-01"', "expired on 2020-02-01"),
    "withdrawn": (DAY, DAY + '\nwithdrawn = "2026-01-05"', "was withdrawn on 2026-01-05"),
    "removed": ('role = "source"', 'role = "destination"', "no consent record for the source"),
}
# Commands that make nothing of a face; any other one has to be among MAKING below.
LOOKING = {
    *("extract", "score", "detectability", "verify", "doctor", "studio", "faces sort", "faces clean", "faces show"),
    *("detector list", "detector card", "detector calibrate", "detector export-onnx", "weights list", "weights fetch"),
    *("consent check", "consent template", "consent renew", "consent withdraw"),
    *("evaluate swap", "evaluate detector", "evaluate robustness", "evaluate people"),
}
# Data sets carry records of their own, in the recipe or in the set; ``test_cli_dataset`` and ``test_matrix`` hold their
# gate.
OF_SETS = {"dataset build", "dataset audit", "dataset export", "dataset import", "evaluate matrix"}
Command = Callable[[Path, Path], list[Any]]
# Of each command that makes something of a face: how it is called on the workspace W, with its outputs in the folder O.
MAKING: dict[str, list[Command]] = {
    "train": [
        *(lambda w, o, m=m, f=f: ["train", w, "--method", m, "--steps", 1, *f, *CPU]
          for m in sorted(methods()) for f in ((), ("--force",))),
        lambda w, o: ["train", w, "--restore", "last", *CPU],
    ],
    "merge": [
        *(lambda w, o, m=m: ["merge", w, "--method", m, "--force", *CPU] for m in sorted(methods())),
        lambda w, o: ["merge", w, "-o", o / "out.mp4", *CPU],
        lambda w, o: ["merge", w, "--preview", 3, "-o", o / "out.jpg", *CPU],
    ],
    "swap": [
        lambda w, o: ["swap", *clips(w), "-o", o / "out.mp4", "--workspace", w, "--seed", 7, *CPU],
        lambda w, o: ["swap", *clips(w), "-o", o / "out.mp4", "--consent", w / "workspace.toml", *CPU],
        lambda w, o: ["swap", *clips(w), "-o", o / "out.mp4", *CPU],
    ],
    "new": [
        lambda w, o: ["new", o / "new", "--source", clips(w)[0], "--destination", clips(w)[1]],
        lambda w, o: ["new", o / "new", "--source", clips(w)[0], "--destination", clips(w)[1], "--consent",
                      w / "workspace.toml"],
    ],
    "demo": [lambda w, o: ["demo", "-o", w, *CPU]],
    "detector train": [
        lambda w, o: ["detector", "train", w, "--steps", 1, "--force", *CPU],
        lambda w, o: ["detector", "train", w, "--steps", 1, "-o", o / "detector", *CPU],
    ],
    "evaluate trajectory": [lambda w, o: ["evaluate", "trajectory", w, "--report", o / "a.html", *CPU]],
}  # fmt: skip


def clips(workspace: Path) -> tuple[Path, Path]:
    return workspace / "data_src.mp4", workspace / "data_dst.mp4"


def all_commands(group: Any, before: str = "") -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from all_commands(command, f"{before}{name} ")
        else:
            yield before + name


def spoil(workspace: Workspace, why: str) -> str:
    """Take a workspace's consent away; returns what every refusal has to say."""
    old, new, said = GONE[why]
    file = workspace.root / "workspace.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    return said


# -- the gate -------------------------------------------------------------------------------------------------------


def test_every_command_is_known_to_make_something_of_a_face_or_not() -> None:
    known = set(all_commands(typer.main.get_command(app)))
    assert known == LOOKING | set(MAKING) | OF_SETS


@pytest.mark.parametrize("why", GONE)
@pytest.mark.parametrize("command", MAKING)
def test_without_a_ground_nothing_is_made(
    own_workspace: Callable[..., Workspace],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    why: str,
) -> None:
    workspace = own_workspace()
    said = spoil(workspace, why)
    monkeypatch.setattr("datasets.samples.sample_clips", lambda progress: clips(workspace.root))
    before = tree(tmp_path)
    for call in MAKING[command]:
        arguments = call(workspace.root, tmp_path)
        answer = counterface(*arguments)
        without = arguments[0] in ("new", "swap") and not {"--consent", "--workspace"} & set(map(str, arguments))
        assert answer.code == 3, (arguments, answer)
        assert ("no consent record for the source" if without else said) in answer.error, arguments
        assert tree(tmp_path) == before, arguments


@pytest.mark.parametrize("why", GONE)
def test_the_functions_below_the_commands_have_the_gate_too(
    own_workspace: Callable[..., Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    from evaluate.loop import train_detector
    from evaluate.report import write_report
    from synth.method import Budget
    from synth.pipeline import describe, merge, train
    from synth.preview import Preview
    from ui.console import Console
    from ui.services import workspaces
    from ui.services.loop import whole_loop

    monkeypatch.setattr(workspaces, "mark_rows", lambda results: [])
    workspace = own_workspace()
    workspaces.pictures(workspaces.opened(workspace.root), 30)
    opened = workspaces.opened(workspace.root)
    said = spoil(workspace, why)
    gone, before = open_workspace(workspace.root), tree(tmp_path)
    budget = Budget(steps=1)
    calls: list[Callable[[], object]] = [
        lambda: train(gone, "quick96", budget, "cpu", force=True),
        lambda: merge(gone, "quick96", device="cpu", force=True),
        lambda: describe(gone, "quick96", {}, "swap", "out.mp4"),
        lambda: Preview(gone, "quick96", "cpu"),
        lambda: train_detector(gone, "quick96", steps=1, device="cpu", force=True),
        lambda: write_report(gone),
        lambda: whole_loop(gone, "quick96", budget, "cpu", Console(quiet=True)),
        lambda: workspaces.pictures(workspaces.opened(workspace.root), 30),
    ]
    for call in calls:
        with pytest.raises(Refused, match=said):
            call()
    assert tree(tmp_path) == before
    # The dashboard keeps pictures that it has drawn: not past the end of a record.
    object.__setattr__(opened.results.workspace, "consent", gone.consent)
    with pytest.raises(Refused, match=said):
        workspaces.pictures(opened, 30)


# -- check ----------------------------------------------------------------------------------------------------------


def test_check_a_workspace(own_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    workspace = own_workspace("model", "detector")
    before = tree(tmp_path)
    said = counterface("consent", "check", workspace.root)
    assert said.code == 0 and not said.err and tree(tmp_path) == before
    for words in ("source (hopper.mp4): a record is in force", "public-domain, Grace Hopper", "portrait in matplotlib"):
        assert words in said.out
    assert "result/result.mp4" in said.out and "All records that are needed hold." in said.out
    found = json.loads(counterface("consent", "check", workspace.root / "workspace.toml", "--json", "-").out)
    assert found == check_workspace(workspace).to_json()
    assert found["holds"] and found["result"]["holds"] and found["roles"]["source"]["in_force"]["days_left"] is None


@pytest.mark.parametrize("why", GONE)
def test_check_exits_3_with_the_sentence_of_the_gate(
    own_workspace: Callable[..., Workspace], tmp_path: Path, why: str
) -> None:
    workspace = own_workspace("model", "detector")
    words = spoil(workspace, why)
    said = counterface("consent", "check", workspace.root, "--json", tmp_path / "found.json")
    assert said.code == 3 and words in said.error and "source" in said.out
    assert f"counterface consent renew {workspace.root} --consent" in said.error
    assert "The face of the source may not be used today." in said.out
    found = json.loads((tmp_path / "found.json").read_text())
    assert not found["holds"] and words in found["roles"]["source"]["lacking"] and not found["result"]["holds"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('basis = "public-domain"', 'basis = "because"'), r"workspace.toml, line \d+: The basis"),
        (("[[consent]]", "[[consent]]\nnote = 1"), r"workspace.toml, line \d+: .* not known: note"),
        (("[[consent]]", "[[consent]"), r"workspace.toml cannot be read: .*line \d+"),
    ],
)
def test_check_names_what_was_edited_wrongly(
    own_workspace: Callable[..., Workspace], change: tuple[str, str], words: str
) -> None:
    workspace = own_workspace("model", "detector", "result")
    file = workspace.root / "workspace.toml"
    file.write_text(file.read_text().replace(*change, 1))
    said = counterface("consent", "check", workspace.root)
    assert said.code == 2 and re.search(words, said.error)


def test_check_of_what_holds_no_records(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"\xff\x00\xff")
    for what in (tmp_path, tmp_path / "nowhere", tmp_path / "clip.mp4"):
        said = counterface("consent", "check", what)
        assert said.code == 2 and said.error


# -- template, renew, withdraw --------------------------------------------------------------------------------------


def test_from_the_template_to_a_renewal(own_workspace: Callable[..., Workspace], tmp_path: Path) -> None:
    workspace = own_workspace("model", "detector", "result")
    spoil(workspace, "expired")
    file = tmp_path / "consent.toml"
    assert counterface("consent", "template", "-o", file).code == 0
    assert counterface("consent", "template").out == file.read_text()
    assert counterface("consent", "template", "-o", file).code == 2
    before = tree(workspace.root)
    said = counterface("consent", "renew", workspace.root, "--consent", file)
    assert said.code == 2 and "as the template does" in said.error and tree(workspace.root) == before
    file.write_text(file.read_text().replace("Name of the person", "Ada").replace("Where the proof is kept", "here"))
    assert counterface("consent", "check", file).code == 0
    said = counterface("consent", "renew", workspace.root, "--consent", file)
    assert said.code == 0 and "source: written, Ada" in said.out
    now = open_workspace(workspace.root)
    assert len(now.consent) == 4 and now.require_consent()[0].who == "Ada" and now.settings == workspace.settings
    before = tree(workspace.root)
    said = counterface("consent", "renew", workspace.root, "--consent", file)
    assert said.code == 0 and "nothing was changed" in said.out and tree(workspace.root) == before


def test_a_word_renews_only_what_lacks_a_record(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace("model", "detector", "result")
    spoil(workspace, "expired")
    assert counterface("consent", "renew", workspace.root, "--consent", "self").code == 0
    source, destination = open_workspace(workspace.root).require_consent()
    assert (source.basis, source.who) == ("self", "hopper.mp4")
    assert destination == workspace.consent[1]
    said = counterface("consent", "check", workspace.root)
    assert said.code == 0 and "no proof: stated on the command line" in said.out


def test_withdraw(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    said = counterface("consent", "withdraw", workspace.root, "--role", "source")
    assert said.code == 0 and f"is withdrawn from {dt.date.today()} on" in said.out
    for there in ("data_src.mp4", "model/quick96", "result"):
        assert there in said.out
    assert counterface("consent", "check", workspace.root).code == 3
    # A bare word does not give back what the person took back.
    before = tree(workspace.root)
    said = counterface("consent", "renew", workspace.root, "--consent", "self")
    assert said.code == 3 and "was withdrawn" in said.error and tree(workspace.root) == before
    for wrong in (["--role", "victim"], ["--role", "destination", "--date", "soon"], ["--role", "source"]):
        assert counterface("consent", "withdraw", workspace.root, *wrong).code == 2
    assert tree(workspace.root) == before


def test_swap_goes_on_with_a_renewal_and_keeps_the_older_record(
    own_workspace: Callable[..., Workspace], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = own_workspace("model", "detector", "result")
    spoil(workspace, "expired")
    reached: list[Workspace] = []

    def loop(opened: Workspace, *rest: object) -> Path:
        reached.append(opened)
        return tmp_path

    monkeypatch.setattr("ui.services.loop.whole_loop", loop)
    call = ["swap", *clips(workspace.root), "-o", tmp_path / "o.mp4", "--workspace", workspace.root, "--seed", 7, *CPU]
    assert counterface(*call, "--consent", "self").code == 0
    assert len(reached[0].consent) == 3 and reached[0].require_consent()[0].basis == "self"
