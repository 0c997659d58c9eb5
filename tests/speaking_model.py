"""A chat model for the command's tests: it adds and multiplies, and is wrong where the problem says 7."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from langgraph.graph import END, START, MessagesState, StateGraph

from tutelage.agents import ChatModel, scripted


def say(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
    prompt = str(messages[-1]["content"])
    if "verdict" in prompt:
        return "verdict: right"
    return "answer: 0" if sample % 2 == 0 else "answer: 1"


def slow(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
    time.sleep(0.2)
    return say(messages, sample)


model = scripted(say)
slow_model = scripted(slow)
number = 7


def make_model(**settings: Any) -> ChatModel:
    return scripted(say, **settings)


def failing_model() -> ChatModel:
    def refuse(messages: Sequence[Mapping[str, Any]], sample: int) -> str:
        raise RuntimeError("out of words")

    return scripted(refuse)


def graph(chat: ChatModel) -> StateGraph[MessagesState]:
    built = StateGraph(MessagesState)
    built.add_node("talk", lambda state: {"messages": [chat.invoke(state["messages"])]})
    built.add_edge(START, "talk")
    built.add_edge("talk", END)
    return built
