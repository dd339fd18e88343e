import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import SQLParameters
from pivotrl_pipeline.records.messages import Action, Message, Role, make_tool_call
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.sql import SQLVerifier

QUERY = "SELECT name FROM customers WHERE city = 'Oslo'"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "desk.db"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE customers (name TEXT, city TEXT, age REAL)")
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, ?)",
            [("Ann", "Oslo", 30.1), ("Bob", "Oslo", 40.2), ("Cid", "Rome", 50.3)],
        )
    connection.close()
    return path


def _verifier(database: Path | str, **settings: Any) -> SQLVerifier:
    return SQLVerifier(
        SQLParameters.model_validate(
            {
                "kind": "sql",
                "tool": "run_sql",
                "argument": "query",
                "database": str(database),
                "max_rows": 100,
                "timeout_seconds": 0.3,
                **settings,
            }
        )
    )


def _queries(*queries: str) -> Action:
    return Action(
        tool_calls=tuple(make_tool_call("run_sql", {"query": each}) for each in queries)
    )


def _judge(database: Path, demonstrated: str, sampled: str) -> Verdict:
    return _verifier(database).verify(
        State((), ()), _queries(demonstrated), _queries(sampled)
    )


@pytest.mark.parametrize(
    ("demonstrated", "sampled"),
    [
        (QUERY, QUERY),
        (QUERY, "select c.name as who from customers c where c.city in ('Oslo');"),
        (QUERY, QUERY + " ORDER BY name DESC"),
        (QUERY + " ORDER BY name", QUERY + " ORDER BY age"),
        ("SELECT COUNT(*) FROM customers", "SELECT SUM(1) FROM customers"),
        ("SELECT SUM(age) FROM customers", "SELECT 50.3 + 40.2 + 30.1"),
        (
            "UPDATE customers SET city = 'Rome' WHERE name = 'Ann'",
            "UPDATE customers SET city = 'Rome' WHERE age < 35",
        ),
        ("CREATE TABLE t (a)", "CREATE TABLE t (a)"),
        ("SELECT * FROM customers WHERE 0", "SELECT *   FROM customers WHERE 0;"),
    ],
)
def test_queries_with_the_same_outcome_pass(
    database: Path, demonstrated: str, sampled: str
) -> None:
    assert _judge(database, demonstrated, sampled) == Verdict(
        1.0, VerdictReason.EQUIVALENT
    )


@pytest.mark.parametrize(
    ("demonstrated", "sampled", "detail"),
    [
        (QUERY, "SELECT name FROM customers", "another result: 3 rows, expected 2"),
        (QUERY, QUERY.replace("name", "city"), "another result: 2 rows, expected 2"),
        (QUERY + " ORDER BY name", QUERY + " ORDER BY name DESC", "another result"),
        (
            "SELECT DISTINCT city FROM customers",
            "SELECT city FROM customers",
            "another",
        ),
        (QUERY, "SELEC name", 'fails: near "SELEC": syntax error'),
        (QUERY, "", "another result"),
        (QUERY, f"{QUERY}; DROP TABLE customers", "fails: You can only execute one"),
        (QUERY, "DELETE FROM customers", "another change of the database"),
        (
            "UPDATE customers SET city = 'Rome' WHERE name = 'Ann'",
            "UPDATE customers SET city = 'Rome' WHERE name = 'Bob'",
            "another change of the database",
        ),
        (
            "UPDATE customers SET city = 'Rome' WHERE name = 'Ann'",
            "SELECT 1 WHERE 0",
            "another change of the database",
        ),
        ("CREATE TABLE t (a)", "CREATE TABLE t (b)", "another change"),
        (
            "SELECT * FROM customers WHERE city = 'Bern'",
            "SELECT * FROM customers WHERE city = 'Wien'",
            "another query that finds nothing",
        ),
        (QUERY, "ATTACH '/etc/passwd' AS p", "fails: not authorized"),
        (QUERY, "PRAGMA writable_schema = 1", "fails: not authorized"),
        (QUERY, "SELECT load_extension('x')", "fails: "),
        (QUERY, "SELECT zeroblob(200000)", "fails: string or blob too big"),
        (QUERY, f"SELECT 'a' LIKE '{'%a' * 600}'", "fails: LIKE or GLOB pattern too"),
        (
            QUERY,
            "INSERT INTO customers (name) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
            "SELECT i + 1 FROM n) SELECT zeroblob(90000) FROM n",
            "fails: database or disk is full",
        ),
        (
            QUERY,
            "CREATE TEMP TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
            "SELECT i + 1 FROM n) SELECT zeroblob(90000) FROM n",
            "fails: database or disk is full",
        ),
        # such a table cannot be digested
        (QUERY, 'CREATE TABLE "it\'s" (a)', "fails: "),
        (QUERY, "SELECT '\x00'", "fails: "),
        (QUERY, "SELECT '\ud800'", "fails: "),
        (
            QUERY,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT COUNT(*) FROM n",
            "fails: interrupted",
        ),
        (
            QUERY,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
            "SELECT i FROM n",
            "fails: more than 100 rows",
        ),
    ],
)
def test_queries_with_another_outcome_fail(
    database: Path, demonstrated: str, sampled: str, detail: str
) -> None:
    verdict = _judge(database, demonstrated, sampled)

    assert (verdict.reward, verdict.reason) == (0.0, VerdictReason.RESULT_MISMATCH)
    assert verdict.detail.startswith(detail)


def test_no_query_changes_the_file(database: Path) -> None:
    before = database.read_bytes()

    _judge(database, "DELETE FROM customers", "DROP TABLE customers")

    assert database.read_bytes() == before


def test_queries_before_the_turn_are_run_first(database: Path) -> None:
    earlier = _queries("DELETE FROM customers WHERE name = 'Ann'", "SELEC").to_message()
    state = State((Message(Role.USER, "Hi"), earlier), ())
    verifier = _verifier(database)

    same = verifier.verify(state, _queries(QUERY), _queries("SELECT 'Bob'"))

    assert same.reward == 1.0


def test_database_is_found_by_the_metadata(database: Path) -> None:
    verifier = _verifier(database.parent / "{world}.db")
    query = _queries(QUERY)

    found = verifier.verify(State((), (), {"world": "desk"}), query, query)

    assert found.reward == 1.0
    with pytest.raises(VerifierError, match="metadata has no 'world'"):
        verifier.verify(State((), ()), query, query)
    with pytest.raises(VerifierError, match="There is no database at"):
        verifier.verify(State((), (), {"world": "shop"}), query, query)


def test_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "note.db"
    path.write_text("dear database, " * 100)

    with pytest.raises(VerifierError, match="is no SQLite database"):
        _judge(path, QUERY, QUERY)


def test_bytes_that_are_no_text_are_data_like_any_other(database: Path) -> None:
    write = "UPDATE customers SET name = CAST(x'{}' AS TEXT)"

    same = _judge(database, write.format("ff"), write.format("FF"))
    other = _judge(database, write.format("ff"), write.format("fe"))
    read = _judge(database, "SELECT CAST(x'ff' AS TEXT)", "SELECT CAST(x'fe' AS TEXT)")

    assert (same.reward, other.reward, read.reward) == (1.0, 0.0, 0.0)


def test_database_with_a_write_ahead_log_is_read(database: Path) -> None:
    writer = sqlite3.connect(database, isolation_level=None)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("UPDATE customers SET name = 'Dan' WHERE name = 'Ann'")

    verdict = _judge(database, QUERY, "VALUES ('Dan'), ('Bob')")

    writer.close()
    assert verdict.reward == 1.0


def test_rows_of_any_size_that_the_database_stores_are_read_and_compared(
    database: Path,
) -> None:
    connection = sqlite3.connect(database)
    with connection:
        connection.execute("UPDATE customers SET city = ?, age = ?", ("x" * 300_000, 1))
    connection.close()
    read = "SELECT * FROM customers ORDER BY city, name"
    write = "UPDATE customers SET name = zeroblob(90000)"

    assert _judge(database, read, f"{read} DESC").reward == 0.0
    assert _judge(database, read, f"{read} LIMIT 3").reward == 1.0
    assert _judge(database, write, f"{write} WHERE 1").reward == 1.0
    assert _judge(database, write, write.replace("9", "8")).reward == 0.0


def test_one_step_does_not_outlast_the_time_limit_by_much(database: Path) -> None:
    text = "printf('%.*c', {}, 'a')"
    query = f"SELECT instr({text.format(99_000)}, {text.format(49_000)} || 'b')"
    too_long = f"SELECT instr({text.format(990_000)}, {text.format(490_000)} || 'b')"
    start = time.monotonic()

    verdicts = [_judge(database, QUERY, each) for each in (query, too_long)]

    assert [verdict.reward for verdict in verdicts] == [0.0, 0.0]
    assert time.monotonic() - start < 3


def test_demonstrated_query_that_fails_cannot_judge(database: Path) -> None:
    verdict = _judge(database, "SELECT * FROM nowhere", QUERY)

    assert (verdict.reward, verdict.reason) == (None, VerdictReason.NOT_JUDGED)


@pytest.mark.parametrize(
    "other", [QUERY, "UPDATE customers SET city = 'Rome' WHERE name = 'Ann'"]
)
def test_query_that_finds_nothing_is_no_other_beside_one_that_does(
    database: Path, other: str
) -> None:
    verifier, state = _verifier(database), State((), ())
    bern, wien = (f"SELECT * FROM customers WHERE city = '{c}'" for c in ("Bern", "W"))
    demonstrated = _queries(other, bern)

    same = verifier.verify(state, demonstrated, _queries(other, f"{bern};"))
    another = verifier.verify(state, demonstrated, _queries(other, wien))

    assert same.reward == 1.0
    assert another.detail == "another query that finds nothing"


def test_number_and_tool_of_the_calls_count(database: Path) -> None:
    verifier, state = _verifier(database), State((), ())
    other = Action(tool_calls=(make_tool_call("run_sh", {"query": QUERY}),))
    without = Action(tool_calls=(make_tool_call("run_sql", {"sql": QUERY}),))
    one, two = _queries(QUERY), _queries(QUERY, QUERY)

    assert verifier.verify(state, two, two).reward == 1.0
    assert verifier.verify(state, two, one).reason is VerdictReason.MISSING_CALL
    assert verifier.verify(state, one, two).reason is VerdictReason.SURPLUS_CALL
    assert verifier.verify(state, one, other).reason is VerdictReason.WRONG_TOOL
    assert verifier.verify(state, one, without).reason is VerdictReason.WRONG_TOOL
    assert verifier.verify(state, one, Action("x")).reason is (
        VerdictReason.CALL_EXPECTED
    )
    with pytest.raises(VerifierError, match="runs no query with 'run_sql'"):
        verifier.verify(state, other, one)
