"""Home, Make and Suspect video with their services patched, and the gate before all pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pagekit import draw, own_studio
from streamlit.testing.v1 import AppTest

from datasets.errors import InputError
from datasets.workspace import Workspace
from ui import jobs
from ui.components.gate import named, right
from ui.jobs import store
from ui.services import access, making, sample, scoring
from ui.services.access import Looked
from ui.services.server import check_host, loopback
from ui.services.workspaces import ENVIRONMENT

LONGEST = 60


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own_studio(monkeypatch, tmp_path)


def text(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.title, *app.header, *app.subheader, *app.error, *app.warning, *app.info]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def ended(kind: str, payload: dict[str, Any], state: str = "done", result: dict[str, Any] | None = None) -> str:
    """A job as a worker would leave it."""
    id = jobs.submit(kind, payload, title=f"Score {Path(str(payload.get('file', kind))).name}")
    folder = store.folder_of(id)
    store.write_state(
        folder, state=state, started=1.0, finished=4.0, error="It broke off." if state == "failed" else ""
    )
    (folder / "outcome.json").write_text(json.dumps({"result": result or {}}))
    return id


def test_the_first_start_makes_the_sample_as_a_job() -> None:
    app = draw("home")
    assert "made on this machine" in text(app) and "Make the sample's swap" in text(app)
    queued = jobs.listing("sample")
    assert len(queued) == 1 and queued[0].state == "queued"
    draw("home")
    assert len(jobs.listing("sample")) == 1, "it is queued once"
    jobs.cancel(queued[0].id)
    assert "stopped" in text(draw("home")) and len(jobs.listing("sample")) == 1


def test_the_sample_stands_side_by_side_on_the_first_page(
    made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ui.pages.home.sample_workspace", lambda: made_workspace)
    app = draw("home")
    assert "clearly tells" in text(app) and app.metric.len == 4 and jobs.listing("sample") == []


def test_the_whole_app_begins_at_home_and_lists_its_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.services.sample.sample_job", lambda: None)
    app = AppTest.from_string("from ui.app import main\nmain()\n", default_timeout=LONGEST).run()
    assert not app.exception and app.title[0].value == "Counterface studio"


def test_a_workspace_is_not_made_without_consent(made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = {role: made_workspace.clip(role) for role in ("source", "destination")}  # type: ignore[arg-type]
    monkeypatch.setattr("ui.pages.wizard.clips.allowed", Path)
    monkeypatch.setattr("ui.services.projects.allowed", lambda path: Path(path))
    monkeypatch.setattr(
        "ui.pages.wizard.clips.look_at", lambda path, kinds: Looked(path, "video", 9, 9, 1.6, 40, 25, "h264", False)
    )
    app = draw("make", {"way-source": "On this machine", "way-destination": "On this machine"})
    assert app.button(key="make-workspace").disabled
    for role, clip in clips.items():
        app.text_input(key=f"path-{role}").set_value(str(clip))
    app.run()
    app.button(key="make-workspace").click().run()
    assert "consent record" in app.error[0].value and not list(tree("workspaces"))
    for role in clips:
        app.text_input(key=f"who-{role}").set_value("Ada")
        app.text_input(key=f"reference-{role}").set_value("contract 7")
    app.button(key="make-workspace").click().run()
    assert not app.exception and not app.error
    made = list(tree("workspaces"))
    assert len(made) == 1 and 'who = "Ada"' in (made[0] / "workspace.toml").read_text()
    assert app.query_params["step"] in ("faces", ["faces"])


def tree(name: str) -> list[Path]:
    folder = access.studio_home() / name
    return list(folder.iterdir()) if folder.is_dir() else []


def make(workspace: Workspace, step: str, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv(ENVIRONMENT, str(workspace.root))
    return draw("make", step=step)


def test_finding_faces_is_a_job_and_steps_that_are_not_reached_are_closed(
    own_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = own_workspace("data_src/aligned", "model", "result", "detector")
    app = make(workspace, "result", monkeypatch)
    assert app.button(key="step-method").disabled and not app.button(key="step-faces").disabled
    app.button(key="find-faces").click().run()
    job = jobs.listing("faces")[0]
    assert job.payload == {"workspace": str(workspace.root), "finder": "mediapipe"}
    assert "waiting" in text(app) and app.button(key=f"stop-{job.id}")
    app.button(key=f"stop-{job.id}").click().run()
    assert jobs.read(job.id).state == "cancelled"


def test_faces_are_shown_in_an_order_and_removed_ones_come_back(
    small_set: Path, own_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    workspace = own_workspace("model", "result", "detector", "data_src/aligned")
    shutil.copytree(small_set, workspace.faces("source"))
    sheet = making.face_sheet(workspace, "source", "blur", 0, 10)
    assert sheet.total == 40 and len(sheet.cells) == 10 and sheet.removed == 0
    assert [c.figure for c in sheet.cells] == sorted((c.figure for c in sheet.cells), reverse=True)
    gone = [sheet.cells[0].file, "../../workspace.toml"]
    assert making.remove_faces(workspace, "source", gone) == 1 and (workspace.root / "workspace.toml").is_file()
    assert making.face_sheet(workspace, "source", "blur", 0, 10).total == 39
    app = make(workspace, "faces", monkeypatch)
    assert "39 faces" in text(app)
    app.button(key="restore-faces").click().run()
    assert making.face_sheet(workspace, "source", "blur", 0, 10).removed == 0


def test_training_is_a_job_that_can_be_paused(
    own_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = own_workspace("result", "detector")
    app = make(workspace, "method", monkeypatch)
    app.text_area(key="options").set_value("nonsense=1").run()
    app.button(key="start-training").click().run()
    assert "nonsense" in app.error[0].value and jobs.listing("train") == []
    app.text_area(key="options").set_value("").run()
    app.button(key="start-training").click().run()
    job = jobs.listing("train")[0]
    assert job.payload["method"] == "quick96" and job.payload["minutes"] == 10
    app = make(workspace, "train", monkeypatch)
    assert [m.label for m in app.metric] == ["Step", "Seconds a step", "Trained for", "Time left"]
    assert app.button(key=f"stop-{job.id}").label == "Pause"
    app.button(key=f"stop-{job.id}").click().run()
    assert app.button(key=f"retry-{job.id}").label == "Resume"
    app.button(key=f"retry-{job.id}").click().run()
    assert jobs.read(job.id).state == "queued"


def test_the_composite_is_tried_on_a_frame_and_then_made(
    own_workspace: Callable[..., Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = own_workspace("result", "detector")
    asked: list[dict[str, Any]] = []

    class Previews:
        def frame(self, workspace: Workspace, method: str, settings: dict[str, Any], index: int) -> making.Previewed:
            asked.append({"method": method, "index": index, **settings})
            return making.Previewed(b"\xff\xd8", b"\xff\xd8", "")

    monkeypatch.setattr(making, "PREVIEWS", Previews())
    app = make(workspace, "composite", monkeypatch)
    name = asked[-1]["method"]
    app.selectbox(key=f"{name}-Mode").set_value("seamless").run()
    app.slider(key="composite-frame").set_value(7).run()
    assert asked[-1]["mode"] == "seamless" and asked[-1]["index"] == 7
    app.button(key="make-result").click().run()
    assert jobs.listing("composite")[0].payload["settings"]["mode"] == "seamless"


def test_the_result_can_be_taken_away(made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make(made_workspace, "result", monkeypatch)
    assert "clearly tells" in text(app) and "Invisible watermark" in text(app)
    assert app.metric.len == 4


VIEWS: dict[str, Any] = {
    "headline": "Signs of a manipulated face were found.",
    "kind": "swap",
    "explained": "The probability is 93 %.",
    "zones": [["original", 0, 0.3], ["unsure", 0.3, 0.7], ["swap", 0.7, 1]],
    "people": [
        {"id": 0, "name": "The face", "seen": "2 frames.", "probability": 0.9, "interval": [0.8, 1], "moments": []}
    ],
    "cues": [{"sentence": "Odd *one*.", "odd": True, "picture": None, "low": 0.2, "high": 0.5, "at": 0.9}],
    "heatmap_by": None,
    "provenance": ["No Content Credentials are in the file."],
    "detector": [["Name", "faces"]],
    "note": "",
}
BOX = [1, 1, 9, 9]
TRACK = {
    "id": 0,
    "probability": 0.9,
    "first": 0.0,
    "last": 1.0,
    "face_width": 80,
    "frames": [{"index": i, "time": float(i), "probability": 0.9, "box": BOX} for i in (0, 1)],
}
SCORE = {
    "probability": 0.93,
    "interval": [0.8, 0.97],
    "verdict": "manipulated",
    "reasons": ["The eyes [look](http://x) odd."],
    "limits": ["The face is small."],
    "segments": [{"start": 0.0, "end": 1.0, "probability": 0.9}],
    "tracks": [TRACK],
    "provenance": {"credentials": "none"},
}


def test_a_score_is_read_out_in_plain_words(made_workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    file = made_workspace.clip("destination")
    id = ended("score", {"file": str(file)}, result={"verdict": "manipulated"})
    app = draw("suspect", job=id)
    assert "not there any more" in app.warning[0].value
    out = store.folder_of(id) / "out"
    out.mkdir()
    (out / scoring.SCORE).write_text(json.dumps(SCORE))
    (out / scoring.VIEWS).write_text(json.dumps(VIEWS))
    (out / scoring.REPORT).write_text("<p>report</p>")
    app = draw("suspect", job=id)
    assert not app.warning
    html = "\n".join(str(part.proto.body) for part in app.get("html"))
    assert "Signs of a manipulated face were found." in html and 'aria-label="93 per cent' in html
    assert "The face is small." in text(app) and "1 of 1 measurements" in text(app)
    raw = "\n".join(m.value for m in app.markdown)
    assert r"\[look\]\(http\://x\)" in raw, "what a file says is shown as it is written"
    app.button(key="segment-0").click().run()
    assert not app.exception


def test_a_score_that_failed_and_one_that_is_unknown_are_a_sentence() -> None:
    id = ended("score", {"file": "/a/clip.mp4"}, "failed")
    app = draw("suspect", job=id)
    assert "It broke off." in app.error[0].value and app.button(key=f"retry-{id}")
    assert "Nothing is known" in draw("suspect", job="../../etc/passwd").warning[0].value
    assert "clip.mp4" in app.markdown[0].value.replace("\\", "")


def test_an_upload_that_is_refused_is_a_sentence_and_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, kinds: Any = ()) -> Looked:
        raise InputError("clip.mp4 is not a video.")

    monkeypatch.setattr("ui.pages.suspect.look_at", refuse)
    app = draw("suspect", {"suspect-way": "On this machine"})
    (Path.cwd() / "clip.mp4").write_text("x")
    app.text_input(key="suspect-path").set_value("clip.mp4").run()
    app.button(key="score-it").click().run()
    assert "is not a video" in app.error[0].value and jobs.listing("score") == []
    app.text_input(key="suspect-path").set_value("/etc/passwd").run()
    app.button(key="score-it").click().run()
    assert "outside the folders" in app.error[0].value


def test_others_are_asked_for_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ui.components.gate.WAIT_SECONDS", 0.0)
    monkeypatch.setattr(sample, "sample_job", lambda: None)
    monkeypatch.setenv("COUNTERFACE_STUDIO_PASSWORD", "correct horse battery")
    app = AppTest.from_string("from ui.app import main\nmain()\n", default_timeout=LONGEST).run()
    assert app.text_input.len == 1 and app.header.len == 0, "nothing of the page is drawn"
    app.text_input(key="password-typed").set_value("wrong")
    app.button[0].click().run()
    assert app.error[0].value == "This is not the password." and app.header.len == 0
    assert right("correct horse battery", "correct horse battery") and not right("", "correct horse battery")


def test_a_sign_in_needs_one_of_the_named_addresses_verified_by_the_provider() -> None:
    users = ("Anna@example.org",)
    assert named({"email": "anna@example.org"}, users) and named({"email": "x@example.org"}, ())
    assert named({"email": "anna@example.org", "email_verified": True}, users)
    assert not named({"email": "bert@example.org"}, users) and not named({}, users)
    assert not named({"email": "anna@example.org", "email_verified": False}, users)


def test_an_address_that_others_reach_needs_a_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from datasets.errors import Refused

    assert loopback("127.0.0.1") and loopback("::1") and loopback("localhost") and not loopback("0.0.0.0")
    monkeypatch.setattr("ui.services.server.home", lambda kind: tmp_path)
    check_host("127.0.0.1")
    with pytest.raises(Refused, match="must ask who they are"):
        check_host("0.0.0.0")
    (tmp_path / "studio-secrets.toml").write_text('[auth]\nclient_id = "x"\n')
    check_host("0.0.0.0")
    (tmp_path / "studio-secrets.toml").unlink()
    monkeypatch.setenv("COUNTERFACE_STUDIO_PASSWORD", "correct horse battery")
    check_host("192.168.0.7")
