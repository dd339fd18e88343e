"""The update: on-policy, single-turn GRPO on pivots.

Sample a group of actions at each of a few pivots, judge them, take a gradient step on
the objective, and begin again. An episode is never rolled out: the states are the
recorded ones. Every few updates the greedy policy is measured on held-out turns of all
kinds, pivots or not, since a policy can lose there what it never samples in training.
Where too few groups are informative, pivots can be selected again: see `reprofiling`.

Left out on purpose: replay of older rollouts, sampling again until a batch is
informative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder, Progress
from pivotrl_pipeline.rl.metrics import (
    LearningReport,
    Measurement,
    MetricsRow,
    UpdateTotals,
    make_metrics_row,
)
from pivotrl_pipeline.rl.pivots import PivotState, draw_pivots
from pivotrl_pipeline.rl.reprofiling import is_profile_due, select_again
from pivotrl_pipeline.rl.rollout_groups import (
    RolloutGroup,
    measure_greedy_reward,
    sample_rollout_groups,
)
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.training_loop import (
    Schedule,
    TrainablePolicy,
    open_checkpoints,
    run_updates,
)
from pivotrl_pipeline.sampling.episodes import ValidationTasks, measure_success
from pivotrl_pipeline.sampling.seeds import derive_seed
from pivotrl_pipeline.selection.strategies import SelectionRule
from pivotrl_pipeline.verifiers.base import Verifier

if TYPE_CHECKING:
    from pivotrl_pipeline.rl.learner import Learner


@dataclass(frozen=True, slots=True)
class UpdateTurns:
    """The turns of an update."""

    pivots: Sequence[PivotState]
    """Trained on."""
    easy_turns: Sequence[PivotState] = ()
    """Training turns that are no pivots; a share of each update comes from here, and
    pivots that are selected again may."""
    heldout: Sequence[PivotState] = ()
    """Validation turns of all kinds, measured greedily, never trained on."""


def update_policy(
    policy: TrainablePolicy,
    turns: UpdateTurns,
    verifier: Verifier,
    parameters: RLUpdateParameters,
    *,
    source_location: str,
    verifier_settings: str,
    rule: SelectionRule | None = None,
    validation_tasks: ValidationTasks | None = None,
    checkpoints: CheckpointFolder | None = None,
) -> TrainedPolicy:
    """Trains ``policy.model`` in place; gives the weights that ``keep`` asks for.

    A function of its arguments: on one CPU the same arguments give the same bits,
    however often the update was killed and went on from ``checkpoints``. A
    checkpoint of other arguments, or of other code, is ignored. The last one
    stays, so a finished update is not made again.

    Args:
        policy: The initial policy; after the call its model holds the last weights.
        turns: What is trained on and what is measured.
        verifier: Judges every sampled action.
        parameters: All settings.
        source_location: Where the policy was loaded from.
        verifier_settings: What the verifier was built from; with its class, all that
            a checkpoint must agree with.
        rule: Selects pivots again, where the parameters ask for it.
        validation_tasks: Tried greedily where the held-out turns are measured, for the
            record; None tries none.
        checkpoints: Its fingerprint tells the code; None keeps none.

    Raises:
        ConfigurationError: If there are no pivots, no easy turns though a rate is set,
            no held-out turns though the best weights are to be kept, or no rule
            though pivots may be selected again.
        PolicyError: If sampling fails or the gradient is not finite.
        VerifierError: If the verifier fails.
    """
    from pivotrl_pipeline.rl.learner import Learner

    _check_turns(turns, parameters)
    if parameters.reprofile_below > 0 and rule is None:
        raise ConfigurationError(
            f"rl_update.reprofile_below is {parameters.reprofile_below}, but there is "
            f"no rule to select pivots by; give one, or set it to 0."
        )
    checkpoints = open_checkpoints(
        checkpoints,
        (turns, parameters, source_location, type(verifier), verifier_settings, rule),
        policy,
        validation_tasks,
    )
    learner = Learner(policy.model, parameters)
    return run_updates(
        _PivotUpdates(
            policy, turns, verifier, parameters, learner, rule, validation_tasks
        ),
        learner,
        Schedule(
            parameters.num_updates,
            parameters.heldout_every,
            parameters.checkpoint_every,
            keeps_best=parameters.keep == "best",
        ),
        source_location=source_location,
        checkpoints=checkpoints,
    )


@dataclass(frozen=True, slots=True)
class _PivotUpdates:
    """What an update on pivots is."""

    policy: TrainablePolicy
    turns: UpdateTurns
    verifier: Verifier
    parameters: RLUpdateParameters
    learner: "Learner"
    rule: SelectionRule | None
    validation_tasks: ValidationTasks | None

    def sample(self, progress: Progress) -> list[RolloutGroup]:
        """A group of judged actions at each of the update's pivots."""
        parameters, update_index = self.parameters, progress.num_updates
        self._select_again_if_due(progress)
        pivots = draw_pivots(
            *self._split_turns(progress.pivot_ids),
            update_index=update_index,
            pivots_per_update=parameters.pivots_per_update,
            easy_turn_rate=parameters.easy_turn_rate,
            seed=parameters.seed,
        )
        seeds = [
            [
                derive_seed(parameters.seed, "update", update_index, position, index)
                for index in range(parameters.group_size)
            ]
            for position in range(len(pivots))
        ]
        settings = SamplingSettings(
            parameters.temperature, parameters.top_p, parameters.max_new_tokens
        )
        return sample_rollout_groups(
            self.policy, self.verifier, pivots, seeds, settings
        )

    def _select_again_if_due(self, progress: Progress) -> None:
        """Where nothing is kept, the pivots stay as they are."""
        turns, rule = self.turns, self.rule
        if rule is None or not is_profile_due(
            progress.metrics, progress.profiling_turns, self.parameters
        ):
            return
        kept, num_sampled = select_again(
            self.policy,
            self.verifier,
            [*turns.pivots, *turns.easy_turns],
            rule,
            self.parameters,
            update_index=progress.num_updates,
        )
        progress.profiling_turns += num_sampled
        progress.pivot_ids = kept or progress.pivot_ids

    def _split_turns(
        self, pivot_ids: list[str] | None
    ) -> tuple[Sequence[PivotState], Sequence[PivotState]]:
        """Pivots and easy turns."""
        if pivot_ids is None:
            return self.turns.pivots, self.turns.easy_turns
        kept = set(pivot_ids)
        turns = [*self.turns.pivots, *self.turns.easy_turns]
        easy_turns = [turn for turn in turns if turn.candidate_id not in kept]
        return (
            [turn for turn in turns if turn.candidate_id in kept],
            easy_turns or self.turns.easy_turns,
        )

    def learn(self, rollouts: list[RolloutGroup], update_index: int) -> LearningReport:
        """One update of the weights."""
        return self.learner.learn(rollouts, update_index)

    def measure(self) -> Measurement:
        """On held-out turns and validation tasks."""
        reward, success, tasks = None, None, self.validation_tasks
        if self.turns.heldout:
            reward = measure_greedy_reward(
                self.policy,
                self.verifier,
                self.turns.heldout,
                max_new_tokens=self.parameters.max_new_tokens,
            )
        if tasks is not None:
            success = measure_success(self.policy, tasks)
        return Measurement(reward, success)

    def count_turns(self, rollouts: list[RolloutGroup]) -> int:
        """Actions that were sampled."""
        return sum(len(group.rollouts) for group in rollouts)

    def describe(
        self,
        rollouts: list[RolloutGroup],
        report: LearningReport,
        totals: UpdateTotals,
    ) -> MetricsRow:
        """The row of `training_metrics`."""
        return make_metrics_row(rollouts, report, totals)


def _check_turns(turns: UpdateTurns, parameters: RLUpdateParameters) -> None:
    if not turns.pivots:
        raise ConfigurationError(
            "rl_update has no pivots to train on; expected at least one: see "
            "`selection_report` for why candidates were dropped."
        )
    if parameters.easy_turn_rate > 0 and not turns.easy_turns:
        raise ConfigurationError(
            f"rl_update.easy_turn_rate is {parameters.easy_turn_rate}, but there are "
            f"no training turns beside the pivots; set it to 0."
        )
    if parameters.keep == "best" and not turns.heldout:
        raise ConfigurationError(
            "rl_update.keep is 'best', but there are no validation turns within "
            "rollout_sampling.max_prompt_tokens to measure it on; raise that, hold "
            "more tasks out at ingestion, or set keep to 'last'."
        )
