"""The process of one job: ``python -m ui.jobs.child ID``. It ends by itself when its worker is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback

from datasets.atomic import disk_error, write_json
from datasets.errors import CounterfaceError, Interrupted
from ui.jobs import kinds, store
from ui.jobs.reporter import Reporter
from ui.jobs.running import INTERRUPTED, LAST_SECONDS
from ui.settings import studio_settings

UNFORESEEN = "Something went wrong that was not foreseen ({kind}); the job's log says more."


def main(id: str) -> int:
    """Run a job and write its outcome; returns the exit code."""
    folder = store.folder_of(id)
    # Whoever started the studio in the background may have had it ignored; a job must be able to stop.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=_follow_worker, daemon=True).start()
    about = store.json_of(folder / "job.json")
    try:
        with Reporter(folder) as report:
            result = kinds.kind(str(about["kind"]))(about.get("payload") or {}, report)
        write_json(folder / "outcome.json", {"result": result})
        return 0
    except (KeyboardInterrupt, Interrupted):
        print("Stopped; retry goes on from what is done.", file=sys.stderr)
        return INTERRUPTED
    except CounterfaceError as error:
        return _failed(folder, str(error), error.exit_code)
    except OSError as error:
        said = disk_error(error, folder)
        traceback.print_exc()
        return _failed(folder, str(said or UNFORESEEN.format(kind=type(error).__name__)), 2)
    except Exception as error:
        traceback.print_exc()
        return _failed(folder, UNFORESEEN.format(kind=type(error).__name__), 1)


def _failed(folder: store.Path, sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    write_json(folder / "outcome.json", {"error": sentence})
    return code


def _follow_worker() -> None:
    """Interrupt this process when the worker that started it is gone, and end it if it does not stop."""
    # Not by sys.stdin, whose lock a thread that still reads would hold while Python shuts down.
    while os.read(sys.stdin.fileno(), 64):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(studio_settings().stop_seconds + LAST_SECONDS)
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
