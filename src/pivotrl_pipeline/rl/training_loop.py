"""Updates one after another, whatever it is that they learn from.

Between them the weights are measured and the progress is saved; at the end the best or
the last weights are given. A killed run goes on from its last checkpoint to the same
bits, since all that an update draws is a function of the seed and its index; see
`open_checkpoints` for the one exception.
"""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

from tqdm import tqdm

from pivotrl_pipeline.policies.base import Policy
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder, Progress
from pivotrl_pipeline.rl.fingerprints import fingerprint_training
from pivotrl_pipeline.rl.metrics import Measurement, MetricsRow, UpdateTotals
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.sampling.episodes import ValidationTasks

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pivotrl_pipeline.rl.model_learner import ModelLearner

PROGRESS_DELAY_SECONDS = 3.0

SHOWN = ("reward/mean", "groups/informative_rate", "loss/train")
"""Metrics that stand beside the progress bar, where there are such."""

Rollouts = TypeVar("Rollouts")
Report = TypeVar("Report")


class TrainablePolicy(Policy, Protocol):
    """A policy whose model is at hand."""

    @property
    def model(self) -> "PreTrainedModel":
        """What is trained; `sample` uses the same weights."""
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """When what is done, counted in updates."""

    num_updates: int
    measure_every: int
    checkpoint_every: int
    keeps_best: bool
    """Whether the weights with the best score are given, or the last."""


class Updates(Protocol[Rollouts, Report]):
    """What an update samples and learns, and how weights are measured."""

    def sample(self, progress: Progress) -> Rollouts:
        """What the policy does now, judged; or what was recorded.

        Notes in the progress what later updates must know of it.
        """
        ...

    def learn(self, rollouts: Rollouts, update_index: int) -> Report:
        """One update of the weights."""
        ...

    def measure(self) -> Measurement:
        """Of the weights now."""
        ...

    def count_turns(self, rollouts: Rollouts) -> int:
        """Actions that were sampled."""
        ...

    def describe(
        self, rollouts: Rollouts, report: Report, totals: UpdateTotals
    ) -> MetricsRow:
        """The row of the metrics."""
        ...


def open_checkpoints(
    checkpoints: CheckpointFolder | None,
    parts: tuple[object, ...],
    policy: TrainablePolicy,
    validation_tasks: ValidationTasks | None,
) -> CheckpointFolder | None:
    """The checkpoints of this very training, of which the folder may hold some.

    They may be of another ``policy.max_tokens_in_flight``, so that a training that ran
    out of memory goes on with less; what was sampled before may then differ by rounding
    from what would be sampled now.

    Args:
        checkpoints: Of trainings by this code; None keeps none.
        parts: All else that the training depends on; see `fingerprint_training`.
        policy: With the initial weights.
        validation_tasks: What is tried between updates.
    """
    if checkpoints is None:
        return None
    validation = validation_tasks and validation_tasks.describe()
    parts = (checkpoints.fingerprint, *parts, validation)
    return CheckpointFolder(
        checkpoints.folder, fingerprint_training(parts, policy.model)
    )


def run_updates(
    updates: Updates[Rollouts, Report],
    learner: "ModelLearner",
    schedule: Schedule,
    *,
    source_location: str,
    checkpoints: CheckpointFolder | None,
) -> TrainedPolicy:
    """Trains the learner's model; gives the weights that the schedule asks for.

    Args:
        updates: What is done in each.
        learner: Holds weights and optimiser.
        schedule: How many, and what is done between them.
        source_location: Where the policy was loaded from.
        checkpoints: None keeps none. The last one stays, so that a finished run is not
            made again.
    """
    progress, before = _begin(updates, learner, schedule, checkpoints)
    with tqdm(
        total=schedule.num_updates,
        initial=progress.num_updates,
        desc="updating",
        unit="update",
        delay=PROGRESS_DELAY_SECONDS,
    ) as bar:
        while progress.num_updates < schedule.num_updates:
            _advance(updates, learner, schedule, progress, before)
            before = Measurement()
            if checkpoints is not None and _is_due(
                progress, schedule, schedule.checkpoint_every
            ):
                checkpoints.save(progress, learner.get_state())
            row = progress.metrics[-1]
            shown = {name: row[name] for name in SHOWN if name in row}
            bar.set_postfix(shown, refresh=False)
            bar.update()
    return _finish(progress, learner, source_location)


def _begin(
    updates: Updates[Rollouts, Report],
    learner: "ModelLearner",
    schedule: Schedule,
    checkpoints: CheckpointFolder | None,
) -> tuple[Progress, Measurement]:
    """The progress to go on from, and what was measured of initial weights.

    The initial weights count as a best.
    """
    saved = None if checkpoints is None else checkpoints.load()
    if saved is not None:
        progress, learner_state = saved
        learner.set_state(learner_state)
        return progress, Measurement()
    before = updates.measure()
    progress = Progress(
        num_updates=0,
        metrics=[],
        best_weights=learner.copy_weights() if schedule.keeps_best else None,
        best_num_updates=0,
        best_score=before.score,
        initial_score=before.score,
    )
    return progress, before


def _advance(
    updates: Updates[Rollouts, Report],
    learner: "ModelLearner",
    schedule: Schedule,
    progress: Progress,
    before: Measurement,
) -> None:
    """Makes one update and, where it is due, measures what it led to."""
    index = progress.num_updates
    started = time.perf_counter()
    rollouts = updates.sample(progress)
    sampled = time.perf_counter()
    report = updates.learn(rollouts, index)
    updated = time.perf_counter()
    progress.num_updates += 1
    measurement = Measurement()
    if _is_due(progress, schedule, schedule.measure_every):
        measurement = updates.measure()
        _keep_if_best(progress, learner, measurement.score)
    spent = progress.metrics[-1].get("rollout_turns") if progress.metrics else 0
    totals = UpdateTotals(
        update_index=index,
        rollout_turns=int(spent or 0) + updates.count_turns(rollouts),
        profiling_turns=progress.profiling_turns,
        sampling_seconds=sampled - started,
        updating_seconds=updated - sampled,
        measured=measurement,
        before=before,
    )
    progress.metrics.append(updates.describe(rollouts, report, totals))


def _is_due(progress: Progress, schedule: Schedule, every: int) -> bool:
    """True after each ``every`` updates and after the last."""
    done = progress.num_updates
    return done % every == 0 or done == schedule.num_updates


def _keep_if_best(
    progress: Progress, learner: "ModelLearner", score: float | None
) -> None:
    best = progress.best_score
    if progress.best_weights is None or score is None or best is None:
        return
    # A tie goes to the earlier weights: they are nearer to the initial policy.
    if score > best:
        progress.best_weights = learner.copy_weights()
        progress.best_num_updates = progress.num_updates
        progress.best_score = score


def _finish(
    progress: Progress, learner: "ModelLearner", source_location: str
) -> TrainedPolicy:
    """The weights to keep, with everything measured on the way."""
    last = progress.metrics[-1]
    measured = Measurement(
        heldout_reward_mean=_to_float(last.get("heldout/reward_mean")),
        validation_success=_to_float(last.get("validation/success")),
        validation_loss=_to_float(last.get("loss/validation")),
    )
    weights, num_updates, score = (
        (learner.copy_weights(), progress.num_updates, measured.score)
        if progress.best_weights is None
        else (
            progress.best_weights,
            progress.best_num_updates,
            progress.best_score,
        )
    )
    return TrainedPolicy(
        learner.complete(weights),
        source_location,
        tuple(progress.metrics),
        num_updates,
        score,
        progress.initial_score,
    )


def _to_float(value: float | None) -> float | None:
    return None if value is None else float(value)
