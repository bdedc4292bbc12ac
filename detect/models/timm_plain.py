"""Any classifier that timm has, with one output: the plain baseline that the field trains.

It has no heatmap of its own; where it looks is shown by Grad-CAM (``detect.gradcam``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from datasets.errors import InputError
from detect.detector import BuiltModel, register_model

if TYPE_CHECKING:
    import torch

DEFAULT_BACKBONE = "resnet10t"


@register_model("timm_plain")
def timm_plain(weights: str = "scratch", backbone: str = DEFAULT_BACKBONE, size: int | None = None) -> BuiltModel:
    """Build the model.

    Args:
        weights: ``scratch``, or ``imagenet``: the backbone's published weights. When these can't be fetched the model
            starts from scratch, and ``initial_weights`` says so and why.
        backbone: any timm classifier.
        size: side of its input, pixels, for those that are made for one size only; None for their own way.
    """
    import timm

    from detect.backbones import check_backbone, started

    check_backbone(backbone, weights)

    def create(pretrained: bool) -> Any:
        options: dict[str, Any] = {"pretrained": pretrained, "num_classes": 0}
        if size is not None:
            return timm.create_model(backbone, img_size=size, **options)
        try:
            # Transformers take other sizes than their own when they are asked to.
            return timm.create_model(backbone, dynamic_img_size=True, **options)
        except TypeError:
            return timm.create_model(backbone, **options)

    try:
        body, said = started(backbone, weights, create)
    except TypeError as error:
        raise InputError(f"The timm backbone {backbone!r} takes inputs of any size; leave out its size.") from error
    given = getattr(body, "pretrained_cfg", {})
    return BuiltModel(
        module=_module(body),
        options={"backbone": backbone, "size": size},
        normalisation={key: [float(v) for v in given.get(key, (0.5, 0.5, 0.5))] for key in ("mean", "std")},
        initial_weights=said,
    )


def _module(body: Any) -> torch.nn.Module:
    from torch import nn

    from detect.detector import ModelOutput

    class TimmPlain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = body
            self.to_logit = nn.Linear(getattr(body, "head_hidden_size", None) or body.num_features, 1)

        def forward(self, x: torch.Tensor) -> ModelOutput:
            features = self.body(x)
            return ModelOutput(self.to_logit(features)[:, 0], None, features)

    return TimmPlain()
