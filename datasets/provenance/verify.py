"""What marks a file carries, and on what that answer rests.

``verify`` reads the Content Credentials, reads the invisible watermark and matches its id with what this machine
wrote, looks for the visible badge, and says in words what was found. That nothing was found never means that a file
is authentic: marks can be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.errors import InputError, Refused
from datasets.progress import Progress, silent
from datasets.provenance.badgesearch import BadgeFound, search_badge
from datasets.provenance.reading import Credentials, read_credentials
from datasets.provenance.watermarkfound import WatermarkFound
from datasets.provenance.watermarkgrid import Square

if TYPE_CHECKING:
    from datasets.provenance.findings import Finding
    from datasets.provenance.records import Record

ORIGINAL = "original"
UNREAD = WatermarkFound(False, None, 0.0, 1.0, 0.0, 0)


@dataclass(frozen=True)
class Match:
    """What this machine wrote under the watermark's id.

    Attributes:
        record: of the output as it was written.
        manifest: what its stored manifest says, checked on its own.
        same_bytes: whether the file is that very output, byte for byte, and no copy that was changed since.
    """

    record: Record
    manifest: Credentials
    same_bytes: bool

    @property
    def synthetic(self) -> bool:
        """Whether there is synthetic content in it: its manifest says so; an original may be of a synthetic person."""
        stated = self.manifest.making.get("synthetic") if self.manifest.by_studio else None
        return self.record.kind != ORIGINAL if stated is None else bool(stated)

    def to_json(self) -> dict[str, Any]:
        """The record without the manifest's bytes, and the state of the manifest."""
        own = asdict(self.record)
        del own["manifest"]
        return own | {
            "consent": [dict(record) for record in self.record.consent],
            "ingredients": [dict(part) for part in self.record.ingredients],
            "synthetic": self.synthetic,
            "same_bytes": self.same_bytes,
            "manifest": {"state": self.manifest.state, "signer": self.manifest.signer, "time": self.manifest.time},
        }


@dataclass(frozen=True)
class Verification:
    """The marks of one file.

    Attributes:
        path: the file.
        credentials: what its Content Credentials say, and how far they hold.
        watermark: the search for the invisible watermark.
        match: what the watermark's id leads to in the table of this machine's outputs, or None.
        badge: the search for the visible badge.
        others: what the ids of other passages lead to, where a clip was put together of several outputs; an id
            without a record is missing here.
        damaged: what could not be read of the file, one sentence each.
        table: why the table of outputs could not be asked, or None.
    """

    path: Path
    credentials: Credentials
    watermark: WatermarkFound
    match: Match | None
    badge: BadgeFound
    others: tuple[Match, ...] = ()
    damaged: tuple[str, ...] = ()
    table: str | None = None

    @property
    def studio_output(self) -> bool:
        """Whether a Counterface studio wrote it: a valid manifest says so, or the watermark. Not the badge alone."""
        return self.credentials.by_studio or self.watermark.present

    @property
    def transplanted(self) -> bool:
        """Whether the Credentials name another watermark than the one that was read: they are of another file."""
        named, read = self.credentials.soft_binding, self.watermark.id
        return named is not None and read is not None and named != read and not self._of_an_ingredient

    @property
    def _of_an_ingredient(self) -> bool:
        """Whether the watermark read is that of a file from which this one was made: its pixels still carry it."""
        if self.match is None:
            return False
        parts = self.credentials.making.get("ingredients", ())
        return self.match.record.sha256 in {part.get("sha256") for part in parts}

    @property
    def account(self) -> Mapping[str, Any]:
        """How it was made, as far as this machine can vouch for it (kind, method, whether synthetic); else empty."""
        if self.transplanted:
            return {}
        if self.credentials.by_studio and self.credentials.state == "trusted":
            return self.credentials.making
        if self.match is None or self._of_an_ingredient:
            return {}
        own = self.match.record
        return {"kind": own.kind, "method": own.method, "synthetic": self.match.synthetic}

    @property
    def kind(self) -> str | None:
        """The kind of output, as far as this machine can vouch for it: ``swap``, ..., ``original``; else None."""
        return self.account.get("kind")

    @property
    def synthetic(self) -> bool | None:
        """Whether it is marked as synthetic; False for a marked real clip of a labelled data set; None: not said.

        What an unknown signer says against itself, that it is synthetic, is believed; that it is real is not. Nor is a
        changed copy of a real clip called real: the watermark survives a swap that others put into it.
        """
        if self.kind is not None:
            stated = bool(self.account.get("synthetic", self.kind != ORIGINAL))
            return None if self.of_a_real_clip else stated
        own = self.credentials
        return True if own.state in ("valid", "trusted") and own.synthetic else None

    @property
    def of_a_real_clip(self) -> bool:
        """Whether it is a changed copy of a real clip that this machine marked: by the watermark, which is no seal."""
        return (
            self.match is not None
            and not self.match.same_bytes
            and not (self.credentials.by_studio and self.credentials.state == "trusted")
            and bool(self.account)
            and not self.account.get("synthetic")
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found, a mark each, in words, with what it rests on."""
        from datasets.provenance.findings import findings

        return findings(self)

    @property
    def headline(self) -> str:
        """The answer in one sentence."""
        from datasets.provenance.findings import headline

        return headline(self)

    @property
    def words(self) -> tuple[str, ...]:
        """The whole answer for a person, a sentence each; the first says it all."""
        said = [self.headline]
        for finding in self.findings:
            said += [finding.said, *([f"This rests on {finding.rests}."] if finding.rests else ()), *finding.points]
        return tuple(said)

    def to_json(self) -> dict[str, Any]:
        """The object that ``counterface verify --json`` writes."""
        own, mark = self.credentials, self.watermark
        return {
            "file": str(self.path),
            "credentials": {
                "state": own.state,
                "signer": own.signer,
                "generator": own.generator,
                "actions": [dict(action) for action in own.actions],
                "ingredients": [dict(ingredient) for ingredient in own.ingredients],
                "making": dict(own.making),
                "soft_binding": own.soft_binding,
                "own": own.own,
                "synthetic": own.synthetic,
                "time": own.time,
                "time_stamped": own.time_stamped,
                "remote": own.remote,
                "faults": list(own.faults),
            },
            "watermark": {
                "present": mark.present,
                "id": mark.id,
                "confidence": mark.confidence,
                "false_alarm": mark.false_alarm,
                "strength": round(mark.strength, 2),
                "frames": mark.frames,
                "mirrored": mark.mirrored,
                "geometry": mark.geometry,
                "passages": [asdict(passage) for passage in mark.passages],
                "record": None if self.match is None else self.match.to_json(),
                "other_records": [match.to_json() for match in self.others],
                "notes": [*mark.notes, *([self.table] if self.table else ())],
            },
            "badge": {
                "found": self.badge.found,
                "frames": self.badge.frames,
                "frames_looked_at": self.badge.looked_at,
                "box": None if self.badge.box is None else list(self.badge.box),
                "score": round(self.badge.score, 3),
            },
            "studio_output": self.studio_output,
            "kind": self.kind,
            "synthetic": self.synthetic,
            "transplanted": self.transplanted,
            "damaged": list(self.damaged),
            "words": list(self.words),
        }


def verify(
    path: Path, progress: Progress = silent, badge: bool = True, squares: Iterable[Square] | None = None
) -> Verification:
    """Look for every mark in a video or a picture. An unmarked file is an answer, not an error.

    Args:
        badge: look for the visible badge too; what a file is taken for does not rest on it.
        squares: the frames on the watermark's square where someone decodes them anyway, see
            :func:`datasets.provenance.watermarkreading.read_watermark`.

    Raises:
        InputError: there is no such file, or it is neither a video nor a picture.
    """
    from datasets.provenance.watermarkreading import read_watermark

    path = Path(path)
    if not path.exists():
        raise InputError(f"There is no file {path}.")
    if path.is_dir():
        raise InputError(f"{path} is a folder, and a video or a picture is needed.")
    try:
        credentials = read_credentials(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    seen, watermark, damaged = BadgeFound(False, 0, 0, None, 0.0), UNREAD, []
    try:
        seen = search_badge(path) if badge else seen
    except InputError as error:
        # A damaged file that still shows Credentials is worth reporting; anything else is no media at all.
        if credentials.state == "none":
            raise
        damaged.append(str(error))
    else:
        try:
            watermark = read_watermark(path, progress, squares)
        except (InputError, Refused) as error:
            damaged.append(str(error))
    ids = dict.fromkeys([watermark.id, *(passage.id for passage in watermark.passages)])
    matches, table = _matched(path, [id for id in ids if id is not None])
    return Verification(
        path,
        credentials,
        watermark,
        matches.pop(watermark.id, None) if watermark.id else None,
        seen,
        tuple(matches.values()),
        tuple(damaged),
        table,
    )


def _matched(path: Path, ids: Sequence[str]) -> tuple[dict[str, Match], str | None]:
    """The records of these ids, those that there are; and why the table could not be asked, or None."""
    from datasets.provenance.manifest import file_hash
    from datasets.provenance.reading import read_manifest_bytes
    from datasets.provenance.records import find

    found: dict[str, Match] = {}
    for id in ids:
        try:
            record = find(id)
        except InputError as error:
            return found, str(error)
        if record is not None:
            found[id] = Match(record, read_manifest_bytes(record.manifest), file_hash(path) == record.sha256)
    return found, None
