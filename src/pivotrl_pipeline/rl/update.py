"""The update: on-policy, single-turn GRPO on pivots.

Sample a group of actions at each of a few pivots, judge them, take a gradient step on
the objective, and begin again. An episode is never rolled out: the states are the
recorded ones. Every few updates the greedy policy is measured on held-out turns of all
kinds, pivots or not, since a policy can lose there what it never samples in training.

Left out on purpose: replay of older rollouts, refreshing the selection of pivots,
sampling again until a batch is informative.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.policies.base import SamplingSettings
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder
from pivotrl_pipeline.rl.metrics import (
    LearningReport,
    MetricsRow,
    UpdateTotals,
    make_metrics_row,
)
from pivotrl_pipeline.rl.pivots import PivotState, draw_pivots
from pivotrl_pipeline.rl.rollout_groups import (
    RolloutGroup,
    measure_greedy_reward,
    sample_rollout_groups,
)
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.training_loop import (
    Measurement,
    Schedule,
    TrainablePolicy,
    open_checkpoints,
    run_updates,
)
from pivotrl_pipeline.sampling.episodes import ValidationTasks, measure_success
from pivotrl_pipeline.sampling.seeds import derive_seed
from pivotrl_pipeline.verifiers.base import Verifier

if TYPE_CHECKING:
    from pivotrl_pipeline.rl.learner import Learner


@dataclass(frozen=True, slots=True)
class UpdateTurns:
    """The turns of an update."""

    pivots: Sequence[PivotState]
    """Trained on."""
    easy_turns: Sequence[PivotState] = ()
    """Training turns that are no pivots; a share of each update comes from here."""
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
        validation_tasks: Tried greedily where the held-out turns are measured, for the
            record; None tries none.
        checkpoints: Its fingerprint tells the code; None keeps none.

    Raises:
        ConfigurationError: If there are no pivots, no easy turns though a rate is set,
            or no held-out turns though the best weights are to be kept.
        PolicyError: If sampling fails or the gradient is not finite.
        VerifierError: If the verifier fails.
    """
    from pivotrl_pipeline.rl.learner import Learner

    _check_turns(turns, parameters)
    checkpoints = open_checkpoints(
        checkpoints,
        (turns, parameters, source_location, type(verifier), verifier_settings),
        policy,
        validation_tasks,
    )
    learner = Learner(policy.model, parameters)
    return run_updates(
        _PivotUpdates(policy, turns, verifier, parameters, learner, validation_tasks),
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
    validation_tasks: ValidationTasks | None

    def sample(self, update_index: int) -> list[RolloutGroup]:
        """A group of judged actions at each of the update's pivots."""
        parameters = self.parameters
        pivots = draw_pivots(
            self.turns.pivots,
            self.turns.easy_turns,
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

    def learn(self, rollouts: list[RolloutGroup], update_index: int) -> LearningReport:
        """One update of the weights."""
        return self.learner.learn(rollouts, update_index)

    def measure(self, *, is_initial: bool) -> Measurement:
        """On held-out turns, and between updates on validation tasks."""
        reward, success, tasks = None, None, self.validation_tasks
        if self.turns.heldout:
            reward = measure_greedy_reward(
                self.policy,
                self.verifier,
                self.turns.heldout,
                max_new_tokens=self.parameters.max_new_tokens,
            )
        if tasks is not None and not is_initial:
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
            "rl_update.keep is 'best', but there are no validation turns to measure "
            "it on; hold tasks out at ingestion, or set keep to 'last'."
        )
