"""Side by side: a whole workspace, a partial one, a broken one, none. Never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from datasets.workspace import Workspace
from ui.services import workspaces
from ui.services.workspaces import ENVIRONMENT

LONGEST = 60
SCRIPT = "from ui.pages import side_by_side\nside_by_side.render()\n"


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


def test_a_whole_workspace(run: Callable[[Path | None], AppTest], made_workspace: Workspace) -> None:
    app = run(made_workspace.root)
    assert "clearly tells this swap from its original" in app.title[0].value
    assert [m.label for m in app.metric] == ["Swap", "Original", "Detectability", "95 % interval"]
    assert app.code.len == 0 and app.info.len == 0 and app.warning.len == 0
    assert [tab.label for tab in app.tabs][:2] == ["Before and after", "Cues"] and len(app.tabs) == 7


def test_every_tab_draws(run: Callable[[Path | None], AppTest], made_workspace: Workspace) -> None:
    held = workspaces.opened(made_workspace.root)
    for draw, said in (
        ("_means", "nothing found does not mean authentic"),
        # So small a clip holds the pattern for sure, and its id only with luck.
        ("_marks", "A pattern in every frame that survives re-encoding. It was found."),
        ("_limits", "loses the Content Credentials"),
        ("_made", "frames were swapped"),
    ):
        app = AppTest.from_string(
            f"from pathlib import Path\nfrom ui.pages import side_by_side as page\nfrom ui.services import workspaces\n"
            f"page.{draw}(workspaces.opened(Path({str(held.results.workspace.root)!r})))\n",
            default_timeout=LONGEST,
        ).run()
        assert not app.exception and said in "\n".join(m.value for m in app.markdown).replace("\\", ""), draw


def test_the_moment_moves_through_the_clip(run: Callable[[Path | None], AppTest], made_workspace: Workspace) -> None:
    app = run(made_workspace.root)
    start = app.session_state["pair-at"]
    assert 0 <= start < 40
    app.session_state["pair-at"] = 2
    app.run()
    assert not app.exception and app.session_state["pair-at"] == 2


def test_no_workspace_yet(run: Callable[[Path | None], AppTest]) -> None:
    app = run(None)
    assert app.title[0].value == "Side by side" and not app.warning


def test_the_folder_can_be_typed(
    run: Callable[[Path | None], AppTest], own_workspace: Callable[..., Workspace]
) -> None:
    root = own_workspace().root
    app = run(None)
    app.sidebar.text_input(key="folder").set_value(str(root)).run()
    assert not app.exception and "clearly tells" in app.title[0].value


def test_a_folder_that_is_not_there_and_one_that_is_no_workspace(
    run: Callable[[Path | None], AppTest], tmp_path: Path
) -> None:
    for root in (tmp_path / "nowhere", tmp_path):
        app = run(root)
        said = app.warning[0].value.replace("\\", "")
        assert app.warning.len == 1 and ("There is no" in said or "is not a workspace" in said)


def test_a_folder_elsewhere_is_not_read(run: Callable[[Path | None], AppTest]) -> None:
    app = run(None)
    app.sidebar.text_input(key="folder").set_value("/etc").run()
    assert not app.exception and "outside the folders" in app.warning[0].value


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


def test_what_was_imported_is_out_of_the_garbage_collectors_sight_and_once_only() -> None:
    import gc

    from ui import app

    app.settle()
    frozen = gc.get_freeze_count()
    assert frozen > 0
    held = [[number] for number in range(1000)]
    app.settle()
    assert gc.get_freeze_count() <= frozen, "nothing was imported since"
    del held
    gc.unfreeze()
