"""Folders of private keys: made once, whole or not at all, readable by the user alone."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path


def make_key_folder(folder: Path, files: Mapping[str, str]) -> None:
    """Make a folder with these files in it, name to text, each 0600.

    Two processes that come first together end with the same folder: each makes its own aside, and only one rename can
    succeed; the other's files are as good.

    Raises:
        OSError: the folder cannot be made.
    """
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # only the user may enter it
    try:
        for name, text in files.items():
            with os.fdopen(os.open(aside / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
        try:
            aside.rename(folder)
        except OSError as error:
            there = all((folder / name).exists() for name in files)
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES) or not there:
                raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
