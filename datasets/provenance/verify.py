"""What marks a file carries, and on what that answer rests.

``verify`` reads the Content Credentials, looks for the visible badge, and says in words what was found. That nothing
was found never means that a file is authentic: marks are lost by every re-encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import InputError
from datasets.provenance.reading import Credentials, read_credentials

if TYPE_CHECKING:
    import numpy as np

FRAMES_LOOKED_AT = 5
WATERMARK_NOTE = "not looked for: this version neither writes nor reads an invisible watermark"
SYNTHETIC = (
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicMedia",
)


@dataclass(frozen=True)
class BadgeFound:
    """Where the visible badge was found.

    Attributes:
        found: whether it is in any frame that was looked at.
        frames, looked_at: in how many frames, of how many.
        box: xyxy in pixels in the frame with the best score, or None.
        score: the best normalised correlation with the badge, -1 to 1.
    """

    found: bool
    frames: int
    looked_at: int
    box: tuple[int, int, int, int] | None
    score: float


@dataclass(frozen=True)
class Verification:
    """The marks of one file.

    Attributes:
        path: the file.
        credentials: what its Content Credentials say, and how far they hold.
        badge: the search for the visible badge.
        studio_output: whether a valid signature covers a manifest made by Counterface.
        words: the same for a person, one sentence each.
    """

    path: Path
    credentials: Credentials
    badge: BadgeFound
    words: tuple[str, ...]

    @property
    def studio_output(self) -> bool:
        return self.credentials.by_studio

    def to_json(self) -> dict[str, Any]:
        """The object that ``counterface verify --json`` writes."""
        own = self.credentials
        return {
            "file": str(self.path),
            "credentials": {
                "state": own.state,
                "signer": own.signer,
                "generator": own.generator,
                "actions": [dict(action) for action in own.actions],
                "ingredients": [dict(ingredient) for ingredient in own.ingredients],
                "making": dict(own.making),
                "faults": list(own.faults),
            },
            "watermark": {"present": False, "id": None, "confidence": 0.0, "note": WATERMARK_NOTE},
            "badge": {
                "found": self.badge.found,
                "frames": self.badge.frames,
                "frames_looked_at": self.badge.looked_at,
                "box": None if self.badge.box is None else list(self.badge.box),
                "score": round(self.badge.score, 3),
            },
            "studio_output": self.studio_output,
            "words": list(self.words),
        }


def verify(path: Path) -> Verification:
    """Look for every mark in a video or a picture. An unmarked file is an answer, not an error.

    Raises:
        InputError: there is no such file, or it is neither a video nor a picture.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a video or a picture is needed.")
    try:
        credentials = read_credentials(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    damaged: str | None = None
    try:
        badge = _look(path)
    except InputError as error:
        # A damaged file that still shows Credentials is worth reporting; anything else is no media at all.
        if credentials.state == "none":
            raise
        badge, damaged = BadgeFound(False, 0, 0, None, 0.0), str(error)
    return Verification(path, credentials, badge, tuple(_words(credentials, badge, damaged)))


def _look(path: Path) -> BadgeFound:
    """Search the badge in a picture, or in some frames spread over a clip and its first one."""
    from datasets.provenance.badge import THRESHOLD, find_badge, locate_badge

    best, where, seen, count = 0.0, None, 0, 0
    for image in _images(path):
        count += 1
        score = find_badge(image)
        seen += score >= THRESHOLD
        if score > best:
            best, where = score, locate_badge(image)
    return BadgeFound(seen > 0, seen, count, where, best)


def _images(path: Path) -> list[np.ndarray]:
    from datasets.video import frames_at, is_picture, read_frames, read_picture, timestamps

    if is_picture(path):
        return [read_picture(path)]
    total = len(timestamps(path))
    wanted = sorted({round(i * (total - 1) / max(1, FRAMES_LOOKED_AT - 1)) for i in range(FRAMES_LOOKED_AT)})
    images = [frame.image for frame in frames_at(path, wanted)]
    return images or [next(read_frames(path)).image]


def _words(own: Credentials, badge: BadgeFound, damaged: str | None) -> list[str]:
    """What was found, in the words that Article 50's code of practice asks for."""
    words = []
    if own.state == "none":
        words.append("No Content Credentials were found.")
    elif own.state == "invalid":
        words.append("It carries Content Credentials that do not hold: the file was changed after they were signed.")
    elif own.by_studio and own.state == "trusted":
        words.append("Marked by this studio: the Content Credentials are intact and signed with this machine's key.")
    elif own.by_studio:
        words.append(
            "Marked by a Counterface studio: the Content Credentials are intact, and this machine does not know the "
            f"signer ({own.signer})."
        )
    else:
        known = "known" if own.state == "trusted" else "not known"
        words.append(f"Credentials from another signer ({own.signer}): intact, the signer is {known} to this machine.")
    if own.state in ("valid", "trusted"):
        kinds = sorted({str(a["source_type"]) for a in own.actions if a.get("source_type") in SYNTHETIC})
        if kinds:
            words.append(f"They declare synthetic content ({', '.join(kinds)}).")
        parts = [f"{i['title']} ({i['relationship']})" for i in own.ingredients]
        if parts:
            words.append(f"They name what it was made from: {', '.join(parts)}.")
    if badge.found:
        words.append(f'The visible "AI" badge was found in {badge.frames} of {badge.looked_at} frames looked at.')
    elif badge.looked_at:
        words.append('The visible "AI" badge was not found.')
    words.append(f"Invisible watermark: {WATERMARK_NOTE}.")
    if damaged:
        words.append(f"The pictures could not be looked at: {damaged}")
    if own.state == "none" and not badge.found:
        words.append("Nothing found: this does not mean authentic, because re-encoding removes marks.")
    return words
