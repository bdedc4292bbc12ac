"""The command ``counterface``.

Exit codes: 0 done; 2 the input or the arguments are wrong; 3 refused; 130 interrupted, resumable. An expected error
is one sentence on standard error, never a traceback. Commands import what they need when they run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer

from datasets.atomic import disk_error
from datasets.errors import CounterfaceError
from ui.commands import consent, detectors, evaluating, faces, judging, labelledsets, machine, making, merging, training
from ui.commands.options import spread

app = typer.Typer(
    name="counterface",
    help="A forensic-aware face-swap studio: every swap is marked, and scored against its own original.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# Typer carries a copy of click in some versions and uses the package in others; this is the base either way.
USAGE_ERROR = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")

making.register(app)
faces.register(app)
training.register(app)
merging.register(app)
judging.register(app)
detectors.register(app)
evaluating.register(app)
labelledsets.register(app)
consent.register(app)
machine.register(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    try:
        given = spread(sys.argv[1:] if arguments is None else arguments, "new", "--source")
        result = _command()(args=given, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except CounterfaceError as error:
        return _fail(str(error), error.exit_code)
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return _fail("Stopped. The same command goes on from what is done.", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except USAGE_ERROR as error:  # type: ignore[misc]
        return _fail(error.format_message(), 2)
    except OSError as error:
        from pathlib import Path

        said = disk_error(error, Path(str(error.filename or "the output")))
        if said is None:
            raise
        return _fail(str(said), 2)


@cache
def _command() -> Any:
    """The tree of commands, made once a process."""
    return typer.main.get_command(app)


def _fail(sentence: str, code: int) -> int:
    print(f"counterface: {sentence}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
