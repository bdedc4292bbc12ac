"""The dashboard's page: a whole workspace, a partial one, a broken one, none. Never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from datasets.workspace import Workspace
from ui.services.workspaces import ENVIRONMENT

LONGEST = 60
# Beside a folder called "pages" the test runner forgets on a rerun that st.navigation chose the page; the server, which
# starts ui/app.py itself in test_browser.py, does not.
SCRIPT = "from ui.app import main\nmain()\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Path | None], AppTest]:
    def start(root: Path | None) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["app.py"])
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv(ENVIRONMENT, "" if root is None else str(root))
        app = AppTest.from_string(SCRIPT, default_timeout=LONGEST).run()
        assert not app.exception
        return app

    return start


def commands(app: AppTest) -> str:
    return "\n".join(code.value for code in app.code)


def captions(app: AppTest) -> list[str]:
    return [caption.value for caption in app.caption]


def test_a_whole_workspace(run: Callable[[Path | None], AppTest], made_workspace: Workspace) -> None:
    app = run(made_workspace.root)
    assert "clearly tells this swap from its original" in app.title[0].value
    assert [m.label for m in app.metric] == ["Swap", "Original", "Detectability", "95 % interval"]
    assert app.code.len == 0 and app.info.len == 0 and app.warning.len == 0
    assert len(app.tabs) == 5
    text = "\n".join(m.value for m in app.markdown)
    assert "nothing found does not mean authentic" in text and "Invisible watermark" in text
    # So small a clip holds the pattern for sure, and its id only with luck.
    assert "A pattern in every frame that survives re-encoding. It was found." in text.replace("\\", "")


def test_the_slider_moves_through_the_clip(run: Callable[[Path | None], AppTest], made_workspace: Workspace) -> None:
    app = run(made_workspace.root)
    slider = app.slider[0]
    assert (slider.min, slider.max) == (0, 39)
    app.slider[0].set_value(25).run()
    assert not app.exception and "1.00 s" in captions(app)
    app.slider[0].set_value(2).run()
    assert not app.exception and "0.08 s · this frame was not scored" in captions(app)
    app.toggle[0].set_value(True).run()
    assert not app.exception


def test_no_workspace_named(run: Callable[[Path | None], AppTest]) -> None:
    app = run(None)
    assert app.title[0].value == "Counterface studio" and "counterface demo" in commands(app)


def test_the_folder_can_be_typed(run: Callable[[Path | None], AppTest], made_workspace: Workspace) -> None:
    app = run(None)
    app.text_input(key="folder").set_value(str(made_workspace.root)).run()
    assert not app.exception and "clearly tells" in app.title[0].value


def test_a_folder_that_is_not_there_and_one_that_is_no_workspace(
    run: Callable[[Path | None], AppTest], tmp_path: Path
) -> None:
    for root in (tmp_path / "nowhere", tmp_path):
        app = run(root)
        assert app.warning.len == 1 and "counterface new" in commands(app)


@pytest.mark.parametrize(
    ("without", "command"),
    [
        (("data_src/aligned", "model", "result", "detector"), "counterface extract"),
        (("model", "result", "detector"), "counterface train"),
        (("result", "detector"), "counterface merge"),
        (("result/detectability.json", "result/heatmaps.npz"), "counterface detectability"),
    ],
)
def test_a_partial_workspace_says_what_is_missing_and_the_command(
    run: Callable[[Path | None], AppTest],
    own_workspace: Callable[..., Workspace],
    without: tuple[str, ...],
    command: str,
) -> None:
    app = run(own_workspace(*without).root)
    assert command in app.code[0].value and app.info[0].value.endswith(".")


@pytest.mark.parametrize("name", ["result.json", "detectability.json", "heatmaps.npz", "result.mp4", "result_mask.mkv"])
def test_a_broken_file_is_a_sentence(
    run: Callable[[Path | None], AppTest], own_workspace: Callable[..., Workspace], name: str
) -> None:
    workspace = own_workspace()
    (workspace.result / name).write_bytes(b'{"broken')
    app = run(workspace.root)
    assert app.info.len + app.warning.len >= 1


def test_broken_settings_are_a_sentence(
    run: Callable[[Path | None], AppTest], own_workspace: Callable[..., Workspace]
) -> None:
    workspace = own_workspace()
    (workspace.root / "workspace.toml").write_text("seed = = 3")
    assert "cannot be read" in run(workspace.root).warning[0].value
