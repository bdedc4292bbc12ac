"""Scoring with the published MesoNet beside the studio's own detectors, kept as ``evaluate.scored`` keeps scores."""

from __future__ import annotations

from evaluate import scored
from evaluate.scored import Job, Scored

MESONET = ".h5"


def score_job(job: Job, frames: int, device: str) -> Scored:
    """Score a job by a trained detector's folder, or by the published MesoNet's weights (``.h5``)."""
    if job.detector.suffix != MESONET:
        return scored.score_job(job, frames, device)
    from benchmarks.mesonet import score_with

    with scored.encoded(job) as path:
        return score_with(job.detector, path, frames)
