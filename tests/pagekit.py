"""Drawing one page of the dashboard without a server, and jobs as a worker would leave them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from ui import jobs
from ui.jobs import store
from ui.services.workspaces import ENVIRONMENT

LONGEST = 60


def own_studio(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A studio of one test alone, in a folder; marks of the shared workspace stay with the shared keys."""
    monkeypatch.setattr(sys, "argv", ["app.py"])
    monkeypatch.chdir(folder)
    monkeypatch.setenv(ENVIRONMENT, "")
    monkeypatch.setattr("ui.settings.home", lambda kind: folder / "home")


def draw(page: str, session: dict[str, Any] | None = None, **query: str) -> AppTest:
    """A page of ``ui.pages`` after its first run."""
    app = AppTest.from_string(f"from ui.pages import {page} as page\npage.render()\n", default_timeout=LONGEST)
    for key, value in query.items():
        app.query_params[key] = value
    for key, value in (session or {}).items():
        app.session_state[key] = value
    app.run()
    assert not app.exception, app.exception
    return app


def text(app: AppTest) -> str:
    """All words of a page; of its own HTML, the markup too."""
    parts = [*app.markdown, *app.caption, *app.title, *app.header, *app.subheader, *app.error, *app.warning, *app.info]
    said = [str(part.value) for part in [*parts, *app.success]]
    said += [str(one.proto.body) for one in app.get("html")]
    return "\n".join(said).replace("\\", "")


def ended(kind: str, payload: dict[str, Any], result: dict[str, Any], state: str = "done") -> str:
    """The id of a job that is over."""
    id = jobs.submit(kind, payload, title=f"A job of the kind {kind}")
    folder = store.folder_of(id)
    store.write_state(folder, state=state, started=1.0, finished=4.0)
    (folder / "outcome.json").write_text(json.dumps({"result": result}))
    return id
