"""The sample's swap: made by ``counterface demo``, and by the dashboard on its first start."""

from __future__ import annotations

from pathlib import Path

from datasets.errors import CounterfaceError, InputError
from datasets.provenance.consent import Consent
from datasets.workspace import SETTINGS, Workspace, create, open_workspace, refuse_root
from synth.method import Budget
from ui import jobs
from ui.console import Console
from ui.jobs import Job
from ui.settings import studio_home

METHOD = "quick96"
KIND = "sample"
TITLE = "Make the sample's swap"


def make_sample(root: Path, budget: Budget, device: str, console: Console, force: bool = False) -> Path:
    """The whole loop on the shipped sample, in a workspace; returns its report. Run again, it goes on.

    Raises:
        InputError: the folder holds something else.
    """
    from datasets.samples import sample_clips
    from ui.services.loop import whole_loop

    going_on = (root / SETTINGS).is_file() and not force
    if not going_on:
        refuse_root(root, force)
    source, destination = sample_clips(progress=console)
    if going_on:
        workspace = open_workspace(root)
        same_clips(workspace, source, destination)
    else:
        workspace = create(root, source, destination, sample_consent(), force=force)
    return whole_loop(workspace, METHOD, budget, device, console)


def sample_consent() -> tuple[Consent, Consent]:
    """The records of the two public-domain portraits."""
    from datasets.samples import CREDITS
    from datasets.samples.clips import RECORDED, citation

    source, destination = CREDITS["hopper"], CREDITS["astronaut"]
    return (
        Consent("source", "public-domain", source.person, citation(source), RECORDED),
        Consent("destination", "public-domain", destination.person, citation(destination), RECORDED),
    )


def same_clips(workspace: Workspace, source: Path, destination: Path) -> None:
    """Raise InputError when a workspace was made from other clips than these."""
    from datasets.footage import check, footage_hash, gather
    from datasets.video import probe
    from datasets.workspace import sha256

    check([source])
    probe(destination)
    for role, files in (("source", gather([source])), ("destination", (destination,))):
        known = workspace.settings.get("clips", {}).get(role, {})
        if known.get("sha256") != footage_hash([sha256(file) for file in files]):
            raise InputError(
                f"{workspace.root} was made from another {role} ({known.get('name', 'unknown')}); "
                "choose another workspace."
            )


def sample_root() -> Path:
    """Where the dashboard's sample is: ``demo`` of the folder it was started in, if finished, else the studio's own."""
    near = Path.cwd() / "demo"
    return near if finished(near) else studio_home() / "workspaces" / "sample"


def finished(root: Path) -> bool:
    """Whether a workspace holds a swap that was scored against its original."""
    names = ("result.mp4", "result.json", "detectability.json")
    return (root / SETTINGS).is_file() and all((root / "result" / name).is_file() for name in names)


def sample_job() -> Job | None:
    """The job that makes the sample, queued on the first call; None where the sample is there.

    One that failed or was stopped is not queued again by itself.
    """
    if finished(sample_root()):
        return None
    known = jobs.listing(KIND, limit=1)
    if known:
        return known[0]
    try:
        (studio_home() / "sample-queued").touch(exist_ok=False)  # once, whoever asks at the same time
    except FileExistsError:
        return None
    return jobs.read(jobs.submit(KIND, {}, title=TITLE))


def sample_workspace() -> Workspace | None:
    """The sample's workspace when it is finished."""
    root = sample_root()
    try:
        return open_workspace(root) if finished(root) else None
    except CounterfaceError:
        return None


def sample_pair() -> tuple[Path, Path] | None:
    """The sample's two clips, source and destination, where they are made already."""
    from datasets.samples import sample_folder

    source, destination = (sample_folder() / f"{name}.mp4" for name in ("hopper", "astronaut"))
    return (source, destination) if source.is_file() and destination.is_file() else None
