"""The first page."""

from __future__ import annotations

from ui.components.jobs import job_panel
from ui.components.look import head
from ui.jobs import listing


def render() -> None:
    """Draw the page."""
    head("Counterface studio", "Every swap is marked, and scored for how detectable it is against its own original.")
    for job in listing(limit=8):
        job_panel(job.id)
