"""Changing what a graph works with: its state, a prompt, the sampling, the answer itself.

Every change is an event of the branch, on disk when its method returns. Not covered: trying a change beside what there
is (`branching`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import JsonValue

from tutelage.agents.call import changed
from tutelage.agents.engine import Request
from tutelage.errors import UserError
from tutelage.graphs.debugging import fields
from tutelage.graphs.debugging.hold import Hold
from tutelage.graphs.debugging.standing import Standing
from tutelage.nearest import known_names
from tutelage.types import Sampling

__all__ = ["Changing", "message"]


class Changing(Standing):
    """The part of `Session` that changes things."""

    def set(self, field: str, value: Any) -> None:
        """Change a field of the state: before a node for it and what follows, after it also for the routers.

        At an error, what is set stands for what the node should have returned.

        Raises:
            UserError: It is not held, or there is no such field.
        """
        hold, execution = self._must_be_held(), self._execution
        if self._outer:
            raise UserError("the state of an outer graph cannot be changed from inside; go down(), or out()")
        known = {*fields.field_names(hold.entry), *fields.seen(hold.entry)}
        if field not in known:
            raise UserError(f"the state has no field {field!r}; {known_names(field, known)}")
        assert execution is not None
        self._in_loop(lambda: execution.edit_state(hold, field, value))

    def edit_message(self, index: int, text: str, *, field: str = "messages") -> None:
        """Change the text of one message of the state; its id stays.

        Raises:
            UserError: There is no such message.
        """
        messages = self.state.get(field)
        if not isinstance(messages, list) or not -len(messages) <= index < len(messages):
            raise UserError(f"the state's {field!r} has no message {index!r}")
        edited = list(messages)
        edited[index] = messages[index].model_copy(update={"content": text})
        self.set(field, edited)

    def edit_prompt(
        self,
        messages: Sequence[Mapping[str, JsonValue]] | None = None,
        *,
        text: str | None = None,
        sampling: Mapping[str, Any] | None = None,
    ) -> None:
        """Change what is about to be sent.

        Args:
            messages: All messages anew.
            text: The last message's content alone.
            sampling: Sampling settings by name.

        Raises:
            UserError: No model call is held here, or a setting is refused.
        """
        hold, request = self._must_be_at_prompt()
        if messages is not None:
            request = replace(request, messages=tuple(message(each) for each in messages), quoted={})
        if text is not None:
            last = {**request.messages[-1], "content": text}
            request = replace(request, messages=(*request.messages[:-1], last), quoted={})
        if sampling:
            request = replace(request, sampling=changed(request.sampling, sampling))
        self._edit_request(hold, request, hold.said)

    def say(self, text: str) -> None:
        """Answer the model call that is held in the model's stead; its tokens count as a person's.

        Raises:
            UserError: No model call is held here.
        """
        hold, request = self._must_be_at_prompt()
        self._edit_request(hold, request, text)

    def rewrite(self, role: str, old: str, new: str) -> None:
        """Replace a text in all later prompts of a role on this branch.

        Raises:
            UserError: The branch has ended, or there is no such role.
        """
        if not old:
            raise UserError("rewrite: say which text is to be replaced")
        self._check_role(role)
        self._rule({"role": role, "old": old, "new": new})

    def sample_with(self, role: str, **sampling: Any) -> None:
        """Let all later calls of a role on this branch sample otherwise.

        Raises:
            UserError: The branch has ended, there is no such role, or a setting is refused.
        """
        changed(Sampling(), sampling)
        self._check_role(role)
        self._rule({"role": role, "sampling": sampling})

    def _check_role(self, role: str) -> None:
        """Refuse a role that no node has and that has not spoken yet."""
        known = {*self.bench.shape.roles, *(turn.role for turn in self.run_record.turns())}
        if role not in known:
            raise UserError(f"there is no role {role!r} here yet; {known_names(role, known)}")

    def _must_be_at_prompt(self) -> tuple[Hold, Request]:
        hold = self._must_be_held()
        if hold.request is None:
            raise UserError("no model call is held here; step to one, or break_on(role=…)")
        return hold, hold.request

    def _edit_request(self, hold: Hold, request: Request, said: str | None) -> None:
        execution = self._execution
        assert execution is not None
        self._in_loop(lambda: execution.edit_request(hold, request, said))

    def _rule(self, rule: Mapping[str, Any]) -> None:
        execution = self._execution
        if execution is None or execution.gate.status in ("done", "failed"):
            raise UserError(f"branch {self.branch!r} has ended; fork(at=NUMBER) goes back to a visit")
        self._in_loop(lambda: execution.rule(rule))


def message(given: Mapping[str, JsonValue]) -> dict[str, Any]:
    """Give a message of a prompt as a dictionary of its own.

    Raises:
        UserError: It has no role or no content.
    """
    if not isinstance(given.get("role"), str) or "content" not in given:
        raise UserError(f"a message has a role and a content, not {sorted(given)}")
    return dict(given)
