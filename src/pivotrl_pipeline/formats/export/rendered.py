"""States and actions as text, for trainers that are given prompts.

Rendered here by the policy that was profiled, so that no other chat template, version
or setting can make another prompt of the same state.
"""

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import takewhile
from typing import Protocol

import pandas as pd

from pivotrl_pipeline.errors import PolicyError
from pivotrl_pipeline.formats.export.turns import ExportedTurn
from pivotrl_pipeline.records.messages import Message, Role, dump_json
from pivotrl_pipeline.records.trajectories import Split, State

logger = logging.getLogger(__name__)

DATA_SOURCE = "pivotrl"
COLUMNS = [
    "candidate_id",
    "split",
    "prompt",
    "completion",
    "state",
    "demonstrated_action",
    "profile",
]


class Renderer(Protocol):
    """The chat template of a policy."""

    def render_text(self, state: State) -> str:
        """A state as text, ending with the generation prompt.

        Raises:
            PolicyError: If the state has no text.
        """
        ...


def render_turns(turns: Iterable[ExportedTurn], renderer: Renderer) -> pd.DataFrame:
    """The table `rendered_turns`: each turn's state and action as text.

    Raises:
        PolicyError: If the template changes a state when its action follows, so that
            the action has no text of its own, or if the text is no Unicode.
    """
    ending = _find_ending(renderer)
    rows = []
    for turn in turns:
        prompt, completion = _render_turn(turn, renderer, ending)
        rows.append(
            {
                "candidate_id": turn.candidate_id,
                "split": turn.split.value,
                "prompt": prompt,
                "completion": completion,
                "state": dump_json(turn.describe_state()),
                "demonstrated_action": dump_json(turn.demonstrated_message),
                "profile": dump_json(turn.statistics),
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS, dtype="str")


def select_split(rendered_turns: pd.DataFrame, split: Split) -> pd.DataFrame:
    """The turns of one side, numbered anew."""
    return rendered_turns[rendered_turns["split"] == split].reset_index(drop=True)


def make_trl_rows(rendered_turns: pd.DataFrame, added_text: str) -> pd.DataFrame:
    """Rows for TRL's GRPOTrainer: the prompt, and what the reward function is given.

    Args:
        rendered_turns: The table.
        added_text: What the policy's tokenizer puts before a text when TRL calls it.
    """
    columns = ["prompt", "candidate_id", "state", "demonstrated_action", "profile"]
    return _leave_out(added_text, rendered_turns)[columns]


def make_sft_rows(rendered_turns: pd.DataFrame, added_text: str) -> pd.DataFrame:
    """Rows for TRL's SFTTrainer: prompt and completion as text.

    Args:
        rendered_turns: The table.
        added_text: As in `make_trl_rows`.
    """
    columns = ["prompt", "completion", "candidate_id"]
    return _leave_out(added_text, rendered_turns)[columns]


def _leave_out(added_text: str, rendered_turns: pd.DataFrame) -> pd.DataFrame:
    """Prompts without what would come twice."""
    prompts = rendered_turns["prompt"]
    if added_text and not prompts.str.startswith(added_text).all():
        logger.warning(
            "TRL puts %r before each prompt, as the tokenizer tells it to, but the "
            "chat template does not: the policy was profiled on prompts without it.",
            added_text,
        )
    return rendered_turns.assign(prompt=prompts.str.removeprefix(added_text))


def make_verl_rows(rendered_turns: pd.DataFrame) -> pd.DataFrame:
    """Rows for verl's RLHFDataset.

    verl renders messages by a template of its own; here there is one message, the
    rendered prompt, for a template that prints it as it is.
    """
    rows = rendered_turns.to_dict("records")
    return pd.DataFrame(
        {
            "data_source": [DATA_SOURCE for _ in rows],
            "prompt": [[{"role": "user", "content": row["prompt"]}] for row in rows],
            "ability": ["tool_use" for _ in rows],
            "reward_model": [
                {"style": "rule", "ground_truth": row["demonstrated_action"]}
                for row in rows
            ],
            "extra_info": [
                {
                    "index": index,
                    "split": row["split"],
                    "candidate_id": row["candidate_id"],
                    "state": row["state"],
                    "profile": row["profile"],
                }
                for index, row in enumerate(rows)
            ],
        }
    )


def _render_turn(
    turn: ExportedTurn, renderer: Renderer, ending: str
) -> tuple[str, str]:
    answered = (*turn.state.prefix, turn.action.to_message())
    try:
        prompt = renderer.render_text(turn.state)
        whole = renderer.render_text(replace(turn.state, prefix=answered))
    except PolicyError as error:
        raise PolicyError(f"Candidate {turn.candidate_id!r}: {error}") from error
    if not whole.startswith(prompt) or not whole.endswith(ending):
        raise PolicyError(
            f"Candidate {turn.candidate_id!r}: the chat template renders the state "
            f"differently when its action follows, so the action has no text of its "
            f"own; choose a policy whose template only appends."
        )
    return prompt, whole[len(prompt) : len(whole) - len(ending)]


def _find_ending(renderer: Renderer) -> str:
    """What stands behind every last message: its end, and the generation prompt."""
    first, second = (
        renderer.render_text(State((Message(Role.USER, text),), ()))
        for text in ("a", "b")
    )
    pairs = zip(reversed(first), reversed(second), strict=False)
    length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return first[len(first) - length :]
