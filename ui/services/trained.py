"""What a training came to, in words."""

from __future__ import annotations

from typing import Any


def described(card: dict[str, Any], trains: bool = True) -> str:
    """What a training came to, in a few words."""
    if not trains:
        return f"{card.get('method', 'the method')} is ready"
    words = f"{card['step']} steps in {card['seconds']:.0f} s on {card['device']}"
    return f"{words}; held-out SSIM {held_out(card)}" if held_out(card) else words


def held_out(card: dict[str, Any]) -> str:
    """The similarity on faces that were not trained on, for a person; empty where it was not measured."""
    measured = card.get("heldout") or {}
    return ", ".join(
        f"{measured[role]['ssim']:.3f} ({role})"
        for role in ("source", "destination")
        if measured.get(role, {}).get("ssim") is not None
    )
