"""A role: a prompt, a chat model and a parser, usable as a node of any `StateGraph` and directly.

As a node a role reads the fields it needs from the state (a mapping or an object) and returns the fields it
changes; LangGraph drops those that the graph's state does not have. What a model says is never an error:
what cannot be parsed is asked again `retries` times and then reported as such. The turns are recorded by the
chat model, not here. Not covered: tools, several messages.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import JsonValue

from tutelage.agents.chat_model import ChatModel
from tutelage.agents.roles.candidate import newest, turn_of
from tutelage.agents.roles.prompt import Prompt
from tutelage.agents.sync import run_blocking
from tutelage.errors import UserError
from tutelage.types import Sampling

__all__ = ["Role", "View", "said", "turn_id"]

Parsed = TypeVar("Parsed")


class Role(Runnable[Any, dict[str, Any]]):
    """The base of all roles; a subclass says which state it reads and writes in `act`.

    Args:
        model: the chat model that speaks.
        prompt: a packaged prompt's name or a file; `None` for the role's own.
        sampling: how to sample; `None` for the model's own settings.
        retries: how often to ask again for an answer that cannot be parsed.
        name: the role's name in the record; `None` for the class's own.

    Raises:
        UserError: a prompt with fields that this role does not fill, or negative `retries`.
    """

    name: str = "role"
    offered: ClassVar[frozenset[str]] = frozenset({"problem"})
    """The fields that the role can fill into its prompt."""
    required: ClassVar[frozenset[str]] = frozenset({"problem"})
    """The fields without which the prompt makes no sense."""

    def __init__(
        self,
        model: ChatModel,
        *,
        prompt: Prompt | str | Path | None = None,
        sampling: Sampling | None = None,
        retries: int = 0,
        name: str | None = None,
    ) -> None:
        """See the class."""
        if retries < 0:
            raise UserError(f"retries={retries!r} of {type(self).__name__}: give 0 or more")
        self.model = model
        self.name = name or type(self).name
        self.prompt = Prompt.load(prompt or self.default_prompt()).expect(self.offered, self.required)
        self.sampling = sampling
        self.retries = retries

    def default_prompt(self) -> str:
        """The name of the packaged prompt."""
        return type(self).name

    def settings(self) -> dict[str, JsonValue]:
        """Everything that changes what this role says, as plain data: what makes two runs comparable."""
        return {
            "role": self.name,
            "kind": type(self).__name__,
            "model": self.model.name or "",
            "policy": self.model.policy,
            "prompt": self.prompt.text,
            "sampling": (self.sampling or self.model.sampling).model_dump(mode="json"),
            "retries": self.retries,
        }

    @abstractmethod
    async def act(self, state: "View") -> dict[str, Any]:
        """Speak once: read the state, return what changes."""

    async def __call__(self, state: Any, config: RunnableConfig | None = None) -> dict[str, Any]:
        """Act as a node of a graph."""
        return await self.act(View(state, self.name))

    async def ainvoke(
        self, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Act as a node of a graph (LangChain's name for it)."""
        return await self.act(View(input, self.name))

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:
        """Act as a node of a graph that is run without asyncio."""
        return run_blocking(self.act(View(input, self.name)))

    async def ask(self, parents: Sequence[str], /, *, n: int = 1, **fields: str) -> list[AIMessage]:
        """Fill the role's prompt and sample n answers in one engine request.

        Args:
            parents: the turns that the prompt builds on.
            n: how many answers.
            fields: the prompt's values.
        """
        return await self.ask_with(self.prompt, parents, n=n, **fields)

    async def ask_with(
        self, prompt: Prompt, parents: Sequence[str], /, *, n: int = 1, **fields: str
    ) -> list[AIMessage]:
        """The same with another prompt than the role's own."""
        message = HumanMessage(prompt.render(**fields))
        return await self.model.sample(
            [message], n=n, role=self.name, parents=tuple(parents), sampling=self.sampling
        )

    async def ask_until(
        self,
        parse: Callable[[AIMessage], tuple[Parsed, bool]],
        parents: Sequence[str],
        /,
        n: int = 1,
        **fields: str,
    ) -> list[Parsed]:
        """Ask until n answers parse; those that do not are asked for again, at most `retries` times.

        Args:
            parse: gives the parsed answer and whether parsing worked; raises nothing.
            parents: the turns that the prompt builds on.
            n: how many answers.
            fields: the prompt's values.

        Returns:
            n parsed answers, those that never worked as the last attempt left them.
        """
        good: list[Parsed] = []
        for _ in range(self.retries + 1):
            parsed = [parse(message) for message in await self.ask(parents, n=n - len(good), **fields)]
            good += [each for each, works in parsed if works]
            if len(good) == n:
                return good
        return good + [each for each, works in parsed if not works]


class View:
    """How a role reads a state: a mapping, or an object with attributes.

    Args:
        state: the graph's state.
        reader: the role's name, for errors.
    """

    def __init__(self, state: Any, reader: str) -> None:
        """See the class."""
        self.state = state
        self.reader = reader

    def get(self, key: str, default: Any = None) -> Any:
        """A field, or the default where it is missing or `None`."""
        value = self.state.get(key) if isinstance(self.state, Mapping) else getattr(self.state, key, None)
        return default if value is None else value

    def text(self, key: str) -> str:
        """A field that must be there as text.

        Raises:
            UserError: it is not.
        """
        value = self.get(key)
        if not isinstance(value, str):
            raise UserError(
                f"the state has no text {key!r}, which the role {self.reader!r} reads; "
                f"add the field to the graph's state and fill it before this node"
            )
        return value

    def turns(self, *keys: str) -> tuple[str, ...]:
        """The recorded turns that said these fields' texts, for the lineage of the next turn."""
        lineage = self.get("lineage", {})
        found: list[str] = []
        for key in keys:
            text = self.get(key, "")
            known = newest(self.get("candidates", []), text) if key == "solution" else None
            turns = (known["turn_id"],) if known and known["turn_id"] else turn_of(lineage, text)
            found += [turn for turn in turns if turn not in found]
        return tuple(found)

    def current(self) -> list[str]:
        """The candidate that `solution` holds, as parents of the next candidate."""
        known = newest(self.get("candidates", []), self.get("solution", ""))
        return [known["id"]] if known else []


def said(message: AIMessage) -> str:
    """The text of an answer."""
    return str(message.text)


def turn_id(message: AIMessage) -> str | None:
    """The recorded turn of an answer; `None` where nothing records."""
    found = message.response_metadata.get("turn_id")
    return found if isinstance(found, str) else None
