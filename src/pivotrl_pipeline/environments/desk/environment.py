"""The order desk as an environment."""

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.environments.desk.episode import DeskEpisode
from pivotrl_pipeline.environments.desk.expert import do_errand
from pivotrl_pipeline.environments.desk.records import Errand, Report
from pivotrl_pipeline.environments.desk.service import DeskService
from pivotrl_pipeline.environments.desk.store import DeskStore
from pivotrl_pipeline.environments.desk.tasks import (
    Scenario,
    make_errands_scenario,
    make_short_scenario,
    short_kind,
    short_wording,
)
from pivotrl_pipeline.environments.desk.tools import DESK_TOOLS
from pivotrl_pipeline.environments.desk.wordings import word_request
from pivotrl_pipeline.errors import ConfigurationError, describe_choices
from pivotrl_pipeline.records.messages import JsonObject, Tool, make_tool_call

DOMAIN = "order_desk"
TIERS = ("short", "long")
_MAX_TURNS_BY_TIER = {"short": 10, "long": 24}
_LONG_CALLS = range(7, 16)
"""A long task takes 8 to 16 turns: so many calls, and the final message."""
_MAX_ATTEMPTS = 100


class OrderDesk:
    """Customers, items and orders in SQLite, behind eight tools."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """What the agent may call."""
        return DESK_TOOLS

    def tasks(self, *, tier: str, seeds: Sequence[int]) -> list[EnvironmentTask]:
        """One task per seed.

        Raises:
            ConfigurationError: If there is no such tier.
        """
        _check_tier(tier)
        return [_make_task(tier, seed) for seed in seeds]

    def open(self, task: EnvironmentTask) -> DeskEpisode:
        """A fresh episode, deterministic in the task's tier and seed."""
        tier = str(task.settings.get("tier"))
        _check_tier(tier)
        scenario = make_scenario(tier, task.seed)
        reports, digest, _ = _solve(scenario, task.seed)
        return DeskEpisode(
            scenario.world,
            word_request(scenario.errands),
            seed=task.seed,
            reports=reports,
            digest=digest,
            max_turns=_MAX_TURNS_BY_TIER[tier],
        )


@lru_cache(maxsize=64)
def make_scenario(tier: str, seed: int) -> Scenario:
    """The world and the errands of a task."""
    if tier == "short":
        return make_short_scenario(seed)
    return _make_long_scenario(seed)


def _make_long_scenario(seed: int) -> Scenario:
    """The first attempt that has a fitting number of calls."""
    for attempt in range(_MAX_ATTEMPTS):
        num_errands = 2 + (seed + attempt) % 3
        scenario = make_errands_scenario(seed, num_errands, attempt)
        if _solve(scenario, seed)[2] in _LONG_CALLS:
            return scenario
    raise AssertionError(f"no attempt at long task {seed} fits")


def _make_task(tier: str, seed: int) -> EnvironmentTask:
    if tier == "short":
        kind, settings = str(short_kind(seed)), {"wording": short_wording(seed)}
    else:
        errands = _make_long_scenario(seed).errands
        kind = f"errands_{len(errands)}"
        settings = {}
    return EnvironmentTask(
        task_id=f"{DOMAIN}/{tier}/{kind}/{seed}",
        domain=DOMAIN,
        kind=kind,
        seed=seed,
        settings=cast("JsonObject", {"tier": tier, **settings}),
    )


@lru_cache(maxsize=64)
def _solve(scenario: Scenario, seed: int) -> tuple[tuple[Report, ...], str, int]:
    """The right reports, the database they leave, and the calls it takes."""
    store = DeskStore(scenario.world, seed=seed)
    service = DeskService(store)
    reports, num_calls = [], 0
    for errand in scenario.errands:
        report, calls = _solve_errand(errand, service)
        reports.append(report)
        num_calls += calls
    return tuple(reports), store.digest(), num_calls


def _solve_errand(errand: Errand, service: DeskService) -> tuple[Report, int]:
    routine, num_calls = do_errand(errand), 0
    try:
        call = next(routine)
        while True:
            num_calls += 1
            result = service.answer(make_tool_call(call.name, call.arguments))
            call = routine.send(result)
    except StopIteration as end:
        return cast("Report", end.value), num_calls


def _check_tier(tier: str) -> None:
    if tier not in TIERS:
        raise ConfigurationError(
            f"Unknown tier {tier!r} of the order desk; {describe_choices(tier, TIERS)}"
        )
