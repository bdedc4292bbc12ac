"""Ctrl-C waits for the end of the step in hand; a second one does not wait."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from datasets.interrupt import StopRequested


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_asks_and_the_second_raises(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), StopRequested() as stop:
        assert not stop.now
        os.kill(os.getpid(), number)
        assert stop.now
        os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


def test_afterwards_everything_is_as_before() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with StopRequested():
        assert signal.getsignal(signal.SIGINT) is not before[0]
        with StopRequested() as inner:
            os.kill(os.getpid(), signal.SIGINT)
            assert inner.now
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_in_another_thread_it_does_nothing() -> None:
    found: list[bool] = []

    def work() -> None:
        with StopRequested() as stop:
            found.append(stop.now)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [False]
