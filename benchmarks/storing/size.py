"""What a conversation costs on disk, against its text and tokens, and against LangGraph's SQLite saver."""

import time
from pathlib import Path
from typing import Any

from benchmarks.storing.texts import Said, Speech
from tutelage.traces import Store
from tutelage.types import Sampling, Task

__all__ = ["size"]

WORDS = 600
"""Words of each message: about 4 kB."""


def size(folder: Path, conversations: int, turns: int) -> dict[str, Any]:
    """Record conversations of so many turns and compare.

    Text and token bytes are: every message's UTF-8 once, four bytes a token id of it, and four more for the
    log-probability of a sampled one.

    Returns:
        `bytes_ratio` (file to text and token bytes), `text_ratio` (file to text alone), and the same of
        LangGraph's saver for the same messages (`langgraph_text_ratio`; it keeps no tokens).
    """
    speech = Speech(7)
    said = [[speech.say(WORDS // 2) for _ in range(2 * turns)] for _ in range(conversations)]
    ours = _ours(folder / "conversations", said)
    text = sum(len(each.text.encode()) for messages in said for each in messages)
    tokens = 4 * sum(len(each.ids) for messages in said for each in messages)
    tokens += 4 * sum(len(each.ids) for messages in said for each in messages[1::2])
    theirs = _langgraph(folder / "saver.sqlite", said[: max(1, conversations // 10)])
    part = sum(
        len(each.text.encode()) for messages in said[: max(1, conversations // 10)] for each in messages
    )
    return {
        "turns": turns,
        "conversations": conversations,
        "bytes_ratio": round(ours / (text + tokens), 3),
        "text_ratio": round(ours / text, 3),
        "langgraph_text_ratio": round(theirs / part, 1),
    }


def _ours(directory: Path, conversations: list[list[Said]]) -> int:
    with Store.open(directory).start_run({}) as run:
        for number, messages in enumerate(conversations):
            recorder = run.begin(Task(id=str(number), problem=messages[0].text[:50]))
            said: list[dict[str, Any]] = []
            ids: tuple[int, ...] = ()
            for asked, answered in zip(messages[::2], messages[1::2], strict=True):
                said.append({"role": "user", "content": asked.text})
                ids += asked.ids
                recorder.turn(
                    role="assistant",
                    messages=said,
                    completion=answered.text,
                    sampling=Sampling(),
                    model="fake",
                    policy="fake",
                    started=time.time(),
                    seconds=1.0,
                    prompt_token_ids=ids,
                    completion_token_ids=answered.ids,
                    logprobs=answered.logprobs,
                )
                said.append({"role": "assistant", "content": answered.text})
                ids += answered.ids
            recorder.finish()
    return sum(path.stat().st_size for path in directory.iterdir())


def _langgraph(file: Path, conversations: list[list[Said]]) -> int:
    """The same messages in a graph of one node with `add_messages` and LangGraph's SQLite saver."""
    import sqlite3
    from contextlib import closing

    from langchain_core.messages import AIMessage, HumanMessage
    from langgraph.checkpoint.sqlite import SqliteSaver
    from langgraph.graph import END, START, MessagesState, StateGraph

    answers = {asked.text: said.text for messages in conversations for asked, said in _pairs(messages)}
    graph = StateGraph(MessagesState)
    graph.add_node(
        "assistant", lambda state: {"messages": [AIMessage(answers[state["messages"][-1].content])]}
    )
    graph.add_edge(START, "assistant")
    graph.add_edge("assistant", END)
    with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
        app = graph.compile(SqliteSaver(connection))
        for number, messages in enumerate(conversations):
            for asked, _ in _pairs(messages):
                config: Any = {"configurable": {"thread_id": str(number)}}
                app.invoke({"messages": [HumanMessage(asked.text)]}, config)
    return file.stat().st_size


def _pairs(messages: list[Said]) -> list[tuple[Said, Said]]:
    return list(zip(messages[::2], messages[1::2], strict=True))
