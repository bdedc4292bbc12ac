"""The kinds of jobs, one module each, found by their names."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from importlib import import_module
from typing import Any

from datasets.errors import InputError

Run = Callable[..., dict[str, Any]]


def names() -> list[str]:
    """The kinds that there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def kind(name: str) -> Run:
    """The function of a kind. Raises InputError for a kind that there is not."""
    if name not in names():
        raise InputError(f"There is no kind of job {name!r}; there are: {', '.join(names())}.")
    return import_module(f"{__name__}.{name}").run
