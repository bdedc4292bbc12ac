"""The factory on filmed people: two of them, a second each, built, audited, exported and read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from datasets.audit.run import audit
from datasets.exchange import export, import_set
from datasets.labelledset import LabelledSet
from synth.factory.build import build

MATERIAL = Path(__file__).parents[3] / "shared" / "material" / "real"


@pytest.mark.slow
@pytest.mark.material
def test_filmed_people_are_built_and_audited(tmp_path: Path) -> None:
    if not MATERIAL.is_dir():
        pytest.skip("the material is not on this machine")
    people = "".join(
        f'[[people]]\nname = "{name}"\nclips = ["{MATERIAL / file}"]\n'
        'consent = { basis = "research", reference = "research terms", date = 2026-01-01 }\n'
        for name, file in (("one", "p08_d18.mp4"), ("two", "p09_d19.mp4"))
    )
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'name = "filmed"\nlicence = "research only"\nlevels = ["c23"]\n[clips]\nseconds = 1.0\nsize = 320\n'
        '[[methods]]\nname = "graphics"\n[splits]\ntrain = 1\n' + people
    )
    data = LabelledSet(build(recipe, tmp_path / "set", workers=1))
    assert len(data.select(label="fake")) == 2 and all(clip.height == 320 for clip in data.clips)
    report = audit(data.folder, workers=1)
    assert report.clean and report.figures["mask_fit"]["least"] > 0.9
    export(data.folder, "ffpp", tmp_path / "out")
    again, _ = import_set(tmp_path / "out", "ffpp", tmp_path / "again")
    assert [clip.sha256 for clip in again.clips] == [clip.sha256 for clip in data.clips]
