"""Supervised fine-tuning on recorded turns.

Epoch after epoch, the policy becomes likelier to take the demonstrated actions in the
recorded states. Every few updates the same loss is measured on turns of the validation
split; the weights with the lowest are kept.

Left out on purpose: dropout, packing of unrelated turns, a loss on anything but the
assistant's tokens.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.sft import SFTParameters
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder, Progress
from pivotrl_pipeline.rl.fingerprints import fingerprint_update
from pivotrl_pipeline.rl.metrics import MetricsRow
from pivotrl_pipeline.rl.supervised_turns import (
    SupervisedTurn,
    SupervisedTurns,
    order_turns,
)
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.rl.training_loop import PROGRESS_DELAY_SECONDS, TrainablePolicy
from pivotrl_pipeline.sampling.episodes import ValidationTasks, measure_success

if TYPE_CHECKING:
    from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner

logger = logging.getLogger(__name__)

LOSS = "loss/validation"
SUCCESS = "validation/success"


def train_supervised(
    policy: TrainablePolicy,
    turns: SupervisedTurns,
    parameters: SFTParameters,
    *,
    source_location: str,
    scope: str,
    validation_tasks: ValidationTasks | None = None,
    checkpoint_folder: Path | None = None,
) -> TrainedPolicy:
    """Trains ``policy.model`` in place; gives the weights that ``keep`` asks for.

    A function of its arguments: on one CPU the same arguments give the same bits,
    however often training was killed and went on from ``checkpoint_folder``. A
    checkpoint of other arguments, or of other code, is ignored. The last one stays,
    so finished training is not done again.

    Args:
        policy: The initial policy; after the call its model holds the last weights.
        turns: What is trained on and what is measured.
        parameters: All settings.
        source_location: Where the policy was loaded from.
        scope: Names what the outcome depends on beside the other arguments: the
            sampling engine, where tasks are tried.
        validation_tasks: Tried greedily, for the record; None tries none.
        checkpoint_folder: None keeps no checkpoints.

    Returns:
        Its lineage holds what was measured of the kept and of the initial weights.

    Raises:
        ConfigurationError: If there are no turns to train on, or no validation turns
            though the best weights are to be kept.
        PolicyError: If the gradient is not finite.
    """
    from pivotrl_pipeline.rl.supervised_learner import SupervisedLearner

    _check_turns(turns, parameters)
    checkpoints = None
    if checkpoint_folder is not None:
        validation = validation_tasks and validation_tasks.describe()
        parts = (turns, parameters, source_location, scope, validation)
        fingerprint = fingerprint_update(parts, type(policy), policy.model)
        checkpoints = CheckpointFolder(checkpoint_folder, fingerprint)
    ordered = order_turns(
        turns.training, num_epochs=parameters.num_epochs, seed=parameters.seed
    )
    num_updates = -(-len(ordered) // parameters.turns_per_update)
    learner = SupervisedLearner(policy.model, parameters, num_updates=num_updates)
    run = _Run(
        policy, turns, ordered, num_updates, parameters, validation_tasks, learner
    )
    progress = run.begin(checkpoints)
    with tqdm(
        total=num_updates,
        initial=progress.num_updates,
        desc="fine-tuning",
        unit="update",
        delay=PROGRESS_DELAY_SECONDS,
    ) as bar:
        while progress.num_updates < num_updates:
            run.advance(progress)
            if checkpoints is not None and run.is_due(
                progress, parameters.checkpoint_every
            ):
                checkpoints.save(progress, learner.get_state())
            bar.set_postfix(loss=progress.metrics[-1]["loss/train"], refresh=False)
            bar.update()
    return run.finish(progress, source_location)


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of `train_supervised`."""

    policy: TrainablePolicy
    turns: SupervisedTurns
    ordered: Sequence[SupervisedTurn]
    """The training turns of all epochs."""
    num_updates: int
    parameters: SFTParameters
    validation_tasks: ValidationTasks | None
    learner: "SupervisedLearner"

    def begin(self, checkpoints: CheckpointFolder | None) -> Progress:
        """The progress to go on from; the initial weights may stay the best."""
        saved = None if checkpoints is None else checkpoints.load()
        if saved is not None:
            progress, learner_state = saved
            self.learner.set_state(learner_state)
            return progress
        keeps_best = self.parameters.keep == "best"
        return Progress(
            num_updates=0,
            metrics=[],
            best_weights=self.learner.copy_weights() if keeps_best else None,
            best_num_updates=0,
            best_heldout_reward_mean=None,
            initial_heldout_reward_mean=None,
            initial_metrics=self._measure(),
        )

    def advance(self, progress: Progress) -> None:
        """Makes one update and, where it is due, measures what it led to."""
        index = progress.num_updates
        started = time.perf_counter()
        first = index * self.parameters.turns_per_update
        report = self.learner.learn(
            self.ordered[first : first + self.parameters.turns_per_update], index
        )
        seconds = time.perf_counter() - started
        progress.num_updates += 1
        is_measured = self.is_due(progress, self.parameters.validation_every)
        progress.metrics.append(
            {
                "update_index": index,
                "epoch": first // len(self.turns.training),
                "loss/train": report.loss,
                **(self._measure() if is_measured else {LOSS: None, SUCCESS: None}),
                "learning_rate": report.learning_rate,
                "gradient/norm": report.gradient_norm,
                "tokens/forwarded": report.num_forwarded_tokens,
                "tokens/unique": report.num_unique_tokens,
                "seconds/updating": seconds,
            }
        )
        if is_measured:
            self._keep_if_best(progress)

    def is_due(self, progress: Progress, every: int) -> bool:
        """True after each ``every`` updates and after the last."""
        done = progress.num_updates
        return done % every == 0 or done == self.num_updates

    def finish(self, progress: Progress, source_location: str) -> TrainedPolicy:
        """The weights to keep, with everything measured on the way."""
        weights, num_updates = (
            (self.learner.copy_weights(), progress.num_updates)
            if progress.best_weights is None
            else (progress.best_weights, progress.best_num_updates)
        )
        initial, kept = progress.initial_metrics, _find_row(progress, num_updates)
        logger.info(
            "%s is %s after %d of %d updates, which are kept; it was %s",
            *(LOSS, kept[LOSS], num_updates, self.num_updates, initial[LOSS]),
        )
        return TrainedPolicy(
            weights,
            source_location,
            tuple(progress.metrics),
            num_updates,
            heldout_reward_mean=None,
            initial_heldout_reward_mean=None,
            lineage={
                "measured": {
                    name: {"initial": initial[name], "kept": kept[name]}
                    for name in (LOSS, SUCCESS)
                },
                "num_updates": num_updates,
            },
        )

    def _measure(self) -> MetricsRow:
        turns, tasks = self.turns.validation, self.validation_tasks
        return {
            LOSS: self.learner.measure_loss(turns) if turns else None,
            SUCCESS: None if tasks is None else measure_success(self.policy, tasks),
        }

    def _keep_if_best(self, progress: Progress) -> None:
        loss = progress.metrics[-1][LOSS]
        best = _find_row(progress, progress.best_num_updates)[LOSS]
        if progress.best_weights is None or loss is None or best is None:
            return
        # A tie goes to the earlier weights: they are nearer to the initial policy.
        if loss < best:
            progress.best_weights = self.learner.copy_weights()
            progress.best_num_updates = progress.num_updates


def _find_row(progress: Progress, num_updates: int) -> MetricsRow:
    """What was measured of the weights after so many updates."""
    if num_updates == 0:
        return progress.initial_metrics
    return progress.metrics[num_updates - 1]


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
