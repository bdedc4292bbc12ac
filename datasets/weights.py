"""Weights that are not part of any package: one table that says from where, how large, and under which licence.

A file is looked for in the folder that ``COUNTERFACE_WEIGHTS`` names, then in the studio's cache, and is fetched only
when it is in neither. Nothing is used before its hash is checked.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.atomic import replacing
from datasets.errors import InputError
from datasets.home import home
from datasets.progress import Progress, silent

FOLDER = "COUNTERFACE_WEIGHTS"
TIMEOUT_SECONDS = 20
CHUNK = 1 << 20


@dataclass(frozen=True)
class Weights:
    """One file that can be fetched.

    Attributes:
        name: what the studio calls it.
        address: where its authors keep it.
        file: its name on disk.
        sha256: its hash, or as many of the first digits as its authors have published (see ``whole_hash``).
        megabytes: about how large it is.
        licence: of the weights, by its SPDX name where it has one.
        use: what for.
    """

    name: str
    address: str
    file: str
    sha256: str
    megabytes: int
    licence: str
    use: str

    @property
    def whole_hash(self) -> bool:
        """Whether all 64 digits of the hash are known; else the file is checked against those that are."""
        return len(self.sha256) == 64


TABLE: Mapping[str, Weights] = {
    weights.name: weights
    for weights in (
        Weights(
            name="retinaface",
            address="https://github.com/ternaus/retinaface/releases/download/0.01/"
            "retinaface_resnet50_2020-07-20-f168fae3c.zip",
            file="retinaface_resnet50_2020-07-20-f168fae3c.zip",
            # Its authors publish these nine digits, in the file's name, as torch.hub reads them.
            sha256="f168fae3c",
            megabytes=97,
            licence="MIT",
            use="the retinaface face finder, for small, turned and half-hidden faces",
        ),
        Weights(
            name="mobilefacenet",
            address="https://github.com/foamliu/MobileFaceNet/raw/22d3e78287c70e23cf2f5b6a6a92594008831a7f/"
            "weights/MobileFaceNet.onnx",
            file="MobileFaceNet.onnx",
            sha256="b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
            megabytes=4,
            licence="Apache-2.0",
            use="telling people apart by their faces",
        ),
    )
}


def entry(name: str) -> Weights:
    """The table's row. Raises InputError for an unknown name."""
    if name not in TABLE:
        raise InputError(f"There are no weights {name!r}; there are: {', '.join(TABLE)}.")
    return TABLE[name]


def cache() -> Path:
    """The studio's own folder for fetched weights."""
    return home("cache") / "weights"


def folders(folder: Path | None = None) -> list[Path]:
    """Where weights are looked for, in this order."""
    given = os.environ.get(FOLDER)
    named = [folder] if folder else [Path(given)] if given else []
    return [*named, cache()]


def local(name: str, folder: Path | None = None) -> Path | None:
    """The file of these weights, checked, or None when it is not on this machine.

    Args:
        folder: looked at first, in place of the one that ``COUNTERFACE_WEIGHTS`` names.

    Raises:
        InputError: a file of that name is there, and is another one.
    """
    weights = entry(name)
    for place in folders(folder):
        file = Path(place) / weights.file
        if file.is_file():
            _check(file, weights)
            return file
    return None


def ensure(name: str, folder: Path | None = None, progress: Progress = silent) -> Path:
    """The file of these weights; fetched when it is not on this machine.

    Raises:
        InputError: it can't be fetched, or it is another file than it should be; the sentence says how to provide
            it by hand.
    """
    return local(name, folder) or fetch(name, progress)


def fetch(name: str, progress: Progress = silent) -> Path:
    """Fetch these weights into the studio's cache. Raises InputError, as ``ensure``."""
    weights = entry(name)
    target = cache() / weights.file
    step = f"fetching {weights.file}"
    progress(step, 0, weights.megabytes)
    with tempfile.TemporaryDirectory() as scratch:
        try:
            got = _download(weights, Path(scratch))
        except (OSError, ValueError) as error:
            raise InputError(
                f"The weights {weights.file} ({weights.megabytes} MB, {weights.licence}) are needed for {weights.use}, "
                f"and could not be fetched: download {weights.address} and put it into {folders()[0]}."
            ) from error
        _check(got, weights)
        with replacing(target) as temporary:
            shutil.copyfile(got, temporary)
    progress(step, weights.megabytes, weights.megabytes)
    return target


def _download(weights: Weights, folder: Path) -> Path:
    import pooch

    pooch.get_logger().setLevel("ERROR")
    known = f"sha256:{weights.sha256}" if weights.whole_hash else None
    way = pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS)
    return Path(pooch.retrieve(weights.address, known, fname=weights.file, path=folder, downloader=way))


def _check(file: Path, weights: Weights) -> None:
    digest = hashlib.sha256()
    with file.open("rb") as held:
        while chunk := held.read(CHUNK):
            digest.update(chunk)
    if not digest.hexdigest().startswith(weights.sha256):
        raise InputError(
            f"{file} is not the file it should be (its SHA-256 begins {digest.hexdigest()[:12]}, and not "
            f"{weights.sha256[:12]}): remove it, and download {weights.address} again."
        )


def load_tensors(file: Path) -> dict[str, Any]:
    """The tensors of a PyTorch file (.pth, or a zip with one in it), on the CPU; nothing in it is executed.

    Raises:
        InputError: it is damaged, or holds anything but tensors by name.
    """
    import pickle
    import zipfile

    import torch

    try:
        with zipfile.ZipFile(file) as archive:
            names = [name for name in archive.namelist() if name.endswith((".pth", ".pt", ".bin"))]
            if len(names) == 1:
                with tempfile.TemporaryDirectory() as scratch:
                    inner = archive.extract(names[0], scratch)
                    held = torch.load(inner, map_location="cpu", weights_only=True)
            else:
                held = torch.load(file, map_location="cpu", weights_only=True)
    except zipfile.BadZipFile:
        held = _load_plain(file)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InputError(f"{file} does not hold weights that can be loaded safely.") from error
    if not isinstance(held, dict) or not all(isinstance(value, torch.Tensor) for value in held.values()):
        raise InputError(f"{file} does not hold weights: something else than tensors by name is in it.")
    return held


def _load_plain(file: Path) -> Any:
    import pickle

    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        raise InputError(f"{file} does not hold weights that can be loaded safely.") from error
