"""Where the studio keeps its own files: ``$COUNTERFACE_HOME`` when it is set, else the user's folders."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

VARIABLE = "COUNTERFACE_HOME"
NAME = "counterface"


def home(kind: Literal["cache", "config", "data"]) -> Path:
    """The base folder for one kind of file: what can be made again, settings and keys, or what the user made."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given)
    import platformdirs

    folders = {
        "cache": platformdirs.user_cache_dir,
        "config": platformdirs.user_config_dir,
        "data": platformdirs.user_data_dir,
    }
    return Path(folders[kind](NAME, appauthor=False))
