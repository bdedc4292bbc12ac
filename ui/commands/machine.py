"""Commands about this machine: weights, doctor, studio."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer

from datasets.errors import InputError
from ui.commands.options import Quiet
from ui.console import Console

weights_app = typer.Typer(help="Weights that can be downloaded.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command()(doctor)
    app.command()(studio)
    weights_app.command("list")(weights_list)
    weights_app.command("fetch")(weights_fetch)
    app.add_typer(weights_app, name="weights")


def weights_list() -> None:
    """What can be downloaded, from where, how large, under which licence."""
    from datasets.weights import TABLE, local

    for weights in TABLE.values():
        here = local(weights.name)
        print(f"{weights.name}: {weights.use}")
        print(f"  {weights.address}")
        known = weights.sha256 if weights.whole_hash else f"begins with {weights.sha256} (all that its authors publish)"
        print(f"  {weights.megabytes} MB, {weights.licence}, sha256 {known}")
        print(f"  here: {here}" if here else f"  not here; fetch it with: counterface weights fetch {weights.name}")


def weights_fetch(name: Annotated[str, typer.Argument(show_default=False)], quiet: Quiet = False) -> None:
    """Download weights into the studio's cache, and check their hash."""
    from datasets.weights import ensure

    with Console(quiet) as console:
        file = ensure(name, progress=console)
    print(file)


def doctor() -> int:
    """What this machine can do and what is missing. Exit code 2 when the main job would not work."""
    from datasets.home import home

    wrong = 0
    print(f"Python {sys.version.split()[0]}")
    for name, why in (
        ("torch", "models"),
        ("timm", "detectors"),
        ("cv2", "pictures"),
        ("av", "video"),
        ("mediapipe", "faces"),
        ("c2pa", "Content Credentials"),
        ("pyarrow", "face sets"),
        ("streamlit", "the dashboard"),
    ):
        try:
            module = __import__(name)
            print(f"{name} {getattr(module, '__version__', '')} ({why})")
        except ImportError as error:
            wrong += 1
            print(f"{name}: MISSING ({why}): {error}")
    if not wrong:
        _devices()
        wrong += _encoder()
    _weights()
    wrong += _marks()
    for kind in ("config", "cache", "data"):
        folder = home(kind)  # type: ignore[arg-type]
        print(f"{kind} folder: {folder}")
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    print(f"free disk here: {free:.1f} GiB" + ("" if free > 2 else " (low: a workspace needs room for its clips)"))
    print("All that the main job needs is here." if not wrong else "The main job will not work: see above.")
    return 2 if wrong else 0


def _devices() -> None:
    from datasets.device import pick_device, thread_count, usable_cores

    print(f"models run on: {pick_device()} ({usable_cores()} usable cores, {thread_count()} threads)")


def _encoder() -> int:
    import av

    try:
        av.Codec("libx264", "w")
    except ValueError:
        print("libx264: MISSING (writing video)")
        return 1
    print("libx264 (writing video)")
    return 0


def _marks() -> int:
    """What outputs are signed and marked with; nothing is made here."""
    from datasets.errors import Refused
    from datasets.provenance.identity import existing_root
    from datasets.provenance.payload import existing_mark_key
    from datasets.provenance.records import table_path
    from datasets.provenance.signers import check_reachable, studio_signer
    from datasets.provenance.signersettings import settings_file, signer_settings

    try:
        settings = signer_settings()
        own = not (settings.certificate or settings.key or settings.command or settings.algorithm)
        if own and not existing_root():
            name = "this machine's own key, made on first use"
        else:
            signer = studio_signer(settings)
            check_reachable(signer)
            name = signer.name
        print(f"outputs are signed with: {name}" + (f" (another can be set in {settings_file()})" if own else ""))
        if settings.time_stamp:
            print(f"time stamps come from: {settings.time_stamp}")
        key = "this machine's key" if existing_mark_key() else "a key made on first use"
        print(f"the watermark's ids are written with {key}; what they stand for: {table_path()}")
    except (InputError, Refused) as error:
        print(f"outputs can't be marked: {error}")
        return 1
    return 0


def _weights() -> None:
    from datasets.weights import TABLE, local

    for weights in TABLE.values():
        try:
            state = "here" if local(weights.name) else f"not here (only for {weights.use})"
        except InputError as error:
            state = str(error)
        print(f"weights {weights.name}: {state}")


def studio(
    workspace: Annotated[Path | None, typer.Argument(help="The workspace to open.", show_default=False)] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="TCP port.")] = 8501,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; another than 127.0.0.1 needs a password or OIDC.")
    ] = "127.0.0.1",
) -> int:
    """The dashboard, on 127.0.0.1, with the worker that runs its jobs."""
    from datasets.workspace import open_workspace
    from ui.services.server import check_host, loopback, serve

    if workspace is not None:
        open_workspace(workspace)
    check_host(host)
    _free(host, port)
    if not loopback(host):
        print(f"Others reach the studio on {host}: put a proxy with TLS before it, or passwords travel in clear.")
    print(f"The studio is at http://{host}:{port} (Ctrl-C ends it)", flush=True)
    return serve(workspace, port, host)


def _free(host: str, port: int) -> None:
    import errno
    import socket

    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise InputError(f"Port {port} is taken; choose another one with --port.") from error
        raise InputError(f"This machine has no address {host} to listen on.") from error
