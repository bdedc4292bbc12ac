"""Fixtures that tests of several packages share."""

from __future__ import annotations

import gc
import hashlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
# The networks of the tests are small: one thread is as fast as two, and many times faster where others use the cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What is imported stays: looking it through for garbage again and again takes a third of the time that imports take.
gc.disable()

if TYPE_CHECKING:
    from footage import Looped

    from datasets.workspace import Workspace

# Fixtures that are made once in each process that runs tests, and take long, with what files that use one name: they
# go to one process.
SHARED = {"looped": "looped", "built_set": "built_set", "made_workspace": "made_workspace|own_workspace"}
# Files with long tests besides; what is begun last should be short, or a core waits for it.
LONG = ("test_studio.py", "test_training_recipes.py", "test_hardware.py", "test_hard_input.py", "test_browser.py")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, files that share a fixture one after the other."""
    place = {name: number for number, name in enumerate(SHARED)}
    place |= {name: len(SHARED) for name in LONG}
    items.sort(key=lambda item: place.get(_group(item.path), place.get(item.path.name, len(place))))


@cache
def _group(file: Path) -> str:
    """What stays together in one process: a file, or all files that name a shared fixture."""
    text = file.read_text(encoding="utf-8")
    return next((name for name, words in SHARED.items() if re.search(rf"\b({words})\b", text)), str(file))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole groups, in the order in which they were collected."""
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(config.rootpath / nodeid.split("::", 1)[0])

    return ByGroup(config, log)


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A config folder for this run alone, without the user's signing keys; child processes inherit it.

    Its watermark key is the same in every run: how well an id is read back depends on the key, and some fail in a few
    small frames.
    """
    from datasets.provenance.payload import mark_key

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFACE_HOME", str(home))
        with pytest.MonkeyPatch.context() as fixed:
            fixed.setattr("secrets.token_bytes", lambda size: hashlib.sha256(b"key of the tests").digest()[:size])
            mark_key()
        yield home


@pytest.fixture(scope="session")
def made_workspace(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A whole small workspace; tests read it and leave it as it is."""
    from workspace_fixture import make_workspace

    return make_workspace(tmp_path_factory.mktemp("made") / "workspace")


@pytest.fixture
def own_workspace(made_workspace: Workspace, tmp_path: Path) -> Callable[..., Workspace]:
    """Makes a copy of the small workspace without the parts (paths inside it) that are named."""

    def make(*without: str) -> Workspace:
        from datasets.workspace import open_workspace

        root = tmp_path / "workspace"
        shutil.copytree(made_workspace.root, root)
        for name in without:
            part = root / name
            shutil.rmtree(part) if part.is_dir() else part.unlink()
        return open_workspace(root)

    return make


@pytest.fixture(scope="session")
def looped(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Looped:
    """A small workspace that the real commands took through every step; tests read it and leave it as it is."""
    from footage import loop

    return loop(tmp_path_factory.mktemp("looped"))


@pytest.fixture(scope="session")
def small_set(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face set of 40 frames in a folder ``data_src``; tests copy it before they change it."""
    from footage import living, write_clip

    from datasets.extract import extract

    folder = tmp_path_factory.mktemp("small") / "data_src"
    folder.mkdir()
    extract(write_clip(folder.parent / "data_src.mp4", living("hopper")[:40]), folder / "aligned", size=128)
    return folder / "aligned"


@pytest.fixture(scope="session")
def built_set(own_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small labelled data set, recipe and clips beside it; tests read it, and copy it before they change it."""
    from setkit import write_recipe

    from synth.factory.build import build

    folder = tmp_path_factory.mktemp("labelled")
    return build(write_recipe(folder / "clips"), folder / "set", workers=1)


@pytest.fixture
def own_set(built_set: Path, tmp_path: Path) -> Path:
    """A copy of the small labelled data set."""
    return Path(shutil.copytree(built_set, tmp_path / "set"))
