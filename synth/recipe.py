"""What an autoencoder is made of and how it learns: one frozen table, which options given as text change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from datasets.errors import InputError
from synth.hardware import LOOP_OPTIONS, loop_options
from synth.schedule import Schedule
from synth.texture import SHAPE

Architecture = Literal["quick", "df", "liae"]
SIZES, SIZE_STEP = (64, 256), 32
FOLDS = (1, 2, 4)
STORED = 256
FROM = "from"
# What has to stay as it was when a training goes on; all else may be changed on the way, as people do.
FIXED_IN_TRAINING = ("architecture", "size", "dims", "fold", "likeness", "pixel_norm")


@dataclass(frozen=True)
class Dims:
    """Widths of the networks, in channels.

    Attributes:
        ae: the code between encoder and decoder, and the plane it is widened to.
        e: the encoder's first level; each further level has twice as many.
        d: half of the decoder's last level; each level below has twice as many.
        mask: the same for the mask's branch.
    """

    ae: int = 128
    e: int = 48
    d: int = 24
    mask: int = 8


@dataclass(frozen=True)
class Recipe:
    """One autoencoder method.

    Attributes:
        architecture: "quick" (``synth.networks``), "df" or "liae" (``synth.architectures``).
        size: side of the pictures that the network sees and makes, pixels: 64 to 256.
        dims: widths of the networks.
        fold: the picture goes in by pixel-unshuffle and comes out by pixel-shuffle of this factor: 1, 2 or 4.
        likeness: whether the decoder starts from the neutral texture bent to the landmarks (``synth.texture``).
        shape: with a likeness, how much of the source's own shape a swap keeps, 0 to 1 (``carry_over``).
        pixel_norm: whether the plane that the decoder starts from is brought to unit length in each pixel.
        batch: faces of each person in a step.
        eyes_mouth: weight of the absolute error at eyes and mouth.
        gan, gan_patch: weight of the adversarial loss (0 for none) and the side of the patches it judges, pixels.
        style: weight of the colour style loss (0 for none): the swap takes the destination's light.
        late: part of the training, at its end, over which ``gan`` and ``style`` come in.
        uniform_yaw: faces are drawn evenly over the head's turn, so that rare views are learnt too.
        colour_transfer: half of the samples take the colours of a random face of the other person.
        flip: half of the samples are mirrored.
        warp: whether the input is warped at random; it fades at the end of the training (``Schedule``).
        rate: peak learning rate.
        precision: "32", or "bf16" or "fp16" mixed.
        compile: whether torch.compile is used.
        ema: decay of the averaged weights, which are what gets used.
        start: the option "from": "base", "none" or a folder with weights.
    """

    architecture: Architecture = "df"
    size: int = 128
    dims: Dims = field(default_factory=Dims)
    fold: int = 4
    likeness: bool = True
    shape: float = SHAPE
    pixel_norm: bool = True
    batch: int = 8
    eyes_mouth: float = 10.0
    gan: float = 0.0
    gan_patch: int = 16
    style: float = 0.0
    late: float = 0.3
    uniform_yaw: bool = False
    colour_transfer: bool = False
    flip: bool = False
    warp: bool = True
    rate: float = 1e-3
    precision: str = "32"
    compile: bool = False
    ema: float = 0.998
    start: str = "base"

    @property
    def output(self) -> int:
        """Side of the crops that go in and come out of the method, pixels.

        With a likeness its fine texture is laid over what the network made, at twice the network's size and at most
        at that of a stored face.
        """
        return max(self.size, min(2 * self.size, STORED)) if self.likeness else self.size

    @property
    def shrink(self) -> int:
        """How many pixels of the picture go into one of the lowest plane, along a side."""
        return 32 if self.fold > 1 and self.size >= 128 else 16

    def schedule(self) -> Schedule:
        """How learning rate and warp run."""
        return Schedule(rate=self.rate)

    def lateness(self, part: float) -> float:
        """How far ``gan`` and ``style`` are in, where ``part`` in [0, 1] of the training is done: 0 to 1."""
        if part < 1 - self.late:
            return 0.0
        return min(1.0, (part - (1 - self.late)) / max(1e-9, 0.25 * self.late))

    def changeable(self) -> dict[str, Any]:
        """The rest: what may change while a training goes on."""
        return {name: value for name, value in self.table().items() if name not in (*FIXED_IN_TRAINING, FROM)}

    def fixed(self) -> dict[str, Any]:
        """What a training that goes on must have kept, as values of JSON."""
        whole = asdict(self)
        return {name: whole[name] for name in FIXED_IN_TRAINING}

    def table(self) -> dict[str, Any]:
        """Everything, as values of JSON, under the names of the options."""
        whole = asdict(self)
        whole[FROM] = whole.pop("start")
        return whole


def with_options(
    recipe: Recipe, options: Mapping[str, Any] | None, method: str, settled: tuple[str, ...] = ()
) -> tuple[Recipe, dict[str, Any]]:
    """The recipe with a person's options in it, and what the training loop was given beside it (devices, backups).

    Args:
        options: by name, as text or as values. ``dims`` is ``ae=128,e=48,d=24,mask=8`` or a table, in parts or whole.
        method: for messages.
        settled: names that this method does not leave open.

    Raises:
        InputError: an unknown name, a settled one, or a value that can't be.
    """
    loop, own = loop_options(options)
    known = {FROM if f.name == "start" else f.name: f.name for f in fields(Recipe)}
    there = sorted({*known, *LOOP_OPTIONS} - {*settled, "architecture"})
    changes: dict[str, Any] = {name: loop.pop(name) for name in ("precision", "compile") if name in loop}
    for name, value in own.items():
        if name not in there:
            said = f"settles {name} itself" if name in settled else f"has no option {name!r}"
            raise InputError(f"{method} {said}; its options are: {', '.join(there)}.")
        changes[known[name]] = _parsed(name, value, getattr(recipe, known[name]))
    changed = replace(recipe, **changes)
    _check(changed)
    return changed, loop


def _parsed(name: str, value: Any, now: Any) -> Any:
    """A value of the type that ``now`` has."""
    if isinstance(now, Dims):
        return _dims(value, now)
    text = str(value).strip()
    if isinstance(now, bool):
        words = {
            "on": True,
            "true": True,
            "yes": True,
            "1": True,
            "off": False,
            "false": False,
            "no": False,
            "0": False,
        }
        if text.lower() not in words:
            raise InputError(f"{name} is on or off, not {text!r}.")
        return words[text.lower()]
    if isinstance(now, str):
        return text
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not abs(number) < 1e9 or (isinstance(now, int) and number != int(number)):
        raise InputError(f"{name} is a {'whole ' if isinstance(now, int) else ''}number, not {text!r}.")
    return int(number) if isinstance(now, int) else number


def _dims(value: Any, now: Dims) -> Dims:
    if isinstance(value, Dims):
        return value
    names = [f.name for f in fields(Dims)]
    if not isinstance(value, Mapping):
        parts = [part.replace(":", "=").partition("=") for part in str(value).split(",")]
        value = {name.strip(): number.strip() for name, _, number in parts}
    if unknown := [str(name) for name in value if name not in names]:
        raise InputError(
            f"dims has no {unknown[0]!r}; it is made of {', '.join(names)}, as in ae=128,e=48,d=24,mask=8."
        )
    return replace(now, **{name: _parsed(f"dims {name}", number, 0) for name, number in value.items()})


def _check(recipe: Recipe) -> None:
    least, most = SIZES
    if not (least <= recipe.size <= most and recipe.size % SIZE_STEP == 0):
        sizes = ", ".join(str(size) for size in range(least, most + 1, SIZE_STEP))
        raise InputError(f"size is {recipe.size}, and it must be one of {sizes} pixels.")
    if recipe.fold not in FOLDS:
        raise InputError(f"fold is {recipe.fold}, and it must be one of {', '.join(map(str, FOLDS))}.")
    if not recipe.start:
        raise InputError("from is empty; it is base, none or a folder with a model.")
    ranges: dict[str, tuple[float, float, float]] = {
        "batch": (recipe.batch, 1, 512),
        "shape": (recipe.shape, 0, 1),
        "eyes_mouth": (recipe.eyes_mouth, 0, 1000),
        "gan": (recipe.gan, 0, 10),
        "gan_patch": (recipe.gan_patch, 8, recipe.size // 2),
        "style": (recipe.style, 0, 100),
        "late": (recipe.late, 0, 1),
        "rate": (recipe.rate, 1e-7, 0.1),
        "ema": (recipe.ema, 0, 0.99999),
        **{f"dims {name}": (width, 4, 2048) for name, width in asdict(recipe.dims).items()},
    }
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise InputError(f"{name} is {value:g}, and it must lie between {low:g} and {high:g}.")


def recipe_from(table: Mapping[str, Any]) -> Recipe:
    """The recipe of a card. Raises InputError when it is not one."""
    held = dict(table)
    try:
        held["dims"] = Dims(**held["dims"])
        held["start"] = held.pop(FROM)
        return Recipe(**held)
    except (KeyError, TypeError) as error:
        raise InputError("The model's card has no recipe that can be read.") from error
