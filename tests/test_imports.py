"""The import rule: ui, then evaluate, then synth and detect, then datasets; and what --help may not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# What each package may import of the five: itself and what lies below.
ALLOWED = {
    "datasets": {"datasets"},
    "synth": {"synth", "datasets"},
    "detect": {"detect", "datasets"},
    "evaluate": {"evaluate", "synth", "detect", "datasets"},
    "ui": {"ui", "evaluate", "synth", "detect", "datasets"},
}
HEAVY = (
    "torch",
    "av",
    "mediapipe",
    "streamlit",
    "c2pa",
    "cv2",
    "timm",
    "pyarrow",
    "ray",
    "sklearn",
    "plotly",
    "matplotlib",
)


def imported(tree: ast.AST) -> Iterator[str]:
    """Top-level names of everything that is imported anywhere in a module, strings given to import_module included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield "a relative import"
            elif node.module:
                yield node.module.split(".")[0]
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            first = node.args[0] if node.args else None
            if name in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield str(first.value).split(".")[0]


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_down_only(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        found = set(imported(ast.parse(file.read_text(encoding="utf-8"))))
        wrong = (found & set(ALLOWED)) - ALLOWED[package]
        assert not wrong, f"{file.relative_to(ROOT)} imports {', '.join(wrong)}, which does not lie below {package}"
        assert "a relative import" not in found, f"{file.relative_to(ROOT)} hides an import behind dots"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("import detect.score", "detect"),
        ("def f():\n    from detect import score", "detect"),
        ("import importlib\nimportlib.import_module('detect.score')", "detect"),
        ("from . import x", "a relative import"),
    ],
)
def test_the_rule_sees_every_kind_of_import(code: str, name: str) -> None:
    assert name in set(imported(ast.parse(code)))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from ui.cli import run\n"
        "for words in ([], ['swap'], ['detector', 'train'], ['dataset', 'build'], ['evaluate', 'matrix']):\n"
        "    assert run([*words, '--help']) == 0\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"] and done.stderr == ""


BARE = """
import sys
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {missing!r}:
            raise ImportError(name + " is not on this machine")

sys.meta_path.insert(0, Missing())
import numpy as np
from datasets.facearrays import FaceArrays
from detect.recipes.paired import PairSample
from detect.training import TrainSettings
from detect.training import train as train_detector
from synth.method import Budget, method_class

folder = Path(sys.argv[1])
kind, random = method_class("quick96"), np.random.default_rng(0)
angle, radius = random.uniform(0, 2 * np.pi, 478), np.sqrt(random.uniform(0, 1, 478)) * kind.size / 4
mesh = (kind.size / 2 + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)).astype(np.float32)
count = 12
packed = FaceArrays(
    random.integers(0, 255, (count, kind.size, kind.size, 3), np.uint8),
    np.full((count, kind.size, kind.size), 255, np.uint8),
    np.repeat(mesh[None], count, 0),
    np.arange(count),
    np.arange(count) / 25,
    np.zeros((count, 3), np.float32),
    kind.coverage,
)
packed.save(folder / "faces.npz")
faces = FaceArrays.load(folder / "faces.npz")
assert kind(device="cpu", options={{"batch": 2}}).fit(faces, faces, folder / "swap", Budget(steps=1))["step"] == 1
pictures = random.integers(0, 255, (2, 8, 64, 64, 3), np.uint8)
mask = np.full((64, 64), 1, np.float32)
pairs = [PairSample(a, b, mask, i / 25, "clip", 60.0) for i, (a, b) in enumerate(zip(*pictures))]
settings = TrainSettings(steps=1, batch=2, device="cpu", options={{}})
assert train_detector(pairs[:4], pairs[4:], settings, folder / "detector")["step"] == 1
"""


@pytest.mark.slow
def test_training_needs_neither_faces_nor_video_nor_pages(tmp_path: Path) -> None:
    """A model can be trained from a packed face set where there is torch, timm, numpy, opencv and safetensors only."""
    missing = ("mediapipe", "av", "c2pa", "streamlit", "pyarrow", "typer", "rich", "skimage", "matplotlib")
    missing += ("lightning_fabric", "tensorboard")
    done = subprocess.run(
        [sys.executable, "-c", BARE.format(missing=missing), str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-1500:]
