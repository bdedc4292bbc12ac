"""Options that several commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from datasets.errors import InputError

SWAP_MINUTES = 10.0
FLAGS = ("--force", "--quiet", "-q", "--help", "-h")

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors and results.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[
    Path | None, typer.Option("--json", help="Write the result as JSON to FILE, or - for standard output.")
]
ConsentOption = Annotated[
    str,
    typer.Option(
        "--consent",
        help="The ground to use the two faces: self, written, public-domain, synthetic or research; "
        "or a TOML FILE with the full records.",
    ),
]
Method = Annotated[str, typer.Option("--method", help="The swap method.")]
DetectorOption = Annotated[
    str | None,
    typer.Option(
        "--detector", help="A detector's name, its folder, a workspace that has one, or an .onnx file; else the usual."
    ),
]
WorkspaceArgument = Annotated[Path, typer.Argument(help="A workspace folder.", show_default=False)]
Steps = Annotated[int | None, typer.Option("--steps", min=1, help="Train until this many steps are done.")]
Minutes = Annotated[float | None, typer.Option("--minutes", min=0.01, help="Train for this long.")]


def spread(arguments: Sequence[str], command: str, option: str) -> list[str]:
    """``option A B C`` as ``option A option B option C``, which is how several values reach the parser.

    Only for that command, and only once its own argument has been given before the option.
    """
    given = [str(argument) for argument in arguments]
    if not given or given[0] != command:
        return given
    made, reading, values, own = given[:1], "", 0, False
    for argument in given[1:]:
        if argument.startswith("-"):
            reading = "" if "=" in argument or argument in FLAGS else argument
            values = 0
        elif reading == option and values and own:
            made.append(option)
        elif reading == option and not values:
            values = 1
        elif reading and reading != option:
            reading = ""
        else:
            reading, own = "", True
        made.append(argument)
    return made


def write_json(value: Any, target: Path | None) -> None:
    """Write a result where ``--json`` says, if it says anything."""
    if target is None:
        return
    if str(target) == "-":
        json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
        print()
        return
    from datasets.atomic import write_json as write

    if target.exists() and target.suffix.lower() != ".json":
        raise InputError(f"{target} exists already and is no .json file; choose another name for --json.")
    write(target, value)


def check_model_options(method: str, device: str) -> None:
    """Raise InputError for an unknown method or an absent device, before any work is done."""
    from datasets.device import pick_device
    from synth.method import method_class

    method_class(method)
    pick_device(device)


def budget(steps: int | None, minutes: float | None, default: float) -> Any:
    """The training budget from ``--steps`` and ``--minutes``, of which one at most is given."""
    from synth.method import Budget

    if steps is not None and minutes is not None:
        raise InputError("Give --steps or --minutes, not both.")
    return Budget(steps, None if steps is not None else minutes or default)
