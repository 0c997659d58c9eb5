import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tutelage.graphs.studio import studio
from tutelage.graphs.studio.security import HEADERS

if TYPE_CHECKING:
    from tests.graphs.studio.conftest import Recorded

pytestmark = pytest.mark.slow


@pytest.fixture
def port(recorded: "Recorded") -> Iterator[int]:
    with studio(recorded.path, port=0) as opened:
        yield opened.port


def asked(port: int, *lines: str, body: str = "") -> tuple[int, list[tuple[str, str]], str]:
    """Send a request as it stands; give the status, the headers and the body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(("\r\n".join([*lines, "connection: close", "", ""]) + body).encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, rest = received.decode().partition("\r\n\r\n")
    status, *headers = head.split("\r\n")
    pairs = [line.partition(": ") for line in headers]
    return int(status.split()[1]), [(name.lower(), value) for name, _, value in pairs], rest


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (["GET /api/runs HTTP/1.1", "host: localhost"], 200),
        (["GET /nothing HTTP/1.1", "host: localhost"], 404),
        (["POST / HTTP/1.1", "host: localhost", "content-type: application/json", "content-length: 0"], 405),
        ([f"GET /static/{'a' * 300}.js HTTP/1.1", "host: localhost"], 404),
        (["GET / HTTP/1.1", "host: 127.0.0.1#.evil.com"], 421),
        (["GET / HTTP/1.1"], 421),
        (["POST /api/session/next HTTP/1.1", "host: localhost", "origin: http://["], 403),
        (["nonsense"], 400),
        (["GET / HTTP/9.9", "host: localhost"], 400),
    ],
)
def test_every_answer_of_the_server_has_each_header_once(
    port: int, capfd: pytest.CaptureFixture[str], lines: list[str], status: int
) -> None:
    found, headers, _ = asked(port, *lines)
    assert found == status
    for name, value in HEADERS.items():
        assert [each for each in headers if each[0] == name] == [(name, value)]
    assert "Traceback" not in capfd.readouterr().err
