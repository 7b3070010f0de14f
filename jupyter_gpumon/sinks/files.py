"""What sinks that write files have in common: a file that only grows by whole pieces, and goes on after a full disk.

An existing file is continued, never replaced. What is written is on disk after ``FLUSH`` seconds, so that a crash costs
no more than that, and never a broken file.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from ..errors import SourceError
from ..wire import Stream
from .locks import lock, unlock
from .queued import Queued

log = logging.getLogger("jupyter_gpumon")

FLUSH = 5.0
"""Seconds that messages are gathered before they are written together."""
MOST = 500
"""Messages that are written together at most."""
LARGE = 60.0
"""Seconds that closing a file may take."""
AGAIN = 5.0
"""Seconds after which a file that could not be written is tried again."""


class FileSink(Queued):
    """Writes messages to a file some seconds' worth at a time; a piece that cannot be written is tried again."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(url)
        self.path = path
        """What somebody may remove: the file itself, or what is written to in a folder."""

    @abstractmethod
    def begin(self) -> None:
        """Open the file; also again, where somebody has removed it.

        Raises:
            SourceError: it cannot be opened.
        """

    @abstractmethod
    def put(self, messages: Sequence[Stream]) -> None:
        """Write these messages, all or none.

        Raises:
            OSError: they could not be written, and nothing of them is there.
        """

    def finish(self) -> None:
        """Close the file."""

    def close(self) -> None:
        """Write what waits and close the file; a part that is large may take longer than other sinks do."""
        super().close()
        if self._thread.is_alive() and not self.problem:
            self._thread.join(LARGE)

    def drain(self) -> None:
        """Write what comes; the first message at once, so that the file is seen to be alive."""
        seconds = 0.0
        while batch := self.batch(MOST, seconds):
            self._put(batch)
            seconds = FLUSH
        self.finish()

    def _put(self, batch: Sequence[Stream]) -> None:
        while True:
            try:
                if not self.path.exists():
                    self.begin()
                    log.warning("gpumon: %s was removed, and is begun anew.", self.path)
                self.put(batch)
            except SourceError as e:
                self._say(str(e))
            except OSError as e:
                self._say(f"{self.path} cannot be written: {e.strerror or e}.")
            else:
                self._say("")
                return
            if self.closing:
                self.dropped += len(batch)
                return
            self.pause(AGAIN)

    def _say(self, problem: str) -> None:
        """Once when it begins, once when it is over."""
        if problem and not self.problem:
            log.error("gpumon: %s Trying again until it can; the other sinks go on.", problem)
        elif self.problem and not problem:
            log.warning("gpumon: %s is written again; %d messages were lost.", self.path, self.dropped)
        self.problem = problem


class WholeFile:
    """A file that grows by whole pieces: what a full disk cut short is taken back. ``.gz`` makes each piece a member.

    Args:
        path: created where it is not there; continued where it is.
        begins: how its first line begins where it is one of ours; any other file is left alone.

    Raises:
        SourceError: it cannot be opened for writing, is not ours, or is being written already.
    """

    def __init__(self, path: Path, begins: bytes) -> None:
        self._zipped = path.suffix == ".gz"
        try:
            path.touch()
            if not path.is_file():
                raise SourceError(f"{path} is no file: name one.")
            self._file = path.open("r+b", buffering=0)
        except OSError as e:
            raise SourceError(f"{path} cannot be written: {e.strerror or e}.") from e
        try:
            self._begin(path, begins)
        except BaseException:
            self.close()
            raise

    def _begin(self, path: Path, begins: bytes) -> None:
        """Go to the end of what is whole in it, once nobody else writes it."""
        try:
            if not lock(self._file):
                raise SourceError(f"{path} is being written by another process or sink. Name another file.")
            if not _first_line(path).startswith(begins) and path.stat().st_size:
                raise SourceError(f"{path} is there already and holds something else. Name another file.")
            self._end = _whole_members(path) if self._zipped else _whole_lines(path)
            self._take_back()
        except OSError as e:
            raise SourceError(f"{path} cannot be written: {e.strerror or e}.") from e

    @property
    def empty(self) -> bool:
        """Whether nothing is in it yet."""
        return self._end == 0

    def add(self, piece: bytes) -> None:
        """Append a piece.

        Raises:
            OSError: it could not be written; the file is as before.
        """
        left = memoryview(gzip.compress(piece, 6, mtime=0) if self._zipped else piece)
        size = len(left)
        try:
            while left:
                left = left[self._file.write(left) or 0 :]
        except OSError:
            self._take_back()
            raise
        self._end += size

    def clear(self) -> None:
        """Begin anew: what was in it is elsewhere."""
        self._end = 0
        self._take_back()

    def close(self) -> None:
        """Let go of it."""
        if not self._file.closed:
            unlock(self._file)
        self._file.close()

    def _take_back(self) -> None:
        self._file.truncate(self._end)
        self._file.seek(self._end)


def _first_line(path: Path) -> bytes:
    """The first line, as far as it can be read."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.readline()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return b""


def _whole_lines(path: Path) -> int:
    """Bytes up to the end of the last whole line."""
    end = path.stat().st_size
    with path.open("rb") as file:
        while end:
            begin = max(0, end - 65536)
            file.seek(begin)
            found = file.read(end - begin).rfind(b"\n")
            if found >= 0:
                return begin + found + 1
            end = begin
    return 0


def _whole_members(path: Path) -> int:
    """Bytes up to the end of the last whole gzip member."""
    whole, member, used = 0, zlib.decompressobj(31), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            while chunk:
                try:
                    member.decompress(chunk)
                except zlib.error:
                    return whole
                used += len(chunk) - len(member.unused_data)
                chunk = member.unused_data
                if member.eof:
                    whole, member = used, zlib.decompressobj(31)
    return whole
