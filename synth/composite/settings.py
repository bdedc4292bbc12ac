"""How a face is put back: the settings, checked, and the ones that a method has for its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from datasets.errors import InputError
from synth.composite.colour import ALIASES, TRANSFERS

MODES = ("overlay", "histogram", "seamless", "seamless-histogram", "raw")
MASKS = ("both", "learned", "hull")
OCCLUSIONS = ("off", "learned", "segment", "auto")
# Least and most of each number, both allowed.
BOUNDS = {
    "erode": (-0.1, 0.3),
    "blur": (0.0, 0.5),
    "motion_blur": (0.0, 1.0),
    "sharpen": (0.0, 2.0),
    "grain": (0.0, 2.0),
    "compression": (0.0, 1.0),
}


@dataclass(frozen=True)
class CompositeSettings:
    """How the face is put back.

    Attributes:
        mode: ``overlay`` blends with colour transfer; ``histogram`` then matches the histogram under the mask;
            ``seamless`` clones by gradients; ``seamless-histogram`` does both; ``raw`` blends what the model made, with
            no colour transfer and nothing of the last four.
        colour: a name of ``synth.composite.colour.TRANSFERS``, or ``reinhard`` for ``rct``.
        erode: how far the mask's edge is drawn in, as a fraction of the crop's side; below 0 it grows.
        blur: width of the mask's soft edge, as a fraction of the crop's side. With ``erode`` and ``blur`` both 0 the
            mask is used as it is.
        mask: ``learned``, the model's; ``hull``, the destination's face outline; ``both``, where both agree.
        occlusion: what is in front of the face and stays the destination's, see ``synth.composite.occlusion``.
        motion_blur: part of a frame's interval for which the shutter is open; 0 for none.
        sharpen: strength of unsharp masking; 0 for none.
        grain: part of the clip's own noise, where the face has less, that it is given.
        compression: how far the face's fine detail is brought to the destination's: softened in a soft clip, raised a
            little in a crisp one.

    Raises:
        InputError: a value that is none of those there are, saying which there are.
    """

    mode: str = "overlay"
    colour: str = "rct"
    # A face that has most of the destination's shape needs all of its own skin to be itself.
    erode: float = 0.0
    blur: float = 0.04
    mask: str = "both"
    occlusion: str = "off"
    motion_blur: float = 0.5
    sharpen: float = 0.0
    grain: float = 1.0
    compression: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.colour, str):
            object.__setattr__(self, "colour", ALIASES.get(self.colour, self.colour))
        for name, said, there in (
            ("mode", "composite mode", MODES),
            ("colour", "colour transfer", tuple(TRANSFERS)),
            ("mask", "mask", MASKS),
            ("occlusion", "occlusion setting", OCCLUSIONS),
        ):
            if getattr(self, name) not in there:
                raise InputError(f"There is no {said} {getattr(self, name)!r}; there are: {', '.join(there)}.")
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if not number or not least <= value <= most:
                part = " of the crop's side" if name in ("erode", "blur") else ""
                raise InputError(f"{name} must be a number from {least:g} to {most:g}{part}, and {value!r} is not.")
            object.__setattr__(self, name, float(value))

    def settings_at(self, frame: int) -> CompositeSettings:
        """The settings for a frame number: these. A session has others for some frames."""
        return self

    def to_table(self) -> dict[str, Any]:
        """Plain values by name; ``synth.composite.session.from_table`` reads them back."""
        return asdict(self)


FIELDS = tuple(field.name for field in fields(CompositeSettings))


def check_names(given: Mapping[str, Any], where: str = "") -> None:
    """Raise InputError for a name that is no composite setting; ``where`` begins the sentence."""
    for name in given:
        if name not in FIELDS:
            start = f"{where}: there" if where else "There"
            raise InputError(f"{start} is no composite setting {name!r}; there are: {', '.join(FIELDS)}.")


def for_method(kind: Any, given: Mapping[str, Any] | None = None) -> CompositeSettings:
    """The settings for a method: the general defaults, over them the method's own, over them what the user gave.

    Args:
        kind: a method's class, a model of it, or its name.
        given: what the user said, by name; what is None was not said.

    Raises:
        InputError: an unknown name, method or value.
    """
    if isinstance(kind, str):
        from synth.method import method_class

        kind = method_class(kind)
    said = {name: value for name, value in (given or {}).items() if value is not None}
    check_names(said)
    return CompositeSettings(**{**dict(kind.composite), **said})
