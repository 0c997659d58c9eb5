"""LangChain's own contract of a chat model, over vLLM."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tutelage.agents import ChatModel, Engine

pytestmark = pytest.mark.slow


class TestIntegration(ChatModelIntegrationTests):
    chat_model_class: type[BaseChatModel] = ChatModel
    has_tool_calling = False
    has_tool_choice = False
    has_structured_output = False
    supports_model_override = False
    engine: Engine

    @pytest.fixture(autouse=True)
    def _take_engine(self, vllm_model: ChatModel) -> None:
        self.engine = vllm_model.engine

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": self.engine, "temperature": 0, "max_tokens": 12}
