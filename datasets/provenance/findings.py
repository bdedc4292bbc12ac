"""What ``verify`` found, in plain words: what it is, and on what that rests.

The words are those that Article 50's code of practice and the standards use: *marked by this studio*, *Credentials
from another signer*, *nothing found: this does not mean authentic*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datasets.provenance.reading import SYNTHETIC_TYPES
from datasets.provenance.verify import ORIGINAL, Match, Verification
from datasets.provenance.watermarkwords import chance, in_part, in_time

KINDS = {
    "swap": "a face swap",
    "animation": "a portrait set in motion",
    "preview": "a picture of a face swap, made on the way",
    "report": "a picture or clip of a face swap, made for a report",
    ORIGINAL: "an original clip of a labelled data set",
}
REAL = "a real clip, not synthetic, marked like the synthetic ones beside it"
EITHER = "it is either a synthetic output or a real clip of a labelled data set"
BASIS_WORDS = {
    "self": "it is the user's own face",
    "written": "written consent",
    "public-domain": "public-domain portrait",
    "synthetic": "a person who does not exist",
    "research": "licensed research set",
}
RELATIONS = {"parentOf": "what was edited", "componentOf": "what was placed into it"}


@dataclass(frozen=True)
class Finding:
    """One kind of mark.

    Attributes:
        label: its name.
        said: what was found, one sentence.
        rests: on what that answer rests, a phrase that follows "this rests on"; empty where nothing was found.
        points: details, a sentence each.
    """

    label: str
    said: str
    rests: str = ""
    points: tuple[str, ...] = ()


def headline(found: Verification) -> str:
    """What the file is, as far as its marks say, in one sentence."""
    own, mark = found.credentials, found.watermark
    if found.transplanted:
        return (
            f"Suspicious: its Content Credentials belong to another file (they name watermark {own.soft_binding}), and "
            f"its pictures carry the watermark {mark.id} of this studio."
        )
    if own.by_studio and own.own:
        return f"Marked by this studio: {_what(found)}."
    if mark.id is not None:
        if found.match is None:
            return f"Marked by this studio{in_part(mark)}: watermark {mark.id} was written with this machine's key."
        copy = "the file itself" if found.match.same_bytes else "a copy, recognised by its watermark"
        return f"Marked by this studio{in_part(mark)}: {_what(found)} ({copy})."
    if own.by_studio:
        known = "whose signer this machine trusts" if own.state == "trusted" else "that this machine does not know"
        return f"Marked by a Counterface studio {known}: {_what(found)}, says its signer ({own.signer})."
    if mark.present:
        return f"Marked by a Counterface studio{in_part(mark)}: its invisible watermark is in the pictures; {EITHER}."
    if own.state in ("valid", "trusted"):
        declared = ", and they declare synthetic content" if found.synthetic else ""
        return f"Credentials from another signer ({own.signer}){declared}."
    badge = ', and the visible "AI" badge, which anyone can paste,' if found.badge.found else ""
    if own.state == "invalid":
        return f"Content Credentials that do not hold{badge} were found: what they say proves nothing."
    if found.badge.found:
        return (
            'Only the visible "AI" badge was found: a sign that it is meant to be seen as synthetic, and a weak one, '
            "because anyone can paste it."
        )
    return "Nothing found: this does not mean authentic, because marks can be lost or were never there."


def findings(found: Verification) -> tuple[Finding, ...]:
    """Content Credentials, invisible watermark, badge, and what stood in the way."""
    made = [_credentials(found), watermark_finding(found), _badge(found)]
    if found.damaged:
        made.append(Finding("Damage", "Not all of the file could be looked at.", points=found.damaged))
    return tuple(made)


def _what(found: Verification) -> str:
    said = described(found.account or found.credentials.making)
    return (
        f"a changed copy of {said}; whether a face was put into it since is not known" if found.of_a_real_clip else said
    )


def described(account: Mapping[str, Any]) -> str:
    """What an output is by its kind, its method and whether it is synthetic: a phrase."""
    kind, method = account.get("kind"), account.get("method")
    said = KINDS.get(str(kind), f"an output of the kind {kind}")
    if kind == ORIGINAL:
        return f"{said}: " + ("of a synthetic clip, and no swap" if account.get("synthetic") else REAL)
    return f"{said} (synthetic, method {method})" if method else f"{said} (synthetic)"


def _credentials(found: Verification) -> Finding:
    own, label = found.credentials, "Content Credentials"
    if own.state == "none":
        away = [f"The file says that they lie at {own.remote}; nothing is fetched from there."] if own.remote else []
        return Finding(label, "No Content Credentials were found.", points=tuple(away))
    if own.state == "invalid":
        return Finding(
            label,
            "It carries Content Credentials that do not hold: the file was changed after they were signed, or they "
            "were put into it from another file.",
            points=(*_binding(found), *(f"Fault: {fault}." for fault in own.faults)),
        )
    if own.by_studio and own.own:
        said = "Marked by this studio: the Content Credentials are intact and signed with this machine's key."
        rests = "a signature over every byte of the file, made with a key that this machine holds"
    else:
        known = "the signer is trusted by" if own.state == "trusted" else "the signer is not known to"
        whose = "Credentials of a Counterface studio" if own.by_studio else "Credentials from another signer"
        said = f"{whose} ({own.signer}): intact, {known} this machine."
        rests = "a signature over every byte of the file"
        if own.state == "trusted":
            rests += ", and a certificate under one of the trust anchors of this machine's settings"
        else:
            rests += "; who holds its key is not known here, and anyone can make such a key"
    points = []
    kinds = sorted({str(a["source_type"]) for a in own.actions if a.get("source_type") in SYNTHETIC_TYPES})
    if kinds:
        points.append(f"They declare synthetic content ({', '.join(kinds)}).")
    if own.by_studio:
        points.append(f"They say what it is: {described(own.making)}.")
    parts = [f"{i['title']} ({RELATIONS.get(str(i['relationship']), i['relationship'])})" for i in own.ingredients]
    if parts:
        points.append(f"They name what it was made from: {', '.join(parts)}.")
    if own.time:
        points.append(f"Signed on {own.time}, {'by a time-stamp service' if own.time_stamped else 'says the signer'}.")
    return Finding(label, said, rests, (*points, *_binding(found)))


def _binding(found: Verification) -> list[str]:
    """What the watermark that the Credentials name says against, or for, the one in the pictures."""
    own, mark = found.credentials, found.watermark
    if own.soft_binding is None:
        if mark.id is not None and own.state in ("valid", "trusted") and not own.by_studio:
            return ["They do not speak of the watermark of this studio that is in the pictures all the same."]
        return []
    if found.transplanted:
        return [
            f"They name the watermark {own.soft_binding}, and the pictures carry {mark.id}: they were made for another "
            "file and put into this one, or the pictures were exchanged."
        ]
    if mark.id == own.soft_binding:
        return [f"They name the watermark {own.soft_binding}, the one that is in the pictures."]
    if mark.id is not None:
        return [
            f"They name the watermark {own.soft_binding}; the pictures still carry {mark.id}, that of a file from "
            "which this one was made."
        ]
    if not mark.present and mark.frames:
        return [
            f"They name the watermark {own.soft_binding}, and none was found: the pictures are too small or too flat "
            "to hold it, or they were exchanged."
        ]
    return []


def watermark_finding(found: Verification) -> Finding:
    """What was found of the invisible watermark, and what its id leads to."""
    mark, label = found.watermark, "Invisible watermark"
    if not mark.frames and not mark.present:
        return Finding(label, "Not looked for: the pictures could not be read.")
    changed = [f"The picture was changed since: {mark.geometry}."] if mark.geometry else []
    if mark.mirrored:
        changed.append("It was found in the mirror image: the picture was mirrored.")
    if not mark.present:
        return Finding(label, "Not found.", points=tuple(mark.notes))
    rests = (
        f"a pattern in the pixels; an unmarked file gives this answer with a probability of {chance(mark)}, and "
        "someone who sets out to can copy it from one picture onto another"
    )
    where = in_time(mark)
    if mark.id is None:
        said = "Found, and its id cannot be read here."
        points = [
            f"The mark says that a Counterface studio wrote this: {EITHER}.",
            "Whoever wrote it can look the id up: it was written with another machine's key, or is too weak here to be "
            "read.",
        ]
        rests += "; its key is public, so that anyone can find it, and anyone with the program can write it"
    else:
        said = f"Found, with the id {mark.id}, which this machine's key confirms."
        rests += "; the id was written with this machine's private key"
        points = _record(found)
    return Finding(label, said, rests, (*points, *where, *changed, *mark.notes))


def _record(found: Verification) -> list[str]:
    match = found.match
    if match is None:
        if found.table:
            return [found.table, f"So what the id stands for is not known, and {EITHER}."]
        return [
            f"No record of this id is in this machine's table of outputs, so what it stands for is not known: {EITHER}."
        ]
    own = match.record
    if match.same_bytes:
        copy = "It is that very file, byte for byte."
    elif found.credentials.state in ("valid", "trusted"):
        copy = "The file's bytes are not those of that output."
    else:
        copy = "The manifest was matched by the watermark: the file is a copy of that output, its bytes differ."
    what = described({"kind": own.kind, "method": own.method, "synthetic": match.synthetic})
    said = [f"It stands for “{own.title}”, written on {_moment(own.created)}: {what}.", copy]
    said += [_consent(record) for record in own.consent]
    parts = [str(part.get("title")) for part in own.ingredients]
    if parts:
        said.append(f"It was made from: {', '.join(parts)}.")
    said.append(_stored(match))
    for other in found.others:
        made = {"kind": other.record.kind, "method": other.record.method, "synthetic": other.synthetic}
        said.append(f"Other passages carry {other.record.id}, of “{other.record.title}”: {described(made)}.")
    return said


def _moment(created: str) -> str:
    """``2026-01-31T10:00:00+00:00`` as ``2026-01-31 10:00 UTC``."""
    return f"{created[:16].replace('T', ' ')} UTC" if created.endswith("+00:00") else created


def _consent(record: Mapping[str, str]) -> str:
    basis = BASIS_WORDS.get(str(record.get("basis")), str(record.get("basis")))
    until = f", until {record['expires']}" if record.get("expires") else ""
    until += f", withdrawn on {record['withdrawn']}" if record.get("withdrawn") else ""
    return f"Ground for the {record.get('role')}: {basis} ({record.get('who')}; {record.get('reference')}{until})."


def _stored(match: Match) -> str:
    own = match.manifest
    if own.state == "trusted":
        return "The stored manifest is intact and signed with this machine's key."
    if own.state == "valid":
        return f"The stored manifest is intact; this machine does not know its signer ({own.signer})."
    return "The stored manifest does not hold: it was changed after it was signed, so only the table says this."


def _badge(found: Verification) -> Finding:
    badge, label = found.badge, "Visible badge"
    if not badge.looked_at:
        return Finding(label, "Not looked for: the pictures could not be read.")
    if not badge.found:
        return Finding(label, 'The visible "AI" badge was not found.')
    where = "the picture" if badge.looked_at == 1 else f"{badge.frames} of {badge.looked_at} frames looked at"
    return Finding(
        label,
        f'The visible "AI" badge was found in {where}.',
        "the look of a small picture, which anyone can paste, cover or crop: weak",
    )
