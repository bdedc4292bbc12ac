"""An album: the kept frames of one person with all that drawing them onto another mesh needs."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from datasets.facearrays import FaceArrays
from datasets.faces.align import Pose
from datasets.faces.mesh import INNER_LIPS, mean_mesh, unrolled
from datasets.progress import Progress, counted, silent
from synth.library import STEP, Person, choose, features, nearest_weights, person, regions, sharpness
from synth.meshwarp import (
    BEHIND,
    Raster,
    facing,
    flat_pose,
    normals,
    rasterise,
    sample,
    shows,
    smoothstep,
    with_irises_between_lids,
)
from synth.relight import fit_light, mean_light, shading, skin_colours

# Pixels a unit of the unrolled face, over the crop's side; and the empty rim around it.
BASE_SCALE, BASE_RIM = 0.8, 0.05
BASE_SHARE, MIRRORED, ENOUGH, LEAST_SHARE = 0.02, 0.8, 0.25, 1e-3
MOST_JUDGED = 1500
PARTED, OPEN = 0.03, 0.15


@dataclass(frozen=True)
class Wanted:
    """A mesh to draw a face onto, and the light to draw it in.

    Attributes:
        landmarks: float32 (478, 2), crop pixels, with the irises between the lids.
        pose: the head's.
        features: float64 (7,), see ``synth.library.features``.
        light: float64 (9, 3), see ``synth.relight``; None leaves each frame its own.
    """

    landmarks: np.ndarray
    pose: Pose
    features: np.ndarray
    light: np.ndarray | None


@dataclass(frozen=True)
class Drawn:
    """What an album shows of a wanted face, at the pixels of ``raster``.

    Attributes:
        colours: float32 (P, 3), 0 to 255.
        shown: float32 (P,) in [0, 1], 0 where no frame shows that part of the face.
    """

    raster: Raster
    colours: np.ndarray
    shown: np.ndarray


@dataclass(frozen=True)
class Album:
    """K frames of one person.

    Attributes:
        images: uint8 RGB (K, S, S, 3).
        landmarks: float32 (K, 478, 2), crop pixels.
        lights: float64 (K, 9, 3), the light in each frame.
        base: uint8 RGB (H, W, 3), the whole face at rest, unrolled, evenly lit, hidden parts from the mirrored side.
        base_shown: uint8 (H, W), how squarely a frame shows each part of it: ``facing``, 0 for ``BEHIND``, 255 for 1.
        whose: the person.
        tones: float64 (K, 3), mean colour of the skin in each frame, in [0, 1];
        found: float64 (K, 7), features; seen: float32 (K, 478), ``facing``; shades: float64 (K, 478, 3), light at the
            points; these four follow from the rest.
    """

    images: np.ndarray
    landmarks: np.ndarray
    lights: np.ndarray
    base: np.ndarray
    base_shown: np.ndarray
    whose: Person
    tones: np.ndarray
    found: np.ndarray
    seen: np.ndarray
    shades: np.ndarray

    @property
    def size(self) -> int:
        """Side of the frames, pixels."""
        return int(self.images.shape[1])

    @property
    def colour(self) -> np.ndarray:
        """The skin's mean colour over the album, float64 (3,) in [0, 1]."""
        return np.asarray(self.tones.mean(0))

    def draw(self, wanted: Wanted, blend: int) -> Drawn:
        """The person's face on the wanted mesh, from the ``blend`` frames that look most like it in each region."""
        depth = mean_mesh() @ wanted.pose.rotation[2]
        raster = rasterise(wanted.landmarks, depth, self.size)
        weights = nearest_weights(wanted.features, self.found, blend)
        turned = facing(wanted.landmarks, wanted.pose, self.size)
        share = (weights.T @ regions()) * shows(self.seen, turned)
        used = np.flatnonzero(weights.max(0) > 1e-5)
        aim = self.colour * (1.0 if wanted.light is None else shading(wanted.light, normals(wanted.pose)))
        total = np.zeros((len(raster.pixels), 1), np.float32)
        sum_colours = np.zeros((len(raster.pixels), 3), np.float32)
        for k, weight in zip(used, raster.spread(share[used].T).T, strict=True):
            rows = np.flatnonzero(weight > LEAST_SHARE)
            if not len(rows):
                continue
            own = self.tones[k] if wanted.light is None else self.shades[k]
            values = np.column_stack([self.landmarks[k], np.broadcast_to(aim / own, (478, 3))])
            found = raster.spread(values, rows)
            colours = sample(self.images[k], found[:, :2], cv2.INTER_CUBIC) * found[:, 2:]
            counted = (weight[rows] - LEAST_SHARE)[:, None]
            sum_colours[rows] += colours * counted
            total[rows] += counted
        places = _base_places(self.size)
        tone = np.broadcast_to(aim / self.colour, (478, 3))
        values = raster.spread(np.column_stack([places, tone, turned]))
        below = sample(np.dstack([self.base, self.base_shown]), values[:, :2]).astype(np.float32)
        below_shown = shows(BEHIND + (1 - BEHIND) * below[:, 3:] / 255, values[:, 5:]).astype(np.float32)
        base_share = (BASE_SHARE + np.maximum(1 - total, 0)) * below_shown + 1e-6
        sum_colours += below[:, :3] * values[:, 2:5] * base_share
        shown = smoothstep((total + below_shown) / ENOUGH)[:, 0]
        return Drawn(raster, sum_colours / (total + base_share), shown.astype(np.float32))


def wanted_face(crop: np.ndarray, landmarks: np.ndarray, eyes: float, relight: bool) -> Wanted:
    """What a crop asks for: its mesh, pose, expression and light.

    Args:
        crop: uint8 RGB (S, S, 3). landmarks: (478, 2), crop pixels.
        eyes: how far this person's eyes are open as a rule.
    """
    pose = flat_pose(landmarks)
    light = light_of(crop, landmarks, pose) if relight else None
    return Wanted(with_irises_between_lids(landmarks), pose, features(landmarks, pose, eyes), light)


def light_of(crop: np.ndarray, landmarks: np.ndarray, pose: Pose) -> np.ndarray:
    """The light on the face in a crop, float64 (9, 3)."""
    return fit_light(
        skin_colours(crop, landmarks), normals(pose), np.maximum(facing(landmarks, pose, crop.shape[0]), 0)
    )


def inner_mouth(landmarks: np.ndarray, size: int) -> np.ndarray:
    """What lies between the lips, float32 (size, size) in [0, 1]; it comes in softly as they part."""
    polygon = np.asarray(landmarks, dtype=np.float32)[list(INNER_LIPS), :2]
    opening = float(np.linalg.norm(landmarks[13, :2] - landmarks[14, :2]))
    across = max(float(np.linalg.norm(landmarks[78, :2] - landmarks[308, :2])), 1e-6)
    mask = np.zeros((size, size), np.uint8)
    share = float(smoothstep((opening / across - PARTED) / (OPEN - PARTED)))
    if share == 0:
        return mask.astype(np.float32)
    cv2.fillPoly(mask, [np.round(polygon * 16).astype(np.int32)], 255, lineType=cv2.LINE_AA, shift=4)
    return cv2.GaussianBlur(mask, (0, 0), 0.006 * size).astype(np.float32) * np.float32(share / 255)


def make_album(faces: FaceArrays, count: int, whose: Person | None = None, progress: Progress = silent) -> Album:
    """Choose ``count`` frames of a person's faces and make an album of them.

    Of more than ``MOST_JUDGED`` faces so many are looked at, spread evenly.
    """
    if len(faces) > MOST_JUDGED:
        faces = faces.subset(((np.arange(MOST_JUDGED) + 0.5) * len(faces) / MOST_JUDGED).astype(int))
    whose = whose or person(faces)
    found, sharp = np.empty((len(faces), len(STEP))), np.empty(len(faces))
    for i in counted(range(len(faces)), "looking through the faces", len(faces), progress):
        found[i] = features(faces.landmarks[i], flat_pose(faces.landmarks[i]), whose.eyes)
        sharp[i] = sharpness(faces.images[i], faces.masks[i])
    kept = faces.subset(choose(found, sharp, count, progress))
    poses = [flat_pose(points) for points in kept.landmarks]
    lights = np.stack([light_of(*one) for one in zip(kept.images, kept.landmarks, poses, strict=True)])
    landmarks = np.stack([with_irises_between_lids(points) for points in kept.landmarks])
    empty = np.zeros((1, 1, 3), np.uint8)
    album = complete(kept.images, landmarks, lights, empty, empty[..., 0], whose)
    base, shown = _base(album)
    return complete(kept.images, landmarks, lights, base, shown, whose)


def complete(
    images: np.ndarray, landmarks: np.ndarray, lights: np.ndarray, base: np.ndarray, shown: np.ndarray, whose: Person
) -> Album:
    """An album from what a checkpoint keeps of it."""
    poses = [flat_pose(points) for points in landmarks]
    found = np.stack([features(points, pose, whose.eyes) for points, pose in zip(landmarks, poses, strict=True)])
    seen = np.stack([facing(p, pose, images.shape[1]) for p, pose in zip(landmarks, poses, strict=True)])
    tones = np.stack([mean_light(light) for light in lights])
    shades = np.stack([shading(light, normals(pose)) for light, pose in zip(lights, poses, strict=True)])
    return Album(images, landmarks, lights, base, shown, whose, tones, found, seen, shades * tones[:, None])


def _base_places(size: int) -> np.ndarray:
    """Where the mesh points lie in the unrolled face, float32 (478, 2), pixels; symmetric about its middle column."""
    plane = unrolled()
    reach = np.ceil((np.abs(plane).max(0)[0] + BASE_RIM) * BASE_SCALE * size)
    return np.asarray((plane - (0, plane[:, 1].min() - BASE_RIM)) * BASE_SCALE * size + (reach, 0), dtype=np.float32)


def _base(album: Album) -> tuple[np.ndarray, np.ndarray]:
    """The unrolled face at rest under even light, and how well each part of it is shown; see ``Album``."""
    places = _base_places(album.size)
    width = 2 * round(float(places[10, 0])) + 1
    height = int(np.ceil(places[:, 1].max() + BASE_RIM * BASE_SCALE * album.size))
    side = int(max(width, height))
    raster = rasterise(places, None, side)
    lids, mouth = album.found[:, 2:4] - 1 / STEP[2:4], album.found[:, 4]
    calm = np.exp(-((lids**2).mean(1) + mouth**2) / 4) + 1e-3
    total, colours = np.zeros((len(raster.pixels), 1), np.float32), np.zeros((len(raster.pixels), 3), np.float32)
    best = np.full_like(total, BEHIND)
    for k in range(len(album.images)):
        values = np.column_stack([album.landmarks[k], album.seen[k], album.colour / album.shades[k]])
        flat = raster.spread(values.astype(np.float32))
        # Squared: a part is taken from the frames that show it best.
        share = (np.maximum(flat[:, 2:3] - BEHIND, 0) + 1e-3) ** 2 * calm[k]
        colours += sample(album.images[k], flat[:, :2]).astype(np.float32) * flat[:, 3:] * share
        total += share
        best = np.maximum(best, flat[:, 2:3])
    picture, shown = np.zeros((side * side, 3), np.float32), np.zeros((side * side, 1), np.float32)
    picture[raster.pixels], shown[raster.pixels] = colours / total, (best - BEHIND) / (1 - BEHIND)
    picture, shown = (a.reshape(side, side, -1)[:height, :width] for a in (picture, shown))
    # Where a head never turned to show one side, the other side stands in.
    flipped, flipped_shown = picture[:, ::-1], shown[:, ::-1] * MIRRORED
    share = smoothstep(0.5 + (shown - flipped_shown) / ENOUGH)
    mixed, best_shown = flipped + (picture - flipped) * share, np.maximum(shown, flipped_shown)[..., 0]
    return np.rint(np.clip(mixed, 0, 255)).astype(np.uint8), np.rint(best_shown * 255).astype(np.uint8)
