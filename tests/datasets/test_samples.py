"""The sample clips: the same every time, a face that lives in every frame, marked like every synthetic clip."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from datasets.errors import InputError
from datasets.samples import CREDITS, NAMES, sample_clip
from datasets.samples.animate import render, rotation
from datasets.samples.layers import layers, spread_colours
from datasets.samples.performance import RATE, SCORES, SECONDS, envelope, perform
from datasets.samples.portraits import portrait

SIZE = 256
EVERY = 4
LEFT_EAR, RIGHT_EAR = 234, 454
LIDS = ((159, 145), (386, 374))
LIPS = (13, 14)


def measured(name: str) -> dict[str, np.ndarray]:
    """Yaw in degrees, eye and mouth opening in face widths, and face width in frames, as the finder sees them."""
    from datasets.faces.finder import make_finder

    finder = make_finder("mediapipe")
    rows = []
    try:
        for frame in render(name, size=SIZE, every=EVERY):
            faces = finder.find(frame.image)
            assert len(faces) == 1, f"frame {frame.index}: {len(faces)} faces"
            mesh = faces[0].landmarks
            assert mesh is not None
            across = mesh[RIGHT_EAR] - mesh[LEFT_EAR]
            width = float(np.linalg.norm(across[:2]))
            eyes = np.mean([np.linalg.norm(mesh[a, :2] - mesh[b, :2]) for a, b in LIDS]) / width
            mouth = float(np.linalg.norm(mesh[LIPS[0], :2] - mesh[LIPS[1], :2])) / width
            rows.append((np.degrees(np.arctan2(across[2], across[0])), eyes, mouth, width / SIZE))
    finally:
        finder.close()
    return dict(zip(("yaw", "eyes", "mouth", "width"), np.array(rows).T, strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_finder_follows_the_performance(name: str) -> None:
    seen = measured(name)
    acted = perform(name, len(seen["yaw"]), EVERY)
    assert seen["yaw"].min() < -9 and seen["yaw"].max() > 9
    assert np.corrcoef(seen["yaw"], [moment.yaw for moment in acted])[0, 1] > 0.95
    assert np.corrcoef(seen["mouth"], [moment.jaw for moment in acted])[0, 1] > 0.9
    assert np.ptp(seen["mouth"]) > 0.06
    closed = np.array([moment.lids for moment in acted]) > 0.9
    awake = np.array([moment.lids for moment in acted]) < 0.1
    assert closed.any()
    assert seen["eyes"][closed].max() < 0.7 * np.median(seen["eyes"][awake])
    assert 0.3 < np.median(seen["width"]) < 0.42


def test_same_pixels_every_time() -> None:
    def hashes() -> list[str]:
        return [hashlib.sha256(frame.image.tobytes()).hexdigest() for frame in render("astronaut", count=5, size=128)]

    first = hashes()
    layers.cache_clear()
    portrait.cache_clear()
    assert hashes() == first
    assert len(set(first)) == 5


def test_frames_are_frames() -> None:
    frames = list(render("hopper", count=6, size=128, every=2))
    assert [frame.index for frame in frames] == list(range(6))
    assert np.allclose([frame.time for frame in frames], np.arange(6) * 2 / RATE)
    for frame in frames:
        assert frame.image.shape == (128, 128, 3) and frame.image.dtype == np.uint8
        # No edge of the picture runs into an empty border.
        for edge in (frame.image[0], frame.image[-1], frame.image[:, 0], frame.image[:, -1]):
            assert edge.astype(int).sum(axis=1).mean() > 20


@pytest.mark.parametrize("name", NAMES)
def test_background_stands_still(name: str) -> None:
    """The head turns in front of the background and takes nothing of it along."""
    still = layers(name, SIZE)
    margin = still.still.margin
    away = still.matte[margin : margin + SIZE, margin : margin + SIZE] < 0.01
    import cv2

    # Well away from the person, who covers some of what is near; only grain, exposure and camera drift remain.
    away = cv2.erode(away.astype(np.uint8), np.ones((3, 3), np.uint8), iterations=SIZE // 12) > 0
    frames = np.stack([cv2.blur(f.image, (9, 9)).mean(axis=2) for f in render(name, size=SIZE, every=10)])
    spread = frames.std(axis=0)
    face = still.still.landmarks[:, :2].mean(axis=0).astype(int) - margin
    moving = spread[face[1] - SIZE // 8 : face[1] + SIZE // 8, face[0] - SIZE // 8 : face[0] + SIZE // 8]
    assert away.mean() > 0.1
    assert np.median(spread[away]) < 2.5
    assert np.median(spread[away]) < 0.4 * np.median(moving)


def test_performances_differ_and_blink() -> None:
    frames = round(RATE * SECONDS)
    one, other = perform("hopper", frames), perform("astronaut", frames)
    assert abs(np.corrcoef([m.yaw for m in one], [m.yaw for m in other])[0, 1]) < 0.7
    for moments in (one, other):
        lids = np.array([moment.lids for moment in moments])
        assert lids.min() == 0.0 and lids.max() > 0.95
        starts = np.flatnonzero((lids[1:] > 0.5) & (lids[:-1] <= 0.5))
        assert len(starts) >= 4
        closed = [len(run) for run in np.split(lids, np.flatnonzero(lids < 0.02)) if run.max(initial=0) > 0.5]
        assert all(4 <= length <= 9 for length in closed)
        # Nothing jumps: at most a couple of degrees from frame to frame.
        yaw = np.degrees([moment.yaw for moment in moments])
        assert np.abs(np.diff(yaw)).max() < 3.0


@pytest.mark.parametrize("name", NAMES)
def test_voice_follows_the_mouth(name: str) -> None:
    from datasets.samples.sound import SAMPLE_RATE, voice

    sound = voice(name)
    assert sound.dtype == np.float32 and len(sound) == round(SECONDS * SAMPLE_RATE)
    assert np.abs(sound).max() < 0.25
    block = SAMPLE_RATE // RATE
    loudness = np.sqrt((sound.reshape(-1, block) ** 2).mean(axis=1))
    times = (np.arange(len(loudness)) + 0.5) / RATE
    assert np.corrcoef(loudness, envelope(name, times))[0, 1] > 0.8
    pauses = [a for (_, a), (b, _) in zip(SCORES[name].phrases, SCORES[name].phrases[1:], strict=False) if b - a > 0.3]
    assert all(loudness[int((p + 0.15) * RATE)] < 0.1 * loudness.max() for p in pauses)


def test_rotation_is_one() -> None:
    turn = rotation(0.2, -0.1, 0.05)
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.isclose(np.linalg.det(turn), 1.0)
    nose = np.array([0.0, 0.0, -1.0])
    assert (rotation(0.2, 0, 0) @ nose)[0] > 0, "yaw > 0 takes the nose to the picture's right"
    assert (rotation(0, 0.2, 0) @ nose)[1] > 0, "pitch > 0 takes it down"


def test_spread_colours_keeps_what_is_known() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    known = np.zeros((40, 50), np.float32)
    known[:, :20] = 1.0
    filled = spread_colours(image, known)
    assert np.array_equal(filled[:, :20], image[:, :20])
    near, far = filled[:, 21:24].astype(float), image[:, :20].astype(float)
    assert abs(near.mean() - far.mean()) < 25


def test_unknown_sample_and_bad_size() -> None:
    with pytest.raises(InputError, match=r"hopper, astronaut"):
        sample_clip("nobody")
    with pytest.raises(InputError):
        next(render("nobody"))
    with pytest.raises(ValueError, match="even"):
        next(render("hopper", size=101))


def test_credits_say_why_they_may_be_used() -> None:
    for credit in CREDITS.values():
        assert "public domain" in credit.licence and credit.author and credit.title and credit.origin


def test_clip_is_written_marked_and_reused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets.provenance.verify import verify
    from datasets.samples import animate
    from datasets.video import probe, read_frames

    monkeypatch.setenv("COUNTERFACE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(animate, "FRAMES", 12)
    told: list[float] = []
    path = sample_clip("astronaut", tmp_path / "clips", progress=lambda step, done, total, note="": told.append(done))
    info = probe(path)
    assert (info.width, info.height, info.rate, info.has_audio) == (512, 512, RATE, True)
    assert info.frames == 12 and told[-1] == 12
    assert sum(1 for _ in read_frames(path)) == 12
    assert verify(path).to_json()["studio_output"] is True
    written = path.stat().st_mtime_ns
    assert sample_clip("astronaut", tmp_path / "clips") == path and path.stat().st_mtime_ns == written
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert sample_clip("astronaut", tmp_path / "clips") == path
    assert probe(path).frames == 12
    assert not [p for p in path.parent.iterdir() if p.name.startswith(".")]


def test_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be made"):
        sample_clip("hopper", tmp_path / "file" / "clips")
