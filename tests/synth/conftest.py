"""Faces of the two people of the small workspace, packed."""

from __future__ import annotations

import pytest
from footage import Looped

from datasets.facearrays import FaceArrays
from datasets.faceset import FaceSet, load_arrays
from synth.method import method_class


@pytest.fixture(scope="session")
def packed(looped: Looped) -> dict[str, FaceArrays]:
    """Both people's faces at the size and coverage of quick96; tests leave them as they are."""
    kind = method_class("quick96")
    return {
        role: load_arrays(FaceSet(looped.workspace.faces(role)), kind.size, kind.coverage)  # type: ignore[arg-type]
        for role in ("source", "destination")
    }
