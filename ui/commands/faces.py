"""Commands on face sets: sort, clean, show. Nothing is deleted: faces are marked, and marks are applied on request."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from datasets.errors import InputError
from ui.commands.options import Force, Json, Quiet, write_json
from ui.console import Console

faces_app = typer.Typer(
    help="Sort, clean and look at the faces that extraction found. No face is ever deleted.", no_args_is_help=True
)

SetArgument = Annotated[
    Path, typer.Argument(metavar="FACESET", help="A face set's folder, or a workspace with --role.", show_default=False)
]
Role = Annotated[str | None, typer.Option("--role", help="Of a workspace: source or destination.")]
Track = Annotated[
    int | None,
    typer.Option("--track", min=0, help="Only this track's faces; by default the chosen person's, or the main one's."),
]
ShownTrack = Annotated[
    int | None, typer.Option("--track", min=0, help="Only this track's faces; everyone's by default.")
]
# Options of clean that say how to look: with one of these, faces are looked at also when marks are applied.
LOOKING = ("reasons", "blur", "width", "score", "inside", "shape", "bits", "likeness", "embedding", "track")


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    for command in (sort, clean, show):
        faces_app.command()(command)
    app.add_typer(faces_app, name="faces")


def sort(
    faceset: SetArgument,
    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="blur, motion-blur, yaw, pitch, size, brightness, hue, similarity, dissimilarity, eyes, mouth, or "
            "best: the best faces of each head pose first.",
        ),
    ] = "blur",
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, help="Show, link and list the first N only; with --mark rest.")
    ] = None,
    mark: Annotated[
        str, typer.Option("--mark", help="Mark an end: 'last 20', 'last 10%', 'first 5', 'below X', 'above X', 'rest'.")
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="A folder of links in this order, or a contact sheet (.jpg, .png)."),
    ] = None,
    role: Role = None,
    track: Track = None,
    json: Json = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Put the faces in an order, the end that is usually thrown out last; files keep their names."""
    from datasets.atomic import refuse_overwrite
    from datasets.atomic import write_json as write
    from datasets.curate.figures import measure
    from datasets.curate.marking import picked, sorted_out
    from datasets.curate.marks import mark as join
    from datasets.curate.marks import read_marks, write_marks
    from datasets.curate.order import order, refuse_unknown
    from ui.services.facesets import about_order, as_json, open_set, person, write_order

    refuse_unknown(by)
    opened = open_set(faceset, role)
    faces = opened.faces
    if output is not None:
        refuse_overwrite(output, force)
    with Console(quiet) as console:
        figures = measure(faces, person(opened, track, console), console)
        put = order(figures, by, console)
        marks = read_marks(faces.folder)
        if mark:
            reason, found = sorted_out(figures, put, picked(put, mark, keep))
            marks = join(marks, found, [reason])
            write_marks(faces.folder, marks)
        value = as_json(figures, put, keep, marks)
        write(faces.folder / "order.json", {"version": 1} | value)
        for line in about_order(figures, put):
            console.say(line)
        if output is not None:
            write_order(faces, figures, put, marks, keep, output, force, console)
        if mark:
            console.say(f"{len(found)} faces marked. They stay until: counterface faces clean {faces.folder} --apply")
    write_json(value, json)
    if str(json) != "-":
        print(f"The order is in {output or faces.folder / 'order.json'}")


def clean(
    context: typer.Context,
    faceset: SetArgument,
    reasons: Annotated[
        str | None,
        typer.Option(
            "--reasons",
            help="Comma-separated, or all: odd-shape, tiny, blurred, low-score, cut-off, duplicate, wrong-person. "
            "All by default, but duplicates of a destination stay.",
        ),
    ] = None,
    blur: Annotated[float, typer.Option("--blur", min=0, help="blurred: below this part of the median.")] = 0.3,
    width: Annotated[float, typer.Option("--width", min=0, help="tiny: narrower than this, pixels.")] = 40.0,
    score: Annotated[float, typer.Option("--score", min=0, max=1, help="low-score: below this.")] = 0.5,
    inside: Annotated[float, typer.Option("--inside", min=0, max=1, help="cut-off: less of it in the frame.")] = 0.75,
    shape: Annotated[float, typer.Option("--shape", min=0, help="odd-shape: at least this far off.")] = 0.03,
    bits: Annotated[int, typer.Option("--bits", min=0, max=32, help="duplicate: bits of 64 that may differ.")] = 2,
    likeness: Annotated[float, typer.Option("--likeness", min=-1, max=1, help="wrong-person: less alike.")] = 0.35,
    embedding: Annotated[
        Path | None, typer.Option("--embedding", help="wrong-person: an identity network (ONNX, 112 pixels, 128-d).")
    ] = None,
    links: Annotated[
        Path | None, typer.Option("--from", help="Mark the faces whose links you deleted from this folder of sort -o.")
    ] = None,
    apply: Annotated[
        bool,
        typer.Option(
            "--apply",
            help="Move all that is marked to the trash beside the set; given with --reasons, a limit, --embedding or "
            "--track, look and mark with these first.",
        ),
    ] = False,
    restore: Annotated[bool, typer.Option("--restore", help="Bring everything back from that trash.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget all marks.")] = False,
    role: Role = None,
    track: Track = None,
    json: Json = None,
    quiet: Quiet = False,
) -> None:
    """Mark faces that should go. Marks change nothing by themselves; look at them with: faces show --marked."""
    from datasets.curate import marks as marking
    from datasets.curate.clean import clean as look
    from datasets.curate.links import THROWN_OUT, thrown_out
    from datasets.curate.reasons import Limits, chosen
    from ui.services.facesets import open_set, person

    looks = any(_given(context, name) for name in LOOKING)
    if restore + forget + (apply or looks or links is not None) > 1:
        raise InputError("--restore and --forget stand alone, without --apply, --from, and what says how to look.")
    opened = open_set(faceset, role)
    faces = opened.faces
    value: dict[str, Any] = {"set": str(faces.folder)}
    with Console(quiet) as console:
        if restore:
            moved = marking.restore(faces)
            said = f"{len(moved.files)} faces brought back from {moved.trash}."
            value |= {"restored": list(moved.files)}
        elif forget:
            gone = len(marking.read_marks(faces.folder))
            marking.write_marks(faces.folder, {})
            said = f"The marks of {gone} faces are forgotten."
            value |= {"forgotten": gone}
        else:
            moved = None
            if links is not None:
                found = thrown_out(faces, links)
                marking.write_marks(faces.folder, marking.mark(marking.read_marks(faces.folder), found, [THROWN_OUT]))
                value["found"] = {THROWN_OUT: len(found)}
                console.say(f"{THROWN_OUT:<14}{len(found):>6}")
            if looks or not (apply or links is not None):
                limits = Limits(blur, width, score, inside, shape, bits, identity=likeness)
                whose = person(opened, track, console)
                done = look(faces, chosen(reasons, opened.destination), limits, embedding, whose, console)
                for reason, count in done.found.items():
                    console.say(f"{reason:<14}{count:>6}")
                for note in done.notes:
                    console.say(note)
                if reasons is None and opened.destination:
                    console.say("Duplicates stay: a destination frame without its face is not swapped.")
                value |= {"faces": done.faces, "notes": list(done.notes)}
                value["found"] = value.get("found", {}) | done.found
            marks = marking.read_marks(faces.folder)
            value["marks"] = marks
            if apply and not marks:
                raise InputError(f"Nothing is marked; look first with: counterface faces clean {faceset}")
            if apply:
                moved = marking.apply(faces)
                value["moved"] = list(moved.files)
                said = f"{len(moved.files)} faces moved to {moved.trash}; back with: counterface faces clean --restore"
            else:
                said = f"{len(marks)} faces are marked, none moved" + (
                    f"; look: counterface faces show {faces.folder} --marked -o marked.jpg; then: --apply"
                    if marks
                    else "."
                )
        if (restore or apply) and moved and moved.left:
            console.say(f"{len(moved.left)} could not be moved: a crop of that name is there already.")
    write_json(value, json)
    if str(json) != "-":
        print(said)


def _given(context: typer.Context, name: str) -> bool:
    """Whether an option was typed, be it with the value that it has by default."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def show(
    faceset: SetArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The contact sheet, .jpg or .png.")] = Path(
        "faces.jpg"
    ),
    by: Annotated[str, typer.Option("--by", help="In an order of faces sort; by frame without.")] = "",
    count: Annotated[int, typer.Option("--count", min=1, max=600, help="Faces on a sheet, evenly spread.")] = 60,
    every: Annotated[bool, typer.Option("--all", help="Every face, on as many sheets as it takes.")] = False,
    marked: Annotated[bool, typer.Option("--marked", help="Only faces that are marked.")] = False,
    role: Role = None,
    track: ShownTrack = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a contact sheet: every face's frame, turn and sharpness; marked ones outlined, with the reason."""
    from datasets.curate.figures import measure
    from datasets.curate.marks import read_marks
    from datasets.curate.order import order, refuse_unknown
    from datasets.curate.sheet import Cell, described, refuse_kind, spread, write
    from datasets.curate.sheet import marked as reasons
    from ui.services.facesets import cells as ordered
    from ui.services.facesets import open_set, person

    refuse_kind(output)
    if by:
        refuse_unknown(by)
    opened = open_set(faceset, role)
    faces = opened.faces
    marks = read_marks(faces.folder)
    with Console(quiet) as console:
        if track is not None:
            person(opened, track, console)
        cells: list[Cell] = []
        if by:
            figures = measure(faces, track, console)
            put = order(figures, by, console)
            cells = ordered(figures, put, list(range(len(figures))), marks)
        else:
            for row in faces.rows(track):
                cells.append(Cell(row.file, *described(row.frame, row.yaw, row.sharpness), reasons(row.file, marks)))
        total, flagged = len(cells), sum(bool(cell.marks) for cell in cells)
        if marked:
            cells = [cell for cell in cells if cell.marks]
            if not cells:
                raise InputError(f"No face of {faces.folder} is marked; mark some with: counterface faces clean")
        told = f"{faces.info.clip}  ·  {total} faces" + (f" by {by}" if by else "")
        told += f"  ·  {flagged} marked" if flagged else ""
        if not every and len(cells) > count:
            cells = [cells[i] for i in spread(len(cells), count)]
            told += f"  ·  {count} shown"
        names = write(faces, cells, told, output, count, force, console)
    for name in names:
        print(name)
