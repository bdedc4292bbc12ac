"""Every format: what is saved is loaded again, with the studio's rows beside it and without them."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from footage import living, write_clip

from datasets.errors import InputError, Refused
from datasets.exchange import _free, export, import_set
from datasets.formats import FORMATS, format_module
from datasets.formats.exchange import OWN, Loaded, checked
from datasets.labelledset import LabelledSet
from datasets.manifest import ClipRow, Index, read_faces, write_tables
from datasets.mediahash import contents
from datasets.provenance.reading import read_credentials

ONE_LEVEL = ("celebdf", "dfdc")
# What an import can't know of where the files lay before.
ELSEWHERE = {"file": "", "mask": None, "geometry": None}


@pytest.fixture(scope="module")
def exports(built_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The small set in a format, exported once."""
    folder, done = tmp_path_factory.mktemp("exports"), dict[str, Path]()

    def one(name: str) -> Path:
        if name not in done:
            done[name] = folder / name
            level = "c30" if name in (*ONE_LEVEL, "deepfakebench") else None
            export(built_set, name, done[name], level)
        return done[name]

    return one


def kept(data: LabelledSet, name: str) -> list[ClipRow]:
    return list(data.select(level="c30")) if name in (*ONE_LEVEL, "deepfakebench") else list(data.clips)


def bare(clip: ClipRow) -> ClipRow:
    return replace(clip, **ELSEWHERE)


@pytest.mark.parametrize("name", FORMATS)
def test_all_comes_back(built_set: Path, exports: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    data, folder = LabelledSet(built_set), exports(name)
    found: Loaded = format_module(name).load(folder, tmp_path / "into")
    key = lambda clip: (clip.clip, clip.level)  # noqa: E731
    wanted = sorted(map(bare, kept(data, name)), key=key)
    assert sorted(map(bare, found.clips), key=key) == wanted
    faces = {replace(face, mask=None) for face in read_faces(built_set)}
    assert {replace(face, mask=None) for face in found.faces} == faces
    assert dict(found.consent) == dict(data.index.consent)


@pytest.mark.parametrize("name", FORMATS)
def test_an_import_is_a_data_set_with_the_same_clips(
    built_set: Path, exports: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    data = LabelledSet(built_set)
    made, _ = import_set(exports(name), name, tmp_path / "set")
    sums = {(clip.clip, clip.level): clip.sha256 for clip in kept(data, name)}
    for clip in made.clips:
        path = made.path(clip.file)
        assert path.is_dir() if name == "deepfakebench" else contents(path).sha256 == sums[clip.clip, clip.level]
        if clip.mask:
            assert contents(made.path(clip.mask)).frames == clip.frames
    assert Counter((c.label, c.split) for c in made.clips) == Counter((c.label, c.split) for c in kept(data, name))


@pytest.mark.parametrize("name", ["ffpp", "celebdf", "dfdc", "deepfakebench"])
def test_the_layout_alone_tells_what_it_has_room_for(
    built_set: Path, exports: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    """Without the studio's rows: names change, labels, pairs and splits do not."""
    import shutil

    module = format_module(name)
    folder = Path(shutil.copytree(exports(name), tmp_path / "bare"))
    shutil.rmtree(folder / OWN)
    found: Loaded = module.load(folder)
    rows = {clip.file: clip for clip in found.clips}
    lines = [json.loads(line)["row"] for line in (exports(name) / OWN / "clips.jsonl").read_text().splitlines()]
    assert set(rows) == {line["file"] for line in lines}
    names = {line["clip"]: rows[line["file"]].clip for line in lines}
    for line in lines:
        row = rows[line["file"]]
        for field in module.HOLDS:
            held = getattr(row, field)
            if field == "original" and line["original"]:
                assert held == names[line["original"]]
            elif field in ("target", "source"):
                assert (held is None) == (line[field] is None)
            elif field == "mask":
                assert (held is None) == (line["mask"] is None)
            elif field != "original":
                assert held == line[field], field


def test_ffpp_is_laid_out_as_its_tools_read_it(exports: Callable[[str], Path]) -> None:
    folder = exports("ffpp")
    assert (folder / "original_sequences/youtube/c30/videos/000.mp4").is_file()
    pairs = {name: json.loads((folder / f"splits/{name}.json").read_text()) for name in ("train", "val", "test")}
    listed = {split: {name for pair in own for name in pair} for split, own in pairs.items()}
    assert not listed["train"] & listed["test"] and len(listed["train"] | listed["test"]) == 4
    for target, source in pairs["train"] + pairs["test"]:
        fake = folder / f"manipulated_sequences/self-blend/c30/videos/{target}_{source}.mp4"
        assert fake.is_file() or target == source
    mask = next((folder / "manipulated_sequences/self-blend/masks/videos").iterdir())
    done, picture = cv2.VideoCapture(str(mask)).read()
    assert done and picture.max() > 200 and picture.min() == 0


def test_celebdf_lists_what_to_test_on(exports: Callable[[str], Path]) -> None:
    folder = exports("celebdf")
    lines = [line.split() for line in (folder / "List_of_testing_videos.txt").read_text().splitlines()]
    assert lines and all((folder / name).is_file() for _, name in lines)
    assert all((label == "1") == name.startswith("Celeb-real/") for label, name in lines)


def test_dfdc_names_originals(exports: Callable[[str], Path]) -> None:
    table = json.loads((exports("dfdc") / "metadata.json").read_text())
    for held in table.values():
        assert set(held) == ({"label", "split", "original"} if held["label"] == "FAKE" else {"label", "split"})
        assert held["label"] == "REAL" or table[held["original"]]["label"] == "REAL"


def test_deepfakebench_keeps_the_eight_rules(exports: Callable[[str], Path]) -> None:
    folder = exports("deepfakebench")
    table = json.loads((folder / "preprocessing/dataset_json/small_c30.json").read_text())["small_c30"]
    lines = (folder / "config_lines.yaml").read_text()
    assert "lmdb: False" in lines
    videos: list[str] = []
    for label, splits in table.items():
        assert f"  {label}: {int(label != 'small_c30_Real')}\n" in lines
        assert set(splits) == {"train", "val", "test"} and all(splits.values())  # 8
        for own in splits.values():
            for video, held in own.items():
                frames, masks = held["frames"], held["masks"]
                assert held["label"] == label and 0 < len(frames) <= 32  # 3, 7
                assert all(frame.startswith("./") and frame.count("frames") == 1 for frame in frames)  # 1, 5
                assert all(Path(frame).stem.isdigit() for frame in frames)  # 2
                steps = np.diff([int(Path(frame).stem) for frame in frames])
                assert steps.max() - steps.min() <= 1  # 3: spread evenly
                assert masks == ([] if label.endswith("Real") else [f.replace("frames", "masks") for f in frames])  # 6
                videos.append(f"{label}/{video}")
                for name in (*frames, *masks):
                    picture = cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)
                    assert picture.shape[:2] == (256, 256)
                    assert name in frames or set(np.unique(picture)) <= {0, 255}
                points = np.load(folder / frames[0].replace("frames", "landmarks").replace(".png", ".npy"))
                assert points.shape == (81, 2) and points.min() > 0 and points.max() < 256
    names = {video.split("/")[1] for video in videos}
    assert len(names) == len(set(videos)) == 6  # 4: no video has the name of another one, real or fake


@pytest.mark.slow
def test_deepfakebench_with_an_empty_test_part_comes_back(built_set: Path, tmp_path: Path) -> None:
    """``test`` then repeats ``val``; without the studio's rows nothing says which one is meant."""
    import shutil

    own = Path(shutil.copytree(built_set, tmp_path / "set"))
    data = LabelledSet(own)
    clips = [replace(c, split="val" if c.split == "test" else c.split) for c in data.clips if c.level == "c30"]
    write_tables(own, clips, list(read_faces(own)), data.index)
    notes = export(own, "deepfakebench", tmp_path / "out")
    assert any("test is empty" in note and "repeats val" in note for note in notes)
    found: Loaded = format_module("deepfakebench").load(tmp_path / "out")
    assert {clip.clip: clip.split for clip in found.clips} == {clip.clip: clip.split for clip in clips}
    shutil.rmtree(tmp_path / "out" / OWN)
    bare_found: Loaded = format_module("deepfakebench").load(tmp_path / "out")
    assert {clip.split for clip in bare_found.clips} == {"train", "test"}
    assert any("listed in two splits" in note for note in bare_found.notes)


def test_deepfakebench_without_a_training_part_is_refused(built_set: Path, tmp_path: Path) -> None:
    import shutil

    own = Path(shutil.copytree(built_set, tmp_path / "set"))
    data = LabelledSet(own)
    write_tables(own, [replace(c, split="test") for c in data.clips], list(read_faces(own)), data.index)
    with pytest.raises(InputError, match=r"needs every label in every split, and small_raw_Real has none in train"):
        export(own, "deepfakebench", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_of_faces_are_marked_and_signed(exports: Callable[[str], Path]) -> None:
    top = exports("deepfakebench") / "datasets/rgb/small_c30"
    for part, kind in (("original_sequences", "original"), ("manipulated_sequences", "swap")):
        said = read_credentials(next((top / part).rglob("frames/*/*.png")))
        assert said.by_studio and said.kind == kind and said.soft_binding


def test_an_archive_is_the_same_bytes_every_time(
    built_set: Path, exports: Callable[[str], Path], tmp_path: Path
) -> None:
    export(built_set, "webdataset", tmp_path / "again")
    shards = sorted(exports("webdataset").glob("*.tar"))
    assert shards and all(s.read_bytes() == (tmp_path / "again" / s.name).read_bytes() for s in shards)
    with tarfile.open(shards[0]) as tar:
        names = tar.getnames()
    assert names[0].endswith(".mp4") and names[1].endswith(".json") and "." not in names[0].removesuffix(".mp4")


def test_small_archives_hold_few_clips(built_set: Path, tmp_path: Path) -> None:
    module = format_module("webdataset")
    module.save(LabelledSet(built_set), tmp_path, shard_clips=2)
    assert len(list(tmp_path.glob("*.tar"))) == 8
    assert len(module.load(tmp_path).clips) == 12


def test_clips_of_an_archive_are_never_whole_in_memory(tmp_path: Path) -> None:
    import tracemalloc

    size = 24_000_000
    row = ClipRow("a", "raw", "a.mp4", "real", "anna", "train", bytes=size)
    (tmp_path / "set").mkdir()
    with (tmp_path / "set" / "a.mp4").open("wb") as file:
        file.truncate(size)
    write_tables(tmp_path / "set", [row], [], Index("large", "built", "test"))
    module = format_module("webdataset")
    tracemalloc.start()
    module.save(LabelledSet(tmp_path / "set"), tmp_path / "out")
    module.load(tmp_path / "out", tmp_path / "into")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < size / 2
    files = [path.relative_to(tmp_path / "into").as_posix() for path in (tmp_path / "into").rglob("*.*")]
    assert files == ["videos/raw/a.mp4"] and (tmp_path / "into" / files[0]).stat().st_size == size


def test_croissant_is_understood_by_its_own_library(exports: Callable[[str], Path]) -> None:
    croissant: Any = pytest.importorskip("mlcroissant")
    held = croissant.Dataset(jsonld=str(exports("hf") / "croissant.json"))
    assert not held.metadata.ctx.issues.errors
    rows = list(held.records("clips"))
    assert len(rows) == 12


def test_the_card_has_the_hub_s_header(exports: Callable[[str], Path]) -> None:
    text = (exports("hf") / "README.md").read_text()
    assert text.startswith("---\nlicense: other\n") and 'path: "data/train/**"' in text and "# small" in text


# -- what others made --------------------------------------------------------------------------------------------------


def clip(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, living("astronaut")[:2])


def test_the_real_dfdc_is_read(tmp_path: Path) -> None:
    for part in (0, 1):
        folder = tmp_path / f"dfdc_train_part_{part}"
        table = {
            f"real{part}.mp4": {"label": "REAL", "split": "train", "original": None},
            f"fake{part}.mp4": {"label": "FAKE", "split": "train", "original": f"real{part}.mp4"},
            f"gone{part}.mp4": {"label": "FAKE", "split": "train", "original": f"real{part}.mp4"},
        }
        for name in list(table)[:2]:
            clip(folder / name)
        (folder / "metadata.json").write_text(json.dumps(table))
    made, notes = import_set(tmp_path, "dfdc", tmp_path / "set", licence="DFDC terms")
    assert [(c.clip, c.label, c.original, c.target) for c in made.clips] == [
        ("real0", "real", None, "real0"),
        ("fake0", "fake", "real0", "real0"),
        ("real1", "real", None, "real1"),
        ("fake1", "fake", "real1", "real1"),
    ]
    assert made.clips[0].frames == 2 and made.clips[0].licence == "DFDC terms"
    assert "2 clips that the table names are not there" in notes[0]
    assert made.path(made.clips[0].file).samefile(tmp_path / "dfdc_train_part_0" / "real0.mp4")


def test_the_real_faceforensics_is_read(tmp_path: Path) -> None:
    clip(tmp_path / "original_sequences/youtube/c23/videos/000.mp4")
    clip(tmp_path / "original_sequences/youtube/c23/videos/003.mp4")
    clip(tmp_path / "original_sequences/actors/c23/videos/01__exit_phone_room.mp4")
    for method in ("Deepfakes", "NeuralTextures"):
        clip(tmp_path / f"manipulated_sequences/{method}/c23/videos/000_003.mp4")
    clip(tmp_path / "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4")
    clip(tmp_path / "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__exit_phone_room__YVGY8LOK.mp4")
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits/val.json").write_text('[["000", "003"]]')
    found = format_module("ffpp").load(tmp_path)
    rows = {row.clip: row for row in found.clips}
    fake = rows["000_003-Deepfakes"]
    assert (fake.original, fake.source, fake.split, fake.crf) == ("000", "003", "val", 23)
    assert fake.mask == "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4"
    assert rows["000_003-NeuralTextures"].mask is None and rows["003"].split == "val"
    google = rows["01_02__exit_phone_room__YVGY8LOK-DeepFakeDetection"]
    assert (google.original, google.target, google.split) == ("01__exit_phone_room", "01", "train")
    assert rows["01__exit_phone_room"].target == "01"  # one actor, real or fake


def test_in_celebdf_the_folder_says_what_is_real(tmp_path: Path) -> None:
    for name in (
        "Celeb-real/id0_0000",
        "Celeb-real/id0_id1_0001",
        "Celeb-synthesis/id0_id1_0000",
        "Celeb-synthesis/id0_id1_0000 (1)",
        "YouTube-real/00170",
    ):
        (tmp_path / f"{name}.mp4").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.mp4").touch()
    found: Loaded = format_module("celebdf").load(tmp_path)
    assert [(row.file, row.label) for row in found.clips] == [
        ("Celeb-real/id0_0000.mp4", "real"),
        ("YouTube-real/00170.mp4", "real"),
        ("Celeb-synthesis/id0_id1_0000.mp4", "fake"),
    ]
    assert "2 videos have names that do not fit" in found.notes[0]


@pytest.mark.parametrize("name", ["ffpp", "celebdf"])
def test_people_who_only_lent_a_face_have_numbers(tmp_path: Path, name: str) -> None:
    clip(tmp_path / "set" / "a.mp4")
    row = ClipRow("a", "c23", "a.mp4", "real", "anna", "train")
    fakes = [
        replace(row, clip=f"f{who}", label="fake", method="swap", source=who, original="a") for who in ("bert", "carl")
    ]
    write_tables(tmp_path / "set", [row, *fakes], [], Index("lent", "built", "test"))
    export(tmp_path / "set", name, tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*.mp4"))) == 3
    found: Loaded = format_module(name).load(tmp_path / "out")
    assert {one.clip: one.source for one in found.clips} == {"a": None, "fbert": "bert", "fcarl": "carl"}
    twice = [row, fakes[0], replace(fakes[0], clip="again")]
    write_tables(tmp_path / "set", twice, [], Index("lent", "built", "test"))
    with pytest.raises(InputError, match="would both be"):
        export(tmp_path / "set", name, tmp_path / "out", force=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_of_something_else_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="holds nothing of"):
        format_module(name).load(tmp_path)


def test_a_table_that_can_t_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"a.mp4": {"split": "train"}}')
    with pytest.raises(InputError, match="no table of DFDC"):
        format_module("dfdc").load(tmp_path)


def test_an_unknown_format_is_said() -> None:
    with pytest.raises(InputError, match="There is no format 'coco'"):
        format_module("coco")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"clip": "../../x"}, "no plain name"),
        ({"clip": ".."}, "no plain name"),
        ({"level": "a/b"}, "no plain name"),
        ({"method": "..\\x"}, "no plain name"),
        ({"file": "../x.mp4"}, "lies outside"),
        ({"split": "../x"}, "in the split ../x"),
        ({"label": "forged"}, "the label forged"),
    ],
)
def test_rows_that_lead_elsewhere_are_refused(tmp_path: Path, changed: dict[str, str], said: str) -> None:
    row = ClipRow("a", "c23", "a.mp4", "fake", "anna", "train", method="swap")
    checked(row, tmp_path)
    with pytest.raises(InputError, match=said):
        checked(replace(row, **changed), tmp_path)  # type: ignore[arg-type]


def test_an_archive_s_rows_are_looked_at_before_it_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    row = vars(ClipRow("a", "c23", "a.mp4", "fake", "anna", "../x"))
    with tarfile.open(tmp_path / "in" / "train-000000.tar", "w") as tar:
        for name, content in (("a.mp4", b"clip"), ("a.json", json.dumps(row).encode())):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError, match=r"in the split ../x"):
        format_module("webdataset").load(tmp_path / "in", tmp_path / "into")
    assert not list((tmp_path / "into").rglob("*.mp4"))
    with pytest.raises(InputError, match=r"in the split ../x"):
        import_set(tmp_path / "in", "webdataset", tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("held", [{"level": 23}, {"frames": "many"}, {"consent": [1]}, {"start": True}, {"clip": None}])
def test_a_row_whose_values_are_of_another_type_is_said(tmp_path: Path, held: dict[str, object]) -> None:
    (tmp_path / "in").mkdir()
    row = json.dumps({**vars(ClipRow("a", "c23", "a.mp4", "fake", "anna", "test")), **held}).encode()
    with tarfile.open(tmp_path / "in" / "test-000000.tar", "w") as tar:
        for name, content in (("a.mp4", b"clip"), ("a.json", row)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    with pytest.raises(InputError):
        import_set(tmp_path / "in", "webdataset", tmp_path / "set")


@pytest.mark.parametrize("held", [{"label": "fakee"}, {"label": "REAL", "split": "public"}])
def test_a_label_or_split_of_dfdc_that_is_none_is_said(tmp_path: Path, held: dict[str, str]) -> None:
    clip(tmp_path / "in" / "a.mp4")
    (tmp_path / "in" / "metadata.json").write_text(json.dumps({"a.mp4": held}))
    with pytest.raises(InputError, match=r"gives a the label fakee|puts a in the split public"):
        import_set(tmp_path / "in", "dfdc", tmp_path / "set")


@pytest.mark.parametrize("name", ["hf", "webdataset", "dfdc"])
@pytest.mark.parametrize("text", ["{", "[]", '{"consent": [1]}'])
def test_a_damaged_about_is_said(exports: Callable[[str], Path], tmp_path: Path, name: str, text: str) -> None:
    import shutil

    folder = Path(shutil.copytree(exports(name), tmp_path / "damaged"))
    about = (folder / OWN if name == "dfdc" else folder) / "about.json"
    assert about.is_file()
    about.write_text(text)
    with pytest.raises(InputError, match=r"about.json is damaged"):
        format_module(name).load(folder)


def test_a_clip_that_was_moved_after_the_export_is_noticed(exports: Callable[[str], Path], tmp_path: Path) -> None:
    import shutil

    folder = Path(shutil.copytree(exports("ffpp"), tmp_path / "moved"))
    fake = next((folder / "manipulated_sequences/self-blend/c30/videos").iterdir())
    fake.rename(folder / "manipulated_sequences/self-blend/raw/videos" / f"9{fake.name}")
    with pytest.raises(InputError, match="added after the export"):
        format_module("ffpp").load(folder)


def test_an_export_needs_every_file_and_leaves_nothing(own_set: Path, tmp_path: Path) -> None:
    data = LabelledSet(own_set)
    (own_set / data.clips[0].file).unlink()
    with pytest.raises(InputError, match="is gone"):
        export(own_set, "ffpp", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]


def test_an_export_does_not_replace_another_folder(built_set: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "letter.txt").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        export(built_set, "dfdc", tmp_path / "out")
    with pytest.raises(InputError, match="is not replaced"):
        export(built_set, "dfdc", tmp_path / "out", force=True)
    with pytest.raises(InputError, match="holds what is read"):
        export(built_set, "dfdc", built_set, force=True)


@pytest.mark.parametrize("name", ["metadata.json", "List_of_testing_videos.txt", "about.json", "dataset.json"])
def test_what_looks_like_an_export_and_is_a_download_is_not_replaced(
    built_set: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text("{}")
    with pytest.raises(InputError, match="is not replaced"):
        export(built_set, "dfdc", tmp_path / "out", force=True)
    assert (tmp_path / "out" / name).read_text() == "{}"


@pytest.mark.parametrize("name", FORMATS)
def test_an_export_is_known_for_one(exports: Callable[[str], Path], name: str) -> None:
    _free(exports(name), True, ())


def test_no_pictures_of_faces_without_consent(tmp_path: Path, exports: Callable[[str], Path]) -> None:
    import shutil

    folder = Path(shutil.copytree(exports("hf"), tmp_path / "hf"))
    (folder / "about.json").unlink()
    import_set(folder, "hf", tmp_path / "set")
    with pytest.raises(Refused, match="no consent record"):
        export(tmp_path / "set", "deepfakebench", tmp_path / "out")
    assert not (tmp_path / "out").exists()
