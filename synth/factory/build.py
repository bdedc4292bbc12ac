"""Building a labelled data set: look at what is there, do what is missing, write the manifest."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from datasets.atomic import remove, write_json, write_text
from datasets.errors import InputError, Interrupted, Refused
from datasets.interrupt import StopRequested
from datasets.manifest import is_dataset, read_index
from datasets.progress import Progress, silent, tell
from synth.factory.assemble import assemble
from synth.factory.executors import Executor, make_executor
from synth.factory.plan import WORK, Footage, Plan, Unit, footage_name, needed, planned
from synth.factory.recipe import Recipe, read_recipe
from synth.factory.units import Site, is_done

STARTED, RECIPE, LOCK = "build.json", "recipe.toml", "lock"
DISK_SHARE = 0.95  # of the free space that a plan may fill


@dataclass(frozen=True)
class Prepared:
    """A recipe that was read, its footage looked at, and its plan."""

    recipe: Recipe
    plan: Plan
    footage: dict[str, Path]


def prepare(recipe_file: Path, derive: bool = True) -> Prepared:
    """Read a recipe, look at its footage and plan the units; makes nothing.

    Args:
        derive: also derive the watermark ids, for which this machine's key is needed.

    Raises:
        InputError, Refused: as :func:`synth.factory.recipe.read_recipe`; also a clip that can't be read, or says
            that it is synthetic.
    """
    from datasets.provenance.derived import derived_ids

    recipe, files = read_recipe(recipe_file)
    for file in dict.fromkeys(files.values()):
        check_said(file)
    footage: dict[str, Footage] = {}
    for person in recipe.people:
        for number, clip in enumerate(person.clips):
            name = footage_name(person.name, number)
            footage[name] = _look(files[clip.file], clip.start, recipe.clips.seconds)
    plan = planned(recipe, footage)
    if derive:
        ids = derived_ids(recipe.fingerprint + json.dumps({n: f.sha256 for n, f in footage.items()}), _names(plan))
        plan = planned(recipe, footage, ids)
    return Prepared(recipe, plan, {name: held.path for name, held in footage.items()})


def _names(plan: Plan) -> list[str]:
    return [take.name for take in plan.takes]


def _look(path: Path, start: float, seconds: float | None) -> Footage:
    from datasets.video import probe, timestamps
    from datasets.workspace import sha256

    info, times = probe(path), timestamps(path)
    times = times - times[0]
    taken = int(((times >= start) & (times < (start + seconds if seconds else float("inf")))).sum())
    if not taken:
        raise InputError(f"{path} is {times[-1]:.1f} s long, and the recipe takes it from {start:g} s on.")
    return Footage(path, sha256(path), start, taken, info.width, info.height)


def check_said(path: Path) -> None:
    """Refuse footage whose Content Credentials say that it is synthetic: the set would label its faces ``real``.

    Cutting drops the Credentials, so what comes after could not tell.

    Raises:
        Refused: they say so.
    """
    from datasets.provenance.reading import read_credentials

    if read_credentials(path).synthetic:
        raise Refused(
            f"{path} says in its Content Credentials that it is synthetic, so it can't stand for a real clip; take "
            "footage from a camera."
        )


def check_unmarked(path: Path) -> None:
    """Refuse footage with the watermark of the studio's outputs; pictures are read, which takes a while.

    An original that the studio wrote for a set says in its Credentials that it is one, and is taken although marked.

    Raises:
        Refused: it is marked.
        InputError: it can't be read.
    """
    from datasets.provenance.reading import read_credentials
    from datasets.provenance.watermarkreading import read_watermark

    said = read_credentials(path)
    if not (said.by_studio and said.synthetic is False) and read_watermark(path).present:
        raise Refused(
            f"{path} carries the watermark of clips that were made or changed by this studio, so it can't stand for a "
            "real one; take the footage that it was made from."
        )


def check_room(left: list[Unit], root: Path, freed: int = 0) -> None:
    """Raise InputError when what is left to be made does not fit on the disk, where ``freed`` bytes go first."""
    there = next(folder for folder in (root, *root.resolve().parents) if folder.exists())
    free, wanted = shutil.disk_usage(there).free + freed, sum(unit.cost.bytes + unit.cost.working for unit in left)
    if wanted > DISK_SHARE * free:
        raise InputError(
            f"The plan needs about {size_words(wanted)}, and only {size_words(free)} are free at {there}; take "
            "shorter or smaller clips, fewer pairs or levels, or another disk."
        )


def size_words(count: float) -> str:
    """A number of bytes for a person."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def build(
    recipe_file: Path,
    root: Path,
    executor: str = "local",
    workers: int = 0,
    force: bool = False,
    device: str = "cpu",
    progress: Progress = silent,
) -> Path:
    """Build a data set, or go on with it; returns its folder.

    Args:
        executor: ``local`` or ``ray``. workers: at once; all usable cores when 0.
        force: replace a data set that was built from another recipe, never another folder.

    Raises:
        InputError, Refused: before anything is made, see :func:`prepare`; the folder holds something else, another
            build works in it, the disk is too small, footage is marked, or a unit can't be done.
        Interrupted: Ctrl-C; the same call goes on.
    """
    from datasets.device import usable_cores

    ready, root = prepare(recipe_file), Path(root).resolve()
    units = list(ready.plan.units.values())
    other = _is_other(root, ready, recipe_file, force)
    if not other and not (root / WORK / STARTED).is_file():
        check_room(units, root)
    # What was cut already was looked at before.
    uncut = [unit.name for unit in units if unit.kind == "footage" and (other or not is_done(unit, root))]
    for file in dict.fromkeys(ready.footage[name] for name in uncut):
        check_unmarked(file)
    with _alone(root):
        # Nothing of an older set goes before all that can be refused was, and another build can't be in it any more.
        other = _is_other(root, ready, recipe_file, force)
        done = set() if other else {unit.id for unit in units if is_done(unit, root)}
        left = needed(ready.plan, done)
        if left:
            check_room(left, root, freed=_bytes_in(root) if other else 0)
            site = Site(root, ready.footage, ready.recipe.levels, device)
            many = max(1, workers or usable_cores())
            working = make_executor(
                executor, site, workers if executor == "ray" else many, ready.recipe.resources.model_dump(), progress
            )
            try:
                _open(root, ready.recipe, recipe_file, other)
            except BaseException:
                working.close()
                raise
            _run(left, done, working, progress)
        assemble(ready.plan, root, recipe_file, progress)
    return root


def _is_other(root: Path, ready: Prepared, recipe_file: Path, force: bool) -> bool:
    """Whether the folder holds a set of another recipe, which ``force`` lets go; InputError for all it must not be."""
    if root.exists() and not root.is_dir():
        raise InputError(f"{root} is a file, and a data set is a folder; choose another name.")
    there = {path.name for path in root.iterdir()} if root.is_dir() else set()
    held = _held(root)
    # What a build that was killed before it had begun leaves is these two at most.
    if not there - {WORK, RECIPE} and held is None:
        return False
    if held is None and not is_dataset(root):
        raise InputError(f"{root} is not empty and no data set: choose another folder.")
    if held == ready.recipe.fingerprint:
        return False
    if not force:
        raise InputError(f"{root} was built from another recipe; choose another folder, or --force to replace it.")
    for file in (recipe_file, *ready.footage.values()):
        if file.resolve().is_relative_to(root):
            raise InputError(f"{root} holds {file}, from which the set is built; choose another folder with -o.")
    return True


def _open(root: Path, recipe: Recipe, recipe_file: Path, other: bool) -> None:
    """Make the folder this build's own; what it holds of another recipe is removed."""
    started = root / WORK / STARTED
    if other:
        _empty(root)
    if _started(started) != recipe.fingerprint:
        write_text(root / RECIPE, recipe_file.read_text(encoding="utf-8"))
        write_json(started, {"recipe": recipe.fingerprint, "name": recipe.name})


def _empty(root: Path) -> None:
    """Remove a data set from its folder. The lock stays, by which others see that a build is at work, and so does the
    word whose set it was, by which the folder is still known for a set when a kill leaves half of it."""
    started, lock = root / WORK / STARTED, root / WORK / LOCK
    if not started.is_file():
        write_json(started, {"recipe": _held(root)})
    for path in (*root.iterdir(), *(root / WORK).iterdir()):
        if path not in (root / WORK, started, lock):
            remove(path)


def _bytes_in(root: Path) -> int:
    return sum(path.lstat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())


def _held(root: Path) -> str | None:
    """The recipe of the set in a folder, None where there is none or it was not built from one."""
    return _started(root / WORK / STARTED) or (
        read_index(root, check=False).recipe_sha256 if is_dataset(root) else None
    )


def _started(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_text(encoding="utf-8"))["recipe"])
    except (OSError, ValueError, KeyError):
        return None


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold the folder for this process; the lock goes with the process, however it ends."""
    (root / WORK).mkdir(parents=True, exist_ok=True)
    with (root / WORK / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"Another build is working in {root}; wait for it, or choose another folder.") from error
        yield


def _run(left: list[Unit], done: set[str], executor: Executor, progress: Progress) -> None:
    """Do units as their needs come true, the costly ones first, until all are done."""
    waiting = {unit.id: unit for unit in left}
    missing = {unit.id: {need for need in unit.needs if need in waiting} for unit in left}
    total, finished, given = len(left), 0, 0
    whole = sum(unit.cost.seconds for unit in left)
    tell(progress, f"{total} units to do, {len(done)} done already; about {whole / 60:.0f} min of one core.")
    try:
        with StopRequested() as stop:
            while finished < total:
                ready = sorted((one for one in waiting if not missing[one]), key=lambda one: -waiting[one].cost.seconds)
                for one in ready:
                    if given - finished >= 2 * executor.places:
                        break
                    executor.give(waiting.pop(one))
                    given += 1
                if stop.now:
                    raise Interrupted("Stopped. The same command goes on from what is done.")
                for one in executor.finished():
                    finished += 1
                    for needs in missing.values():
                        needs.discard(one)
                    progress("building", finished, total, one)
    finally:
        executor.close()
