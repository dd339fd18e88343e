"""Runs queries on a throw-away copy of an SQLite database, within limits.

A sampled query is untrusted: it reaches no other file, no pragma and no extension, and
stops at its time and size limits. The clock is read between SQLite's steps; what one
step may take is bounded by the size of the values it works on.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pivotrl_pipeline.errors import VerifierError

Row: TypeAlias = tuple[object, ...]

_MAX_VALUE_BYTES = 100_000
"""Of a value that a query makes, beyond the largest row of the database: the time of
`instr` grows with the square of it."""
_MAX_PATTERN_BYTES = 1_000
"""Of a pattern of `LIKE`, for the same reason."""
_MAX_GROWTH_BYTES = 64_000_000
"""What queries may add to a copy, and as much in temporary tables."""
_STEPS_BETWEEN_CHECKS = 1_000
_REFUSED_ACTIONS = frozenset(
    {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_PRAGMA}
)
_STORED_COLUMNS = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 2"


@dataclass(frozen=True, slots=True)
class QueryOutcome:
    """What a row of queries did."""

    results: tuple[tuple[Row, ...], ...]
    """Rows of each query, in the order of the database."""
    is_idle: tuple[bool, ...]
    """For each query: true if it finds nothing and changes nothing."""
    change: str
    """Digest of the database if it was changed, '' if not."""
    error: str
    """Why the first failing query failed; '' if none did."""


class QueryRunner:
    """Keeps an image of each database in memory and works on copies of it."""

    def __init__(self, *, max_rows: int, timeout_seconds: float) -> None:
        self._max_rows = max_rows
        self._timeout_seconds = timeout_seconds
        self._images: dict[Path, _Image] = {}

    def run(
        self, database: Path, before: Iterable[str], queries: Sequence[str]
    ) -> QueryOutcome:
        """The outcome of ``queries`` after ``before``, whose failures do not matter.

        Raises:
            VerifierError: If the database cannot be opened.
        """
        connection = self._copy(database)
        try:
            for query in before:
                self._run_one(connection, query)
            start = _version(connection)
            results: list[tuple[Row, ...]] = []
            is_idle: list[bool] = []
            for query in queries:
                version = _version(connection)
                rows = self._run_one(connection, query)
                if isinstance(rows, str):
                    return QueryOutcome((), (), "", rows)
                results.append(rows)
                is_idle.append(not rows and _version(connection) == version)
            change = _digest(connection) if _version(connection) != start else ""
            return QueryOutcome(tuple(results), tuple(is_idle), change, "")
        except sqlite3.Error as error:  # not every table can be digested
            return QueryOutcome((), (), "", str(error)[:200])
        finally:
            connection.close()

    def _run_one(
        self, connection: sqlite3.Connection, query: str
    ) -> tuple[Row, ...] | str:
        """The rows, or why there are none."""
        deadline = time.monotonic() + self._timeout_seconds
        connection.set_progress_handler(
            lambda: time.monotonic() > deadline, _STEPS_BETWEEN_CHECKS
        )
        connection.set_authorizer(_authorise)
        try:
            rows = connection.execute(query).fetchmany(self._max_rows + 1)
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            return str(error)[:200] or type(error).__name__
        finally:
            connection.set_authorizer(None)
            connection.set_progress_handler(None, 0)
        if len(rows) > self._max_rows:
            return f"more than {self._max_rows} rows"
        return tuple(tuple(map(_normalise, row)) for row in rows)

    def _copy(self, database: Path) -> sqlite3.Connection:
        if database not in self._images:
            self._images[database] = _read_image(database)
        # Autocommit: a query's effect is there when the next one runs.
        image = self._images[database]
        copy = sqlite3.connect(":memory:", isolation_level=None)
        copy.deserialize(image.content)
        # SQLite stores any bytes as text; two of them that differ must stay different.
        copy.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        max_bytes = image.largest_row + _MAX_VALUE_BYTES
        copy.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, max_bytes)
        copy.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, _MAX_PATTERN_BYTES)
        for schema in ("main", "temp"):
            page_size = copy.execute(f"PRAGMA {schema}.page_size").fetchone()[0]
            num_pages = (len(image.content) + _MAX_GROWTH_BYTES) // page_size
            copy.execute(f"PRAGMA {schema}.max_page_count = {num_pages}")
        return copy


@dataclass(frozen=True, slots=True)
class _Image:
    """A database as it lies on the disk."""

    content: bytes
    largest_row: int
    """Bytes; no row is larger."""


def _read_image(database: Path) -> _Image:
    if not database.is_file():
        raise VerifierError(
            f"There is no database at {database}; correct `database`, or the "
            "trajectory's metadata that fills it in."
        )
    source = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
    try:
        source.execute("SELECT COUNT(*) FROM sqlite_master")
        content = bytearray(source.serialize())
        # A copy in memory has no write-ahead log: bytes 18 and 19 say so.
        content[18:20] = b"\x01\x01"
        return _Image(bytes(content), _largest_row(source))
    except sqlite3.DatabaseError as error:
        raise VerifierError(
            f"{database} is no SQLite database ({error}); correct `database`."
        ) from error
    finally:
        source.close()


def _largest_row(connection: sqlite3.Connection) -> int:
    """An upper bound: the sum of the largest values of each column."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND rootpage > 0"
    ).fetchall()
    largest = 0
    for (table,) in tables:
        columns = connection.execute(_STORED_COLUMNS, (table,))
        sizes = ", ".join(
            f"max(length(CAST({_quote(column)} AS BLOB)))" for (column,) in columns
        )
        row = connection.execute(f"SELECT {sizes} FROM {_quote(table)}").fetchone()
        largest = max(largest, sum(size or 0 for size in row))
    return largest


def _quote(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def _authorise(action: int, *names: str | None) -> int:
    is_loading = "load_extension" in names
    is_refused = action in _REFUSED_ACTIONS or is_loading
    return sqlite3.SQLITE_DENY if is_refused else sqlite3.SQLITE_OK


def _normalise(value: object) -> object:
    """Numbers to nine decimals: sums depend on the order of their terms."""
    return round(value, 9) if isinstance(value, float) else value


def _version(connection: sqlite3.Connection) -> tuple[int, int]:
    """Another one after every change of rows or tables."""
    schema = connection.execute("PRAGMA schema_version").fetchone()[0]
    return connection.total_changes, int(schema)


def _digest(connection: sqlite3.Connection) -> str:
    # As SQL text a row is longer than it is stored.
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2**31 - 1)
    digest = hashlib.sha256()
    for line in sorted(connection.iterdump()):
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
