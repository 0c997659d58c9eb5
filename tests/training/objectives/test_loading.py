import pytest
from tests.training.objectives.plain_losses import Rows, messages, pairs

from tutelage.errors import UserError
from tutelage.training.objectives.loading import check_messages

CALL = {"id": "c", "type": "function", "function": {"name": "add", "arguments": {}}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt": "Compute 1 + 1."}, "row 2: 'prompt' must be messages"),
        ({"chosen": []}, "row 2: 'chosen' must be messages"),
        ({"tools": [{"type": "function"}]}, "row 2 has tools"),
        ({"chosen": [{"role": "assistant", "content": "", "tool_calls": [CALL]}]}, "row 2 has tools"),
    ],
)
def test_what_the_text_would_lose_is_refused(change: dict[str, object], said: str) -> None:
    rows: Rows = pairs()
    check_messages(rows, "prompt", "chosen")
    rows[1] = {**rows[1], **change}
    with pytest.raises(UserError, match=said):
        check_messages(rows, "prompt", "chosen")


def test_no_tools_on_offer_is_no_tools() -> None:
    check_messages([{"prompt": messages("user", "hello"), "tools": None}], "prompt")
