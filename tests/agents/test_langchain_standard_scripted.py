"""LangChain's own contract of a chat model, over a script."""

from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from tutelage.agents import ChatModel, ScriptedEngine

SAMPLING = {"temperature": 0, "max_tokens": 100, "stop": []}


def _engine() -> ScriptedEngine:
    return ScriptedEngine(lambda messages, index: f"answer {index} to {messages[-1]['content']}")


class TestUnits(ChatModelUnitTests):
    chat_model_class: type[BaseChatModel] = ChatModel
    has_tool_calling = True
    has_structured_output = True

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": _engine()}

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        """Time-outs, retries and keys are settings of the engine."""
        return SAMPLING


class TestIntegration(ChatModelIntegrationTests):
    chat_model_class: type[BaseChatModel] = ChatModel
    has_tool_calling = False
    has_tool_choice = False
    has_structured_output = False
    supports_model_override = False

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": _engine()}
