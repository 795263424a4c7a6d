"""Who is let in, and what a browser is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest

from read.made import SPAN, Made, settings_in, store_calls
from server.made import JSON, span, traces
from server.viewer.markup import Page
from spanglass import guard
from spanglass.errors import ConfigurationError
from spanglass.server.config import ServerConfig, is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.conftest import Sidecar

TOKEN = "a-token-of-some-length"
BEARER = {"authorization": f"Bearer {TOKEN}"}
PATH = f"/api/spans/{SPAN}"


@pytest.fixture
def guarded(start: Callable[..., Sidecar]) -> Sidecar:
    sidecar = start(token=TOKEN)
    store_calls(sidecar.settings, [Made()])
    return sidecar


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104 - refused
def test_an_address_that_others_reach_demands_a_token(tmp_path: Path, host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ConfigurationError, match=r"without a token.*SPANGLASS_SERVER_TOKEN"):
        ServerConfig(settings_in(tmp_path), host)
    assert ServerConfig(settings_in(tmp_path), host, token=TOKEN).host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_an_address_of_this_machine_alone_does_not(tmp_path: Path, host: str) -> None:
    assert ServerConfig(settings_in(tmp_path), host).token is None


def test_a_token_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has 5 characters and needs 16"):
        ServerConfig(settings_in(tmp_path), token="short")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": f"Bearer {TOKEN}x"},
        {"authorization": f"Bearer {TOKEN[:-1]}"},
        {"authorization": f"Basic {TOKEN}"},
        {"authorization": "Bearer"},
        {"authorization": "Bearer \xff".encode("latin-1")},
        {"cookie": f"spanglass_session={TOKEN}"},
        {"cookie": "spanglass_session="},
    ],
)
def test_without_the_token_both_ports_answer_nothing(guarded: Sidecar, headers: dict[str, Any]) -> None:
    for answer in (
        guarded.get(PATH, headers=headers),
        guarded.get("/metrics", headers=headers),
        guarded.get("/api/openapi.json", headers=headers),
        guarded.http.post(f"{guarded.address.otlp}/v1/traces", content=b"{}", headers={**JSON, **headers}),
    ):
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="spanglass"')
        assert answer.json()["error"]["type"] == "Unauthorized"


def test_with_the_token_both_ports_answer_under_any_name(guarded: Sidecar) -> None:
    assert guarded.get(PATH, headers={**BEARER, "host": "sidecar.internal:8088"}).status_code == 200
    assert guarded.post("/v1/traces", b"{}", {**JSON, **BEARER}).status_code == 200
    assert guarded.get("/healthz").text == "ok\n"
    assert guarded.get("/readyz").text == "ready\n"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8088", 200),
        ("127.0.0.1", 200),
        ("[::1]:8088", 200),
        ("LocalHost", 200),
        ("evil.example", 421),
        ("evil.example:8088", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[::1", 421),
    ],
)
def test_without_a_token_only_the_names_of_this_machine_are_answered(sidecar: Sidecar, host: str, status: int) -> None:
    store_calls(sidecar.settings, [Made()])
    assert sidecar.get(PATH, headers={"host": host}).status_code == status
    assert sidecar.post("/v1/traces", b"{}", {**JSON, "host": host}).status_code == status


def test_a_browser_enters_with_a_form_and_goes_on_where_it_wanted(guarded: Sidecar) -> None:
    base = guarded.address.viewer
    with httpx.Client(base_url=base, headers={"accept": "text/html"}) as browser:
        led = browser.get(f"{PATH}?x=1")
        assert (led.status_code, led.headers["location"]) == (303, f"/login?next={PATH}%3Fx%3D1")
        form = browser.get(led.headers["location"])
        assert (form.status_code, f'value="{PATH}?x=1"' in form.text) == (200, True)
        wrong = browser.post("/login", data={"token": "wrong", "next": PATH})
        assert (wrong.status_code, "set-cookie" in wrong.headers) == (403, False)
        right = browser.post("/login", data={"token": TOKEN, "next": PATH})
        assert (right.status_code, right.headers["location"]) == (303, PATH)
        cookie = right.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert browser.get(PATH).status_code == 200


def test_the_form_looks_like_the_pages_and_opens_nothing_but_what_it_is_made_of(guarded: Sidecar) -> None:
    form = Page(guarded.get("/login").text)
    named = [at.attributes.get("href", at.attributes.get("src", "")) for at in form.elements]
    made_of = [path for path in named if path.startswith("/static/")]
    answers = [guarded.get(path) for path in made_of]
    assert [(answer.status_code, answer.headers["content-type"]) for answer in answers] == [
        (200, "text/css; charset=utf-8"),
        (200, "text/javascript; charset=utf-8"),
    ]
    for path in ("/static/viewer.css", "/static/", "/static/../", f"{made_of[0]}/", f"{made_of[0]}x", "/login/", "/"):
        assert guarded.get(path).status_code == 401, path
    assert guarded.get(made_of[0], headers=BEARER).content == answers[0].content


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:x", "/a\nb", ""],
)
def test_a_form_leads_to_this_server_only(guarded: Sidecar, target: str) -> None:
    answer = guarded.http.post(f"{guarded.address.viewer}/login", data={"token": TOKEN, "next": target})
    location = urlsplit(answer.headers["location"])
    assert (answer.status_code, location.scheme, location.netloc, location.path) == (303, "", "", "/")


def test_what_a_form_is_given_is_escaped_and_bounded(guarded: Sidecar) -> None:
    page = guarded.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>" not in page
    assert guarded.http.post(f"{guarded.address.viewer}/login", data={"token": TOKEN + "x" * 9_000}).status_code == 403


def test_there_is_no_form_where_there_is_no_token(sidecar: Sidecar) -> None:
    assert sidecar.get("/login").status_code == 404


def test_no_answer_may_be_framed_sniffed_cached_or_read_by_another_origin(sidecar: Sidecar) -> None:
    store_calls(sidecar.settings, [Made()])
    origin = {"origin": "https://evil.example"}
    answers = [
        sidecar.get(PATH, headers=origin),
        sidecar.get("/nothing", headers=origin),
        sidecar.get(PATH, headers={"host": "evil.example"}),
        sidecar.http.options(f"{sidecar.address.viewer}{PATH}", headers=origin),
        sidecar.post("/v1/traces", b"{}", {**JSON, **origin}),
    ]
    for answer in answers:
        told = answer.headers
        assert told["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "frame-ancestors 'none'" in told["content-security-policy"]
        assert (told["x-content-type-options"], told["x-frame-options"]) == ("nosniff", "DENY")
        assert (told["referrer-policy"], told["cache-control"]) == ("no-referrer", "no-store")
        assert not [name for name in told if name.startswith("access-control-")]
        assert "server" not in told


def test_what_is_stored_comes_out_as_json_and_never_as_a_page(sidecar: Sidecar) -> None:
    hostile = "<script>alert(1)</script>"
    sidecar.send(traces(span({"gen_ai.system": hostile, "gen_ai.prompt": hostile}, name=hostile)))
    answer = sidecar.get(PATH, headers={"accept": "text/html"})
    assert (answer.headers["content-type"], answer.json()["name"]) == ("application/json", hostile)


def test_a_fault_of_ours_is_counted_and_neither_told_nor_logged_with_its_text(
    sidecar: Sidecar, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        message = "a payload"
        raise ZeroDivisionError(message)

    monkeypatch.setattr("spanglass.read.reader.Reader.fetch", fail)
    answer = sidecar.get(PATH)
    told = {"type": "ZeroDivisionError", "message": "a fault of spanglass itself; its log says where"}
    assert (answer.status_code, answer.json()["error"]) == (500, told)
    assert (guard.faults(), "a payload" in caplog.text) == ({"server.request": 1}, False)
    guard.reset()


def test_a_store_that_only_sends_on_is_none_to_serve(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, store="otlp+http://secret@127.0.0.1:4319")
    with pytest.raises(ConfigurationError, match=r"cannot serve 'otlp\+http://127\.0\.0\.1:4319'.*give it --store"):
        ServerConfig(settings)
