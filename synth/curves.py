"""What a training leaves to look at: ``metrics.jsonl``, which is the truth, and a copy of it for TensorBoard.

Only figures go to TensorBoard: a preview shows a synthetic face, and pictures of those leave through the one writer
that marks them (``previews/``).
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from datasets.atomic import disk_error, replacing

METRICS, TENSORBOARD = "metrics.jsonl", "tensorboard"


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl``; a last line cut by a kill is left out."""
    file = Path(folder) / METRICS
    if not file.is_file():
        return []
    lines = []
    for text in file.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            break
    return lines


class Curves:
    """The figures of one run.

    Args:
        folder: the model's folder.
        quiet: write nothing, as all processes but the first do.
    """

    def __init__(self, folder: Path, quiet: bool = False) -> None:
        self.folder, self.quiet = Path(folder), quiet
        self.without_board = ""
        self._board: Any = None
        self._purge: int | None = None

    def log(self, step: int, seconds: float, **figures: float | str) -> None:
        """Append one line to ``metrics.jsonl``; its numbers go to TensorBoard too."""
        if self.quiet:
            return
        line = {"step": step, "seconds": round(seconds, 2)} | {
            name: value if isinstance(value, str) else float(f"{float(value):.6g}") for name, value in figures.items()
        }
        try:
            with (self.folder / METRICS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise disk_error(error, self.folder / METRICS) or error from error
        self.board(step, **{name: value for name, value in figures.items() if not isinstance(value, str)})

    def board(self, step: int, **figures: float) -> None:
        """Figures for TensorBoard alone, where it is installed; else ``without_board`` says why there are none."""
        if self.quiet or self.without_board or not figures:
            return
        try:
            if self._board is None:
                from torch.utils.tensorboard import SummaryWriter

                self._board = SummaryWriter(str(self.folder / TENSORBOARD), purge_step=self._purge)
                self._purge = None
            for name, value in figures.items():
                self._board.add_scalar(name, value, step)
        except ImportError:
            self.without_board = f"TensorBoard is not installed: the curves are in {METRICS} alone."
        except OSError as error:
            self.without_board = f"TensorBoard's curves are not written ({error.strerror}); {METRICS} has them."

    def drop_after(self, step: int) -> None:
        """Forget what was logged after ``step``, which is about to be trained again."""
        self.close()
        self._purge = step + 1
        lines = read_metrics(self.folder)
        kept = [line for line in lines if line["step"] <= step]
        file = self.folder / METRICS
        whole = not lines or file.read_bytes().count(b"\n") == len(lines)
        if not self.quiet and (len(kept) != len(lines) or not whole):
            with replacing(file) as temporary:
                temporary.write_text(
                    "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in kept), encoding="utf-8"
                )

    def close(self) -> None:
        """Write out what TensorBoard still holds back."""
        board, self._board = self._board, None
        if board is not None:
            with suppress(OSError):  # a full disk: the curves are in metrics.jsonl, and the state's writer says it
                board.close()
