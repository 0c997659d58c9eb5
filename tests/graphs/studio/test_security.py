from collections.abc import Mapping

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tutelage.graphs.studio.security import Access, Gate


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("secret")


def client(access: Access, host: str = "127.0.0.1:7437") -> TestClient:
    app = Starlette(routes=[Route("/{rest:path}", answer, methods=["GET", "POST", "PUT", "OPTIONS"])])
    return TestClient(Gate(app, access), base_url=f"http://{host}", follow_redirects=False)


LOCAL = Access("127.0.0.1")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:7437", "localhost:7437", "LOCALHOST", "[::1]:7437", "localhost.:80", "127.3.2.1"]
)
def test_this_machine_is_let_in_under_its_own_names(host: str) -> None:
    assert client(LOCAL).get("/api/runs", headers={"host": host}).text == "secret"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.1:7437",
        "",
        "[::",
        "evil@localhost@x",
        "127.0.0.1#.evil.com",
        "127.0.0.1?.evil.com",
        "127.0.0.1/.evil.com",
        "evil.com@127.0.0.1",
        "localhost#",
        "127.0.0.1:80:80",
    ],
)
def test_a_foreign_name_that_leads_here_is_refused(host: str) -> None:
    answer = client(LOCAL).get("/api/runs", headers={"host": host})
    assert answer.status_code == 421
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://["},
        {"origin": "http://127.0.0.1:7437/"},
        {"origin": "http://127.0.0.1:7437#.evil.example"},
        {"origin": "file://127.0.0.1:7437"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ],
)
def test_a_post_from_another_page_is_refused(headers: Mapping[str, str]) -> None:
    answer = client(LOCAL).post("/api/session/run", json={}, headers=headers)
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_a_form_cannot_post() -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = client(LOCAL).post("/api/session/run", content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 415


def test_a_post_of_ones_own_passes() -> None:
    own = {"origin": "http://127.0.0.1:7437", "sec-fetch-site": "same-origin"}
    assert client(LOCAL).post("/api/session/run", json={}, headers=own).text == "secret"
    assert client(LOCAL).post("/api/session/run", json={}).text == "secret"


def test_a_post_must_say_how_long_it_is() -> None:
    def endless() -> object:
        yield b"{}"

    headers = {"content-type": "application/json"}
    assert client(LOCAL).post("/x", content=endless(), headers=headers).status_code == 413  # type: ignore[arg-type]
    headers["content-length"] = "99999999999"
    assert client(LOCAL).post("/x", content=b"{}", headers=headers).status_code == 413
    headers["content-length"] = "9" * 5000
    assert client(LOCAL).post("/x", content=b"{}", headers=headers).status_code == 413


def test_a_header_that_counts_stands_once() -> None:
    for name, values in (("host", ("127.0.0.1", "evil.example")), ("origin", ("http://x", "http://y"))):
        answer = client(LOCAL).get("/", headers=[(name, value) for value in values])
        assert answer.status_code == 400
        assert "secret" not in answer.text


def test_another_page_can_lead_here_but_not_read() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client(LOCAL).get("/", headers=link).text == "secret"
    assert client(LOCAL).get("/api/runs", headers=link).status_code == 403
    assert client(LOCAL).get("/", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_other_methods_are_not_understood() -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert client(LOCAL).request(method, "/").status_code == 405


@pytest.mark.parametrize("path", ["/", "/api/runs"])
@pytest.mark.parametrize("host", ["127.0.0.1", "evil.example"])
def test_every_answer_has_the_headers(path: str, host: str) -> None:
    headers = client(LOCAL).get(path, headers={"host": host}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "cluster.example"])
def test_a_wider_address_has_a_token_that_nobody_can_guess(host: str) -> None:
    tokens = {Access.of(host).token for _ in range(20)}
    assert len(tokens) == 20
    assert all(token is not None and len(token) >= 32 for token in tokens)


def test_this_machine_alone_needs_none_unless_it_is_wanted() -> None:
    assert Access.of("127.0.0.1").token is Access.of("localhost").token is Access.of("::1").token is None
    assert Access.of("127.0.0.1", token=True).token is not None


WIDE = Access("0.0.0.0", "a-token")


def test_without_the_token_nothing_is_answered() -> None:
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "a-token"},
        {"cookie": "tutelage_studio_80=wrong"},
        {"cookie": "other=a-token"},
        {"cookie": "\x00;;=;"},
    ):
        for path in ("/", "/api/runs", "/?token=wrong", "/app.js", "/api/runs?token=a-token"):
            answer = client(WIDE, "192.168.1.5").get(path, headers=headers)
            assert answer.status_code == 401
            assert "secret" not in answer.text


def test_the_token_in_the_first_address_becomes_a_cookie_and_leaves_the_address() -> None:
    page = client(WIDE, "192.168.1.5")
    first = page.get("/?token=a-token&theme=dark")
    assert (first.status_code, first.headers["location"]) == (303, "/?theme=dark")
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    assert page.get("/").text == "secret"
    assert page.post("/api/session/run", json={}).text == "secret"


def test_a_program_sends_the_token_in_a_header() -> None:
    headers = {"authorization": "Bearer a-token"}
    assert client(WIDE, "192.168.1.5").get("/api/runs", headers=headers).text == "secret"


def test_with_a_token_numbers_are_names_and_foreign_names_are_still_refused() -> None:
    headers = {"authorization": "Bearer a-token"}
    for host, status in (("10.1.2.3:7437", 200), ("[fe80::1]:7437", 200), ("evil.example", 421)):
        assert client(WIDE).get("/", headers={**headers, "host": host}).status_code == status
