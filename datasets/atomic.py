"""Writing so that a kill at any moment leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from datasets.errors import CounterfaceError, InputError


def refuse_overwrite(path: Path, force: bool) -> None:
    """Raise InputError when ``path`` exists and ``force`` is not set."""
    if path.exists() and not force:
        raise InputError(f"{path} exists already; choose another name with -o, or --force to replace it.")


def refuse_same(output: Path, source: Path) -> None:
    """Raise InputError when an output would replace the very file it is made from; ``--force`` does not help."""
    if output.exists() and source.exists() and output.samefile(source):
        raise InputError(f"{output} is one of the inputs, which are never replaced; choose another name with -o.")


def disk_error(error: OSError, path: Path) -> CounterfaceError | None:
    """The sentence for an OSError met while writing ``path``, or None when it is of another kind."""
    if error.errno == errno.EFBIG:
        return InputError(f"{path} became larger than this disk, or a limit set for it, allows.")
    if error.errno in (errno.EISDIR, errno.ENOTEMPTY):
        return InputError(f"{path} cannot be written: a folder of that name is there.")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return InputError(f"{path} cannot be written: a part of its path is a file, not a folder.")
    if error.errno == errno.ENAMETOOLONG:
        return InputError(f"{path} cannot be written: its name is too long.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(f"No room left on the disk for {path}; free some space and run the command again.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(f"{path} cannot be written: permission denied.")
    return None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` (file or folder) and rename it to ``path`` when the block ends well.

    The suffix is kept, so that writers which look at it work. On any error the temporary is removed and ``path`` is
    as it was. A full disk and a missing permission become an InputError. What a killed process left is removed; a
    folder that it had moved aside is put back.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    aside = path.with_name(f".{path.name}.old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clean_up(path, aside)
        remove(temporary)
        yield temporary
        if path.is_dir() and temporary.is_dir():
            path.rename(aside)
        temporary.replace(path)
        remove(aside)
    except OSError as error:
        said = disk_error(error, path)
        if said is None:
            raise
        raise said from error
    finally:
        remove(temporary)


def _clean_up(path: Path, aside: Path) -> None:
    """Put right what a process that was killed while replacing ``path`` left behind."""
    if aside.exists() and not path.exists():
        aside.rename(path)
    for left in path.parent.glob(f".{glob.escape(path.stem)}.*.tmp{glob.escape(path.suffix)}"):
        number = left.name.removeprefix(f".{path.stem}.").split(".")[0]
        if number.isdigit() and int(number) != os.getpid() and not alive(int(number)):
            remove(left)


def alive(process: int) -> bool:
    """Whether a process of this number runs."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def aside(folder: Path) -> Path:
    """Where an older folder stands while a new one takes its place."""
    return folder.with_name(f".{folder.name}.old")


def remove(path: Path) -> None:
    """Remove a file or a folder if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented UTF-8 JSON, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, all or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
