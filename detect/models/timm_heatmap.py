"""Any timm backbone with a heatmap head: where was the face changed, and was it at all.

The heatmap is read off a small feature pyramid (``detect.pyramid``) and is supervised by the true swap masks.
"""

from __future__ import annotations

from detect.detector import BuiltModel, register_model
from detect.ensemble import ensemble

DEFAULT_BACKBONE = "mobilenetv3_small_050"


@register_model("timm_heatmap")
def timm_heatmap(
    weights: str = "scratch", backbone: str = DEFAULT_BACKBONE, stride: int = 4, width: int = 32, members: int = 1
) -> BuiltModel:
    """Build the model.

    Args:
        weights: ``scratch``, or ``imagenet``: the backbone's published weights. When these can't be fetched the model
            starts from scratch, and ``initial_weights`` says so and why.
        backbone: a timm model that gives features at several strides.
        stride: pixels of the crop for one pixel of the heatmap, 2, 4 or 8.
        width: channels of the pyramid.
        members: how many such networks there are, see :func:`detect.ensemble.ensemble`.
    """
    import torch

    from detect.pyramid import Pyramid, body_of, normalisation_of

    said = [""]

    def build() -> torch.nn.Module:
        body, said[0] = body_of(backbone, weights)
        return Pyramid(body, stride, width).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    return BuiltModel(
        module=ensemble(build, members),
        options={"backbone": backbone, "stride": stride, "width": width, "members": members},
        normalisation=normalisation_of(backbone),
        initial_weights=said[0],
    )
