"""The command line that starts the dashboard's server."""

from __future__ import annotations

import sys
from pathlib import Path

ADDRESS = "127.0.0.1"
PORT = 8501
APP = Path(__file__).resolve().parents[1] / "app.py"
OPTIONS = {
    "server.address": ADDRESS,
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "browser.serverAddress": ADDRESS,
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    # Named for each scheme, so that the page still follows the one that the user's machine asks for.
    "theme.light.primaryColor": "#c2410c",
    "theme.dark.primaryColor": "#f0763a",
    "theme.baseRadius": "10px",
    "theme.font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
}


def command(workspace: Path | None, port: int = PORT) -> list[str]:
    """The arguments of the process that serves the dashboard on this machine only.

    Args:
        workspace: the one to open, or None to let the user choose.
        port: TCP port on 127.0.0.1.
    """
    line = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}"]
    line += [f"--{name}={value}" for name, value in OPTIONS.items()]
    return line + (["--", str(Path(workspace).resolve())] if workspace is not None else [])
