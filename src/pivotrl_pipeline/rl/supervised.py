"""Supervised fine-tuning on recorded turns.

Epoch after epoch, the policy becomes likelier to take the demonstrated actions in the
recorded states. Every few updates the same loss is measured on turns of the validation
split; the weights with the lowest are kept.

Left out on purpose: dropout, packing of unrelated turns, a loss on anything but the
assistant's tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder, Progress
from pivotrl_pipeline.rl.metrics import Measurement, MetricsRow, UpdateTotals
from pivotrl_pipeline.rl.supervised_turns import (
    SupervisedTurn,
    SupervisedTurns,
    order_turns,
)
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.training_loop import (
    Schedule,
    TrainablePolicy,
    open_checkpoints,
    run_updates,
)
from pivotrl_pipeline.sampling.episodes import ValidationTasks, measure_success

if TYPE_CHECKING:
    from pivotrl_pipeline.rl.supervised_learner import (
        SupervisedLearner,
        SupervisedReport,
    )


def train_supervised(
    policy: TrainablePolicy,
    turns: SupervisedTurns,
    parameters: SFTParameters,
    *,
    source_location: str,
    validation_tasks: ValidationTasks | None = None,
    checkpoints: CheckpointFolder | None = None,
) -> TrainedPolicy:
    """Trains ``policy.model`` in place; gives the weights that ``keep`` asks for.

    A function of its arguments: on one CPU the same arguments give the same bits,
    however often training was killed and went on from ``checkpoints``. A
    checkpoint of other arguments, or of other code, is ignored. The last one stays,
    so finished training is not done again.

    Args:
        policy: The initial policy; after the call its model holds the last weights.
        turns: What is trained on and what is measured.
        parameters: All settings.
        source_location: Where the policy was loaded from.
        validation_tasks: Tried greedily, for the record; None tries none.
        checkpoints: Its fingerprint tells the code; None keeps none.

    Returns:
        Its scores are minus the validation loss.

    Raises:
        ConfigurationError: If there are no turns to train on, or no validation turns
            though the best weights are to be kept.
        PolicyError: If the gradient is not finite.
    """
    from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner

    _check_turns(turns, parameters)
    checkpoints = open_checkpoints(
        checkpoints,
        (turns, parameters, source_location),
        policy,
        validation_tasks,
    )
    ordered = order_turns(
        turns.training, num_epochs=parameters.num_epochs, seed=parameters.seed
    )
    num_updates = -(-len(ordered) // parameters.turns_per_update)
    learner = SupervisedLearner(policy.model, parameters, num_updates=num_updates)
    return run_updates(
        _SupervisedUpdates(
            policy, turns, ordered, parameters, learner, validation_tasks
        ),
        learner,
        Schedule(
            num_updates,
            parameters.validation_every,
            parameters.checkpoint_every,
            keeps_best=parameters.keep == "best",
        ),
        source_location=source_location,
        checkpoints=checkpoints,
    )


@dataclass(frozen=True, slots=True)
class _SupervisedUpdates:
    """What an update on recorded turns is."""

    policy: TrainablePolicy
    turns: SupervisedTurns
    ordered: Sequence[SupervisedTurn]
    """The training turns of all epochs."""
    parameters: SFTParameters
    learner: "SupervisedLearner"
    validation_tasks: ValidationTasks | None

    def sample(self, progress: Progress) -> Sequence[SupervisedTurn]:
        """The update's turns."""
        size = self.parameters.turns_per_update
        first = progress.num_updates * size
        return self.ordered[first : first + size]

    def learn(
        self, rollouts: Sequence[SupervisedTurn], update_index: int
    ) -> "SupervisedReport":
        """One update of the weights."""
        return self.learner.learn(rollouts, update_index)

    def measure(self) -> Measurement:
        """On validation turns and validation tasks."""
        loss, success, tasks = None, None, self.validation_tasks
        if self.turns.validation:
            loss = self.learner.measure_loss(self.turns.validation)
        if tasks is not None:
            success = measure_success(self.policy, tasks)
        return Measurement(validation_loss=loss, validation_success=success)

    def count_turns(self, rollouts: Sequence[SupervisedTurn]) -> int:
        """None is sampled."""
        return 0

    def describe(
        self,
        rollouts: Sequence[SupervisedTurn],
        report: "SupervisedReport",
        totals: UpdateTotals,
    ) -> MetricsRow:
        """The row of `sft_metrics`."""
        first = totals.update_index * self.parameters.turns_per_update
        return {
            "update_index": totals.update_index,
            "epoch": first // len(self.turns.training),
            "loss/train": report.loss,
            "loss/validation": totals.measured.validation_loss,
            "loss/validation_before": totals.before.validation_loss,
            "validation/success": totals.measured.validation_success,
            "validation/success_before": totals.before.validation_success,
            "learning_rate": report.learning_rate,
            "gradient/norm": report.gradient_norm,
            "tokens/forwarded": report.num_forwarded_tokens,
            "tokens/unique": report.num_unique_tokens,
            "seconds/updating": totals.updating_seconds,
        }


def _check_turns(turns: SupervisedTurns, parameters: SFTParameters) -> None:
    if not turns.training:
        raise ConfigurationError(
            "sft has no turns to train on; expected at least one of the training "
            "split, no longer than rollout_sampling.max_prompt_tokens: see "
            "`rejected_trajectories`, or `selection_report` where pivots are trained "
            "on."
        )
    if parameters.keep == "best" and not turns.validation:
        raise ConfigurationError(
            "sft.keep is 'best', but there are no validation turns to measure the "
            "loss on; hold tasks out at ingestion, or set keep to 'last'."
        )
