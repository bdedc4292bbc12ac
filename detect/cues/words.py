"""What a cue says to a lay reader: one sentence that sets a value against what is usual in real faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

# How a difference of values reads: of log energies (amplitude goes with the root), of log amounts, a difference in
# plain units, or none that would mean anything to a reader.
MOST = 900.0
POSITIVE = {"stronger": "strong", "larger": "large", "sharper": "sharp", "brighter": "bright", "higher": "high"}
Scale = Literal["log energy", "log amount", "units", "none"]


@dataclass(frozen=True)
class Words:
    """The parts of a cue's sentence.

    Attributes:
        subject: what is measured, "The fine detail of the eyes and mouth".
        against: what it is set against, "against the hair and neck around the face"; empty for nothing.
        low, high: what it is when below or above the usual, "weaker", "stronger".
        scale: how to put the distance in numbers.
        unit: the unit for the scale ``units``.
    """

    subject: str
    against: str = ""
    low: str = "weaker"
    high: str = "stronger"
    scale: Scale = "log energy"
    unit: str = ""

    def sentence(self, value: float, usual: tuple[float, float]) -> str:
        """One sentence.

        Args:
            value: what was measured; NaN where it could not be.
            usual: the range that 90 % of real faces lie in (5th and 95th percentile), in the value's unit.
        """
        what = f"{self.subject} {self.against}".strip()
        if not np.isfinite(value):
            return f"{what} could not be measured here."
        if usual[0] <= value <= usual[1]:
            return f"{what}: as is usual in real faces."
        below = value < usual[0]
        size = self._size(value - (usual[0] if below else usual[1]), below)
        parts = [f"{self.subject} {self.verb}", size, self.against]
        told = " ".join(part for part in parts if part)
        than = "as" if " times as " in size else "than"
        return f"{told} {than} in 95 % of the real faces the detector knows."

    @property
    def verb(self) -> str:
        """ "is" or "are", after the subject."""
        head = self.subject.split(" of ")[0].split(" between ")[0].split(" in ")[0]
        return "are" if head.endswith("s") and not head.endswith(("ss", "us")) else "is"

    def _size(self, difference: float, below: bool) -> str:
        word = self.low if below else self.high
        if self.scale == "units":
            return f"{abs(difference):.2g} {self.unit} {word}".replace("  ", " ")
        if self.scale == "none":
            return word
        times = float(np.exp(min(abs(difference) / (2 if self.scale == "log energy" else 1), 6.9)))
        if below:
            part = 100 * (1 - 1 / times)
        elif times >= 3:
            most = times > MOST
            adjective = POSITIVE.get(word, word)
            return f"{'more than ' if most else ''}{min(times, MOST):.0f} times as {adjective}"
        else:
            part = 100 * (times - 1)
        return f"{part:.0f} % {word}" if part >= 1 else f"a little {word}"
