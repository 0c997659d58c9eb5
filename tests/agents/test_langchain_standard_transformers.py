"""LangChain's own contract of a chat model, over transformers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests

from tutelage.agents import ChatModel, Engine, connect

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine(tiny: Path) -> Iterator[Engine]:
    with connect(f"transformers:{tiny}", wait_ms=0) as model:
        yield model.engine


class TestIntegration(ChatModelIntegrationTests):
    chat_model_class: type[BaseChatModel] = ChatModel
    has_tool_calling = False
    has_tool_choice = False
    has_structured_output = False
    supports_model_override = False
    engine: Engine

    @pytest.fixture(autouse=True)
    def _take_engine(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"engine": self.engine, "temperature": 0, "max_tokens": 12}
