"""The update: on-policy, single-turn GRPO on pivots.

Sample a group of actions at each of a few pivots, judge them, take a gradient step on
the objective, and begin again. An episode is never rolled out: the states are the
recorded ones. Every few updates the greedy policy is measured on held-out turns of all
kinds, pivots or not, since a policy can lose there what it never samples in training.

Left out on purpose: replay of older rollouts, refreshing the selection of pivots,
sampling again until a batch is informative.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tqdm import tqdm

from pivotrl_pipeline.errors import ConfigurationError
from pivotrl_pipeline.parameters.rl_update import RLUpdateParameters
from pivotrl_pipeline.policies.base import Policy, SamplingSettings
from pivotrl_pipeline.rl.checkpointing import CheckpointFolder, Progress
from pivotrl_pipeline.rl.fingerprints import fingerprint_update
from pivotrl_pipeline.rl.metrics import UpdateTotals, make_metrics_row
from pivotrl_pipeline.rl.pivots import PivotState, draw_pivots
from pivotrl_pipeline.rl.rollout_groups import (
    RolloutGroup,
    measure_greedy_reward,
    sample_rollout_groups,
)
from pivotrl_pipeline.rl.trained_policy import TrainedPolicy
from pivotrl_pipeline.sampling.seeds import derive_seed
from pivotrl_pipeline.verifiers.base import Verifier

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from pivotrl_pipeline.rl.learner import Learner

PROGRESS_DELAY_SECONDS = 3.0


class TrainablePolicy(Policy, Protocol):
    """A policy whose model is at hand."""

    @property
    def model(self) -> "PreTrainedModel":
        """What is trained; `sample` uses the same weights."""
        ...


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
    scope: str,
    checkpoint_folder: Path | None = None,
) -> TrainedPolicy:
    """Trains ``policy.model`` in place; gives the weights that ``keep`` asks for.

    A function of its arguments: on one CPU the same arguments give the same bits,
    however often the update was killed and went on from ``checkpoint_folder``. A
    checkpoint of other arguments, or of other code, is ignored. The last one
    stays, so a finished update is not made again.

    Args:
        policy: The initial policy; after the call its model holds the last weights.
        turns: What is trained on and what is measured.
        verifier: Judges every sampled action.
        parameters: All settings.
        source_location: Where the policy was loaded from.
        scope: Names what the outcome depends on beside the other arguments: the
            verifier's settings, the sampling engine.
        checkpoint_folder: None keeps no checkpoints.

    Raises:
        ConfigurationError: If there are no pivots, no easy turns though a rate is set,
            or no held-out turns though the best weights are to be kept.
        PolicyError: If sampling fails or the gradient is not finite.
        VerifierError: If the verifier fails.
    """
    from pivotrl_pipeline.rl.learner import Learner

    _check_turns(turns, parameters)
    checkpoints = None
    if checkpoint_folder is not None:
        parts = (turns, parameters, source_location, scope)
        fingerprint = fingerprint_update(parts, type(verifier), policy.model)
        checkpoints = CheckpointFolder(checkpoint_folder, fingerprint)
    learner = Learner(policy.model, parameters)
    run = _Run(policy, turns, verifier, parameters, learner)
    progress = run.begin(checkpoints)
    with tqdm(
        total=parameters.num_updates,
        initial=progress.num_updates,
        desc="updating",
        unit="update",
        delay=PROGRESS_DELAY_SECONDS,
    ) as bar:
        while progress.num_updates < parameters.num_updates:
            run.advance(progress)
            if checkpoints is not None and run.is_due(
                progress, parameters.checkpoint_every
            ):
                checkpoints.save(progress, learner.get_state())
            row = progress.metrics[-1]
            bar.set_postfix(
                reward=row["reward/mean"],
                informative=row["groups/informative_rate"],
                refresh=False,
            )
            bar.update()
    return run.finish(progress, source_location)


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of `update_policy`."""

    policy: TrainablePolicy
    turns: UpdateTurns
    verifier: Verifier
    parameters: RLUpdateParameters
    learner: "Learner"

    def begin(self, checkpoints: CheckpointFolder | None) -> Progress:
        """The progress to go on from; the initial weights count as a held-out best."""
        saved = None if checkpoints is None else checkpoints.load()
        if saved is not None:
            progress, learner_state = saved
            self.learner.set_state(learner_state)
            return progress
        reward = self._measure_heldout()
        keeps_best = self.parameters.keep == "best"
        return Progress(
            num_updates=0,
            metrics=[],
            best_weights=self.learner.copy_weights() if keeps_best else None,
            best_num_updates=0,
            best_heldout_reward_mean=reward,
            initial_heldout_reward_mean=reward,
        )

    def advance(self, progress: Progress) -> None:
        """Makes one update and, where it is due, measures the held-out turns."""
        index = progress.num_updates
        started = time.perf_counter()
        groups = self._sample(index)
        sampled = time.perf_counter()
        report = self.learner.learn(groups, index)
        updated = time.perf_counter()
        progress.num_updates += 1
        heldout_reward = None
        if self.is_due(progress, self.parameters.heldout_every):
            heldout_reward = self._measure_heldout()
            self._keep_if_best(progress, heldout_reward)
        before = progress.metrics[-1]["rollout_turns"] if progress.metrics else 0
        totals = UpdateTotals(
            update_index=index,
            rollout_turns=int(before or 0) + sum(len(g.rollouts) for g in groups),
            sampling_seconds=sampled - started,
            updating_seconds=updated - sampled,
            heldout_reward_mean=heldout_reward,
        )
        progress.metrics.append(make_metrics_row(groups, report, totals))

    def is_due(self, progress: Progress, every: int) -> bool:
        """True after each ``every`` updates and after the last."""
        done = progress.num_updates
        return done % every == 0 or done == self.parameters.num_updates

    def finish(self, progress: Progress, source_location: str) -> TrainedPolicy:
        """The weights to keep, with everything measured on the way."""
        last = progress.metrics[-1]["heldout/reward_mean"]
        weights, num_updates, reward = (
            (self.learner.copy_weights(), progress.num_updates, last)
            if progress.best_weights is None
            else (
                progress.best_weights,
                progress.best_num_updates,
                progress.best_heldout_reward_mean,
            )
        )
        return TrainedPolicy(
            weights,
            source_location,
            tuple(progress.metrics),
            num_updates,
            reward,
            progress.initial_heldout_reward_mean,
        )

    def _sample(self, update_index: int) -> list[RolloutGroup]:
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

    def _measure_heldout(self) -> float | None:
        if not self.turns.heldout:
            return None
        return measure_greedy_reward(
            self.policy,
            self.verifier,
            self.turns.heldout,
            max_new_tokens=self.parameters.max_new_tokens,
        )

    def _keep_if_best(self, progress: Progress, reward: float | None) -> None:
        best = progress.best_heldout_reward_mean
        if progress.best_weights is None or reward is None or best is None:
            return
        # A tie goes to the earlier weights: they are nearer to the initial policy.
        if reward > best:
            progress.best_weights = self.learner.copy_weights()
            progress.best_num_updates = progress.num_updates
            progress.best_heldout_reward_mean = reward


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
