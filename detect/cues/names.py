"""How the sentences of the cues name bands and regions."""

from __future__ import annotations

BAND_WORDS = ("finest detail", "fine detail", "middle detail", "coarse detail")
REGION_WORDS = {
    "skin": "the skin of the face",
    "features": "the eyes and mouth",
    "contour": "the edge of the face",
    "outer": "the hair and neck around the face",
    "inner_edge": "the rim just inside the face's edge",
    "outer_edge": "the rim just outside the face's edge",
    "jaw_in": "the cheeks and chin just inside the face's edge",
    "jaw_out": "the neck and cheeks just outside the face's edge",
    "inner": "the face",
    "neck": "the neck",
    "hair": "the hair and forehead above the face",
    "eyes": "the eyes",
    "teeth": "the teeth and the inside of the mouth",
}
PLANE_WORDS = ("brightness", "redness", "blueness")
