"""Any timm backbone with a heatmap head: where was the face changed, and was it at all.

The heatmap is read off a small feature pyramid (``detect.pyramid``) and is supervised by the true swap masks.
"""

from __future__ import annotations

from detect.detector import BuiltModel, register_model

DEFAULT_BACKBONE = "mobilenetv3_small_050"


@register_model("timm_heatmap")
def timm_heatmap(
    weights: str = "scratch", backbone: str = DEFAULT_BACKBONE, stride: int = 4, width: int = 32
) -> BuiltModel:
    """Build the model.

    Args:
        weights: ``scratch``, or ``imagenet``: the backbone's published weights. When these can't be fetched the model
            starts from scratch, and ``initial_weights`` says so and why.
        backbone: a timm model that gives features at several strides.
        stride: pixels of the crop for one pixel of the heatmap, 2, 4 or 8.
        width: channels of the pyramid.
    """
    import torch
    from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD

    from detect.pyramid import Pyramid, body_of

    body, said = body_of(backbone, weights)
    return BuiltModel(
        module=Pyramid(body, stride, width).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        options={"backbone": backbone, "stride": stride, "width": width},
        normalisation={"mean": list(IMAGENET_DEFAULT_MEAN), "std": list(IMAGENET_DEFAULT_STD)},
        initial_weights=said,
    )
