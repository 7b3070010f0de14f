"""Who scrapes is somebody who watches, until he does not come back."""

from __future__ import annotations

import pytest

from jupyter_gpumon.exposition import scrapes as module
from jupyter_gpumon.exposition.scrapes import Scrapes


@pytest.fixture
def turn(monkeypatch):
    """``turn(seconds)`` lets time pass."""
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def on(seconds):
        now[0] += seconds

    return on


def test_nobody_watches_before_the_first_scrape():
    """Then somebody does."""
    scrapes = Scrapes()
    assert not scrapes.watching
    scrapes.note()
    assert scrapes.watching


def test_a_scrape_watches_for_two_intervals(turn):
    """Of its own interval, which the second scrape tells."""
    scrapes = Scrapes()
    scrapes.note()
    turn(15)
    scrapes.note()
    turn(29)
    assert scrapes.watching
    turn(2)
    assert not scrapes.watching


def test_who_comes_back_after_a_night_is_not_waited_for_another_two(turn):
    """A page that somebody looked at once is not a Prometheus."""
    scrapes = Scrapes()
    scrapes.note()
    turn(8 * 3600)
    scrapes.note()
    turn(601)
    assert not scrapes.watching
