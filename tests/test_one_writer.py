"""Nothing encodes pictures past the one writer of synthetic media.

Every place in the packages that can turn an array into a picture file or a video is listed here with the reason why
what it writes is no synthetic face, or is marked. A new place fails this test until someone gives that reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("datasets", "synth", "detect", "evaluate", "ui")

# Names of functions that encode pictures, whichever library they come from.
ENCODERS = frozenset(
    (
        *("imwrite", "imwritemulti", "imencode", "imencodemulti", "imsave", "VideoWriter", "save_image"),
        *("write_video", "write_jpeg", "write_png", "encode_jpeg", "encode_png", "mimwrite", "mimsave", "savefig"),
    )
)
IMAGE_LIBRARIES = ("PIL", "imageio", "tifffile", "ffmpeg", "moviepy", "torchvision.io", "skimage.io")

ALLOWED: dict[str, dict[str, str]] = {
    "datasets/formats/deepfakebenchcut.py": {"imencode": "swap masks, 0 and 255; the frames go through the one writer"},
    "datasets/formats/ffpp.py": {"av for writing": "packets of a swap mask in another container; nothing is encoded"},
    "datasets/provenance/writer.py": {
        "datasets.encode": "the one writer: badge, signature, rename",
        "imencode": "the one writer, for pictures",
    },
    "datasets/curate/sheet.py": {"imencode": "contact sheets of the crops of the clips that came in"},
    "datasets/encode.py": {"av for writing": "the encoder itself, which decides nothing"},
    "datasets/faces/cut.py": {"imencode": "face crops of the clips that came in, working files of the workspace"},
    "datasets/selfblendlook.py": {"imencode": "compressed and decoded again in memory; no file"},
    "datasets/samples/sound.py": {"av for writing": "sound only; its one picture is black, 16 px, and thrown away"},
    "datasets/degrade.py": {
        "imencode": "compressed and decoded again in memory, to train on; no file",
        "av for writing": "compressed and decoded again in memory, to train on; no file",
    },
    "evaluate/general/bank.py": {"imencode": "real faces that came in, aligned, a working file of a training; no swap"},
    "evaluate/general/portraits.py": {"imencode": "real faces that came in, working files of a training; no swap"},
    "evaluate/matching.py": {"datasets.encode": "the original, encoded as its swap was, in a temporary file"},
    "evaluate/pictures.py": {"savefig": "charts of figures; those with faces in them go through the one writer"},
    "evaluate/players.py": {"datasets.encode": "a smaller copy of the original for the report; swaps go the other way"},
    "evaluate/views.py": {"imencode": "frames of the original and masks in the report; swaps go the other way"},
    "synth/pipeline.py": {"datasets.encode": "the swap mask: grey, lossless, no face in it"},
    "synth/factory/units.py": {
        "datasets.encode": "footage that came in, cut; and swap masks, grey. Swaps: the one writer"
    },
    "ui/app.py": {"PIL": "the icon of the page, two half discs"},
}


def uses(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What in a module can encode a picture: (what, line)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from ((name, node.lineno) for name in watched(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if alias.name in ENCODERS:
                    yield alias.name, node.lineno
                if full == "av.open":  # under its bare name it would not be seen again
                    yield "av for writing", node.lineno
                if not alias.name.isupper():  # a constant encodes nothing
                    yield from ((name, node.lineno) for name in watched(full))
        elif isinstance(node, ast.Attribute) and node.attr in ENCODERS:
            yield node.attr, node.lineno
        elif isinstance(node, ast.Call) and opens_for_writing(node):
            yield "av for writing", node.lineno
        elif isinstance(node, ast.Constant) and node.value in ENCODERS | {"datasets.encode"}:
            # importlib.import_module("datasets.encode"), getattr(cv2, "imwrite")
            yield node.value, node.lineno


def watched(module: str) -> Iterator[str]:
    if module == "datasets.encode" or module.startswith("datasets.encode."):
        yield "datasets.encode"
    for library in IMAGE_LIBRARIES:
        if module == library or module.startswith(library + "."):
            yield library


def opens_for_writing(call: ast.Call) -> bool:
    """``av.open`` or ``av.CodecContext.create`` with any mode but reading."""
    said = ast.unparse(call.func)
    if said not in ("av.open", "av.container.open") and not said.endswith("CodecContext.create"):
        return False
    mode = call.args[1] if len(call.args) > 1 else next((k.value for k in call.keywords if k.arg == "mode"), None)
    return not (mode is None or (isinstance(mode, ast.Constant) and mode.value == "r"))


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_listed_places_encode_pictures(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    allowed = ALLOWED.get(name, {})
    found = dict(uses(ast.parse(path.read_text(encoding="utf-8"))))
    loose = {what: line for what, line in found.items() if what not in allowed}
    assert not loose, f"{name} encodes pictures past the one writer: {loose}; use datasets.provenance.writer"
    assert set(allowed) <= set(found), f"{name} is listed for more than it does: {set(allowed) - set(found)}"


def test_every_listed_file_is_there() -> None:
    assert all((ROOT / name).is_file() for name in ALLOWED)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("import cv2\ncv2.imwrite('a.png', x)", "imwrite"),
        ("import cv2 as c\nwrite = c.imencode", "imencode"),
        ("from cv2 import imwrite as w", "imwrite"),
        ("import cv2\ngetattr(cv2, 'imwrite')('a.png', x)", "imwrite"),
        ("import cv2\ncv2.VideoWriter('a.mp4', f, 25, (2, 2))", "VideoWriter"),
        ("from datasets.encode import ClipEncoder", "datasets.encode"),
        ("from datasets import encode", "datasets.encode"),
        ("import datasets.encode", "datasets.encode"),
        ("import importlib\nimportlib.import_module('datasets.encode')", "datasets.encode"),
        ("import av\nav.open('a.mp4', 'w')", "av for writing"),
        ("import av\nav.open('a.mp4', mode='w')", "av for writing"),
        ("import av\nav.open('a.mp4', mode)", "av for writing"),
        ("import av\nav.CodecContext.create('libx264', 'w')", "av for writing"),
        ("from av import open", "av for writing"),
        ("from PIL import Image", "PIL"),
        ("import matplotlib.pyplot as plt\nplt.imsave('a.png', x)", "imsave"),
        ("from torchvision.utils import save_image", "save_image"),
        ("import imageio.v3 as iio", "imageio"),
    ],
)
def test_the_look_out_sees(code: str, what: str) -> None:
    assert what in dict(uses(ast.parse(code)))


def test_the_look_out_lets_reading_pass() -> None:
    code = (
        "from datasets.encode import DEFAULT_CRF\nimport av, cv2\n"
        "av.open('a')\nav.open('a', 'r')\ncv2.imdecode(x, 1)\nopen('a', 'w')"
    )
    assert not list(uses(ast.parse(code)))
