"""`Picked`: the picked rollout of an attached batch, as a session is to its console: the same names, the same answers.

What is held comes through the socket; what was said is read from the run's record, on the same machine. Not covered:
what a batch does not keep: other branches, earlier states, changes of later calls.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tutelage.errors import UserError
from tutelage.graphs.debugging.costs import Cost, costs
from tutelage.graphs.debugging.lineage import CandidateParent, ancestors, candidate_parents
from tutelage.graphs.debugging.prompts import PromptView, prompt_view
from tutelage.graphs.debugging.spelling import Tokenizers
from tutelage.graphs.debugging.tokens import TokenView, token_view
from tutelage.graphs.debugging.view import Change, Frame, Route, Stop, Visit
from tutelage.traces import Run, Turn

if TYPE_CHECKING:
    from tutelage.graphs.control.client import Attached
    from tutelage.graphs.control.reports import Held, InFlight

__all__ = ["Picked"]


class Picked:
    """Stands for whichever rollout is picked."""

    def __init__(self, batch: "Attached") -> None:
        """Stand for the picked rollout of a batch."""
        self.batch = batch
        self.left: int | None = None
        """The number of the rollout that ended last while it was picked."""
        self.break_on = batch.break_on
        self.breakpoints = batch.breakpoints
        self.change_breakpoint = batch.change_breakpoint
        self.clear = batch.clear
        self.edges = batch.edges
        self._run: Run | None = None
        self._outer = 0
        self._looked: Held | None = None
        self._tokenizers = Tokenizers()

    @property
    def branch(self) -> str:
        """What stands where a session names its branch."""
        return "nothing" if self.batch.picked is None else f"rollout {self.batch.picked}"

    @property
    def status(self) -> str:
        """Whether it is held."""
        return "stopped" if self.batch.picked is not None else "running"

    @property
    def path(self) -> Path:
        """The run's directory."""
        return Path(self.batch.run)

    @property
    def run_record(self) -> Run:
        """The run's record, open for reading."""
        if self._run is None:
            self._run = Run.open(self.batch.run)
        return self._run

    @property
    def rollout_id(self) -> str:
        """The rollout's id on record."""
        return self.look().flight.rollout

    @property
    def nodes(self) -> tuple[str, ...]:
        """The graph's nodes."""
        return self.batch.nodes()

    @property
    def stop(self) -> Stop | None:
        """Where it is held; `None` where nothing is picked."""
        return None if self.batch.picked is None else self.look().stop

    @property
    def state(self) -> dict[str, Any]:
        """The state of the graph that is looked at."""
        return self.look().state

    @property
    def frames(self) -> tuple[Frame, ...]:
        """The graphs around it, outermost first."""
        return self.look().frames

    @property
    def frame(self) -> Frame:
        """The graph that is looked at."""
        return self.frames[-1 - self._outer]

    def look(self) -> "Held":
        """Give all that is shown of it; the batch is asked once, until something changes or `look_again`."""
        if self._looked is None or self._looked.flight.number != self.batch.picked:
            self._looked = self.batch.look(outer=self._outer)
        return self._looked

    def look_again(self) -> None:
        """Ask the batch again, where somebody else may have changed something."""
        self._looked = None

    def up(self) -> None:
        """Look at the graph around this one."""
        if self._outer + 1 >= len(self.frames):
            raise UserError("this is the outermost graph")
        self._outer += 1
        self.look_again()

    def down(self) -> None:
        """Look at the subgraph towards the stop."""
        if not self._outer:
            raise UserError("this is the innermost graph")
        self._outer -= 1
        self.look_again()

    def step(self) -> None:
        """Go on to the next event."""
        self._arrived(self.batch.step())

    def next(self) -> None:
        """Go on to before the next node of this or an outer graph."""
        self._arrived(self.batch.next())

    def out(self) -> None:
        """Go on until the subgraph is left."""
        self._arrived(self.batch.out())

    def until(self, node: str) -> None:
        """Go on to before a node."""
        self._arrived(self.batch.until(node))

    def pick(self, which: str) -> None:
        """Hold a rollout at its next event."""
        self._arrived(self.batch.pick(which))

    def wait(self) -> None:
        """Wait until a breakpoint holds one."""
        self._arrived(self.batch.wait())

    def answer(self, value: Any) -> None:
        """Answer what the node asks, and go on to the next event."""
        self.batch.answer(value)
        self.step()

    def retry(self) -> None:
        """Run the node that failed again."""
        self.batch.retry()
        self.step()

    def set(self, field: str, value: Any) -> None:
        """Change a field of the state."""
        self.look_again()
        self.batch.set(field, value)

    def say(self, text: str) -> None:
        """Answer a model call in the model's stead."""
        self.look_again()
        self.batch.say(text)

    def edit_prompt(self, messages: Any = None, *, sampling: Any = None) -> None:
        """Change what is about to be sent."""
        self.look_again()
        self.batch.edit_prompt(messages, sampling=sampling)

    def sample_with(self, role: str, **sampling: Any) -> None:
        """Refuse: of a rollout in flight only the call that waits is changed."""
        raise UserError(
            f"a batch does not keep what later calls of {role!r} change; change the call that waits: sampling KEY=VALUE"
        )

    def enable(self, number: int) -> None:
        """Let a breakpoint stop again."""
        self.change_breakpoint(number, enabled=True)

    def disable(self, number: int) -> None:
        """Let a breakpoint pass until it is enabled."""
        self.change_breakpoint(number, enabled=False)

    def stop_samples(self) -> bool:
        """Nothing is resampled in a batch."""
        return False

    def pause(self) -> None:
        """Nothing: a batch is not paused by accident; `pause` does it on purpose."""

    def changes(self, number: int | None = None) -> list[Change]:
        """Tell what the node that is held changed."""
        held = self._of(number)
        return list(held.changes)

    def read(self, number: int) -> dict[str, Any]:
        """Give the state that the node that is held was given."""
        return self._of(number).read

    def why(self, number: int | None = None) -> Route:
        """Tell why it went on as it did last."""
        found = self.batch.why()
        if number not in (None, found.visit):
            raise UserError(
                f"of a rollout in flight only its latest decision is kept, after visit {found.visit}"
            )
        return found

    def visits(self) -> list[Visit]:
        """Give the nodes it has begun; with a turn where it is certain whose it is."""
        visits, now = self.batch.visits(), self._said()
        return [_with_turns(each, visits, now) for each in visits]

    def turns(self) -> list[str]:
        """Give the ids of what was said in it."""
        return [each.id for each in self._said()]

    def prompt(self, turn_id: str | None = None) -> PromptView:
        """Give the exact prompt of a turn; see `Session.prompt`."""
        turn = self._turn(turn_id)
        return prompt_view(turn, tokenizers=self._tokenizers, earlier=ancestors(self.run_record, turn.id))

    def tokens(self, turn_id: str | None = None) -> TokenView:
        """Give the tokens of a turn; see `Session.tokens`."""
        turn = self._turn(turn_id)
        return token_view(turn, tokenizers=self._tokenizers, earlier=ancestors(self.run_record, turn.id))

    def costs(self) -> list[Cost]:
        """Give what each node and role cost so far."""
        return costs(self.run_record, turn_ids=self.turns())

    def parents(self, turn_id: str | None = None) -> CandidateParent:
        """Give what an answer was made from, as a tree."""
        return candidate_parents(self.run_record, self._turn(turn_id).id)

    def close(self) -> None:
        """Close the record."""
        if self._run is not None:
            self._run.close()
            self._run = None

    def _arrived(self, flight: "InFlight | None") -> None:
        self._outer = 0
        self.look_again()
        if flight is None:
            self.left, self.batch.picked = self.batch.picked, None

    def _of(self, number: int | None) -> "Held":
        held = self.look()
        if number not in (None, held.stop.visit.number):
            raise UserError(
                f"of a rollout in flight only the visit that is held has its states at hand, {held.stop.visit.number}; "
                "its record has all that was said (prompt, tokens)"
            )
        return held

    def _said(self) -> list[Turn]:
        return self.run_record.turns(self.rollout_id)

    def _turn(self, turn_id: str | None) -> Turn:
        said = self._said()
        if turn_id is not None:
            return self.run_record.turn(turn_id)
        if not said:
            raise UserError("no model has said anything in this rollout yet; s steps to the next event")
        return said[-1]


def _with_turns(visit: Visit, visits: list[Visit], said: list[Turn]) -> Visit:
    """A visit with what was said in it: what its node asked while no other visit of the node ran."""

    def inside(turn: Turn, one: Visit) -> bool:
        end = float("inf") if one.seconds is None else one.started + one.seconds
        return turn.node == one.node and one.started <= turn.started <= end

    own = [each for each in said if [one for one in visits if inside(each, one)] == [visit]]
    prompts = {each.call: len(each.prompt_token_ids or ()) for each in own}
    return visit.model_copy(
        update={
            "turns": tuple(each.id for each in own),
            "prompt_tokens": sum(prompts.values()),
            "completion_tokens": sum(len(each.completion_token_ids or ()) for each in own),
        }
    )
