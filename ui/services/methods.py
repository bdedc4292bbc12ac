"""The swap methods as a page offers them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# Name, title and a sentence; those that are not installed are left out.
CHOICES = (
    ("quick96", "quick96: quick to learn", "Minutes on a CPU; starts from a model that has seen many people."),
    ("graphics", "graphics: no training", "The source's best-matching frames, bent through the face mesh and relit."),
    (
        "reenact",
        "reenact: expressions only",
        "The destination keeps its face; its mouth, lids and brows follow the source.",
    ),
    ("hd128", "hd128: sharper", "128 px; hours on a GPU."),
    ("hd192", "hd192: sharper still", "192 px; longer."),
    ("hd256", "hd256: sharpest", "256 px; longest."),
    ("df", "df: the field's classic", "Shared encoder, two decoders; every part is an option."),
    ("liae", "liae: the field's second classic", "Bends further towards the source's shape."),
)


@lru_cache(maxsize=1)
def known() -> dict[str, bool]:
    """The methods that there are, and whether each gets better with time."""
    from synth.method import methods

    return {name: bool(getattr(kind, "trains", True)) for name, kind in methods().items()}


def check(name: str, device: str, options: Mapping[str, Any]) -> None:
    """Raise InputError, before a job is queued, for an option or a device that there is not."""
    from datasets.device import pick_device
    from synth.method import method_class

    pick_device(device)
    method_class(name)(seed=0, device="cpu", options=dict(options) or None)
