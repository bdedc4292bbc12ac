"""Exporting a labelled data set into the field's layouts, and importing from them; whole folders or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from datasets.atomic import refuse_overwrite, replacing
from datasets.errors import InputError
from datasets.formats import format_module
from datasets.formats.exchange import MARKER, OWN, ROWS, Loaded, check_plain, checked
from datasets.labelledset import LabelledSet
from datasets.manifest import FAKE, REAL, ClipRow, Index, read_index, write_tables
from datasets.progress import Progress, silent
from datasets.provenance.consent import Consent
from datasets.provenance.manifest import software_version
from datasets.splits import SPLITS


def export(
    folder: Path, format: str, output: Path, level: str | None = None, force: bool = False, progress: Progress = silent
) -> list[str]:
    """Export a data set; returns notes for a person. The folder appears when all is in it.

    Raises:
        InputError: no data set, an edited manifest, a file that is gone, an unknown format or level, a folder that is
            there.
        Refused: pictures of faces would be made without a consent record.
    """
    module, data = format_module(format), LabelledSet(folder)
    _free(output, force, (data.folder, data.files))
    for clip in data.clips:
        for name in (clip.file, clip.mask):
            if name is not None:
                data.path(name)
    with replacing(output) as temporary:
        temporary.mkdir(parents=True)
        return list(module.save(data, temporary, level, progress))


def import_set(
    folder: Path,
    format: str,
    output: Path,
    consent: tuple[Consent, ...] = (),
    licence: str | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> tuple[LabelledSet, list[str]]:
    """Make a data set of a folder in another layout; its files stay where they are (archives are unpacked).

    Args:
        consent: records under which the faces are used, where the set does not bring its own.
        licence: of the set, likewise.

    Raises:
        InputError: nothing of that layout is there, the output is, or a row names what can't be.
    """
    module = format_module(format)
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}.")
    _free(output, force, (folder,))
    with replacing(output) as temporary:
        temporary.mkdir(parents=True)
        found: Loaded = module.load(folder, temporary, progress)
        inside = found.files_in == temporary.resolve()
        records = {record.id: record.to_table() for record in consent}
        check_plain(found.name, folder)
        clips = []
        for done, clip in enumerate(found.clips, 1):
            clips.append(_completed(clip, found, folder, tuple(records), licence))
            progress("looking at clips", done, len(found.clips))
        for face in found.faces:
            if face.label not in (REAL, FAKE) or face.split not in SPLITS:
                raise InputError(f"{folder} has a face of {face.clip} with label {face.label}, split {face.split}.")
        index = Index(
            name=found.name,
            kind="imported",
            made_by=f"counterface {software_version()}",
            files_in=None if inside else str(found.files_in),
            consent={**found.consent, **({} if found.consent else records)},
            splits=found.splits,
            about=found.about,
        )
        write_tables(temporary, clips, found.faces, index)
    from datasets.card import write_card

    write_card(output, progress)
    return LabelledSet(output, check=False), list(found.notes)


def _completed(clip: ClipRow, found: Loaded, where: Path, consent: tuple[str, ...], licence: str | None) -> ClipRow:
    """A row with what the file itself says, where the layout said nothing of it.

    Raises:
        InputError: the row can't be relied on, or its file can't be read.
    """
    from datasets.formats.exchange import described

    checked(clip, where)
    path = found.files_in / clip.file
    if clip.frames == 0 and path.is_file():
        clip = described(clip, path)
    if not clip.consent and not found.consent:
        clip = replace(clip, consent=consent)
    if licence is not None and clip.licence == "unknown":
        clip = replace(clip, licence=licence)
    return clip


def _free(output: Path, force: bool, inputs: tuple[Path, ...]) -> None:
    """Refuse an output that is there, that is no data set or export, or that is an input."""
    output = Path(output)
    for given in inputs:
        if output.resolve() == given.resolve() or output.resolve() in given.resolve().parents:
            raise InputError(f"{output} holds what is read; choose another folder with -o.")
    if output.is_dir() and not any(output.iterdir()):
        output.rmdir()
    refuse_overwrite(output, force)
    if output.exists() and not (_is_set(output) or _is_export(output)):
        raise InputError(f"{output} is neither a data set nor an export, and is not replaced; choose another folder.")


def _is_set(folder: Path) -> bool:
    """Whether the studio's own index is there; others call a file ``dataset.json``, too."""
    try:
        read_index(folder, check=False)
    except InputError:
        return False
    return True


def _is_export(folder: Path) -> bool:
    """Whether the studio made it: a layout's own files would be those of somebody's download, too."""
    return any((folder / OWN / name).is_file() for name in (ROWS, MARKER))
