"""Samples into a SQL database, from a thread that waits for it, so that nobody else does.

What cannot be written is kept and tried again: a database that is away, full or locked costs nothing until the buffer
is full. Beyond that, what is lost is counted.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence

from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from ..errors import GpuMonError
from ..model import Cell, Hello, Sample
from ..store.engine import open_engine, reason
from ..store.options import parse
from ..store.rollup import Rollup
from ..store.tables import Tables
from ..store.writer import Writer
from ..units import duration
from ..wire import Stream
from .queued import Queued

log = logging.getLogger("jupyter_gpumon")

AGAIN = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds to wait after a failure before it is tried again; the last one from then on."""
MOST_CELLS = 1000
"""Records of cells that wait for a database that is away."""
ROLL = 30.0
"""Seconds between two times at which samples are summed and old ones are deleted."""
LAST_TRIES = 3
"""How often it is tried once the sink is being closed."""
SLOW = 10.0
"""Seconds after which it is said that a database has not answered."""


def open_sink(url: str, run: str = "") -> SqlSink:
    """The sink of ``sqlite:///run.db``, ``mysql+pymysql://…`` or ``postgresql+psycopg://…``.

    Args:
        url: see docs/storage.md for what it may say beside where the database is.
        run: name of the run that the samples belong to.

    Raises:
        SourceError: the URL is malformed, a driver is missing, or a file cannot be opened. A database that is away now
            is no error: it is waited for.
    """
    return SqlSink(url, run)


class SqlSink(Queued):
    """Writes to one database; ``problem`` says what it waits for.

    Args:
        url: where to.
        run: name of the run that the samples belong to.
        keep: (step, how long it is kept) in seconds, where the URL does not say it; None keeps all as sampled.
    """

    def __init__(self, url: str, run: str = "", keep: Sequence[tuple[float, float]] | None = None) -> None:
        options = self.options = parse(url, keep)
        super().__init__(url, options.buffer)
        self.tables = Tables(options.columns, [step for step, _ in options.keep if step])
        self.engine = open_engine(options.url)
        self._rollup, self._rolled = Rollup(self.tables, options.keep), time.monotonic()
        self._writer = Writer(self.engine, self.tables, run, processes=options.processes)
        self._cells: deque[Cell] = deque(maxlen=MOST_CELLS)
        self._since: float | None = None
        self._misfit = ""
        self.start()

    @property
    def problem(self) -> str:
        """What is the matter, in words; empty when all is well."""
        since = self._since
        waited = 0.0 if since is None else time.monotonic() - since
        return self._trouble or (f"The database has not answered for {duration(waited)}." if waited > SLOW else "")

    @problem.setter
    def problem(self, said: str) -> None:
        self._trouble = said

    @property
    def ready(self) -> bool:
        """Whether the database answered the last time, and its tables are there."""
        return self._writer.ready

    def write(self, message: Stream) -> None:
        """Queue what has a row in a table; never blocks."""
        if isinstance(message, Hello) or message.gpus or message.host or message.events:
            super().write(message)

    def keep(self, cell: Cell) -> None:
        """Keep a cell's record, with the next batch; never blocks."""
        self._cells.append(cell)

    def drain(self) -> None:
        """Commit what comes, in batches."""
        if not self._deliver(()):  # the tables are made, or waited for
            return
        while batch := self.batch(self.options.batch_size, self.options.commit_every):
            if not self._deliver(batch):
                self._lost(len(batch), "samples")
                return  # what still waits is lost too: nobody has the time to try it all
            self._rollup.note(message.time for message in batch if isinstance(message, Sample))
            if time.monotonic() - self._rolled > ROLL:
                self._roll()
        if self._cells:
            self._deliver(())
        self._roll()
        self.engine.dispose()

    def _deliver(self, batch: Sequence[Stream]) -> bool:
        """Write a batch, however long that takes: what waits meanwhile is bounded. False where the end came before."""
        failures = last = 0
        while not self._written(batch):
            if self.closing:
                last += 1
                if last == LAST_TRIES:
                    return False
                time.sleep(AGAIN[0])
            self.pause(AGAIN[min(failures, len(AGAIN) - 1)])
            failures += 1
        return True

    def _written(self, batch: Sequence[Stream]) -> bool:
        """Whether the batch is done with: it is there, or it can never be."""
        self._since = time.monotonic()
        cells = tuple(self._cells)
        try:
            if self._fits(batch, cells):
                self._well()
            else:
                self._write_apart(batch, cells)
        except (SQLAlchemyError, GpuMonError, OSError) as e:
            self._failed(e)
            return False
        finally:
            self._since = None
        for _ in cells:
            self._cells.popleft()
        return True

    def _fits(self, batch: Sequence[Stream], cells: Sequence[Cell]) -> bool:
        """Whether it is there now; nothing of it is where a part does not fit into its column."""
        try:
            self._writer.write(batch, cells)
        except (DataError, IntegrityError) as e:
            self._writer.forget()
            self._misfit = reason(e, self.options.url)
            return False
        return True

    def _write_apart(self, batch: Sequence[Stream], cells: Sequence[Cell]) -> None:
        """The samples, then each cell alone: what does not fit takes as little with it as it can."""
        samples = 0 if cells and self._fits(batch, ()) else len(batch)
        records = len([cell for cell in cells if not self._fits((), (cell,))])
        for lost, what in ((samples, "samples"), (records, "records of cells")):
            if lost:
                self._trouble = self._misfit
                self._lost(lost, what)

    def _roll(self) -> None:
        """Sum and prune, where that is wanted; if it cannot be done now, then the next time."""
        self._rolled = time.monotonic()
        if self._rollup.due:
            try:
                self._rollup.run(self.engine, self._writer.devices, self._writer.hosts)
            except (SQLAlchemyError, OSError) as e:
                self._failed(e)

    def _failed(self, error: Exception) -> None:
        self._writer.forget()
        said = reason(error, self.options.url)
        if not self._trouble:
            log.error("gpumon: the sink %s does not take samples, they wait for it: %s", self.url, said)
        self._trouble = said

    def _well(self) -> None:
        if self._trouble:
            lost = f"; {self.dropped} were lost" if self.dropped else ", nothing was lost"
            log.warning("gpumon: the sink %s takes samples again%s", self.url, lost)
        self._trouble = ""

    def _lost(self, count: int, what: str) -> None:
        self.dropped += count
        log.error("gpumon: the sink %s: %d %s were lost: %s", self.url, count, what, self._trouble)
