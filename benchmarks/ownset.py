"""Swaps of the studio's own, to try a detector on: workspaces with a result and its mask, one a pair and method.

Everything goes through the studio's public steps: workspace, extract, train, merge; so consent is asked and results are
marked as ever. What is there already is left alone, and a step that was stopped goes on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmarks.clips import cut
from datasets.errors import CounterfaceError, InputError
from datasets.progress import Progress, silent
from datasets.workspace import Role, Workspace, create, open_workspace

RESULT_FILES = ("result.mp4", "result_mask.mkv", "result.json")
ROLES: tuple[Role, Role] = ("source", "destination")


def is_done(root: Path) -> bool:
    """Whether the workspace holds a whole result."""
    return all((root / "result" / name).is_file() for name in RESULT_FILES)


def shortened(clip: Path, seconds: float, folder: Path) -> Path:
    """The first seconds of a clip under its own name in ``folder``, no pixel changed; made once."""
    output = folder / f"{clip.stem}.mp4"
    if not output.is_file():
        from datasets.atomic import replacing

        with replacing(output) as temporary:
            cut(clip, seconds, temporary)
    return output


def swap_pair(
    folder: Path,
    source: Path,
    destination: Path,
    method: str,
    consent: str,
    seconds: float,
    minutes: float | None,
    progress: Progress = silent,
) -> Path:
    """Make one swap of two clips with a method; returns its workspace.

    Args:
        consent: a basis, or the path of a file of records.
        minutes: how long a method that trains may do so.

    Raises:
        Refused: consent is missing. InputError: the method trains and no minutes are given, or a step can't be done.
    """
    from synth.method import Budget, method_class
    from synth.pipeline import train

    root = folder / f"{source.stem}-{destination.stem}-{method}"
    if is_done(root):
        return root
    if method_class(method).trains and not minutes:
        raise InputError(f"{method} has to be trained: say for how long with --minutes, or give a --trained workspace.")
    workspace = _opened(root, source, destination, consent, seconds, folder)
    _faces(workspace, folder, progress)
    if method not in workspace.models():
        train(workspace, method, Budget(minutes=minutes) if minutes else Budget(steps=1), progress=progress)
    _merge(workspace, method, progress)
    return root


def swap_trained(folder: Path, trained: Path, consent: str, seconds: float, progress: Progress = silent) -> list[Path]:
    """Merge each trained model of a workspace onto the first seconds of its destination; returns the new workspaces.

    The workspace itself is only read. Raises InputError when it holds no trained model, Refused without consent.
    """
    held = open_workspace(trained)
    if not held.models():
        raise InputError(f"{trained} has no trained model.")
    source, destination = ((held.clip(role), Path(held.names(role)[0]).stem) for role in ROLES)
    roots = []
    for method in held.models():
        root = folder / f"{source[1]}-{destination[1]}-{method}"
        roots.append(root)
        if is_done(root):
            continue
        with tempfile.TemporaryDirectory() as scratch:
            # The workspace is to name the people, and its own copies are called data_src and data_dst.
            named = [Path(scratch) / f"{stem}.mp4" for _, stem in (source, destination)]
            for (clip, _), path in zip((source, destination), named, strict=True):
                shutil.copyfile(clip, path)
            workspace = _opened(root, named[0], named[1], consent, seconds, folder, whole_source=True)
        if not workspace.faces("source").is_dir():
            _copy(held.faces("source"), workspace.faces("source"))
        _faces(workspace, folder, progress)
        if method not in workspace.models():
            _copy(held.model(method), workspace.model(method))
        _merge(workspace, method, progress)
    return roots


def _opened(
    root: Path, source: Path, destination: Path, consent: str, seconds: float, folder: Path, whole_source: bool = False
) -> Workspace:
    from datasets.provenance.consent import from_option

    if (root / "workspace.toml").is_file():
        return open_workspace(root)
    clips = folder / f".clips-{seconds:g}s"
    first = source if whole_source else shortened(source, seconds, clips)
    records = from_option(consent, source.name, destination.name)
    return create(root, first, shortened(destination, seconds, clips), records)


def _faces(workspace: Workspace, folder: Path, progress: Progress) -> None:
    """The face sets that are missing; a set that another workspace of the folder has of the same clip is copied."""
    from datasets.extract import extract

    for role in ROLES:
        mine = workspace.faces(role)
        if mine.is_dir():
            continue
        wanted = workspace.settings["clips"][role]["sha256"]
        for other, theirs in _neighbours(folder, workspace.root):
            if other == wanted and theirs.is_dir():
                _copy(theirs, mine)
                break
        else:
            extract(workspace.clip(role), mine, progress=progress)


def _copy(folder: Path, to: Path) -> None:
    from datasets.atomic import replacing

    with replacing(to) as temporary:
        shutil.copytree(folder, temporary)


def _neighbours(folder: Path, root: Path) -> list[tuple[str, Path]]:
    found = []
    for file in sorted(folder.glob("*/workspace.toml")):
        if file.parent.resolve() != root.resolve() and not file.parent.name.startswith("."):
            other = open_workspace(file.parent)
            found += [(str(other.settings["clips"][role]["sha256"]), other.faces(role)) for role in ROLES]
    return found


def _merge(workspace: Workspace, method: str, progress: Progress) -> None:
    from evaluate.loop import write_result
    from synth.composite.compositor import for_method
    from synth.pipeline import merge

    settings = for_method(method)
    # A result without its record is of a run that was stopped in between.
    report = merge(workspace, method, settings, force=True, progress=progress)
    write_result(workspace, method, settings, report)


def make_set(
    folder: Path,
    pairs: Sequence[tuple[Path, Path]],
    methods: Sequence[str],
    trained: Sequence[Path],
    consent: str,
    seconds: float,
    minutes: float | None = None,
    progress: Progress = silent,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Make every swap; one that can't be made is said and left out.

    Raises:
        Refused: consent is missing. InputError: it can't be understood. Interrupted: Ctrl-C; the same call goes on.
    """
    from datasets.errors import Interrupted, Refused
    from datasets.provenance.consent import from_option

    from_option(consent, "source", "destination")
    made: list[Path] = []
    folder.mkdir(parents=True, exist_ok=True)
    work: list[tuple[str, Callable[[], list[Path]]]] = []
    for source, destination in pairs:
        for method in methods:
            one = partial(swap_pair, folder, source, destination, method, consent, seconds, minutes, progress)
            work.append((f"{source.stem} on {destination.stem}, {method}", lambda one=one: [one()]))  # type: ignore[misc]
    work += [(str(root), partial(swap_trained, folder, root, consent, seconds, progress)) for root in trained]
    for name, make in work:
        try:
            roots = make()
        except (Interrupted, Refused):
            raise
        except CounterfaceError as error:
            say(f"{name}: left out: {error}")
            continue
        made += roots
        say(f"{name}: {', '.join(root.name for root in roots)}")
    return made
