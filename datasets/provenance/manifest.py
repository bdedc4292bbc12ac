"""What a manifest says: how an output was made, of what, on what ground, and which marks its pixels carry.

Only words and hashes stand in it: no picture, no path, no name of a user or a machine. Names of people are there only
in the consent records, as the user wrote them.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from datasets.errors import InputError, Refused
from datasets.provenance.consent import ROLES, Consent, Role, why_not

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
# A face made by a trained model in a picture that was otherwise filmed.
COMPOSITE_TRAINED = SOURCE_TYPE + "compositeWithTrainedAlgorithmicMedia"
# A photograph set in motion by a fixed algorithm: parts are synthetic, and no trained model made them.
COMPOSITE_SYNTHETIC = SOURCE_TYPE + "compositeSynthetic"

GENERATOR = "counterface"
MAKING_LABEL = "org.counterface.making"
MAKING_VERSION = 2
CONSENT_LABEL = "org.counterface.consent"
CONSENT_VERSION = 1
SOFT_BINDING_LABEL = "c2pa.soft-binding"
SOFT_BINDING_ALGORITHM = "org.counterface.watermark.1"
ID_DIGITS = 8
# An absolute or home-relative path, or anything with folders that ends like a file's name; "3/4 view" is none.
PATH = re.compile(r"(?:[/\\~.]|[A-Za-z]:[/\\]).*[/\\]|/.|.*[/\\].*\.[A-Za-z]\w{1,4}$")

Kind = Literal["swap", "animation", "preview", "report", "original"]
Relationship = Literal["parentOf", "componentOf"]


@dataclass(frozen=True)
class Ingredient:
    """A file that an output was made from.

    Attributes:
        path: the file; Content Credentials that it carries are kept inside the output's.
        title: how it is called in the manifest. Folders in it are left out.
        relationship: ``parentOf`` for the clip whose face is replaced (one at most), ``componentOf`` for what was
            put into it.
    """

    path: Path
    title: str
    relationship: Relationship


@dataclass(frozen=True)
class PixelMarks:
    """The marks in an output's pixels.

    Attributes:
        names: of every mark, in the order in which they were applied ("watermark", "badge").
        watermark_id: the invisible watermark's id, 8 lower-case hex digits, or None where there is none. With one the
            manifest names it as its soft binding, so that a copy without a manifest can be matched again.
    """

    names: tuple[str, ...]
    watermark_id: str | None = None

    def __post_init__(self) -> None:
        known = self.watermark_id
        if known is not None and (len(known) != ID_DIGITS or set(known) - set("0123456789abcdef")):
            raise ValueError(f"a watermark's id has {ID_DIGITS} lower-case hex digits, not {known!r}")


@dataclass(frozen=True)
class Making:
    """How an output came to be: all that its manifest says.

    Attributes:
        title: name of the output. Folders in it are left out.
        method: of the swap ("quick96") or of the animation.
        consent: the records of the faces in it.
        ingredients: the files it was made from.
        settings: what it was made with; the manifest holds their SHA-256, not the values.
        kind: ``swap``, ``animation`` (a still portrait set in motion by a fixed algorithm), a still picture with
            synthetic faces made on the way (``preview``) or for a ``report``, or ``original``: a real clip of a
            labelled data set, encoded anew with the same kind of marks and no synthetic face in it.
    """

    title: str
    method: str
    consent: tuple[Consent, ...]
    ingredients: tuple[Ingredient, ...]
    settings: Mapping[str, Any]
    kind: Kind

    @property
    def source_type(self) -> str | None:
        """The IPTC digital source type of what was done.

        None for an original: nothing synthetic was added, and how its clip was captured is not known to the studio.
        """
        if self.kind == "original":
            return None
        return COMPOSITE_SYNTHETIC if self.kind == "animation" else COMPOSITE_TRAINED


def consent_for(kind: Kind) -> tuple[Role, ...]:
    """The roles that need a consent record: source and destination, or, for an original, the destination alone."""
    return ("destination",) if kind == "original" else ROLES


def require_consent(making: Making, today: dt.date | None = None) -> None:
    """Refuse an output whose faces lack a record in force; :func:`consent_for` says which roles its kind needs.

    Raises:
        Refused: with the sentence of :func:`~datasets.provenance.consent.why_not`.
    """
    for role in consent_for(making.kind):
        lacking = why_not(making.consent, role, today or dt.date.today())
        if lacking is not None:
            raise Refused(lacking)


def software_version() -> str:
    """The installed version of counterface, or ``unknown`` when it runs from a bare checkout."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("counterface")
    except PackageNotFoundError:
        return "unknown"


def settings_hash(settings: Mapping[str, Any]) -> str:
    """SHA-256, hex, of the settings as canonical JSON (sorted keys; paths and other objects as their text)."""
    text = json.dumps(dict(settings), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def manifest(making: Making, format: str, marks: PixelMarks, synthetic: bool | None = None) -> dict[str, Any]:
    """The manifest definition of an output, without its ingredients.

    Its assertions, after C2PA 2.x: ``c2pa.actions.v2`` (what was opened, what was placed, what was made of it, which
    watermark was put in), ``c2pa.soft-binding`` where there is a watermark, and two of our own: how it was made
    (``org.counterface.making``) and on what ground (``org.counterface.consent``). The first three are the studio's
    own statements (``created_assertions`` of the claim); the consent records are what the user entered and are
    listed as such (``gathered_assertions``).

    Args:
        format: MIME type of the output.
        marks: the marks in its pixels.
        synthetic: whether there is synthetic content in it; by default every kind but an original has.

    Raises:
        ValueError: an original without the clip that it is a copy of.
        InputError: an ingredient cannot be read.
    """
    making_data = {
        "version": MAKING_VERSION,
        "software": f"{GENERATOR} {software_version()}",
        "kind": making.kind,
        "synthetic": making.kind != "original" if synthetic is None else synthetic,
        "method": making.method,
        "settings_sha256": settings_hash(making.settings),
        "ingredients": [{"title": bare(i.title), "sha256": file_hash(i.path)} for i in making.ingredients],
        "pixel_marks": list(marks.names),
    }
    assertions: list[dict[str, Any]] = [
        {"label": "c2pa.actions.v2", "data": {"actions": _actions(making, marks)}, "created": True},
        {"label": MAKING_LABEL, "data": making_data, "created": True},
    ]
    if marks.watermark_id is not None:
        assertions.append({"label": SOFT_BINDING_LABEL, "data": soft_binding(marks.watermark_id), "created": True})
    if making.consent:
        assertions.append({"label": CONSENT_LABEL, "data": _consent(making.consent)})
    return {
        "claim_generator_info": [{"name": GENERATOR, "version": software_version()}],
        "title": bare(making.title),
        "format": format,
        "assertions": assertions,
    }


def _actions(making: Making, marks: PixelMarks) -> list[dict[str, Any]]:
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    source = {} if making.source_type is None else {"digitalSourceType": making.source_type}
    actions: list[dict[str, Any]] = []
    for number, ingredient in enumerate(making.ingredients):
        action = "c2pa.opened" if ingredient.relationship == "parentOf" else "c2pa.placed"
        actions.append({"action": action, "parameters": {"ingredientIds": [label(number)]}})
    actions.sort(key=lambda action: action["action"] != "c2pa.opened")
    if not actions or actions[0]["action"] != "c2pa.opened":
        if making.kind == "original":
            raise ValueError("an original needs the clip that it is a copy of as its parentOf ingredient")
        # The standard asks that the first action is the opening of a parent or a creation.
        actions.insert(0, {"action": "c2pa.created", **source})
    if making.kind == "original":
        actions.append({"action": "c2pa.transcoded", "description": making.method, "when": now})
    else:
        actions.append({"action": "c2pa.edited", "description": making.method, "when": now, **source})
    if marks.watermark_id is not None:
        actions.append({"action": "c2pa.watermarked.bound", "when": now})
    return actions


def soft_binding(watermark_id: str) -> dict[str, Any]:
    """The data of a ``c2pa.soft-binding`` assertion (C2PA 2.x, "Soft Binding") for the invisible watermark.

    One block over the whole of the output (an empty scope), whose value is the watermark's id. The name of the
    algorithm is our own, in reversed-domain form: it does not stand in the list of soft-binding algorithms that C2PA
    keeps, so a service that resolves only listed ones will not look it up. ``pad`` is asked for by the standard and
    holds nothing.
    """
    return {
        "alg": SOFT_BINDING_ALGORITHM,
        "name": "invisible watermark",
        "blocks": [{"scope": {}, "value": watermark_id}],
        "pad": [],
    }


def _consent(records: Iterable[Consent]) -> dict[str, Any]:
    # The short hash that a record carries elsewhere is left out: it is not what the user entered.
    kept = [{key: value for key, value in record.to_table().items() if key != "id"} for record in records]
    return {"version": CONSENT_VERSION, "records": kept}


def label(number: int) -> str:
    """The name by which the actions of a manifest point at its ingredient of that number."""
    return f"ingredient-{number}"


def bare(title: str) -> str:
    """A title without folders: a path would tell the name of a user or of a machine."""
    return re.split(r"[/\\]", title.rstrip("/\\"))[-1] if PATH.match(title) else title


def unreadable(path: Path, error: OSError) -> InputError:
    """The sentence for an ingredient that cannot be read."""
    return InputError(f"{path}, from which the output is made, cannot be read: {error.strerror or error}.")


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex; remembered for as long as its size and its time of change stay."""
    try:
        state = path.stat()
        return _hashed(path.resolve(), state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise unreadable(path, error) from error


@lru_cache(maxsize=64)
def _hashed(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
