"""Real databases on free loopback ports, that a test can kill, stop and start again: MariaDB, PostgreSQL, and SQLite.

Each fixture is a server for all tests of a module; ``fresh()`` gives each test a database of its own.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from . import PATIENCE, free_port


class Database:
    """One database, as a test asks it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; other statements are committed."""
        engine = create_engine(self.url, poolclass=NullPool)
        with engine.begin() as connection:
            found = connection.execute(text(statement), values)
            return [tuple(row) for row in found] if found.returns_rows else []

    def count(self, table: str = "gpumon_samples") -> int:
        """Rows in a table; 0 as long as nobody has made it."""
        try:
            return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])
        except (OperationalError, ProgrammingError) as e:
            if table not in str(e.orig):
                raise
            return 0


class Server(ABC):
    """A database server in a folder of its own."""

    name = admin = ""
    ending = signal.SIGTERM

    def __init__(self, binary: str) -> None:
        self.binary = Path(binary)
        self.folder = Path(tempfile.mkdtemp(prefix=f"gpumon-{self.name}-", dir="/tmp"))
        self.port = free_port()
        self.options: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.install()

    @abstractmethod
    def install(self) -> None:
        """Make an empty server."""

    @abstractmethod
    def words(self) -> Sequence[str]:
        """The command that runs it."""

    @abstractmethod
    def url(self, database: str) -> str:
        """The URL of one of its databases."""

    def run(self, words: Sequence[str]) -> None:
        """A command that has to succeed; what it said, where it does not."""
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        done = subprocess.run(words, timeout=PATIENCE, cwd=self.folder, **quiet, **self.options)
        assert done.returncode == 0, f"{words[0]} ended with {done.returncode}: {done.stdout}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as out:
            quiet = {"stdout": out, "stderr": out, "stdin": subprocess.DEVNULL}
            self.process = subprocess.Popen(self.words(), **quiet, **self.options)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            log = (self.folder / "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < end, f"{self.name} did not come up: {log}"
            if self.process.poll() is not None:  # what was killed may not be gone altogether yet
                time.sleep(0.2)
                self.start()
                return
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it takes connections, and is not just about to."""
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", self.port)):
                return False
        try:
            Database(self.url(self.admin)).ask("SELECT 1")
        except Exception:
            return False
        return True

    def kill(self) -> None:
        """kill -9, as a machine that runs out of memory does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Let it hang: it keeps its connections and answers nobody."""
        self._all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._all(signal.SIGCONT)

    def _all(self, number: signal.Signals) -> None:
        """PostgreSQL has a process for each connection."""
        assert self.process is not None
        server = psutil.Process(self.process.pid)
        for process in (server, *server.children(recursive=True)):
            process.send_signal(number)

    def fresh(self) -> Database:
        """A new, empty database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        engine = create_engine(self.url(self.admin), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        return Database(self.url(name))

    def close(self) -> None:
        """Stop it and throw its data away."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.ending)
            self.process.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)


class MariaDB(Server):
    """MariaDB, as whoever runs the tests."""

    name, admin = "mariadb", "mysql"

    def install(self) -> None:
        self.user = f"--user={'root' if os.geteuid() == 0 else os.environ.get('USER', 'mysql')}"
        words = ["mariadb-install-db", "--no-defaults", self.user, f"--datadir={self.folder / 'data'}"]
        words += ["--auth-root-authentication-method=normal", "--skip-test-db"]
        # A folder of its own: each MariaDB that starts deletes the temporary tables of all others in the same one.
        self.options = {"env": {**os.environ, "TMPDIR": str(self.folder)}}
        self.run(words)

    def words(self) -> Sequence[str]:
        return [
            str(self.binary), "--no-defaults", self.user, f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 's'}", f"--pid-file={self.folder / 'pid'}", f"--port={self.port}",
            "--bind-address=127.0.0.1",
        ]  # fmt: skip

    def url(self, database: str) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}/{database}"


class PostgreSQL(Server):
    """PostgreSQL, as its own user where root runs the tests: it refuses root."""

    name, admin = "postgresql", "postgres"
    ending = signal.SIGINT  # with SIGTERM it would wait for its clients

    def install(self) -> None:
        if os.geteuid() == 0:
            self.options = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        initdb = [
            str(self.binary.with_name("initdb")),
            "-D",
            str(self.folder / "data"),
            "-A",
            "trust",
            "-U",
            "postgres",
        ]
        self.run(initdb)

    def words(self) -> Sequence[str]:
        return [
            str(self.binary), "-D", str(self.folder / "data"), "-p", str(self.port), "-k", str(self.folder),
            "-h", "127.0.0.1",
        ]  # fmt: skip

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"


class SQLite:
    """Files; there is no server to kill."""

    name = "sqlite"

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="gpumon-sqlite-"))

    def fresh(self) -> Database:
        """A file that is not there yet."""
        return Database(f"sqlite:///{self.folder / uuid.uuid4().hex}.db")

    def close(self) -> None:
        """Throw the files away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def find(name: str) -> str:
    """Where a database server's program is; empty where it is not installed."""
    if name == "mariadb":
        return shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin") or ""
    known = sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/postgres")))
    return shutil.which("postgres") or (known[-1] if known else "")


def _served(kind: type[Server], require: Callable[[str, str], str]) -> Iterator[Server]:
    server = kind(require(find(kind.name), kind.name))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def mariadb(require: Callable[[str, str], str]) -> Iterator[Server]:
    """A MariaDB server."""
    yield from _served(MariaDB, require)


@pytest.fixture(scope="module")
def postgresql(require: Callable[[str, str], str]) -> Iterator[Server]:
    """A PostgreSQL server."""
    yield from _served(PostgreSQL, require)


@pytest.fixture(scope="module")
def sqlite() -> Iterator[SQLite]:
    """SQLite."""
    found = SQLite()
    yield found
    found.close()


@pytest.fixture(params=["sqlite", "mariadb", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """An empty database of each kind in turn."""
    found: Database = request.getfixturevalue(request.param).fresh()
    return found


@pytest.fixture(params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Each server in turn, to be maltreated; it runs again afterwards."""
    found: Server = request.getfixturevalue(request.param)
    yield found
    if found.process is None or found.process.poll() is not None:
        found.start()
