"""The command line: exit codes, one sentence for an error, nothing left behind, and answers that scripts can read."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr
from pathlib import Path

import av
import numpy as np
import pytest
from footage import DETECTOR_STEPS, STEPS, Looped, Said, counterface, living, tree, write_clip
from portraits import room

from datasets.provenance.writer import Marks
from datasets.video import read_frames
from synth.training import read_metrics
from ui.console import Console
from ui.services.loop import marks_said

COMMANDS = (
    *("demo", "swap", "new", "extract", "train", "merge", "score", "detectability", "verify"),
    *("detector train", "detector list", "detector card", "weights list", "weights fetch", "doctor", "studio"),
    *("faces sort", "faces clean", "faces show"),
    *("consent check", "consent template", "consent renew", "consent withdraw"),
    *("dataset build", "dataset audit", "dataset export", "dataset import"),
    *("evaluate swap", "evaluate detector", "evaluate matrix", "evaluate robustness", "evaluate trajectory"),
    "evaluate people",
)
CPU = ("--device", "cpu", "-q")
PREVIEW = "step-000001.jpg"


# -- bad clips, for every command that takes one --------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("good") / "good.mp4", living("astronaut")[:45])


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("other") / "other.mp4", living("hopper")[:45])


def missing(folder: Path, good: Path) -> Path:
    return folder / "missing.mp4"


def a_text(folder: Path, good: Path) -> Path:
    (folder / "text.mp4").write_text("This is a letter and not a video.\n" * 40)
    return folder / "text.mp4"


def without_index(folder: Path, good: Path) -> Path:
    """Cut off before the index, which this file has at its end."""
    plain = folder / "cut.mp4"
    with av.open(str(good)) as source, av.open(str(plain), "w") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is not None:
                packet.stream = copy
                target.mux(packet)
    plain.write_bytes(plain.read_bytes()[: plain.stat().st_size // 2])
    return plain


def cut_off(folder: Path, good: Path) -> Path:
    """The index is whole, and half of what it promises is not there."""
    (folder / "half.mp4").write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    return folder / "half.mp4"


def no_frames(folder: Path, good: Path) -> Path:
    """A valid file with a video stream and not one frame in it."""
    path = folder / "none.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        container.start_encoding()
    return path


def sound_only(folder: Path, good: Path) -> Path:
    path = folder / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000, layout="mono")
        for start in range(0, 48_000, 1024):
            piece = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            piece.sample_rate, piece.pts = 48_000, start
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def empty(folder: Path, good: Path) -> Path:
    (folder / "empty.mp4").touch()
    return folder / "empty.mp4"


def a_folder(folder: Path, good: Path) -> Path:
    (folder / "folder.mp4").mkdir()
    return folder / "folder.mp4"


BAD = (missing, a_text, without_index, cut_off, no_frames, sound_only, empty, a_folder)
Command = Callable[[Path, Path, Path, Looped], list[object]]
TAKES_A_CLIP: dict[str, Command] = {
    "swap, source": lambda bad, good, out, _: ["swap", bad, good, "-o", out / "o.mp4", "--consent", "self", *CPU],
    "swap, destination": lambda bad, good, out, _: ["swap", good, bad, "-o", out / "o.mp4", "--consent", "self", *CPU],
    "new, source": lambda bad, good, out, _: [
        "new", out / "w", "--source", bad, "--destination", good, "--consent", "self"
    ],
    "new, destination": lambda bad, good, out, _: [
        "new", out / "w", "--source", good, "--destination", bad, "--consent", "self"
    ],
    "extract": lambda bad, good, out, _: ["extract", bad, "-o", out / "faces", "-q"],
    "score": lambda bad, good, out, looped: ["score", bad, "--detector", looped.workspace.detector, *CPU],
    "detectability, fake": lambda bad, good, out, looped: [
        "detectability", bad, "--original", good, "--detector", looped.workspace.detector, *CPU
    ],
    "detectability, original": lambda bad, good, out, looped: [
        "detectability", good, "--original", bad, "--detector", looped.workspace.detector, *CPU
    ],
    "detectability, mask": lambda bad, good, out, looped: [
        "detectability", good, "--original", good, "--mask", bad, "--detector", looped.workspace.detector, *CPU
    ],
    "verify": lambda bad, good, out, _: ["verify", bad],
}  # fmt: skip


@pytest.mark.parametrize("command", TAKES_A_CLIP)
@pytest.mark.parametrize("make", BAD, ids=lambda make: make.__name__)
def test_a_bad_clip_is_said_in_one_sentence_and_leaves_nothing(
    looped: Looped, good: Path, tmp_path: Path, command: str, make: Callable[[Path, Path], Path]
) -> None:
    bad, out = make(tmp_path, good), tmp_path / "out"
    out.mkdir()
    before = tree(tmp_path)
    said = counterface(*TAKES_A_CLIP[command](bad, good, out, looped))
    if command == "extract" and make is a_folder:
        assert said.code == 2 and "workspace" in said.error
    elif command == "verify" and make is cut_off:
        # What is there of it can be looked at, and that it is damaged is one of the findings.
        assert said.code == 0 and "is cut off" in said.out and "does not mean authentic" in said.out
    else:
        assert said.code == 2 and bad.name in said.error, said
    assert tree(tmp_path) == before


@pytest.mark.parametrize("who", ["source", "destination"])
def test_a_clip_without_a_face_is_said_and_no_workspace_stays(good: Path, tmp_path: Path, who: str) -> None:
    faceless = write_clip(tmp_path / "faceless.mp4", [room(200, 160, seed) for seed in range(45)])
    clips = (faceless, good) if who == "source" else (good, faceless)
    before = tree(tmp_path)
    said = counterface("swap", *clips, "-o", tmp_path / "o.mp4", "--consent", "self", *CPU)
    assert said.code == 2 and re.search(r"No face was found in the 45 frames", said.error)
    assert tree(tmp_path) == before


def test_a_destination_too_short_to_be_judged_is_said_before_the_training(good: Path, tmp_path: Path) -> None:
    short = write_clip(tmp_path / "short.mp4", living("hopper")[:12])
    before = tree(tmp_path)
    said = counterface("swap", good, short, "-o", tmp_path / "o.mp4", "--consent", "self", *CPU)
    assert said.code == 2 and "12 frames" in said.error and tree(tmp_path) == before


# -- bad workspaces, for every command that takes one ---------------------------------------------------------------


def no_folder(folder: Path) -> Path:
    return folder / "nowhere"


def other_folder(folder: Path) -> Path:
    (folder / "other").mkdir()
    (folder / "other" / "mine.txt").write_text("mine")
    return folder / "other"


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("not a folder")
    return folder / "file"


def broken_settings(folder: Path) -> Path:
    (folder / "broken").mkdir()
    (folder / "broken" / "workspace.toml").write_text('seed = "three"\nconsent = 4\n')
    return folder / "broken"


def no_toml(folder: Path) -> Path:
    (folder / "toml").mkdir()
    (folder / "toml" / "workspace.toml").write_text("= = =")
    return folder / "toml"


@pytest.mark.parametrize("command", ["extract", "train", "merge", "detector train", "studio"])
@pytest.mark.parametrize("make", [no_folder, other_folder, a_file, broken_settings, no_toml], ids=lambda m: m.__name__)
def test_what_is_no_workspace_is_said(tmp_path: Path, command: str, make: Callable[[Path], Path]) -> None:
    folder = make(tmp_path)
    before = tree(tmp_path)
    said = counterface(*command.split(), folder)
    assert said.code == 2 and folder.name in said.error, said
    assert tree(tmp_path) == before


def test_a_step_before_its_turn_says_which_comes_first(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w", ["data_src/aligned", "data_dst/aligned", "model", "detector", "result"])
    before = tree(tmp_path)
    for command, needed in (("train", "extract"), ("merge", "train"), ("detector train", "extract")):
        said = counterface(*command.split(), workspace.root, *CPU)
        assert said.code == 2 and f"counterface {needed}" in said.error
    assert tree(tmp_path) == before


# -- consent --------------------------------------------------------------------------------------------------------


def test_without_consent_no_workspace_and_no_swap(good: Path, tmp_path: Path) -> None:
    for command in (
        ["new", tmp_path / "w", "--source", good, "--destination", good],
        ["swap", good, good, "-o", tmp_path / "o.mp4"],
    ):
        said = counterface(*command)
        assert said.code == 3 and "--consent" in said.error
    assert not list(tmp_path.iterdir())


def test_a_workspace_whose_consent_has_run_out_is_refused_by_every_step(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w")
    file = workspace.root / "workspace.toml"
    file.write_text(re.sub(r'date = "[^"]*"', 'date = "2020-01-01"\nexpires = "2020-02-01"', file.read_text()))
    before = tree(tmp_path)
    for command in ("train", "merge", "detector train"):
        said = counterface(*command.split(), workspace.root, "--force", *CPU)
        assert said.code == 3 and "expired on 2020-02-01" in said.error
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    ("given", "code"), [("because", 2), ("nowhere.toml", 2), ("half.toml", 3), ("broken.toml", 2), ("full.toml", 0)]
)
def test_consent_by_file(good: Path, other: Path, tmp_path: Path, given: str, code: int) -> None:
    def record(role: str) -> str:
        return (
            f'[[consent]]\nrole = "{role}"\nbasis = "written"\nwho = "A. N. Other"\n'
            'reference = "release form 12"\ndate = "2026-01-01"\n'
        )

    (tmp_path / "half.toml").write_text(record("source"))
    (tmp_path / "full.toml").write_text(record("source") + record("destination"))
    (tmp_path / "broken.toml").write_text("[[consent]]\nrole = 5\n")
    value = tmp_path / given if given.endswith(".toml") else given
    said = counterface("new", tmp_path / "w", "--source", good, "--destination", other, "--consent", value)
    assert said.code == code
    assert (tmp_path / "w").exists() == (code == 0)
    if code:
        assert said.error


# -- outputs that are there -----------------------------------------------------------------------------------------


def test_nothing_that_is_there_is_replaced_unasked(looped: Looped, good: Path, tmp_path: Path) -> None:
    root, taken = looped.copy(tmp_path / "w").root, tmp_path / "taken.mp4"
    taken.write_text("mine")
    before = tree(tmp_path)
    for command in (
        ["new", root, "--source", good, "--destination", good, "--consent", "self"],
        ["swap", looped.source, looped.destination, "-o", taken, "--consent", "self", *CPU],
        ["extract", good, "-o", root / "data_src" / "aligned", "-q"],
        ["merge", root, *CPU],
        ["merge", root, "-o", taken, *CPU],
        ["detector", "train", root, *CPU],
        ["demo", "-o", taken, *CPU],
    ):
        said = counterface(*command)
        assert said.code == 2 and said.error, command
    assert tree(tmp_path) == before


def test_force_replaces_a_workspace_and_never_another_folder(good: Path, other: Path, tmp_path: Path) -> None:
    new = ["new", tmp_path / "w", "--source", good, "--destination", other, "--consent", "self"]
    assert counterface(*new).code == 0
    assert counterface(*new, "--force", "--seed", "8").code == 0
    assert "seed = 8" in (tmp_path / "w" / "workspace.toml").read_text()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.txt").write_text("mine")
    said = counterface("new", tmp_path / "home", *new[2:], "--force")
    assert said.code == 2 and "no workspace" in said.error and (tmp_path / "home" / "thesis.txt").exists()


@pytest.mark.slow
def test_force_merges_anew_and_drops_what_was_measured_on_the_old_result(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w")
    said = counterface("merge", workspace.root, "--force", "--colour", "none", "--erode", "0.05", *CPU)
    assert said.code == 0, said
    made = json.loads((workspace.result / "result.json").read_text())
    assert made["merge"]["colour"] == "none" and made["merge"]["erode"] == 0.05
    assert not (workspace.result / "detectability.json").exists()


def test_a_merge_says_what_its_result_carries() -> None:
    (said,) = marks_said(Marks(True, "trusted", "0000004d", ()))
    assert "badge" in said and "watermark (id 0000004d)" in said and "read as trusted" in said


# -- arguments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["frobnicate"],
        ["swap", "a.mp4"],
        ["swap", "a.mp4", "b.mp4"],
        ["swap", "a.mp4", "b.mp4", "-o", "o.avi", "--consent", "self"],
        ["train", "w", "--steps", "0"],
        ["train", "w", "--steps", "many"],
        ["score"],
        ["score", "a.mp4", "--every", "0"],
        ["studio", "--port", "99999"],
        ["weights", "fetch", "everything"],
        ["--nonsense"],
        ["detector", "card", "no such one"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_exit_2_with_one_sentence(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = counterface(*arguments)
    assert said.code == 2 and said.error and not said.out and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options",
    [
        ["train", "--steps", "5", "--minutes", "1"],
        ["train", "--method", "deepest"],
        ["train", "--device", "tpu"],
        ["merge", "--force", "--mode", "best"],
        ["merge", "--force", "--colour", "pink"],
        ["merge", "--force", "--erode", "2"],
        ["merge", "--force", "--method", "deepest"],
        ["extract", "--every", "2"],
        ["extract", "--force", "--finder", "crystal"],
    ],
    ids=" ".join,
)
def test_wrong_options_leave_the_workspace_as_it_is(looped: Looped, options: list[str]) -> None:
    before = tree(looped.workspace.root)
    said = counterface(options[0], looped.workspace.root, *options[1:])
    assert said.code == 2 and said.error
    assert tree(looped.workspace.root) == before


@pytest.mark.parametrize("target", ["folder", "file/below.json", "x" * 300 + ".json"])
def test_an_output_that_cannot_be_written_is_said(looped: Looped, tmp_path: Path, target: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    before = tree(tmp_path)
    said = counterface("verify", looped.workspace.result / "result.mp4", "--json", tmp_path / target)
    assert said.code == 2 and said.error and tree(tmp_path) == before


def test_help_names_every_command() -> None:
    said = counterface("--help")
    assert said.code == 0 and not said.err
    top = {command.split()[0] for command in COMMANDS}
    listed = set(re.findall(r"^\W*([a-z]+)  ", said.out, re.M))
    assert top <= listed
    for command in COMMANDS:
        answer = counterface(*command.split(), "--help")
        assert answer.code == 0 and len(answer.out) > 100, command


# -- answers for scripts --------------------------------------------------------------------------------------------

SCORE_KEYS = {
    *("file", "ok", "probability", "interval", "verdict", "reasons", "limits", "detector", "frames_scored"),
    *("seconds", "tracks", "segments", "provenance"),
}


def test_score_of_several_files_one_of_them_broken(looped: Looped, tmp_path: Path) -> None:
    broken, still = tmp_path / "broken.mp4", tmp_path / "still.png"
    broken.write_text("no video")
    import cv2

    cv2.imwrite(str(still), next(read_frames(looped.destination)).image[..., ::-1])
    result = looped.workspace.result / "result.mp4"
    said = counterface(
        "score", result, broken, still, tmp_path / "gone.mp4", "--detector", looped.workspace.root, "--frames", 6,
        "--json", "-", *CPU,
    )  # fmt: skip
    assert said.code == 2
    found = json.loads(said.out)
    assert [entry["ok"] for entry in found] == [True, False, True, False]
    assert [entry["file"] for entry in found] == [str(p) for p in (result, broken, still, tmp_path / "gone.mp4")]
    assert set(found[1]) == {"file", "ok", "error"} and "broken.mp4" in found[1]["error"]
    errors = said.err.splitlines()
    assert len(errors) == 2 and all(line.startswith("counterface: ") for line in errors)
    first = found[0]
    assert set(first) >= SCORE_KEYS and set(found[2]) >= SCORE_KEYS
    assert 0 <= first["interval"][0] <= first["probability"] <= first["interval"][1] <= 1
    assert first["verdict"] in ("manipulated", "no manipulation found", "cannot tell") and first["frames_scored"] == 6
    assert {"name", "version", "calibrated_on"} <= set(first["detector"])
    track = first["tracks"][0]
    assert {"id", "probability", "first", "last", "frames"} <= set(track)
    assert set(track["frames"][0]) >= {"index", "time", "probability", "box"} and len(track["frames"][0]["box"]) == 4
    marks = first["provenance"]
    assert (marks["credentials"], marks["studio_output"], marks["synthetic"]) == ("trusted", True, True)
    assert marks["watermark"]["present"] is True and marks["watermark"]["record"]["same_bytes"] is True
    assert found[2]["provenance"]["watermark"] is None
    assert found[2]["provenance"]["credentials"] == "none" and found[2]["frames_scored"] == 1


def test_no_face_is_cannot_tell_and_no_number(looped: Looped, tmp_path: Path) -> None:
    faceless = write_clip(tmp_path / "faceless.mp4", [room(160, 120, seed) for seed in range(6)])
    said = counterface("score", faceless, "--detector", looped.workspace.detector, "--json", tmp_path / "s.json", *CPU)
    assert said.code == 0 and "cannot tell" in said.out
    (found,) = json.loads((tmp_path / "s.json").read_text())
    assert found["probability"] is None and found["interval"] is None and found["verdict"] == "cannot tell"


def test_a_swap_model_is_no_detector(looped: Looped) -> None:
    swap_model = looped.workspace.model("quick96")
    said = counterface("score", looped.source, "--detector", swap_model, *CPU)
    assert said.code == 2 and "a detector model is needed" in said.error
    said = counterface("detector", "card", swap_model)
    assert said.code == 2 and "not a detector" in said.error


def test_detectability_answers_with_the_keys_that_scripts_read(looped: Looped, tmp_path: Path) -> None:
    result = looped.workspace.result
    said = counterface(
        "detectability", result / "result.mp4", "--original", looped.destination, "--mask", result / "result_mask.mkv",
        "--detector", looped.workspace.root, "--frames", 8, "--json", "-", *CPU,
    )  # fmt: skip
    assert said.code == 0, said
    found = json.loads(said.out)
    assert {"fake", "original", "detectability", "interval", "frames", "heatmap_iou"} <= set(found)
    assert found["detectability"] == pytest.approx(found["fake"] - found["original"], abs=2e-4)
    scope = json.loads((looped.workspace.detector / "card.json").read_text())["scope"]
    assert min(frame["time"] for frame in found["frames"]) >= scope["scored_from"], "scored on what it was trained on"


def test_verify_answers_with_the_keys_that_scripts_read(looped: Looped, tmp_path: Path) -> None:
    said = counterface("verify", looped.workspace.result / "result.mp4", "--json", "-")
    found = json.loads(said.out)
    assert said.code == 0 and found["studio_output"] is True and found["badge"]["found"] is True
    assert set(found["credentials"]) >= {"state", "signer", "actions", "ingredients"}
    assert found["credentials"]["state"] == "trusted" and set(found["watermark"]) >= {"present", "id", "confidence"}
    assert {i["relationship"] for i in found["credentials"]["ingredients"]} == {"parentOf", "componentOf"}
    assert found["watermark"]["present"] is True and found["watermark"]["record"]["kind"] == "swap"
    plain = counterface("verify", looped.source, "--json", tmp_path / "v.json")
    assert plain.code == 0 and "does not mean authentic" in plain.out
    assert json.loads((tmp_path / "v.json").read_text())["studio_output"] is False


def test_detectors_are_listed_and_described(looped: Looped) -> None:
    names = counterface("detector", "list").out.split()
    card = counterface("detector", "card", names[0], "--json", "-")
    found = json.loads(card.out)
    assert found["kind"] == "detector" and found["name"] in names
    own = json.loads((looped.workspace.detector / "card.json").read_text())
    assert own["name"] in names and own["step"] == DETECTOR_STEPS


def test_weights_and_doctor() -> None:
    said = counterface("weights", "list")
    assert said.code == 0 and "retinaface" in said.out and "sha256" in said.out and "MB" in said.out
    said = counterface("doctor")
    assert said.code == 0 and "All that the main job needs is here." in said.out


def test_doctor_says_what_is_wrong_with_the_signing_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path))
    assert "made on first use (another can be set in" in counterface("doctor").out and not list(tmp_path.iterdir())
    (tmp_path / "signing.toml").write_text("[signer]\nkey = 'a'\n")
    said = counterface("doctor")
    assert said.code == 2 and "outputs can't be marked: A key or a signing program is set" in said.out


def test_a_taken_port_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = counterface("studio", "--port", taken.getsockname()[1])
    assert said.code == 2 and "is taken" in said.error and "--port" in said.error


# -- what a person sees while it works ------------------------------------------------------------------------------


def test_progress_is_plain_lines_where_there_is_no_terminal_and_nothing_when_quiet() -> None:
    for quiet in (False, True):
        err = io.StringIO()
        with redirect_stderr(err), Console(quiet) as console:
            for done in range(1, 101):
                console("working", done, 100, "loss 0.1")
            console.say("a sentence")
        lines = err.getvalue().splitlines()
        assert lines == ([] if quiet else ["working: 1/100, loss 0.1", "working: 100/100, loss 0.1", "a sentence"])


def test_on_a_terminal_it_is_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with Console() as console:
        console("working", 3, None)
        console("more", 1, 2, "[note]")
        console.say("a [sentence]")
    said = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert "working" in said and "a [sentence]" in said


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "ui.cli", *(str(argument) for argument in arguments)]


def started(*arguments: object, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2],
        **options,  # type: ignore[call-overload]
    )  # fmt: skip


@pytest.mark.slow
def test_a_quiet_run_says_nothing_on_standard_error(looped: Looped, tmp_path: Path) -> None:
    process = started("extract", looped.destination, "--every", 8, "-o", tmp_path / "faces", "-q")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0 and err == "" and "faces in" in out


def interrupt_at(process: subprocess.Popen[str], wanted: str) -> list[str]:
    """Send Ctrl-C when a line with ``wanted`` comes; all lines of standard error."""
    assert process.stderr is not None
    watchdog = threading.Timer(300, process.kill)
    watchdog.start()
    lines, sent = [], False
    try:
        for line in process.stderr:
            lines.append(line.rstrip())
            if not sent and wanted in line:
                process.send_signal(signal.SIGINT)
                sent = True
        process.wait()
    finally:
        watchdog.cancel()
    assert sent, lines
    return lines


@pytest.mark.slow
def test_ctrl_c_in_training_and_the_same_command_goes_on_to_the_same_end(looped: Looped, tmp_path: Path) -> None:
    workspace = looped.copy(tmp_path / "w", ["model"])
    again = ("train", workspace.root, "--steps", STEPS, "--device", "cpu")
    process = started(*again)
    lines = interrupt_at(process, "training: 1/")
    assert process.returncode == 130
    said = Said(130, "", "\n".join(lines))
    loose = [line for line in lines if not re.match(r"[a-z][a-z' ]+: |Started from the base ", line)]
    assert not loose, f"chatter among the progress: {loose}"
    stopped = re.search(r"Training stopped at step (\d+); the same command goes on", said.error)
    assert stopped and int(stopped[1]) < STEPS
    assert sorted(p.name for p in workspace.model("quick96").iterdir() if p.suffix == ".safetensors") == [
        "training.safetensors"
    ]
    assert counterface(*again, "-q").code == 0

    def curve(folder: Path) -> list[dict[str, float]]:
        return [{k: v for k, v in line.items() if k != "seconds"} for line in read_metrics(folder) if "loss" in line]

    unbroken = curve(looped.workspace.model("quick96"))
    assert curve(workspace.model("quick96")) == unbroken and [line["step"] for line in unbroken] == [STEPS]
    for folder in (workspace, looped.workspace):
        card = json.loads((folder.model("quick96") / "card.json").read_text())
        assert card["step"] == STEPS
    same = [(f.model("quick96") / "weights.safetensors").read_bytes()[-100_000:] for f in (workspace, looped.workspace)]
    assert same[0] == same[1]


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Sets the largest size of a file that this process may write, bytes: a disk that fills up."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, old)


@pytest.mark.skipif(os.name == "nt", reason="limits on the size of files are a Unix thing")
@pytest.mark.parametrize(
    ("step", "most"),
    [
        ("new", 50_000),
        ("extract", 3_000),
        ("train", 400_000),
        ("merge", 60_000),
        pytest.param("merge", 8_000, marks=pytest.mark.slow),
    ],
)
def test_a_file_that_cannot_grow_is_said_and_nothing_half_written_stays(
    looped: Looped, tmp_path: Path, limited: Callable[[int], None], step: str, most: int
) -> None:
    parts = {"extract": ["data_src/aligned", "data_dst/aligned"], "train": ["model"], "merge": ["result"]}.get(step, [])
    root = tmp_path / "w"
    if step != "new":
        looped.copy(root, parts)
    before = tree(tmp_path)
    arguments = {
        "new": ["new", root, "--source", looped.source, "--destination", looped.destination, "--consent", "self"],
        "extract": ["extract", root, "-q"],
        "train": ["train", root, "--steps", 1, *CPU],
        "merge": ["merge", root, *CPU],
    }[step]
    limited(most)
    said = counterface(*arguments)
    limited(1 << 40)
    assert said.code == 2 and said.error, said
    after = tree(tmp_path)
    assert all(after[name] == content for name, content in before.items())
    left = {name for name in set(after) - set(before) if (tmp_path / name).is_file()}
    # What a later run goes on from may stay: whole parts in a hidden folder, and a training without its model.
    kept = ("metrics.jsonl", "start.json", PREVIEW)
    loose = [name for name in left if ".partial" not in name and "/tensorboard/" not in name]
    assert not [name for name in loose if Path(name).name not in kept]
