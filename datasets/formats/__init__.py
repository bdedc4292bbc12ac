"""Layouts of the field's data sets: a file each, with ``save(data, folder, ...)`` and ``load(folder, ...)``."""

from __future__ import annotations

from types import ModuleType

from datasets.errors import InputError

FORMATS = ("ffpp", "celebdf", "dfdc", "deepfakebench", "webdataset", "hf")
_FILES = {"hf": "huggingface"}


def format_module(name: str) -> ModuleType:
    """The module of a format. Raises InputError for an unknown name."""
    from importlib import import_module

    if name not in FORMATS:
        raise InputError(f"There is no format {name!r}; there are: {', '.join(FORMATS)}.")
    return import_module(f"datasets.formats.{_FILES.get(name, name)}")
