"""Queries that return the same and leave the same database behind."""

import re
from collections import Counter
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import compress
from pathlib import Path

from pivotrl_pipeline.errors import VerifierError
from pivotrl_pipeline.parameters.verifiers import SQLParameters
from pivotrl_pipeline.records.messages import Action, ToolCall
from pivotrl_pipeline.records.rollouts import Verdict, VerdictReason
from pivotrl_pipeline.records.trajectories import State
from pivotrl_pipeline.verifiers.arguments import ArgumentComparison
from pivotrl_pipeline.verifiers.comparators import equal_trimmed
from pivotrl_pipeline.verifiers.judging import compare_action_types
from pivotrl_pipeline.verifiers.query_execution import QueryOutcome, QueryRunner, Row
from pivotrl_pipeline.verifiers.tool_call import refuse_forbidden
from pivotrl_pipeline.verifiers.tool_index import ToolIndex

_ORDER_BY = re.compile(r"\border\s+by\b", re.IGNORECASE)
_PARENTHESES = re.compile(r"\([^()]*\)")
_MAX_QUERY_CHARACTERS = 20_000


class SQLVerifier:
    """Executes both actions' queries on copies of the state and compares results.

    Rows count in any order unless the demonstrated query orders them; names of columns
    do not count. A query that finds nothing and changes nothing is compared by its
    text: two that both find nothing are not the same query.
    """

    def __init__(self, parameters: SQLParameters) -> None:
        self.parameters = parameters
        self._runner = QueryRunner(
            max_rows=parameters.max_rows, timeout_seconds=parameters.timeout_seconds
        )
        self._tools = ToolIndex(
            lambda name, schema: ArgumentComparison(name, schema, (), equal_trimmed)
        )

    def verify(
        self, state: State, demonstrated_action: Action, action: Action
    ) -> Verdict:
        """EQUIVALENT, or RESULT_MISMATCH with what differs.

        Raises:
            VerifierError: If the demonstrated action runs no query, or there is no
                database.
        """
        refusal = compare_action_types(demonstrated_action, action)
        if refusal is None:
            refusal = refuse_forbidden(self._tools, state, action.tool_calls)
        if refusal is not None:
            return refusal
        expected = self._read_queries(demonstrated_action.tool_calls)
        found = self._read_queries(action.tool_calls)
        if not expected:
            raise VerifierError(
                f"The demonstrated action runs no query with {self.parameters.tool!r}; "
                "judge such turns with another verifier."
            )
        if len(found) != len(action.tool_calls):
            return Verdict(0.0, VerdictReason.WRONG_TOOL)
        if len(found) != len(expected):
            is_short = len(found) < len(expected)
            reason = (
                VerdictReason.MISSING_CALL if is_short else VerdictReason.SURPLUS_CALL
            )
            return Verdict(0.0, reason, f"{len(found)} queries")
        if any(len(query) > _MAX_QUERY_CHARACTERS for query in found):
            return Verdict(0.0, VerdictReason.RESULT_MISMATCH, "too long to be run")
        return self._compare(state, expected, found)

    def _compare(
        self, state: State, expected: Sequence[str], found: Sequence[str]
    ) -> Verdict:
        wanted = self._run(state, expected)
        if wanted.error:
            detail = f"the demonstrated query fails: {wanted.error}"
            return Verdict(None, VerdictReason.NOT_JUDGED, detail)
        outcome = self._run(state, found)
        difference = _difference(expected, wanted, outcome)
        if difference is None and (
            _idle_queries(expected, wanted) != _idle_queries(found, outcome)
        ):
            difference = "another query that finds nothing"
        if difference is not None:
            return Verdict(0.0, VerdictReason.RESULT_MISMATCH, difference)
        return Verdict(1.0, VerdictReason.EQUIVALENT)

    def _run(self, state: State, queries: Sequence[str]) -> QueryOutcome:
        before = [
            query
            for message in state.prefix
            for query in self._read_queries(message.tool_calls)
        ]
        return self._runner.run(self._database(state), before, queries)

    def _database(self, state: State) -> Path:
        try:
            return Path(self.parameters.database.format_map(state.metadata))
        except KeyError as error:
            raise VerifierError(
                f"`database` is {self.parameters.database!r}, but the trajectory's "
                f"metadata has no {error.args[0]!r}; add it or name the file."
            ) from error

    def _read_queries(self, calls: Sequence[ToolCall]) -> list[str]:
        """The queries of the calls that run one, in order."""
        queries = [
            (call.arguments or {}).get(self.parameters.argument)
            for call in calls
            if fnmatchcase(call.name, self.parameters.tool)
        ]
        return [query for query in queries if isinstance(query, str)]


def _difference(
    queries: Sequence[str], expected: QueryOutcome, found: QueryOutcome
) -> str | None:
    if found.error:
        return f"fails: {found.error}"
    if expected.change != found.change:
        return "another change of the database"
    for index, query in enumerate(queries):
        left, right = expected.results[index], found.results[index]
        if not _same_rows(left, right, is_ordered=_is_ordered(query)):
            return f"another result: {len(right)} rows, expected {len(left)}"
    return None


def _idle_queries(queries: Sequence[str], outcome: QueryOutcome) -> list[str]:
    return [_plain_text(each) for each in compress(queries, outcome.is_idle)]


def _same_rows(left: Sequence[Row], right: Sequence[Row], *, is_ordered: bool) -> bool:
    return left == right if is_ordered else Counter(left) == Counter(right)


def _is_ordered(query: str) -> bool:
    """True if the outermost query orders its rows."""
    inner = None
    while inner != query:
        inner, query = query, _PARENTHESES.sub(" ", query)
    return _ORDER_BY.search(query) is not None


def _plain_text(query: str) -> str:
    return " ".join(query.rstrip("; \n\t").split())
