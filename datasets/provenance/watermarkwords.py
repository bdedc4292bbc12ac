"""The search for the watermark in words: how sure the answer is, and where in time the mark was found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from datasets.provenance.watermarkfound import Passage, WatermarkFound

FACTORS = ("", "10 ", "100 ")
SCALES = {3: "thousand", 6: "million", 9: "billion"}
MOST_PASSAGES = 8


def chance(mark: WatermarkFound) -> str:
    """The bound of the false-alarm probability as a person says it, rounded up: ``at most 1 in 10 million``."""
    bound = mark.false_alarm
    if bound > 1e-3:
        return f"at most {math.ceil(bound * 1000) / 10:.1f} %"
    power = min(11, math.floor(-math.log10(max(bound, 1e-300)) + 1e-9))
    said = f"at most 1 in {FACTORS[power % 3]}{SCALES[power - power % 3]}"
    return said.replace("in thousand", "in a thousand").replace("in million", "in a million").replace("in b", "in a b")


def spans(passages: Sequence[Passage]) -> list[Passage]:
    """Neighbouring passages that say the same, as one; its confidence is the least of them."""
    merged: list[Passage] = []
    for passage in passages:
        last = merged[-1] if merged else None
        if last is not None and (last.present, last.id) == (passage.present, passage.id):
            merged[-1] = replace(last, end=passage.end, confidence=min(last.confidence, passage.confidence))
        else:
            merged.append(passage)
    return merged


def in_time(mark: WatermarkFound) -> list[str]:
    """Where in the clip it was found, if it is a clip; one sentence."""
    found = spans(mark.passages)
    if not found or found[-1].end <= found[0].start:
        return []
    if len(found) == 1:
        return ["It is in the whole clip."] if found[0].present else []
    said = [f"{_seconds(p)} {_passage(p)}" for p in found[:MOST_PASSAGES]]
    more = len(found) - MOST_PASSAGES
    return [f"In time: {'; '.join(said)}{f'; and {more} more passages' if more > 0 else ''}."]


def in_part(mark: WatermarkFound) -> str:
    """ ", in 3.0 of 6.0 s" where the mark is not in the whole clip; else nothing."""
    found = sum(p.end - p.start for p in mark.passages if p.present)
    if all(p.present for p in mark.passages) or not found:
        return ""
    return f", in {found:.1f} of {sum(p.end - p.start for p in mark.passages):.1f} s"


def _seconds(passage: Passage) -> str:
    return f"{passage.start:.1f} to {passage.end:.1f} s"


def _passage(passage: Passage) -> str:
    if not passage.present:
        return "not found"
    return f"found ({passage.id})" if passage.id else "found"
