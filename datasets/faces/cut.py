"""One face out of one frame: its crop, and its row of the face table."""

from __future__ import annotations

import cv2
import numpy as np

from datasets.faces.align import align_affine, head_pose, transform_points, warp_crop
from datasets.faces.expression import eye_opening, mouth_opening
from datasets.faces.finder import Face
from datasets.faces.mask import five_point_mask, hull_mask
from datasets.facetable import FaceRow
from datasets.video import Frame

JPEG_QUALITY = 95


def cut_face(
    frame: Frame, face: Face, track: int, clip: int, size: int, coverage: str | float
) -> tuple[FaceRow, bytes]:
    """Cut a face out of its frame.

    Args:
        track, clip: numbers of its track, and of its clip or picture.
        size, coverage: of the crop, as ``datasets.faces.align`` takes them.

    Returns:
        its row, and the crop as a JPEG file, to be written to ``row.file``.
    """
    pose = head_pose(face.five_points if face.landmarks is None else face.landmarks)
    affine = align_affine(pose, size, coverage)
    crop = warp_crop(frame.image, affine, size)
    yaw, pitch, roll = pose.angles
    row = FaceRow(
        frame=frame.index,
        time=frame.time,
        track=track,
        clip=clip,
        score=face.score,
        box=face.box,
        five_points=face.five_points,
        landmarks=face.landmarks,
        affine=affine,
        file=f"{frame.index:06d}_{track}.jpg",
        sharpness=_sharpness(crop, face, affine),
        yaw=yaw,
        pitch=pitch,
        roll=roll,
        eyes=float("nan") if face.landmarks is None else eye_opening(face.landmarks),
        mouth=float("nan") if face.landmarks is None else mouth_opening(face.landmarks),
    )
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    blob = cv2.imencode(".jpg", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), quality)[1]
    return row, blob.tobytes()


def _sharpness(crop: np.ndarray, face: Face, affine: np.ndarray) -> float:
    """Variance of the Laplacian inside the face's hull."""
    if face.landmarks is None:
        inside = five_point_mask(transform_points(face.five_points, affine), crop.shape[:2])
    else:
        inside = hull_mask(transform_points(face.landmarks, affine), crop.shape[:2])
    edges = cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F)[inside > 0.5]
    return float(edges.var()) if edges.size else 0.0
