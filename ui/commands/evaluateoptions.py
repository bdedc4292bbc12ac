"""Options and checks that the commands of ``counterface evaluate`` share."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import typer

from datasets.errors import InputError
from ui.commands.options import write_json

DetectorName = Annotated[
    str, typer.Argument(metavar="NAME", help="A detector's name, its folder, or a workspace.", show_default=False)
]
Dataset = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="A labelled data set; a folder with folders real and fake; or a folder of workspaces with results.",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE.html", help="Write a page with pictures and tables.")
]
Picture = Annotated[Path | None, typer.Option("--picture", metavar="FILE.png", help="Write the picture here.")]
Cache = Annotated[Path | None, typer.Option("--cache", metavar="FILE", help="Where scores are kept; else the usual.")]
Workers = Annotated[int, typer.Option("--workers", min=1, help="Processes, one thread each.")]
Draws = Annotated[int, typer.Option("--draws", min=100, help="Draws of the bootstrap.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Everything random comes from it.")]
Split = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="train|val|test|all",
        help="Of a data set, the part to measure on; test where there is one. val fixes the threshold.",
    ),
]


def command_line() -> str:
    """The command as it was typed, for whoever wants to make a study again."""
    return shlex.join(["counterface", *sys.argv[1:]])


def check_outputs(force: bool, report: Path | None = None, picture: Path | None = None) -> None:
    """Raise InputError when an output can't be written, before any work is done."""
    from datasets.atomic import refuse_overwrite

    for path, endings in ((report, (".html", ".htm")), (picture, (".png",))):
        if path is not None:
            if path.suffix.lower() not in endings:
                raise InputError(f"{path} must end in {endings[0]}.")
            refuse_overwrite(path, force)


def hand_out(
    head: dict[str, Any],
    whole: dict[str, Any],
    made: ModuleType,
    json: Path | None,
    report: Path | None,
    picture: Path | None,
) -> None:
    """Write what a study found, as far as it was asked for: its figures, its picture, its page.

    Args:
        head: of the study. whole: the head and all that was found.
        made: the module that draws and words studies of the kind (``picture``, ``write_report``).
    """
    from evaluate.pictures import write_chart

    write_json(whole, json)
    if picture is not None:
        write_chart(picture, made.picture(whole))
    if report is not None:
        made.write_report(report, head, whole)
