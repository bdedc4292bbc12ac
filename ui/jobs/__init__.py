"""Long work of the dashboard, outside the page's script.

A page submits and reads; a worker process of its own (``ui.jobs.worker``, started and watched by ``counterface
studio``) runs each job in a process of that job's own. What a job is and how it stands lies in files, so that a reload,
a closed browser and a restarted server change nothing; a job whose worker was killed goes on when a worker is back::

    id = submit("score", {"file": "..."}, title="Score suspect.mp4")
    job = read(id)                      # job.state, job.progress, job.result ...
    listing(); cancel(id); retry(id)

A kind of job is one file, ``ui/jobs/kinds/<kind>.py``, with::

    def run(payload: dict, report: Reporter) -> dict

``payload`` and what it returns are plain JSON. It must go on from what is done when it is run again: that is how a job
continues after a kill, a cancel (``retry``) and a restart. ``ui.components.jobs.job_panel`` draws a job.
"""

from __future__ import annotations

from ui.jobs.queue import cancel, retry, submit
from ui.jobs.reporter import Reporter
from ui.jobs.store import Job, forget, listing, read

__all__ = ["Job", "Reporter", "cancel", "forget", "listing", "read", "retry", "submit"]
