"""Commands about labelled data sets: build, audit, export, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.commands.options import Device, Force, Json, Quiet, write_json
from ui.console import Console

sets = typer.Typer(help="Labelled data sets: built from consented footage, audited, exported.", no_args_is_help=True)

FORMATS = "ffpp|celebdf|dfdc|deepfakebench|webdataset|hf"
Dataset = Annotated[Path, typer.Argument(metavar="DIR", help="A data set.", show_default=False)]
Format = Annotated[str, typer.Option("--format", metavar=FORMATS, help="The layout.", show_default=False)]
Output = Annotated[Path, typer.Option("-o", "--output", help="The folder to make.", show_default=False)]
Workers = Annotated[
    int, typer.Option("--workers", min=0, help="How many at once; one a usable core when 0.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    sets.command()(build)
    sets.command()(audit)
    sets.command()(export)
    sets.command("import")(import_)
    app.add_typer(sets, name="dataset")


def build(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", show_default=False)],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder of the data set.", show_default=False)
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be made, how long and how large, and make nothing.")
    ] = False,
    executor: Annotated[str, typer.Option("--executor", metavar="local|ray", help="Who does the work.")] = "local",
    workers: Workers = 0,
    device: Device = "cpu",
    json: Json = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Build a data set from a recipe; again, it goes on where it stopped."""
    from datasets.device import pick_device, usable_cores
    from datasets.errors import InputError
    from synth.factory.build import build as build_set
    from synth.factory.build import prepare
    from synth.factory.preview import preview, preview_words

    if executor not in ("local", "ray"):
        raise InputError(f"There is no executor {executor!r}; there are: local, ray.")
    if plan:
        ready = prepare(recipe, derive=False)
        figures = preview(ready.plan, output, workers or usable_cores())
        write_json(figures, json)
        if str(json) != "-":
            print("\n".join(preview_words(ready.plan, figures)))
        return
    if output is None:
        raise InputError("Say with -o where the data set is to go, or --plan to see what it would be.")
    from datasets.labelledset import LabelledSet

    with Console(quiet) as console:
        root = build_set(recipe, output, executor, workers, force, pick_device(device), console)
    made = LabelledSet(root, check=False)
    fakes = len(made.select(label="fake"))
    write_json({"folder": str(output), "clips": len(made.clips), "fakes": fakes, "splits": made.index.splits}, json)
    if str(json) != "-":
        print(f"{len(made.clips)} clips, {fakes} of them fakes: {output}")
        print(f"Splits: {made.index.splits['words']}")
        print(f"Next: counterface dataset audit {output}")


def audit(
    folder: Dataset,
    workers: Workers = 0,
    json: Json = None,
    quiet: Quiet = False,
) -> int:
    """Look for leaks, duplicates, identity overlap, wrong masks and shortcuts; exit code 1 if something is found."""
    from datasets.audit.run import audit as audit_set
    from datasets.audit.run import keep

    with Console(quiet) as console:
        report = audit_set(folder, workers, progress=console)
        keep(folder, report, console)
    write_json(report.to_json(), json)
    if str(json) != "-":
        print("\n".join(report.words))
    return 0 if report.clean else 1


def export(
    folder: Dataset,
    format: Format,
    output: Output,
    level: Annotated[
        str | None, typer.Option("--level", help="One compression level; needed where the layout has room for one.")
    ] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Export a data set into a layout that the field's own tools load."""
    from datasets.exchange import export as export_set

    with Console(quiet) as console:
        for note in export_set(folder, format, output, level, force, console):
            console.say(note)
    print(f"{format}: {output}")


def import_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder in that layout.", show_default=False)],
    format: Format,
    output: Output,
    consent: Annotated[
        str | None,
        typer.Option(
            "--consent",
            metavar="FILE|BASIS",
            help="The ground to use its faces, where the set brings none: research, ... or a TOML FILE.",
        ),
    ] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="Of the set, where it does not say it.")] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Make a data set of a folder in another layout; its files stay where they are."""
    from datasets.exchange import import_set
    from datasets.provenance.consent import from_option

    records = () if consent is None else from_option(consent, folder.name, folder.name)
    with Console(quiet) as console:
        made, notes = import_set(folder, format, output, records, licence, force, console)
        for note in notes:
            console.say(note)
    print(f"{len(made.clips)} clips, {len(made.select(label='fake'))} of them fakes: {output}")
