"""Whose face it is: which tracks of a face set are the person that is meant."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.atomic import write_json
from datasets.errors import InputError
from datasets.faceset import TABLE, ClipFaces, FaceSet, FaceSetInfo, TrackInfo, Tracks
from datasets.footage import is_picture
from datasets.workspace import Choice, Role, Workspace, sha256

if TYPE_CHECKING:
    import numpy as np

    from datasets.faces.likeness import Likeness

PERSON = "person.json"
LISTED = 12


def one_person(faces: FaceSet) -> tuple[int | None, list[str]]:
    """The track to use, None for all of them, and what to tell the user.

    A clip that never shows two faces at once is taken to show one person, even where the tracking lost the face for a
    while. Otherwise it is the track that fills most of the clip.
    """
    info = faces.info
    if info.frames_with_several == 0:
        if len(info.tracks) < 2:
            return None, []
        return None, [
            f"The face of {info.clip} was lost and found again: its {len(info.tracks)} tracks never share a frame, "
            "and were taken for one person. Where that is wrong, delete the other person's crops from the face set."
        ]
    track = faces.main_track()
    share = next(t["faces"] for t in info.tracks if t["id"] == track) / max(1, info.frames)
    return track, [
        f"{info.clip} shows several faces ({len(info.tracks)} tracks); track {track}, the largest, was used "
        f"(in {share:.0%} of the frames). The others stay as they are."
    ]


def person_of(workspace: Workspace, role: Role, faces: FaceSet) -> tuple[Tracks, list[str]]:
    """The tracks of the person that is meant in a role of a workspace, None for all; and what to tell the user.

    The person is the one that was chosen (``Workspace.person``): a track by its number, or the one most like a
    picture; tracks that are as alike and never share a time with it, as after a cut, are joined to it. Without a choice
    it is, in one clip, as ``one_person`` says, with what is joined to it; in several clips and pictures, the person of
    those that show one face, and in the others the face that is surely that person's.

    Raises:
        InputError: there is no such track, or without a choice nobody can tell who is meant.
    """
    choice, clips = workspace.person(role), faces.info.clips
    alone = len(clips) < 2 and not any(is_picture(Path(clip["name"])) for clip in clips)
    if choice is None and alone:
        track, notes = one_person(faces)
        if track is None or not _may_join(faces.info, track):
            return track, notes
        choice = Choice(track)
    if choice is None and not faces.info.frames_with_several:
        return None, []
    key = {
        "choice": workspace.settings.get("people", {}).get(role),
        "table": sha256(faces.folder / TABLE),
    }
    kept = _kept(faces, key)
    if kept is None:
        kept = _unchosen(faces, role) if choice is None else _chosen(faces, role, choice)
        if key["choice"] is None and alone:
            kept = kept[0], notes + kept[1][1:]
        write_json(faces.folder / PERSON, key | {"tracks": sorted(kept[0]), "notes": kept[1]})
    return kept


def _kept(faces: FaceSet, key: dict[str, Any]) -> tuple[frozenset[int], list[str]] | None:
    """What was found out before about the same choice and the same faces, so that every step means the same person."""
    try:
        held = json.loads((faces.folder / PERSON).read_text(encoding="utf-8"))
        if {name: held[name] for name in key} == key:
            return frozenset(int(track) for track in held["tracks"]), [str(note) for note in held["notes"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return None


def track_words(track: TrackInfo, clips: Sequence[ClipFaces] = ()) -> str:
    """A track in words: its number, faces, where it is, and its size.

    Args:
        clips: of the face set; where it has several, the track's is named, and the frames are counted in it.
    """
    size = f"about {track['median_width']:.0f} px wide"
    clip = clips[_clip_of(track, clips)] if len(clips) > 1 else None
    if clip is not None and is_picture(Path(clip["name"])):
        return f"track {track['id']}: in {clip['name']}, {size}"
    start, where = (0, "") if clip is None else (clip["first"], f" of {clip['name']}")
    return (
        f"track {track['id']}: {track['faces']} faces, frames {track['first'] - start} to "
        f"{track['last'] - start}{where}, {size}"
    )


def tracks_to_choose(info: FaceSetInfo) -> list[TrackInfo]:
    """The tracks among which a person is chosen: those of clips and pictures that show several faces, else none."""
    if len(info.clips) < 2:
        return info.tracks if len(info.tracks) > 1 else []
    return [track for track in info.tracks if info.clips[_clip_of(track, info.clips)]["several"]]


def no_such_track(faces: FaceSet, role: Role, track: int) -> None:
    """Raise InputError when a face set has no track of this number."""
    tracks = faces.info.tracks
    if not any(one["id"] == track for one in tracks):
        listed = "; ".join(track_words(one, faces.info.clips) for one in tracks[:LISTED])
        more = f"; and {len(tracks) - LISTED} more" if len(tracks) > LISTED else ""
        raise InputError(f"The {role} has no track {track}; there are {listed}{more}.")


def _chosen(faces: FaceSet, role: Role, choice: Choice) -> tuple[frozenset[int], list[str]]:
    from datasets.faces.likeness import WEAKER, best_likeness, view_in

    tracks = {track["id"]: track for track in faces.info.tracks}
    likeness, notes = best_likeness(), list[str]()
    vectors = _vectors(faces, likeness)
    if choice.reference is None:
        assert choice.track is not None
        no_such_track(faces, role, choice.track)
        seed, by = choice.track, f"as it was chosen, of {len(tracks)}"
    else:
        wanted = likeness.describe([view_in(choice.reference)])
        ranked = sorted(tracks, key=lambda track: -likeness.between(wanted, vectors.get(track)))
        seed = ranked[0]
        most = likeness.between(wanted, vectors.get(seed))
        by = f"of {len(tracks)} the one most like the reference (likeness {most:.2f})"
        if most < likeness.same:
            notes.append(
                f"Nobody in the {role} is clearly the person of the reference (likeness {most:.2f}, and "
                f"{likeness.same:.2f} is needed to be sure): look whether track {seed} is the right one."
            )
    joined = _alike(tracks, vectors, likeness, vectors.get(seed), {seed})
    notes.insert(0, f"The {role} is track {seed}, {by}.")
    if more_of := sorted(joined - {seed}):
        word = "track" if len(more_of) == 1 else "tracks"
        notes.append(
            f"The {role}'s {word} {_listed(more_of)} joined track {seed}: they are as alike and never share a time "
            "with it."
        )
    if likeness.weak and len(tracks) > 1:
        notes.append(WEAKER)
    return frozenset(joined), notes


def _unchosen(faces: FaceSet, role: Role) -> tuple[frozenset[int], list[str]]:
    """Of several clips and pictures, the person of those that show one face at a time."""
    from datasets.faces.likeness import WEAKER, best_likeness, best_rows, views_of

    info = faces.info
    crowded = {number: clip["name"] for number, clip in enumerate(info.clips) if clip["several"]}
    of_crowd = {t["id"]: t for t in info.tracks if _clip_of(t, info.clips) in crowded}
    alone = {t["id"] for t in info.tracks} - set(of_crowd)
    if not alone:
        what = crowded[0] if len(info.clips) == 1 else f"every one of the {role}'s clips and pictures"
        raise InputError(
            f"There are several faces in {what}: say who is meant with --{role}-track N or --{role}-reference PICTURE "
            f"({'; '.join(track_words(t, info.clips) for t in list(of_crowd.values())[:LISTED])})."
        )
    likeness = best_likeness()
    rows = sorted(
        (row for track, own in best_rows(faces, 1).items() if track in alone for row in own),
        key=lambda row: abs(row.yaw) + abs(row.pitch),
    )
    person = likeness.describe(views_of(faces, rows[:LISTED]))
    found = _alike(of_crowd, _vectors(faces, likeness, set(of_crowd)), likeness, person, set())
    served = {_clip_of(of_crowd[track], info.clips) for track in found}
    without = [name for number, name in crowded.items() if number not in served]
    notes = [
        f"{len(crowded)} of the {role}'s {len(info.clips)} clips and pictures show several faces; from these only "
        "the face that is surely the person of the others is taken."
    ]
    if without:
        notes.append(
            f"Nothing is taken from {_listed(without)}; to say who is meant there, give --{role}-reference PICTURE."
        )
    if likeness.weak:
        notes.append(WEAKER)
    return frozenset(alone | found), notes


def _vectors(faces: FaceSet, likeness: Likeness, among: set[int] | None = None) -> dict[int, np.ndarray | None]:
    from datasets.faces.likeness import best_rows, views_of

    held = best_rows(faces)
    return {
        track: likeness.describe(views_of(faces, rows))
        for track, rows in held.items()
        if among is None or track in among
    }


def _alike(
    tracks: dict[int, TrackInfo],
    vectors: dict[int, np.ndarray | None],
    likeness: Likeness,
    person: np.ndarray | None,
    chosen: set[int],
) -> set[int]:
    """The chosen tracks and, the most alike first, those that are this person's and overlap with none of them."""
    taken = set(chosen)
    alike = {track: likeness.between(person, vectors.get(track)) for track in tracks if track not in chosen}
    for track in sorted(alike, key=lambda t: (-alike[t], t)):
        if alike[track] < likeness.same:
            break
        if not any(_overlap(tracks[track], tracks[other]) for other in taken):
            taken.add(track)
    return taken


def _may_join(info: FaceSetInfo, track: int) -> bool:
    """Whether a track leaves time in which another one could be the same person."""
    own = next(one for one in info.tracks if one["id"] == track)
    return any(not _overlap(own, other) for other in info.tracks)


def _overlap(one: TrackInfo, other: TrackInfo) -> bool:
    return one["first"] <= other["last"] and other["first"] <= one["last"]


def _clip_of(track: TrackInfo, clips: Sequence[ClipFaces]) -> int:
    """The number of the clip or picture that a track is in."""
    return bisect_right([clip["first"] for clip in clips], track["first"]) - 1


def _listed(names: Iterable[object]) -> str:
    words = [str(name) for name in names]
    return ", ".join(words[:LISTED]) + (f" and {len(words) - LISTED} more" if len(words) > LISTED else "")
