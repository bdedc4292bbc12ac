"""One frame of a merge, at once: for tuning the settings of a clip frame by frame."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from datasets.atomic import refuse_overwrite, refuse_same
from datasets.errors import InputError
from datasets.faces.smooth import REACH, SIGMA_SECONDS
from datasets.faceset import FaceRow, FaceSet, FaceSetInfo, Tracks
from datasets.provenance.writer import PICTURE_FORMATS, write_picture
from datasets.video import Frame, frames_at, timestamps
from datasets.workspace import Workspace
from synth.composite.compositor import for_method
from synth.composite.occlusion import Occlusion
from synth.composite.session import Settings
from synth.people import person_of
from synth.pipeline import ROLES, describe, load_model
from synth.rendering import LEFT, Prepared, Swapped, composed, prepared_frames

KEPT = 16
# So much more than the smoothing looks at, seconds, that its edge plays no part.
MARGIN = 2 * REACH * SIGMA_SECONDS


class Preview:
    """Any frame of a workspace's merge with any settings, without merging the clip.

    The model, the face table, the decoder's place and the last frames' rendered faces are kept, so that another
    setting on the same frame costs its compositing alone. The face table is held in memory: some 9 MB a minute.
    Frames are the same as a merge would make, up to the rounding of the landmarks' smoothing.

    Args:
        workspace: with a trained model and the destination's face set.
        method: the model's name.

    Raises:
        Refused: a consent record is missing. InputError: no model, or no face set.
    """

    def __init__(self, workspace: Workspace, method: str, device: str = "auto") -> None:
        workspace.require_consent()
        self.model = load_model(workspace, method, device)
        self.settings: Settings = for_method(self.model)
        self._clip = workspace.clip("destination")
        faces = FaceSet(workspace.faces("destination"))
        track, self.notes = person_of(workspace, "destination", faces)
        self._rows = list(faces.rows(track))
        self._starts = [row.frame for row in self._rows]
        self._info, self._removed = faces.info, sorted(faces.removed_frames(track))
        self._times = timestamps(self._clip)
        self._occlusion = Occlusion(faces, track, self.model.size, self.model.coverage)
        self._prepared: OrderedDict[int, Prepared] = OrderedDict()
        self._wanted: list[int] = []
        self._frames: Iterator[Frame] = iter(())
        self._at = -1

    def __len__(self) -> int:
        """How many frames there are."""
        return len(self._times)

    def frame(self, index: int, settings: Settings | None = None) -> Swapped:
        """One frame as a merge with these settings would make it, by default with the method's own.

        What it gives is synthetic and unmarked: whoever shows it puts it through ``datasets.provenance.writer``.

        Raises:
            InputError: the clip has no such frame.
        """
        if not 0 <= index < len(self):
            raise InputError(f"There is no frame {index}: {self._clip.name} has frames 0 to {len(self) - 1}.")
        prepared = self._prepared.pop(index, None)
        if prepared is None:
            near = self._near(index)
            prepared = next(prepared_frames([self._decoded(index)], near, self.model))
        self._prepared[index] = prepared
        while len(self._prepared) > KEPT:
            self._prepared.popitem(last=False)
        return composed(prepared, settings or self.settings, self._occlusion)

    def _decoded(self, index: int) -> Frame:
        if index <= self._at:
            self._frames, self._at = iter(()), -1
        if self._at < 0:
            self._frames = frames_at(self._clip, self._asked(), self._times)
        self._wanted.append(index)
        found = next(self._frames, None)
        if found is None:
            self._at = -1
            raise InputError(f"Frame {index} of {self._clip.name} cannot be decoded.")
        self._at = index
        return found

    def _asked(self) -> Iterator[int]:
        while self._wanted:
            yield self._wanted.pop()

    def _near(self, index: int) -> _Near:
        time = float(self._times[index])
        low, high = np.searchsorted(self._times, (time - MARGIN, time + MARGIN))
        rows = self._rows[bisect_left(self._starts, int(low)) : bisect_left(self._starts, int(high))]
        return _Near(self._info, rows, [frame for frame in self._removed if frame == index])

    def close(self) -> None:
        """Let go of the decoder and the models."""
        self._frames, self._at = iter(()), -1
        self._occlusion.close()

    def __enter__(self) -> Preview:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _Near:
    """The rows around one frame, where a face set is read."""

    def __init__(self, info: FaceSetInfo, rows: list[FaceRow], removed: list[int]) -> None:
        self.info, self._held, self._removed = info, rows, removed

    def rows(self, track: Tracks = None) -> Iterator[FaceRow]:
        return iter(self._held)

    def removed_frames(self, track: Tracks = None) -> Iterator[int]:
        return iter(self._removed)


def write_frame(
    workspace: Workspace,
    method: str,
    settings: Settings,
    index: int,
    output: Path,
    device: str = "auto",
    force: bool = False,
) -> None:
    """Write one frame of a merge as a marked, signed picture.

    Raises:
        Refused: a consent record is missing. InputError: no model, no such frame, its face can't be swapped, or the
        file exists or is of no kind that carries the marks.
    """
    output = Path(output)
    if output.suffix.lower() not in PICTURE_FORMATS:
        raise InputError(f"{output} must end in .jpg or .png: these carry the marks.")
    refuse_overwrite(output, force)
    for role in ROLES:
        for clip in workspace.clips(role):
            refuse_same(output, clip)
    with Preview(workspace, method, device) as preview:
        swapped = preview.frame(index, settings)
    if swapped.row is None:
        raise InputError(f"Frame {index} is left as it is: it is one {LEFT[swapped.why]}.")
    table = settings.settings_at(index).to_table()
    write_picture(output, swapped.image, describe(workspace, method, table, "preview", output.name))
