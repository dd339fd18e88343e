"""Writes transcripts: demonstrations by the expert, noisy ones for pretraining.

A careless clerk cuts the same corner whenever a request is worded in the same way
(`TEMPTATIONS`), in more than half of the cases: so the most likely action is wrong
there, while sampling still finds the right one. Errors without a pattern would not do:
the most likely action averages them away. Beside these come slips anywhere and
harmless variations of style.
"""

import random
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import cast

from pivotrl_pipeline.environments.base import EnvironmentTask
from pivotrl_pipeline.environments.desk.environment import OrderDesk, make_scenario
from pivotrl_pipeline.environments.desk.episode import DeskEpisode
from pivotrl_pipeline.environments.desk.expert import (
    EXPERT_HABITS,
    Call,
    Habits,
    do_errand,
)
from pivotrl_pipeline.environments.desk.records import Errand, Kind, Report
from pivotrl_pipeline.environments.desk.reports import render_final_message
from pivotrl_pipeline.environments.desk.tools import TOOL_BY_NAME
from pivotrl_pipeline.records.messages import (
    Action,
    JsonObject,
    Message,
    make_tool_call,
)


@dataclass(frozen=True, slots=True)
class Temptation:
    """A corner cut at one wording, and how often."""

    habit: str
    """A field of `Habits`."""
    rate: float


TEMPTATIONS: dict[tuple[Kind, int], Temptation] = {
    (Kind.PLACE, 1): Temptation("orders_single", 0.62),
    (Kind.PLACE, 2): Temptation("forgets_express", 0.62),
    (Kind.PLACE, 3): Temptation("takes_first_item", 0.68),
    (Kind.PLACE, 4): Temptation("refuses_fast", 0.6),
    (Kind.CANCEL, 0): Temptation("takes_first_order", 0.66),
    (Kind.CANCEL, 1): Temptation("answers_early", 0.6),
    (Kind.CANCEL, 3): Temptation("refuses_fast", 0.62),
    (Kind.CANCEL, 4): Temptation("takes_first_order", 0.68),
    (Kind.AMEND, 1): Temptation("takes_first_order", 0.66),
    (Kind.AMEND, 2): Temptation("answers_early", 0.62),
    (Kind.AMEND, 3): Temptation("orders_single", 0.62),
    (Kind.AMEND, 4): Temptation("refuses_fast", 0.6),
    (Kind.MOVE, 0): Temptation("answers_early", 0.62),
    (Kind.MOVE, 2): Temptation("takes_first_customer", 0.68),
    (Kind.MOVE, 3): Temptation("refuses_fast", 0.6),
    (Kind.MOVE, 4): Temptation("takes_first_customer", 0.66),
    (Kind.STATUS, 0): Temptation("answers_early", 0.62),
    (Kind.STATUS, 2): Temptation("takes_first_order", 0.66),
    (Kind.STATUS, 3): Temptation("refuses_fast", 0.62),
    (Kind.STATUS, 4): Temptation("takes_first_order", 0.68),
    (Kind.STOCK, 1): Temptation("takes_first_item", 0.66),
    (Kind.STOCK, 2): Temptation("answers_early", 0.62),
    (Kind.STOCK, 4): Temptation("takes_first_item", 0.68),
    (Kind.REORDER, 0): Temptation("orders_single", 0.62),
    (Kind.REORDER, 1): Temptation("answers_early", 0.62),
    (Kind.REORDER, 3): Temptation("takes_first_order", 0.66),
    (Kind.SWAP, 1): Temptation("takes_first_item", 0.66),
    (Kind.SWAP, 2): Temptation("keeps_old_order", 0.62),
    (Kind.SWAP, 3): Temptation("takes_first_order", 0.66),
    (Kind.SWAP, 4): Temptation("orders_single", 0.62),
}


@dataclass(frozen=True, slots=True)
class Noise:
    """How a careless clerk differs from the expert; shares of errands or of calls."""

    temptation_scale: float = 1.0
    """Factor on the rates of `TEMPTATIONS`."""
    variation_rate: float = 0.15
    """Errands done in an equivalent way: by e-mail, by name, with the colour."""
    style_rate: float = 0.1
    """Calls with another key order, lower case or a default spelled out, each."""
    slip_rate: float = 0.08
    """Calls and messages with a faulty or needless call before them."""


SILENCE = Noise(0.0, 0.0, 0.0, 0.0)


def write_demonstration(task: EnvironmentTask) -> DeskEpisode:
    """The expert's episode."""
    return _write(task, random.Random(0), SILENCE)


def write_noisy_transcript(task: EnvironmentTask, noise: Noise) -> tuple[Message, ...]:
    """A careless clerk's messages, deterministic in the task."""
    rng = random.Random(f"noise {task.task_id}")
    return _write(task, rng, noise).messages


def _write(task: EnvironmentTask, rng: random.Random, noise: Noise) -> DeskEpisode:
    episode = OrderDesk().open(task)
    errands = make_scenario(str(task.settings["tier"]), task.seed).errands
    clerk = _Clerk(episode, rng, noise)
    reports = [
        clerk.do_errand(errand, f"{number})" if len(errands) > 1 else None)
        for number, errand in enumerate(errands, 1)
    ]
    clerk.say(render_final_message(reports))
    return episode


class _Clerk:
    """Drives the routines of errands through an episode."""

    def __init__(self, episode: DeskEpisode, rng: random.Random, noise: Noise) -> None:
        self._episode = episode
        self._rng = rng
        self._noise = noise

    def do_errand(self, errand: Errand, note: str | None) -> Report:
        """Makes the calls; ``note`` stands beside each of them."""
        routine = do_errand(errand, self._draw_habits(errand))
        return self._drive(routine, note)

    def say(self, text: str) -> None:
        """The final message."""
        self._episode.act(Action(content=text))

    def _drive(
        self, routine: Generator[Call, JsonObject, Report], note: str | None
    ) -> Report:
        try:
            call = next(routine)
            while True:
                for slip in self._draw_slips(call):
                    self._make(slip, note)
                call = routine.send(self._make(self._restyle(call), note))
        except StopIteration as end:
            return cast("Report", end.value)

    def _make(self, call: Call, note: str | None) -> JsonObject:
        made = make_tool_call(call.name, call.arguments)
        self._episode.act(Action(content=note, tool_calls=(made,)))
        content = self._episode.messages[-1].content or ""
        result = make_tool_call("", content).arguments
        assert result is not None
        return result

    def _draw_habits(self, errand: Errand) -> Habits:
        rng, noise = self._rng, self._noise
        habits = replace(
            EXPERT_HABITS,
            skips_customer=rng.random() < noise.variation_rate,
            filters_colour=rng.random() < noise.variation_rate,
            prefers_name=rng.random() < noise.variation_rate,
        )
        temptation = TEMPTATIONS.get((errand.kind, errand.wording))
        if temptation is None:
            return habits
        if rng.random() >= temptation.rate * noise.temptation_scale:
            return habits
        return replace(habits, **{temptation.habit: True})

    def _restyle(self, call: Call) -> Call:
        """The same call, written in another way."""
        arguments = dict(call.arguments)
        if self._draw_style():
            properties = cast(
                "dict[str, JsonObject]",
                TOOL_BY_NAME[call.name].parameters["properties"],
            )
            for name, entry in properties.items():
                if "default" in entry:
                    arguments.setdefault(name, entry["default"])
        if self._draw_style():
            arguments = {
                name: value.lower() if name in ("name", "city") else value
                for name, value in arguments.items()
                for value in [cast("str", value)]
            }
        if self._draw_style():
            arguments = dict(reversed(arguments.items()))
        return Call(call.name, arguments)

    def _draw_style(self) -> bool:
        return self._rng.random() < self._noise.style_rate

    def _draw_slips(self, call: Call) -> list[Call]:
        """A fault that the tool refuses, or a look-up that nobody needs."""
        if self._rng.random() >= self._noise.slip_rate:
            return []
        arguments = dict(call.arguments)
        slips = [Call("search_items", {"product": "lamp"})]
        if "quantity" in arguments:
            slips.append(
                Call(call.name, {**arguments, "quantity": str(arguments["quantity"])})
            )
        if "customer_id" in arguments:
            slips.append(Call("list_orders", {"customer_id": arguments["customer_id"]}))
            renamed = {"customer": arguments.pop("customer_id"), **arguments}
            slips.append(Call(call.name, renamed))
        elif "order_id" in arguments:
            slips.append(Call("get_order", {"order_id": arguments["order_id"]}))
            renamed = {"order": arguments.pop("order_id"), **arguments}
            slips.append(Call(call.name, renamed))
        return [self._rng.choice(slips)]
