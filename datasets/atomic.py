"""Writing so that a kill at any moment leaves either the old file or the new one, never half of one."""

from __future__ import annotations

import errno
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
    if error.errno == errno.EFBIG:
        return InputError(f"{path} would be larger than this disk or this user's limit allows; write to another disk.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(f"{path} cannot be written: permission denied.")
    return None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside ``path`` (file or folder) and rename it to ``path`` when the block ends well.

    The suffix is kept, so that writers which look at it work. On any error the temporary is removed and
    ``path`` is as it was. A full disk and a missing permission become an InputError.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove(temporary)
        yield temporary
        if path.is_dir() and temporary.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        said = disk_error(error, path)
        if said is None:
            raise
        raise said from error
    finally:
        remove(temporary)


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
