"""The dashboard's services: what they open, what they keep, and that every synthetic picture leaves marked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.errors import InputError, Refused
from datasets.provenance.verify import verify
from datasets.workspace import Workspace
from ui.services import workspaces
from ui.services.server import APP, command


def decoded(content: bytes | None) -> np.ndarray:
    assert content is not None
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image


def test_a_workspace_is_read_once_until_a_file_changes(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    first = workspaces.opened(workspace.root)
    assert workspaces.opened(workspace.root) is first
    file = workspace.result / "detectability.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"fake": 0.25}))
    again = workspaces.opened(workspace.root)
    assert again is not first and again.results.scores is not None and again.results.scores.fake == 0.25


def test_the_four_pictures_have_one_size_and_the_synthetic_ones_their_marks(
    made_workspace: Workspace, tmp_path: Path
) -> None:
    held = workspaces.opened(made_workspace.root)
    assert held.ready and len(held.times) == 40 and held.missing == ()
    shown = workspaces.pictures(held, 30)
    parts = {"original": shown.original, "swap": shown.swap, "heat": shown.heat, "mask": shown.mask}
    assert len({decoded(content).shape for content in parts.values()}) == 1
    for name, content in parts.items():
        assert content is not None
        (tmp_path / f"{name}.jpg").write_bytes(content)
        found = verify(tmp_path / f"{name}.jpg")
        synthetic = name in ("swap", "heat")
        assert (found.credentials.state == "trusted") == synthetic, name
        assert found.badge.found == synthetic, name
    assert shown.replaced is not None and 0.02 < shown.replaced < 0.4
    assert shown.scores is not None and shown.time == pytest.approx(30 / 25)


def test_the_outline_follows_the_mask(made_workspace: Workspace) -> None:
    shown = workspaces.pictures(workspaces.opened(made_workspace.root), 30)
    assert shown.outline is not None
    drawn = cv2.imdecode(np.frombuffer(shown.outline, np.uint8), cv2.IMREAD_UNCHANGED)[..., 3] > 0
    mask = decoded(shown.mask)[..., 0]
    near = cv2.dilate(((mask > 40) & (mask < 215)).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    assert drawn.shape == mask.shape and drawn.sum() > 100 and (drawn & ~near).sum() == 0


def test_frames_before_the_scored_part_have_no_heat(made_workspace: Workspace) -> None:
    shown = workspaces.pictures(workspaces.opened(made_workspace.root), 2)
    assert shown.heat is None and shown.scores is None


def test_no_such_folder_and_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no folder"):
        workspaces.opened(tmp_path / "nowhere")
    with pytest.raises(InputError, match="not a workspace"):
        workspaces.opened(tmp_path)


def test_a_damaged_swap_is_said_and_not_raised(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    (workspace.result / "result.mp4").write_bytes(b"no video at all")
    held = workspaces.opened(workspace.root)
    assert not held.ready and held.missing[-1].part == "result" and "merge" in held.missing[-1].command


def test_no_picture_of_a_swap_whose_consent_has_run_out(own_workspace: Callable[..., Workspace]) -> None:
    workspace = own_workspace()
    file = workspace.root / "workspace.toml"
    file.write_text(file.read_text().replace('date = "2026-01-01"', 'date = "2020-01-01"\nexpires = "2020-02-01"'))
    with pytest.raises(Refused):
        workspaces.pictures(workspaces.opened(workspace.root), 30)


def test_workspaces_are_found_latest_first(made_workspace: Workspace) -> None:
    assert workspaces.found(made_workspace.root) == [made_workspace.root]
    assert workspaces.found(made_workspace.root.parent) == [made_workspace.root]


def test_the_workspace_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workspaces.ENVIRONMENT, raising=False)
    assert workspaces.wanted([]) == "" and workspaces.wanted(["--x", "a/b"]) == "a/b"
    monkeypatch.setenv(workspaces.ENVIRONMENT, "named")
    assert workspaces.wanted(["a/b"]) == "named"


def test_the_server_is_for_this_machine_only_and_tells_no_one() -> None:
    line = command(Path("some/workspace"), 8765)
    assert line[:5] == [sys.executable, "-m", "streamlit", "run", str(APP)] and APP.is_file()
    assert "--server.address=127.0.0.1" in line and "--server.port=8765" in line
    assert "--browser.gatherUsageStats=false" in line and "--server.headless=true" in line
    assert "--server.enableXsrfProtection=true" in line and "--server.maxUploadSize=2000" in line
    # A page of elsewhere whose name is made to lead here is turned away.
    assert "--server.allowedHosts=127.0.0.1" in line
    assert line[-2] == "--" and Path(line[-1]).is_absolute()
    assert "--" not in command(None)
