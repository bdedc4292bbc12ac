"""Whose face it is: which track of a face set is the person that is meant."""

from __future__ import annotations

from datasets.faceset import FaceSet


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
