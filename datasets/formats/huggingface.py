"""A folder as the Hugging Face hub shows it: clips, a table, a card, and Croissant metadata.

::

    metadata.parquet    one row a clip, with "file_name"
    faces.parquet       one row a face
    data/<split>/<level>/<clip>.mp4    masks/<clip>.mkv    geometry/<footage>.parquet
    README.md           the card, with the hub's header        croissant.json   JSON-LD (MLCommons Croissant 1.0)
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets.atomic import replacing, write_json, write_text
from datasets.errors import InputError
from datasets.formats.exchange import ABOUT, Loaded, copy_clip, nothing, picked_levels, read_about, write_marker
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow, LabelledFace, foreign_row, read_faces, schema, table_of
from datasets.progress import Progress, silent

HOLDS = tuple(name for name in vars(ClipRow("", "", "", "", "", "")) if name not in ("file",))
TABLE, FACES, CARD, CROISSANT = "metadata.parquet", "faces.parquet", "README.md", "croissant.json"
OWN_LICENCE = "other"


def save(data: LabelledSet, folder: Path, level: str | None = None, progress: Progress = silent) -> list[str]:
    """Write a set in this layout; returns notes for a person.

    Args:
        level: one level alone; else all.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    levels = picked_levels(data, level)
    clips = [clip for clip in data.clips if clip.level in levels]
    rows = []
    for done, clip in enumerate(clips, 1):
        file = f"data/{clip.split}/{clip.level}/{clip.clip}.mp4"
        copy_clip(data, clip.file, folder / file)
        for extra in (clip.mask, clip.geometry):
            if extra is not None and not (folder / extra).exists():
                copy_clip(data, extra, folder / extra)
        rows.append(table_of(replace(clip, file=file)))
        progress("exporting clips", done, len(clips), clip.clip)
    table = pa.Table.from_pylist(rows, schema=schema(ClipRow))
    names = ["file_name" if name == "file" else name for name in table.column_names]
    with replacing(folder / TABLE) as temporary:
        pq.write_table(table.rename_columns(names), temporary)
    held = [table_of(face) for face in read_faces(data.folder, {clip.clip for clip in clips})]
    with replacing(folder / FACES) as temporary:
        pq.write_table(pa.Table.from_pylist(held, schema=schema(LabelledFace)), temporary)
    about = {"name": data.index.name, "consent": data.index.consent, "splits": data.index.splits}
    write_json(folder / ABOUT, about | {"about": data.index.about})
    write_text(folder / CARD, _card(data, clips))
    strip = data.folder / "strip.jpg"
    if strip.is_file():
        (folder / "strip.jpg").write_bytes(strip.read_bytes())
    write_json(folder / CROISSANT, croissant(data, clips, folder))
    write_marker(folder, "hf")
    return []


def _card(data: LabelledSet, clips: list[ClipRow]) -> str:
    """The card with the header that the hub reads."""
    own = data.folder / CARD
    text = own.read_text(encoding="utf-8") if own.is_file() else f"# {data.index.name}\n"
    licences = sorted({clip.licence for clip in clips})
    head = ["---", f"license: {OWN_LICENCE}", f"license_name: {json.dumps(' / '.join(licences))}"]
    head += [f"pretty_name: {json.dumps(data.index.name)}", "task_categories:", "- video-classification"]
    head += ["tags:", "- deepfake-detection", "- synthetic", "configs:", "- config_name: default", "  data_files:"]
    for split in dict.fromkeys(clip.split for clip in clips):
        head += [f"  - split: {'validation' if split == 'val' else split}", f'    path: "data/{split}/**"']
    return "\n".join([*head, "---", "", text])


def croissant(data: LabelledSet, clips: list[ClipRow], folder: Path) -> dict[str, Any]:
    """The description of the table of clips as Croissant 1.0 (Akhtar et al., 2024), JSON-LD."""
    import hashlib

    kinds = {"str": "sc:Text", "int": "sc:Integer", "float": "sc:Float"}
    from dataclasses import fields

    record = []
    for one in fields(ClipRow):
        kind = str(one.type).removesuffix(" | None")
        column = "file_name" if one.name == "file" else one.name
        field = {
            "@type": "cr:Field",
            "@id": f"clips/{column}",
            "name": column,
            "description": _described(one.name),
            "dataType": "sc:Text" if kind.startswith("tuple") else kinds[kind],
            "source": {"fileObject": {"@id": TABLE}, "extract": {"column": column}},
        }
        record.append(field | ({"repeated": True} if kind.startswith("tuple") else {}))
    digest = hashlib.sha256((folder / TABLE).read_bytes()).hexdigest()
    licences = sorted({clip.licence for clip in clips})
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": data.index.name,
        "description": str(
            data.index.about.get("about") or "A labelled data set of real clips and face swaps of them."
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "license": licences[0] if len(licences) == 1 else licences,
        "version": "1.0.0",
        "isLiveDataset": False,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": TABLE,
                "name": TABLE,
                "contentUrl": TABLE,
                "encodingFormat": "application/x-parquet",
                "sha256": digest,
            },
            {
                "@type": "cr:FileSet",
                "@id": "videos",
                "name": "videos",
                "containedIn": {"@id": "repository"},
                "encodingFormat": "video/mp4",
                "includes": "data/*/*/*.mp4",
            },
            {
                "@type": "cr:FileObject",
                "@id": "repository",
                "name": "repository",
                "contentUrl": ".",
                "encodingFormat": "git+https",
                # A folder has no checksum; this is what the hub itself writes here.
                "sha256": "https://github.com/mlcommons/croissant/issues/80",
            },
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "description": "One row a clip.",
                "field": record,
            }
        ],
    }


def _described(name: str) -> str:
    said = {
        "file": "The clip, below the folder.",
        "label": "real or fake: whether a face in it was changed.",
        "original": "The clip that a fake was made from.",
        "split": "train, val or test; no identity is in two of them.",
        "watermark": "Id of the invisible watermark.",
        "consent": "Ids of the consent records under which the faces are used.",
    }
    return said.get(name, name.replace("_", " "))


def load(folder: Path, into: Path | None = None, progress: Progress = silent) -> Loaded:
    """Read a folder that an export made, or one with the same columns.

    Raises:
        InputError: there is no table, or it lacks columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    if not (folder / TABLE).is_file():
        raise nothing(folder, "a Hugging Face folder", TABLE)
    try:
        rows = [
            foreign_row(ClipRow, {"file": row.pop("file_name"), **row})
            for row in pq.read_table(folder / TABLE).to_pylist()
        ]
        faces = pq.read_table(folder / FACES).to_pylist() if (folder / FACES).is_file() else []
        kept = tuple(foreign_row(LabelledFace, face) for face in faces)
    except (pa.ArrowInvalid, KeyError, TypeError, OSError) as error:
        raise InputError(f"{folder / TABLE} is damaged, or has other columns than an export of this studio.") from error
    about: dict[str, Any] = {}
    if (folder / ABOUT).is_file():
        about = read_about(folder / ABOUT)
    own = (about.get("consent", {}), about.get("splits", {}), about.get("about", {}))
    return Loaded(about.get("name", folder.resolve().name), tuple(rows), folder.resolve(), kept, *own)


CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataBiases": "cr:dataBiases",
    "dataCollection": "cr:dataCollection",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "personalSensitiveInformation": "cr:personalSensitiveInformation",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
