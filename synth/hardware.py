"""What of the training loop's options a method's own are parted from; the rest is ``datasets.hardware``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasets.errors import InputError
from datasets.hardware import PRECISIONS as PRECISIONS
from datasets.hardware import Hardware as Hardware
from datasets.hardware import compiled as compiled
from datasets.hardware import enough_memory as enough_memory
from datasets.hardware import full_precision as full_precision
from datasets.hardware import is_out_of_memory as is_out_of_memory
from datasets.hardware import memory_sentence as memory_sentence
from datasets.hardware import own_device as own_device
from datasets.hardware import precision_name as precision_name
from datasets.hardware import rank as rank
from synth.snapshots import chosen_steps

LOOP_OPTIONS = ("precision", "compile", "devices", "backups", "snapshots")


def loop_options(options: Mapping[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part the options of the training loop, checked, from a method's own.

    Args:
        options: by name, as text or as values.

    Returns:
        Arguments for ``Run`` (only those that were given), and the rest.

    Raises:
        InputError: a value that can't be.
    """
    loop = {name: value for name, value in (options or {}).items() if name in LOOP_OPTIONS}
    own = {name: value for name, value in (options or {}).items() if name not in LOOP_OPTIONS}
    if "precision" in loop:
        loop["precision"] = precision_name(loop["precision"])
    if "compile" in loop:
        said = str(loop["compile"]).lower()
        if said not in ("true", "false", "yes", "no", "1", "0", "on", "off"):
            raise InputError(f"compile is yes or no, not {loop['compile']!r}.")
        loop["compile"] = said in ("true", "yes", "1", "on")
    if "snapshots" in loop:
        loop["snapshots"] = str(loop["snapshots"]).lower()
        chosen_steps(loop["snapshots"])
    for name, least in (("devices", 1), ("backups", 0)):
        if name in loop:
            if not str(loop[name]).isdigit() or int(loop[name]) < least:
                raise InputError(f"{name} is a whole number from {least} on, not {loop[name]!r}.")
            loop[name] = int(loop[name])
    return loop, own
