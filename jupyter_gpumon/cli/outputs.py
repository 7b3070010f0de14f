"""Opening what a command writes to: nothing that is there is replaced, or added to, without being asked."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..errors import SourceError
from ..sinks import Sink
from ..sinks.urls import open_sink, path_of
from ..sources.tables import JOURNAL


def open_new(url: str, run: str = "", *, overwrite: bool = False, append: bool = False) -> Sink:
    """The sink that a URL names. A database is added to; a file has to be a new one.

    Args:
        url: as for ``open_sink``.
        run: what the samples belong to.
        overwrite: replace a file that is there.
        append: continue it.

    Raises:
        SourceError: the file is there, or cannot be written.
    """
    path = path_of(url)
    if path is not None and not append:
        make_way(path, overwrite=overwrite)
    return open_sink(url, run)


def make_way(path: Path, *, overwrite: bool) -> None:
    """See to it that there is nothing of that name.

    Raises:
        SourceError: it is there and not to be overwritten, or is a folder with other things in it.
    """
    check_free(path, overwrite=overwrite)
    if path.exists():
        try:
            _remove(path)
        except OSError as e:
            raise SourceError(f"{path} cannot be replaced: {e.strerror or e}.") from e


def check_free(path: Path, *, overwrite: bool) -> None:
    """See to it that nothing of that name is lost by mistake; what is there stays until what replaces it is whole.

    Raises:
        SourceError: it is there and not to be overwritten, or is a device or a pipe.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise SourceError(f"{path} is no file: name one. For standard output there is gpumon export.")
    if path.exists() and not overwrite:
        raise SourceError(f"{path} is there already. Name another file, or add --overwrite.")


def _remove(path: Path) -> None:
    if not path.is_dir():
        path.unlink()
        return
    strange = [each for each in path.iterdir() if each.name != JOURNAL and not each.match("part-*.parquet")]
    if strange:
        raise SourceError(f"{path} is a folder that holds other things, such as {strange[0].name}. Name another.")
    shutil.rmtree(path)


def seed_format(urls: Sequence[str], seed: str) -> list[str]:
    """The URLs, those of CSV files with the columns of that format.

    Raises:
        SourceError: there is no CSV file among them.
    """
    if not seed:
        return list(urls)
    csvs = [url for url in urls if url.startswith("csv:") or url.partition("?")[0].endswith((".csv", ".csv.gz"))]
    if not csvs:
        raise SourceError("--seed-format is a format of CSV files: name one with -o run.csv.")
    return [f"{url}{'&' if '?' in url else '?'}seed={seed}" if url in csvs else url for url in urls]
