"""Which measurements tell a swap from its own original: a few, each of another kind, those that tell most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from detect.cues.patch import Patch
    from evaluate.views import View

# Beyond what is usual by so much of its width at least; and so many are shown even where none is.
LEAST_BEYOND, FEWEST = 0.03, 3


@dataclass(frozen=True)
class GivenAway:
    """One measurement.

    Attributes:
        name: of the cue. family: the module it is of ("detail", "noise", ...). part: of the face, in words.
        swap, original: the face of one frame, for pictures.
        said_of_swap, said_of_original: the cue's sentence.
        odd: whether the swap lies outside what nine in ten real faces show, and the original inside.
    """

    name: str
    family: str
    part: str
    swap: Patch
    original: Patch
    said_of_swap: str
    said_of_original: str
    odd: bool


def give_aways(seen: Sequence[View], shown: int, most: int) -> list[GivenAway]:
    """Up to ``most`` cues of a frame that set a swap apart from its original, the clearest first.

    One of a family and a part of the face: their neighbours say the same again.

    Each is measured on all frames given, and the median counts; what is usual in real faces is in the card of the
    general detector. First those whose value is unusual in the swap and usual in the original, by how far they lie
    apart in widths of what is usual.

    Args:
        seen: frames of the swap and its original. shown: the one that is to be shown.
    """
    from detect.cues.frame import FRAME_CUES, frame_cue, measure_frame
    from evaluate.cueviews import largest_patch, usual_ranges

    ranges = usual_ranges()
    names = [name for name in FRAME_CUES if name in ranges]
    both: list[tuple[Patch, Patch]] = []
    at = 0
    for number, view in enumerate(seen):
        swap_patch, original_patch = largest_patch(view.swap), largest_patch(view.original)
        if swap_patch is None or original_patch is None:
            continue
        if number <= shown:
            at = len(both)
        both.append((swap_patch, original_patch))
    if not both:
        return []
    measured = np.array([[measure_frame(patch, names) for patch in pair] for pair in both])
    with np.errstate(all="ignore"):
        values = np.nanmedian(measured, axis=0)
    ranked = []
    for k, name in enumerate(names):
        low, high = ranges[name]
        swap, original = (float(values[i, k]) for i in (0, 1))
        if not (np.isfinite(swap) and np.isfinite(original)) or high <= low:
            continue
        beyond = max(low - swap, swap - high) / (high - low)
        odd = beyond > LEAST_BEYOND and low <= original <= high
        ranked.append((odd, abs(swap - original) / (high - low), name, swap, original))
    found: dict[tuple[str, str], GivenAway] = {}
    for odd, _, name, swap, original in sorted(ranked, key=lambda one: (-one[0], -one[1])):
        cue, usual = frame_cue(name), ranges[name]
        family = str(getattr(cue.measure, "__module__", "")).rsplit(".", 1)[-1]
        part = part_of(name)
        if (family, part) in found or (not odd and len(found) >= FEWEST):
            continue
        said = (cue.sentence(swap, usual), cue.sentence(original, usual))
        found[family, part] = GivenAway(name, family, part, *both[at], *said, odd)
        if len(found) == most:
            break
    return list(found.values())


def part_of(name: str) -> str:
    """The part of the face that a cue of that name is about, in words: the first region that its name holds."""
    from detect.cues.names import REGION_WORDS

    there = [(name.find(region), -len(region), region) for region in REGION_WORDS if region in name]
    return REGION_WORDS[min(there)[2]].removeprefix("the ") if there else "face"
