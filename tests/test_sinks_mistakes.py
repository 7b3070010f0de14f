"""Slips in the names of sinks: each is told in words, with what to write."""

from __future__ import annotations

import pytest

from jupyter_gpumon.errors import SourceError
from jupyter_gpumon.sinks import notify
from jupyter_gpumon.sinks.urls import open_sink, path_of
from jupyter_gpumon.store.stream import Store

NOBODY = "~nobody-of-this-name/run"


@pytest.mark.parametrize(
    "url", [f"{NOBODY}.jsonl", f"{NOBODY}.csv.gz", f"{NOBODY}.parquet", f"sqlite:///{NOBODY}.db", f"log:{NOBODY}.log"]
)
def test_the_folder_of_a_user_whom_nobody_knows_is_told_with_what_to_write(url):
    """Whoever forgot the slash after the ``~``."""
    with pytest.raises(SourceError, match=r"no folder ~nobody-of-this-name, .* Write ~/… for your own folder"):
        open_sink(url)
    if not url.startswith(("sqlite", "log")):
        with pytest.raises(SourceError, match="Write ~/…"):
            path_of(url)


def test_so_it_is_where_a_target_is_checked_and_a_database_is_read():
    """The same words."""
    with pytest.raises(SourceError, match="Write ~/…"):
        notify.check(f"log:{NOBODY}.log")
    with pytest.raises(SourceError, match="Write ~/…"):
        Store(f"sqlite:///{NOBODY}.db")
