"""Answers of the quiz: one line of JSON each, which the dashboard writes and ``counterface evaluate people`` reads.

The format is fixed in docs/evaluation.md.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.errors import InputError

CLASSES = ("fake", "real")
TEXTS = ("round", "player", "clip", "verdict", "method")


@dataclass(frozen=True)
class Answer:
    """One answer of the quiz; see docs/evaluation.md.

    Attributes:
        round: random id of the sitting. player: random id of this browser's tab.
        clip: SHA-256 of the file that was shown, hex.
        label, guess: ``fake`` or ``real``.
        confidence: 0.5 (a guess) to 1 (sure).
        machine: the detector's probability of a manipulation, None where it found no face.
        verdict: the detector's answer.
        method: of the swap; of an original empty.
        seconds: from the clip's showing to the answer.
        at: ISO time, UTC.
    """

    round: str
    player: str
    clip: str
    label: str
    guess: str
    confidence: float
    machine: float | None
    verdict: str
    method: str
    seconds: float
    at: str

    @property
    def fake(self) -> int:
        return int(self.label == "fake")

    @property
    def probability(self) -> float:
        """What the player gave for a fake, in [0, 1]."""
        return self.confidence if self.guess == "fake" else 1 - self.confidence

    @property
    def right(self) -> bool:
        return self.guess == self.label


def answer_of(held: Any) -> Answer:
    """An answer from its JSON object. Raises ValueError that says what is wrong."""
    if not isinstance(held, dict):
        raise ValueError("it is no object")
    if missing := [name for name in Answer.__dataclass_fields__ if name not in held]:
        raise ValueError(f"it has no {', '.join(missing)}")
    if wrong := [name for name in TEXTS if not isinstance(held[name], str)]:
        raise ValueError(f"{', '.join(wrong)} must be text")
    for name in ("label", "guess"):
        if held[name] not in CLASSES:
            raise ValueError(f"its {name} is {held[name]!r}, not fake or real")
    confidence, machine = _number(held["confidence"], "confidence"), held["machine"]
    if not 0.5 <= confidence <= 1:
        raise ValueError(f"its confidence is {confidence:g}, outside 0.5 to 1")
    if machine is not None and not 0 <= (machine := _number(machine, "machine")) <= 1:
        raise ValueError(f"its machine is {machine:g}, outside 0 to 1")
    seconds = _number(held["seconds"], "seconds")
    try:
        dt.datetime.fromisoformat(str(held["at"]))
    except ValueError as error:
        raise ValueError(f"its time is {held['at']!r}") from error
    known = {name: held[name] for name in Answer.__dataclass_fields__}
    return Answer(**known | {"confidence": confidence, "machine": machine, "seconds": seconds, "at": str(held["at"])})


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"its {name} is no number")
    return float(value)


def read_answers(files: Sequence[Path]) -> list[Answer]:
    """The answers of some files, each once; a last line that a kill cut off is passed over.

    Raises:
        InputError: a file is missing, holds something else, or there is no answer in any.
    """
    found: dict[str, Answer] = {}
    for file in files:
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read as answers of a quiz.") from error
        lines = text.split("\n")
        for count, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                one = answer_of(json.loads(line))
            except ValueError as error:
                if count == len(lines) and isinstance(error, json.JSONDecodeError):
                    continue
                raise InputError(f"Line {count} of {file} is no answer of a quiz: {error}.") from error
            found[hashlib.sha256(repr(one).encode()).hexdigest()] = one
    if not found:
        raise InputError(f"There is no answer in {', '.join(map(str, files))}.")
    return list(found.values())
