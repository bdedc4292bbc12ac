"""Serving the dashboard: the command line of the server, and the processes that belong together."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from datasets.errors import InputError, Refused
from datasets.home import home
from ui.settings import FILE, PREFIX, StudioSettings, studio_settings

ADDRESS = "127.0.0.1"
PORT = 8501
APP = Path(__file__).resolve().parents[1] / "served" / "studio.py"
SECRETS = "studio-secrets.toml"
PUBLIC = PREFIX + "PUBLIC"
POLL_SECONDS = 0.3
LONGEST_PAUSE = 30.0
OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.showEmailPrompt": "false",
    "server.enableXsrfProtection": "true",
    "server.enableCORS": "true",
    "server.enableStaticServing": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",
    "client.showErrorLinks": "false",
    # Named for each scheme, so that the page still follows the one that the user's machine asks for.
    "theme.light.primaryColor": "#b93c0b",
    "theme.dark.primaryColor": "#f0763a",
    "theme.light.textColor": "#1f242b",
    "theme.light.linkColor": "#1d5fa8",
    "theme.dark.linkColor": "#7db4f0",
    "theme.light.backgroundColor": "#ffffff",
    "theme.light.secondaryBackgroundColor": "#f4f2ef",
    "theme.dark.backgroundColor": "#14171c",
    "theme.dark.secondaryBackgroundColor": "#1f242b",
    "theme.baseRadius": "10px",
    "theme.font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
}


def command(workspace: Path | None, port: int = PORT, host: str = ADDRESS) -> list[str]:
    """The arguments of the process that serves the dashboard.

    Args:
        workspace: the one to open, or None to let the user choose.
        port: TCP port.
        host: the address that it listens on; on this machine only by default.
    """
    line = [sys.executable, "-m", "streamlit", "run", str(APP), f"--server.port={port}", f"--server.address={host}"]
    line += [f"--browser.serverAddress={host}", f"--server.maxUploadSize={studio_settings().upload_mb}"]
    if loopback(host):
        # A page of elsewhere whose name leads here (DNS rebinding) is turned away.
        line += [f"--server.allowedHosts={name}" for name in ("127.0.0.1", "localhost", "::1")]
    line += [f"--secrets.files={home('config') / SECRETS}"]
    line += [f"--{name}={value}" for name, value in OPTIONS.items()]
    return line + (["--", str(Path(workspace).resolve())] if workspace is not None else [])


def loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def signs_in() -> bool:
    """Whether an OpenID Connect provider is set up for ``st.login``."""
    import tomllib

    try:
        return "auth" in tomllib.loads((home("config") / SECRETS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise InputError(f"{home('config') / SECRETS} cannot be read: {error}.") from error


def check_host(host: str, settings: StudioSettings | None = None) -> None:
    """Raise Refused for an address that others reach where nobody would be asked who they are."""
    settings = settings or studio_settings()
    if loopback(host) or settings.password is not None or signs_in():
        return
    folder = home("config")
    raise Refused(
        f"On {host} others reach the studio, so it must ask who they are: set {PREFIX}PASSWORD (12 characters or more; "
        f"or `password` in {folder / FILE}), or an OpenID Connect provider under [auth] in {folder / SECRETS}."
    )


def serve(workspace: Path | None, port: int = PORT, host: str = ADDRESS) -> int:
    """Run the server and the worker until one is told to stop the studio; returns the server's exit code.

    A worker that ends by itself is started again; jobs go on from where they were. Ctrl-C and SIGTERM stop the server,
    and jobs at a point from which they go on at the next start.
    """
    settings = studio_settings()
    environment = {**os.environ, PUBLIC: "" if loopback(host) else "true"}

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    server = subprocess.Popen(command(workspace, port, host), env=environment)
    worker = start_worker(environment)
    pause, again, started = 1.0, 0.0, time.monotonic()
    try:
        while server.poll() is None:
            time.sleep(POLL_SECONDS)
            if worker.poll() is None:
                continue
            if not again:
                pause = 1.0 if time.monotonic() - started > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
                again = time.monotonic() + pause
                print(f"The worker ended (exit code {worker.returncode}); it is started again.", file=sys.stderr)
            elif time.monotonic() >= again:
                worker, again, started = start_worker(environment), 0.0, time.monotonic()
        return int(server.returncode)
    except KeyboardInterrupt:
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _end(server, worker, settings.stop_seconds)


def start_worker(environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    """The worker's process; it ends when its standard input closes, so also when this process is gone."""
    return subprocess.Popen(
        [sys.executable, "-m", "ui.jobs.worker"],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,
    )


def _end(server: subprocess.Popen[bytes], worker: subprocess.Popen[bytes], seconds: float) -> None:
    server.terminate()
    if worker.poll() is None:
        print("Jobs stop where they can go on from at the next start ...", file=sys.stderr)
        worker.send_signal(signal.SIGINT)
    # Jobs have that long, then are ended; the worker waits for them.
    for process, patience in ((server, 10.0), (worker, seconds + 20.0)):
        try:
            process.wait(patience)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            with suppress(ProcessLookupError):
                process.kill()
