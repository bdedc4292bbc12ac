"""The default finder: MediaPipe's detectors and mesh, with a tracker of our own around them.

A face that is known is followed by its mesh alone (under 4 ms on one core). The box detectors look at the whole
picture now and then, at cuts, and whenever a face is lost; small faces are looked for in tiles. What a detector
proposes counts as a face only when a second model agrees, and a followed face has to be confirmed every so often, so
that wallpaper does not become a face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from datasets.faces.finder import Face, register_finder
from datasets.faces.graphs import Detection, DetectorModel
from datasets.faces.meshfit import MeshFitter, Region, face_of_five, face_of_mesh, region_of_five, region_of_mesh

# Scores that a detector's proposal must reach, and that a second look must confirm.
PROPOSED, CONFIRMED, BOX_ALONE = 0.5, 0.5, 0.7
LOOK_EVERY = 12  # frames between looks at the whole picture while all is well
CONFIRM_EVERY = 10  # frames between confirmations of a followed face
TILE_SIDE = 560  # pixels: a face of 48 is a 12th of it, which the full-range detector finds
TILE_OVERLAP = 160
CUT = 28.0  # mean absolute difference of grey values, from which a frame is taken as another scene
NEW_GREYS = 0.3  # share of the pixels, by grey value, from which a changed frame is surely of another scene
THUMBNAIL = 48


@dataclass
class _Followed:
    face: Face
    age: int  # frames since a detector last saw it


@register_finder("mediapipe")
class MediapipeFinder:
    """Finds and follows faces in the frames of one clip; see ``datasets.faces.finder.FaceFinder``.

    Attributes:
        cut: whether the last frame is surely the first of another scene.
    """

    name = "mediapipe"

    def __init__(self) -> None:
        self._fitter = MeshFitter()
        self._full, self._short = DetectorModel("full"), DetectorModel("short")
        self.reset()

    def reset(self) -> None:
        """Forget the frames seen so far."""
        self._known: list[_Followed] = []
        self._count = 0
        self._tile = 0
        self._thumbnail: np.ndarray | None = None
        self.cut = False

    def close(self) -> None:
        """Let go of the models."""
        self._fitter.close()
        self._full.close()
        self._short.close()

    def find(self, image: np.ndarray) -> list[Face]:
        """The faces of a uint8 RGB HxWx3 frame, the largest first."""
        cut = self._is_cut(image)
        before = len(self._known)
        followed = [kept for known in self._known if (kept := self._follow(image, known, cut)) is not None]
        self._known = _distinct(followed)
        first = self._count == 0
        if first or cut or len(self._known) < before:
            self._look(image, self._tiles(image, every=True))
        elif not self._known or self._count % LOOK_EVERY == 0:
            self._look(image, self._tiles(image, every=False))
        self._count += 1
        return sorted((known.face for known in self._known), key=_area, reverse=True)

    def adopt(self, faces: list[Face]) -> None:
        """Follow these faces too, which another finder saw in the frame that was looked at last."""
        self._known = _distinct([*self._known, *(_Followed(face, 0) for face in faces)])

    def _is_cut(self, image: np.ndarray) -> bool:
        step = max(min(image.shape[:2]) // THUMBNAIL, 1)
        thumbnail = image[step // 2 :: step, step // 2 :: step, 1].astype(np.int16)
        last, self._thumbnail = self._thumbnail, thumbnail
        self.cut = False
        if last is None:
            return False
        if last.shape != thumbnail.shape:
            self.cut = True
            return True
        changed = float(np.abs(last - thumbnail).mean()) > CUT
        # Fast motion changes as many pixels as a cut does, but hardly how many there are of each grey.
        self.cut = changed and _greys_apart(last, thumbnail) > NEW_GREYS
        return changed

    def _follow(self, image: np.ndarray, known: _Followed, cut: bool) -> _Followed | None:
        """The face where it is now, or None when it is gone."""
        if known.face.landmarks is None:
            return self._again(image, known.face)
        found = self._fitter.fit(image, region_of_mesh(known.face.landmarks))
        if found is None or not _is_inside(found[0], image):
            return self._again(image, known.face)
        face = face_of_mesh(*found)
        age = known.age + 1
        if cut or age >= CONFIRM_EVERY:
            if self._closer_look(image, region_of_mesh(found[0])) is None:
                return None
            age = 0
        return _Followed(face, age)

    def _again(self, image: np.ndarray, face: Face) -> _Followed | None:
        """Look for a lost face around the place where it was."""
        seen = self._closer_look(image, region_of_five(face.five_points))
        return None if seen is None else self._accept(image, seen)

    def _closer_look(self, image: np.ndarray, region: Region) -> Detection | None:
        """What the detectors say of the middle of a region, taken twice as wide as the mesh looks at it."""
        from datasets.faces.align import invert_affine, transform_points, warp_crop

        wide = replace(region, side=region.side * 1.4)
        for model in (self._short, self._full):
            affine = wide.affine(model.side)
            middle = (model.side - 1) / 2
            back = invert_affine(affine)
            for seen in sorted(model.find(warp_crop(image, affine, model.side)), key=lambda d: -d.score):
                centre = (seen.box[:2] + seen.box[2:]) / 2
                if seen.score >= CONFIRMED and np.abs(centre - middle).max() < model.side / 5:
                    box = transform_points(seen.box.reshape(2, 2), back).reshape(4)
                    return Detection(seen.score, box, transform_points(seen.points, back))
        return None

    def _look(self, image: np.ndarray, regions: list[tuple[float, float, float]]) -> None:
        """Search squares (x, y, side) of the picture and add the faces that are not known yet."""
        proposals: list[Detection] = []
        for x, y, side in regions:
            proposals += self._search(image, x, y, side)
        for proposal in sorted(proposals, key=lambda d: -d.score):
            five = _five_of(proposal)
            if any(_overlap(face_of_five(five, 0.0).box, known.face.box) > 0.2 for known in self._known):
                continue
            seen = self._closer_look(image, region_of_five(five))
            accepted = None if seen is None else self._accept(image, seen)
            if accepted is not None:
                self._known = _distinct([*self._known, accepted])

    def _accept(self, image: np.ndarray, seen: Detection) -> _Followed | None:
        """A face from what a closer look showed: with its mesh, or with five points when the box is sure."""
        five = _five_of(seen)
        found = self._fitter.fit(image, region_of_five(five), tries=3)
        if found is not None and _is_inside(found[0], image):
            return _Followed(face_of_mesh(*found), 0)
        return _Followed(face_of_five(five, seen.score), 0) if seen.score >= BOX_ALONE else None

    def _search(self, image: np.ndarray, x: float, y: float, side: float) -> list[Detection]:
        """Proposals of the full-range detector for a square of the picture; what lies outside is grey."""
        scale = self._full.side / side
        height, width = image.shape[:2]
        left, top = round(x), round(y)
        part = image[top : min(top + round(side), height), left : min(left + round(side), width)]
        small = cv2.resize(
            part,
            (max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)),
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        square = np.full((self._full.side, self._full.side, 3), 128, np.uint8)
        small = small[: self._full.side, : self._full.side]
        square[: small.shape[0], : small.shape[1]] = small
        shift = np.array([left, top], dtype=np.float64)
        return [d.moved(1 / scale, shift) for d in self._full.find(square) if d.score >= PROPOSED]

    def _tiles(self, image: np.ndarray, every: bool) -> list[tuple[float, float, float]]:
        """The whole picture, and all tiles of it or the next one in turn."""
        height, width = image.shape[:2]
        whole = (0.0, 0.0, float(max(height, width)))
        if max(height, width) <= TILE_SIDE * 1.15:
            return [whole]
        tiles = [(float(x), float(y), float(TILE_SIDE)) for y in _starts(height) for x in _starts(width)]
        if every:
            return [whole, *tiles]
        self._tile = (self._tile + 1) % len(tiles)
        return [whole, tiles[self._tile]]


def _greys_apart(one: np.ndarray, other: np.ndarray) -> float:
    """How much of two pictures' histograms of grey values does not overlap, in [0, 1]."""
    first, second = (np.bincount(grey.ravel() >> 4, minlength=16) / grey.size for grey in (one, other))
    return float(np.abs(first - second).sum() / 2)


def _starts(length: int) -> list[int]:
    """Where tiles along one side begin, so that neighbours overlap and the last ends at the edge."""
    if length <= TILE_SIDE:
        return [0]
    count = int(np.ceil((length - TILE_OVERLAP) / (TILE_SIDE - TILE_OVERLAP)))
    return np.linspace(0, length - TILE_SIDE, count).round().astype(int).tolist()


def _five_of(seen: Detection) -> np.ndarray:
    """Five points (5, 2) of a detection, which knows the mouth's centre alone: its corners are set as a mean face's."""
    eye, other, nose, mouth = seen.points[:4]
    half = 0.47 * (other - eye)
    return np.stack([eye, other, nose, mouth - half, mouth + half]).astype(np.float32)


def _is_inside(landmarks: np.ndarray, image: np.ndarray) -> bool:
    """Whether most of a mesh lies in the picture."""
    height, width = image.shape[:2]
    x, y = landmarks[:, 0], landmarks[:, 1]
    return float(((x >= 0) & (y >= 0) & (x < width) & (y < height)).mean()) > 0.5


def _area(face: Face) -> float:
    return float((face.box[2] - face.box[0]) * (face.box[3] - face.box[1]))


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Shared area over the smaller box's area."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    shared = float(np.prod(np.clip(high - low, 0, None)))
    return shared / max(min(float(np.prod(one[2:] - one[:2])), float(np.prod(other[2:] - other[:2]))), 1e-6)


def _distinct(known: list[_Followed]) -> list[_Followed]:
    """The same without faces that have run onto another one that was there before."""
    kept: list[_Followed] = []
    for one in known:
        if all(_overlap(one.face.box, other.face.box) < 0.6 for other in kept):
            kept.append(one)
    return kept
