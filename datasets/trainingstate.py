"""The state of a training on disk, and its backups: safetensors with a JSON header, nothing pickled.

::

    training.safetensors                  what the next run goes on from
    backups/step-001200.safetensors       older states, the newest few
    backups/abandoned-002400.safetensors  later ones than the backup that was gone back to; they can be restored too
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import remove, replacing
from datasets.errors import InputError

if TYPE_CHECKING:
    import torch

STATE, BACKUPS = "training.safetensors", "backups"
HEADER = "run"
LAST = "last"
MOST_ABANDONED = 3


def write_state(file: Path, header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a state, whole or not at all; ``header`` is JSON values and gets a checksum."""
    from safetensors.torch import save

    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    whole = dict(header) | {"checksum": _checksum(header, held)}
    blob = save(held, {HEADER: json.dumps(whole, ensure_ascii=False)})
    with replacing(Path(file)) as temporary:
        temporary.write_bytes(blob)


def read_state(file: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors of a state.

    Raises:
        InputError: it is missing, cut short, altered, or no state of a training. The sentence says what is left to go
            on from.
    """
    try:
        return _read(Path(file))
    except InputError as error:
        raise InputError(f"{error} {advice(Path(file))}") from error


def backup_file(folder: Path, step: int) -> Path:
    """Where the backup of a step is kept."""
    return Path(folder) / BACKUPS / f"step-{step:06d}.safetensors"


def step_on_disk(folder: Path) -> int | None:
    """The step of a folder's state, from its header alone; None where there is none that can be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(Path(folder) / STATE), framework="pt") as opened:
            return int(json.loads((opened.metadata() or {})[HEADER])["step"])
    except (SafetensorError, OSError, ValueError, TypeError, KeyError):
        return None


def backups(folder: Path) -> dict[int, Path]:
    """The backups of a model's folder by step, oldest first, whether good or not."""
    return _numbered(folder, "step-")


def abandoned(folder: Path) -> dict[int, Path]:
    """The backups, by step, that a return to an earlier one left behind."""
    return _numbered(folder, "abandoned-")


def _numbered(folder: Path, before: str) -> dict[int, Path]:
    found = {}
    for file in (Path(folder) / BACKUPS).glob(f"{before}*.safetensors"):
        number = file.stem.removeprefix(before)
        if number.isdigit():
            found[int(number)] = file
    return dict(sorted(found.items()))


def back_up(folder: Path, step: int, keep: int) -> None:
    """Copy the state as it is on disk to the backups, then drop the oldest beyond ``keep``.

    Raises:
        InputError: no room on the disk; the state and the older backups stay.
    """
    import shutil

    if keep < 1:
        return
    with replacing(backup_file(folder, step)) as temporary:
        shutil.copyfile(Path(folder) / STATE, temporary)
    others = [known for known in backups(folder) if known != step]
    for old in others[: max(0, len(others) + 1 - keep)]:
        remove(backup_file(folder, old))


def newest_good(folder: Path, beside: Path | None = None) -> int | None:
    """The step of the newest backup that can be read, other than the file ``beside``; None when there is none."""
    for step, file in reversed(backups(folder).items()):
        if beside is None or file != Path(beside):
            try:
                _read(file)
            except InputError:
                continue
            return step
    return None


def advice(file: Path) -> str:
    """What is left to go on from when a file of a model's folder is damaged: one sentence."""
    folder = Path(file).parent
    if folder.name == BACKUPS:
        folder = folder.parent
    step = newest_good(folder, Path(file))
    if step is not None:
        return (
            f"Its newest good backup is that of step {step}: go on from it with "
            f"counterface train WORKSPACE --restore {step}"
        )
    return f"There is no good backup of it; remove {folder} to train anew, or give train --force."


def restore(folder: Path, which: str) -> int:
    """Put a backup in the place of the state; returns its step.

    A good state that has no backup yet is kept as one, a damaged one as ``*.damaged``. Backups of later steps are put
    out of the rotation's way, a few of them kept.

    Args:
        which: a step that there is a backup of, abandoned ones too, or ``last`` for the newest good one of the others.

    Raises:
        InputError: there is no such backup, or it is damaged; nothing was changed.
    """
    import shutil

    folder = Path(folder)
    known = dict(sorted((abandoned(folder) | backups(folder)).items()))
    said = f"there are: {', '.join(str(step) for step in known)}" if known else "there is none yet"
    if which == LAST:
        step = newest_good(folder)
        if step is None:
            raise InputError(f"{folder / BACKUPS} holds no backup that can be read.")
    elif which.isdigit() and int(which) in known:
        step = int(which)
    else:
        raise InputError(f"{folder} has no backup of step {which!r} ({said}); --restore takes a step, or last.")
    read_state(known[step])
    _put_aside(folder)
    with replacing(folder / STATE) as temporary:
        shutil.copyfile(known[step], temporary)
    _abandon(folder, step)
    return step


def _abandon(folder: Path, step: int) -> None:
    """Take the backups of later steps out of the rotation, which would keep them for ever; drop the oldest."""
    later = [file for known, file in backups(folder).items() if known > step]
    for file in later:
        file.replace(file.with_name(file.name.replace("step-", "abandoned-", 1)))
    by_time = sorted(abandoned(folder).values(), key=lambda file: file.stat().st_mtime_ns)
    for old in by_time[: max(0, len(by_time) - max(MOST_ABANDONED, len(later)))]:
        remove(old)


def _put_aside(folder: Path) -> None:
    """Keep the state that a restored one is about to replace."""
    file = folder / STATE
    if not file.is_file():
        return
    try:
        step = int(_read(file)[0]["step"])
    except InputError:
        file.replace(file.with_suffix(".damaged"))
        return
    if step not in backups(folder):
        back_up(folder, step, len(backups(folder)) + 1)


def _read(file: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Header and tensors. Raises InputError that says only what is wrong."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(file), framework="pt") as opened:
            header = json.loads((opened.metadata() or {})[HEADER])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no iteration)
        checksum = header.pop("checksum")
        int(header["step"]), float(header["seconds"]), dict(header["identity"])
    except KeyError as error:
        raise InputError(f"{file} is damaged: it is no state of a training.") from error
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise InputError(f"{file} is damaged and cannot be read.") from error
    if checksum != _checksum(header, tensors):
        raise InputError(f"{file} is damaged: its checksum differs.")
    return header, tensors


def _checksum(header: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> int:
    """CRC-32 over the header and the bytes of all tensors, in the order of their names."""
    import torch

    value = zlib.crc32(json.dumps(header, sort_keys=True).encode())
    for name in sorted(tensors):
        flat = tensors[name].reshape(-1)
        kind = f"{name} {tensors[name].dtype} {list(tensors[name].shape)}"
        value = zlib.crc32(kind.encode(), value)
        value = zlib.crc32(flat.view(torch.uint8).numpy().data if flat.numel() else b"", value)
    return value
