"""The errors that a person sees: one sentence each, saying what is wrong and what to do."""

from __future__ import annotations


class CounterfaceError(Exception):
    """Base of every error the studio raises on purpose; its text is shown as it stands.

    Attributes:
        exit_code: what the command line exits with.
    """

    exit_code = 2


class InputError(CounterfaceError):
    """The input or an argument is wrong (missing, damaged, without a face, already there)."""


class Refused(CounterfaceError):
    """The studio will not do it: no consent record, or the output would be unmarked."""

    exit_code = 3


class Interrupted(CounterfaceError):
    """Stopped by the user at a point from which the same command goes on."""

    exit_code = 130
