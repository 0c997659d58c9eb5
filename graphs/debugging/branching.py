"""Branches of a session: forks from any point, and many runs from one.

A fork shares what lies before its point with its parent, which stays as it is. Not covered: what many runs gave
(`resampling`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import JsonValue

from tutelage.errors import UserError
from tutelage.graphs.debugging.changing import message
from tutelage.graphs.debugging.forking import At, Point, first_events, here, point
from tutelage.graphs.debugging.resampling import Samples, Spread, spread_of
from tutelage.graphs.debugging.standing import Standing
from tutelage.graphs.debugging.view import Branch
from tutelage.nearest import known_names
from tutelage.traces.session_log import LoggedBranch
from tutelage.types import Score

__all__ = ["MONTE_CARLO", "Branching"]

MONTE_CARLO = "monte_carlo"
"""The name of the scores that `resample` gives."""


class Branching(Standing):
    """The part of `Session` that has branches."""

    _samples_now: Samples | None = None

    def branches(self) -> list[Branch]:
        """Give all branches of the session in the order they were made; dropped ones say so."""
        known = self.bench.log.branches()
        names = {each.id: each.name for each in known}
        edits = self.bench.log.counts("edit", "rule", "answer")
        return [self._view(each, names, edits.get(each.id, 0)) for each in known]

    def fork(
        self, changes: Mapping[str, Any] | None = None, *, at: At | None = None, name: str | None = None
    ) -> Self:
        """Begin another branch; this one stays as it is.

        Args:
            changes: Fields of the state to be changed there.
            at: Before the visit with this number, or (number, "prompt") or (number, "after") it; `None`: where this
                branch is held.
            name: What to call it.

        Raises:
            UserError: There is no such point or field, or the name is taken.
        """
        where = self._point(at)
        self._check_fields(changes or {})
        events, contents = first_events(where, self.bench.keeper, changes or {}, None)
        made, recorder = self.bench.make_branch(
            name or self._free_name("fork"),
            parent=self._branch,
            upto=where.upto,
            at=where.number,
            kind="fork",
            events=events,
            contents=contents,
        )
        self.bench.execute(made, recorder)
        return type(self)(self.bench, made)

    def switch(self, name: str) -> Self:
        """Give the session of another branch, taken up where it was.

        Raises:
            UserError: There is none of this name.
        """
        branch = self.bench.branch(name)
        if branch.dropped:
            raise UserError(
                f"branch {name!r} was dropped; its turns are on record as rollout {branch.rollout}"
            )
        return type(self)(self.bench, branch)

    def rename(self, name: str) -> None:
        """Give this branch another name.

        Raises:
            UserError: The name is taken or empty.
        """
        if not name or any(each.name == name for each in self.bench.log.branches()):
            raise UserError(f"{name!r} is the name of a branch already" if name else "a branch needs a name")
        self.bench.log.rename(self._branch.id, name)

    def drop(self, name: str) -> None:
        """Let a branch count no more; its turns stay on record.

        Raises:
            UserError: There is none of this name, or it is this one.
        """
        branch = self.bench.branch(name)
        if branch.dropped:
            raise UserError(f"branch {name!r} was dropped already")
        if branch.id == self._branch.id:
            raise UserError("this branch is being looked at; switch to another one first")
        self._drop(branch)

    def resample(
        self,
        n: int,
        *,
        at: At | None = None,
        prompt: str | Sequence[Mapping[str, JsonValue]] | None = None,
        sampling: Mapping[str, Any] | None = None,
        changes: Mapping[str, Any] | None = None,
        name: str | None = None,
    ) -> Spread:
        """Run n times from a point to the end, all at once, and count what comes of it.

        Nothing holds these runs. Where nothing was changed, the mean of the verifier's values is the Monte Carlo value of
        the point, and is recorded as the score "monte_carlo" of the turn before it. `pause` (or an interrupt) ends them
        early: those that have ended count, the others are dropped, and no value is recorded, since short runs end first.

        Args:
            n: How many.
            at: As for `fork`.
            prompt: The content of the last message, or all messages, of the visit's next model call.
            sampling: Sampling settings of that call.
            changes: Fields of the state to be changed at the point.
            name: What to call the group; its branches are NAME/1, NAME/2, …

        Raises:
            UserError: There is no such point, or an argument is refused.
        """
        where = self._point(at)
        edit = _prompt_edit(prompt, sampling)
        if edit is not None and where.side == "after":
            raise UserError(
                "there is no model call after a node; give at=NUMBER of the visit whose prompt changes"
            )
        self._check_fields(changes or {})
        spread = self._samples(n, where, edit, changes or {}, name or self._free_name("sample", "/1"))
        if edit is None and not changes and spread.mean is not None and spread.wanted is None:
            self._keep_value(where, spread.mean)
        return spread

    def _samples(
        self, n: int, where: Point, edit: Mapping[str, Any] | None, changes: Mapping[str, Any], group: str
    ) -> Spread:
        if not isinstance(n, int) or isinstance(n, bool) or n < 1:
            raise UserError(f"n={n!r} samples: give a number from 1 on")
        events, contents = first_events(where, self.bench.keeper, changes, edit)
        samples = self._samples_now = Samples()
        try:
            for number in range(1, n + 1):
                if samples.stopped:
                    break
                branch, recorder = self.bench.make_branch(
                    f"{group}/{number}",
                    parent=self._branch,
                    upto=where.upto,
                    at=where.number,
                    kind="sample",
                    group=group,
                    events=events,
                    contents=contents,
                )
                samples.gates.append(self.bench.execute(branch, recorder, quiet=True).gate)
            self.bench.do(samples.settled())
        finally:
            self._samples_now = None
            self._drop_unfinished(group)
        ended = [each for each in self.branches() if each.group == group and not each.dropped]
        return spread_of(group, ended, n if len(ended) < n else None)

    def stop_samples(self) -> bool:
        """End a resampling under way early; from any thread. Whether there was one."""
        samples = self._samples_now
        if samples is not None:
            samples.stop()
        return samples is not None

    def _drop_unfinished(self, group: str) -> None:
        """Drop the samples that have not ended, so that nothing goes on behind somebody's back."""
        for each in self.branches():
            if each.group == group and each.status in ("running", "stopped") and not self.bench.loop.closed:
                self._drop(self.bench.branch(each.name))

    def _drop(self, branch: LoggedBranch) -> None:
        execution = self.bench.executions.pop(branch.id, None)
        if execution is not None:
            self.bench.do(execution.stop())
        self.bench.drop(branch)

    def _point(self, at: At | None) -> Point:
        if at is not None:
            return point(self._track, at)
        hold = self._held
        if hold is None:
            listed = ", ".join(f"{each.number} {each.node}" for each in self.visits())
            raise UserError(f"branch {self.branch!r} is not held; say where, at=NUMBER of a visit ({listed})")
        return here(self._track, hold, self.bench.log.path(self._branch)[-1].seq)

    def _check_fields(self, changes: Mapping[str, Any]) -> None:
        for field in changes:
            if field not in self.bench.shape.fields:
                raise UserError(
                    f"the state has no field {field!r}; {known_names(field, self.bench.shape.fields)}"
                )

    def _free_name(self, kind: str, suffix: str = "") -> str:
        known = {each.name for each in self.bench.log.branches()}
        number = 1
        while f"{kind}-{number}{suffix}" in known:
            number += 1
        return f"{kind}-{number}"

    def _view(self, branch: LoggedBranch, names: Mapping[int, str], edits: int) -> Branch:
        execution = self.bench.executions.get(branch.id)
        outcome: Mapping[str, Any] = branch.outcome or {}
        status = outcome.get("status") or (execution.gate.status if execution is not None else "stopped")
        return Branch(
            name=branch.name,
            rollout_id=branch.rollout,
            parent=None if branch.parent is None else names[branch.parent],
            at=branch.at,
            kind=branch.kind,
            group=branch.group,
            status=status,
            answer=outcome.get("answer"),
            passed=outcome.get("passed"),
            value=outcome.get("value"),
            edits=edits,
            created=branch.created,
            dropped=branch.dropped,
        )

    def _keep_value(self, where: Point, value: float) -> None:
        """Record the Monte Carlo value of a point at the turn before it, unless a person changed something since."""
        visits = [each for each in self._track.visits if each.ended is not None and each.ended <= where.upto]
        before = [each for each in visits if each.turns]
        if not before or self._track.rules:
            return
        latest = max(before, key=lambda each: each.ended or 0)
        path = self.bench.log.path(self._branch)
        edits = [
            each.seq for each in path if each.kind == "edit" and each.seq <= max(where.upto, path[-1].seq)
        ]
        if all(seq < (latest.ended or 0) for seq in edits):
            turn = self.bench.run.turn(latest.turns[-1])
            score = Score(name=MONTE_CARLO, value=value)
            self.bench.run.score(turn.rollout_id, score, subject="turn", subject_id=turn.id)


def _prompt_edit(
    prompt: str | Sequence[Mapping[str, JsonValue]] | None, sampling: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    if prompt is None and not sampling:
        return None
    edit: dict[str, Any] = {"sampling": dict(sampling) if sampling else None}
    if isinstance(prompt, str):
        edit["text"] = prompt
    elif prompt is not None:
        edit["messages"] = [message(each) for each in prompt]
    return edit
