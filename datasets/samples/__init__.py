"""Two sample clips that the studio makes for itself from public-domain portraits.

Nothing here is a recording: ``sample_clip`` animates a still portrait, the same way every time.
"""

from datasets.samples.clips import sample_clip, sample_clips, sample_folder
from datasets.samples.portraits import CREDITS, NAMES, Credit

__all__ = ["CREDITS", "NAMES", "Credit", "sample_clip", "sample_clips", "sample_folder"]
