"""LangChain's own contract of a chat model, over HTTP, tools included: the server answers by rule."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tutelage.agents import ChatModel, Engine, connect


@pytest.fixture(scope="module")
def engine(rule_server: str) -> Iterator[Engine]:
    with connect(rule_server) as model:
        yield model.engine


class TestIntegration(ChatModelIntegrationTests):
    chat_model_class: type[BaseChatModel] = ChatModel
    has_tool_calling = True
    has_tool_choice = True
    has_structured_output = True
    supports_anthropic_inputs = True
    supports_model_override = False
    engine: Engine

    @pytest.fixture(autouse=True)
    def _take_engine(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": self.engine}
