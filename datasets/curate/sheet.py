"""Contact sheets of a face set: the crops side by side, what each measures, and marked ones outlined.

The pictures are the ones that came in; a plain picture file is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from datasets.atomic import refuse_overwrite, replacing
from datasets.errors import InputError
from datasets.faceset import FaceSet
from datasets.progress import Progress, silent
from datasets.video import read_picture

CELL, GAP, MARGIN, HEADER = 144, 10, 20, 44
LINE, MARK_LINE = 17, 15
JPEG_QUALITY = 92
GROUND, PALE, DIM, WARNING = (22, 24, 29), (232, 234, 238), (150, 155, 165), (240, 84, 70)


@dataclass(frozen=True)
class Cell:
    """One face of a contact sheet.

    Attributes:
        file: the crop's name.
        left, right: what stands below it at the left and at the right.
        marks: what it is marked for; none, no outline.
    """

    file: str
    left: str
    right: str
    marks: tuple[str, ...] = ()


def spread(count: int, limit: int) -> list[int]:
    """At most ``limit`` of ``count`` places, evenly spread, the first and the last among them."""
    if count <= limit:
        return list(range(count))
    return sorted(set(np.linspace(0, count - 1, limit).round().astype(int).tolist()))


def pages(cells: Sequence[Cell], size: int) -> list[Sequence[Cell]]:
    """Cells in pages of ``size``; a last page of a few is as even as can be."""
    return [cells[at : at + size] for at in range(0, len(cells), size)]


def columns_for(count: int) -> int:
    """How many columns make a sheet of so many faces about as wide as a screen is to its height."""
    return max(1, min(count, max(4, int(np.ceil(np.sqrt(count * 1.9))))))


def draw(folder: Path, cells: Sequence[Cell], title: str, progress: Progress = silent) -> np.ndarray:
    """A contact sheet, uint8 RGB HxWx3; a crop that can't be read is a grey field that says so.

    Args:
        folder: of the crops.
        title: above the faces.
    """
    import cv2

    columns = max(columns_for(len(cells)), 4)
    rows = -(-len(cells) // columns)
    lines = max((len(cell.marks) for cell in cells), default=0)
    tall = CELL + LINE + min(lines, 2) * MARK_LINE + GAP
    width = 2 * MARGIN + columns * (CELL + GAP) - GAP
    sheet = np.full((HEADER + rows * tall + MARGIN, width, 3), GROUND, np.uint8)
    _text(sheet, _fit(title, width - 2 * MARGIN, 16), (MARGIN, 29), PALE, 16)
    for i, cell in enumerate(cells):
        x, y = MARGIN + i % columns * (CELL + GAP), HEADER + i // columns * tall
        place = sheet[y : y + CELL, x : x + CELL]
        try:
            crop = read_picture(folder / cell.file)
            place[:] = cv2.resize(crop, (CELL, CELL), interpolation=cv2.INTER_AREA)
        except InputError:
            place[:] = (48, 50, 56)
            _text(sheet, "can't be read", (x + 28, y + CELL // 2), DIM, 13)
        _text(sheet, cell.left, (x + 1, y + CELL + 13), PALE if not cell.marks else WARNING, 12)
        right = _fit(cell.right, CELL - _length(cell.left, 12) - 8, 12)
        _text(sheet, right, (x + CELL - _length(right, 12) - 1, y + CELL + 13), DIM, 12)
        if cell.marks:
            cv2.rectangle(sheet, (x, y), (x + CELL - 1, y + CELL - 1), WARNING, 3)
            more = len(cell.marks) - 2
            said = [*cell.marks[:1], f"{cell.marks[1]} +{more}"] if more > 0 else cell.marks
            for line, reason in enumerate(said):
                at = (x + 1, y + CELL + 13 + (line + 1) * MARK_LINE)
                _text(sheet, _fit(reason, CELL, 12), at, WARNING, 12)
        progress("drawing faces", i + 1, len(cells))
    return sheet


def write(
    faces: FaceSet,
    cells: Sequence[Cell],
    title: str,
    output: Path,
    page: int,
    force: bool = False,
    progress: Progress = silent,
) -> list[Path]:
    """Write a contact sheet, or several, numbered, when the cells are more than a ``page`` takes.

    Raises:
        InputError: there is nothing to show, the output is there already, or it is no .jpg or .png.
    """
    import cv2

    refuse_kind(output)
    if not cells:
        raise InputError("There is no face to show.")
    parts = pages(cells, page)
    names = [output] if len(parts) == 1 else [_numbered(output, i) for i in range(1, len(parts) + 1)]
    for name in names:
        refuse_overwrite(name, force)
    for number, (part, name) in enumerate(zip(parts, names, strict=True), 1):
        said = title if len(parts) == 1 else f"{title}  ·  page {number} of {len(parts)}"
        image = cv2.cvtColor(draw(faces.folder, part, said, progress), cv2.COLOR_RGB2BGR)
        options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if name.suffix.lower() in (".jpg", ".jpeg") else []
        blob = cv2.imencode(name.suffix.lower(), image, options)[1]
        with replacing(name) as temporary:
            temporary.write_bytes(blob.tobytes())
    return names


def refuse_kind(output: Path) -> None:
    """Raise InputError when a contact sheet can't be written under that name."""
    if output.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        raise InputError(f"{output} must end in .jpg or .png.")


def described(frame: int, yaw: float, sharpness: float) -> tuple[str, str]:
    """What stands below a face where no order says more: its frame; its yaw and its sharpness."""
    return str(frame), f"yaw {yaw:+.0f}°  sharp {sharpness:.0f}"


def marked(name: str, marks: Mapping[str, Mapping[str, str]]) -> tuple[str, ...]:
    """The reasons for which a crop is marked."""
    return tuple(marks.get(name, {}))


def _numbered(output: Path, number: int) -> Path:
    return output.with_name(f"{output.stem}-{number:03d}{output.suffix}")


@lru_cache(maxsize=1)
def _font() -> Any:
    import cv2

    return cv2.FontFace("sans") if hasattr(cv2, "FontFace") else None


def _text(image: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int], size: int) -> None:
    import cv2

    if font := _font():
        cv2.putText(image, text, at, colour, font, size)
    else:  # OpenCV 4 has Hershey's letters only, which know no degree sign
        plain = text.replace("°", "").replace("·", "-")
        cv2.putText(image, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size / 32, colour, 1, cv2.LINE_AA)


def _length(text: str, size: int) -> int:
    """Pixels that a text takes, about."""
    import cv2

    if font := _font():
        return int(cv2.getTextSize((1, 1), text, (0, 0), font, size)[2])
    return int(cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size / 32, 1)[0][0])


def _fit(text: str, width: int, size: int) -> str:
    if _length(text, size) <= width:
        return text
    while text and _length(text + "…", size) > width:
        text = text[:-1]
    return text + "…" if text else ""
