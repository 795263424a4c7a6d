from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import httpx
import pytest

from read.made import SPAN, TRACE, Made, settings_in, store_calls
from server.viewer.markup import Page
from spanglass.model.record import Attempt, Record
from spanglass.server.config import ServerConfig
from spanglass.server.run import serving
from spanglass.server.viewer.copy import PASTED, Bytes, as_curl, as_json, as_python, copies, key_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


KEY = "OPENAI_API_KEY"
TOKEN = "of-the-viewer-itself"
SECRET = "sk-of-whoever-runs-it"
CONTENT = 'it\'s "$HOME" `id` \\ !x é 中\n%s [REDACTED]'
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": CONTENT}], "n": 1.5e300}).encode()


class Received(NamedTuple):
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Echo:
    """A server that keeps what it gets, and gives out one body of its own."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.body = b""
        self.token: str | None = None
        echo = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                echo.received.append(Received(self.command, self.path, headers, body))
                self.answer(b"answered\n")

            def do_GET(self) -> None:
                assert self.headers["authorization"] == (f"Bearer {echo.token}" if echo.token else None)
                self.answer(echo.body)

            def answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keeps the terminal for the tests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def echo() -> Iterator[Echo]:
    found = Echo()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def attempt(url: str, body: bytes = BODY) -> Attempt:
    headers = {
        "Authorization": "[REDACTED]",
        "Content-Type": "application/json",
        "OpenAI-Organization": "o'rg",
        "X-Custom-Token": "a-[REDACTED]-b",
        "User-Agent": "OpenAI/Python",
        "X-Stainless-Lang": "python",
        "Host": "elsewhere",
        "Content-Length": "1",
    }
    return Attempt(1, "POST", f"{url}/v1/chat?key=%5BREDACTED%5D&v={{1..3}}", 0, None, headers, body)


EXPECTED = {
    "authorization": f"Bearer {SECRET}",
    "content-type": "application/json",
    "openai-organization": "o'rg",
    "x-custom-token": f"a-{SECRET}-b",
}


def run(command: list[str], directory: Path) -> str:
    environ = {
        "PATH": os.environ["PATH"],
        KEY: SECRET,
        "HOME": str(directory),
        "SPANGLASS_SERVER_TOKEN": TOKEN,
        "NO_PROXY": "*",
    }
    done = subprocess.run(command, env=environ, cwd=directory, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(echo: Echo) -> tuple[str, str, dict[str, str]]:
    [received] = echo.received
    sent = {name: received.headers[name] for name in EXPECTED}
    assert not {"x-stainless-lang", "openai/python"} & {*received.headers, received.headers["user-agent"].lower()}
    return received.method, received.path, sent


PATH = f"/v1/chat?key={SECRET}&v={{1..3}}"


@pytest.mark.parametrize(("stream", "guarded"), [(False, False), (True, True)])
@pytest.mark.parametrize("body", [BODY, b"x" * (PASTED + 1), b'{"bell": "\x07"}', b"\xff\x00"], ids=len)
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_curl_command_sends_the_very_bytes_with_a_key_of_the_environment(
    echo: Echo, tmp_path: Path, body: bytes, *, stream: bool, guarded: bool
) -> None:
    echo.body, echo.token = body, TOKEN if guarded else None
    text = as_curl(attempt(echo.url, body), KEY, Bytes(f"{echo.url}/body", guarded), stream=stream)
    assert run(["sh", "-c", text], tmp_path) == "answered\n"
    assert arrived(echo) == ("POST", PATH, EXPECTED)
    assert echo.received[0].body == body


@pytest.mark.parametrize(("stream", "guarded"), [(False, False), (True, True)])
@pytest.mark.parametrize("body", [BODY, b"x" * (PASTED + 1), b"plain", b"\xff\x00"], ids=len)
def test_the_python_program_sends_the_same(
    echo: Echo, tmp_path: Path, body: bytes, *, stream: bool, guarded: bool
) -> None:
    echo.body, echo.token = body, TOKEN if guarded else None
    program = tmp_path / "program.py"
    program.write_text(
        as_python(attempt(echo.url, body), KEY, Bytes(f"{echo.url}/body", guarded), stream=stream), encoding="utf-8"
    )
    assert "answered" in run([sys.executable, str(program)], tmp_path)
    method, path, headers = arrived(echo)
    assert (method, path.replace("%7B", "{").replace("%7D", "}"), headers) == ("POST", PATH, EXPECTED)
    sent = echo.received[0].body
    assert (json.loads(sent), json.loads(body)) == (json.loads(body),) * 2 if body == BODY else sent == body


def test_json_is_the_body_laid_out() -> None:
    assert as_json(attempt("", b'{"a":1}')) == '{\n  "a": 1\n}'
    assert as_json(attempt("", b"no json")) == "no json"
    assert as_json(attempt("", b"\xff")) == ""
    assert as_json(attempt("", b"x" * 3_000_001)) == ""


def test_behind_a_token_a_large_body_is_fetched_with_it(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    store_calls(settings, [Made(messages=[{"role": "user", "content": "x" * (PASTED + 1)}])])
    config = ServerConfig(settings, port=0, otlp_port=0, token=TOKEN)
    with serving(config) as address, httpx.Client(base_url=address.viewer, follow_redirects=True) as browser:
        path = f"/spans/{TRACE}/{SPAN}"
        landed = browser.post("/login", data={"token": TOKEN, "next": f"{path}/copy"})
        text = Page(landed.text).text
        assert (landed.status_code, landed.url.path) == (200, f"{path}/copy")
        [asset] = [word for word in landed.text.split('"') if word.endswith(".css")]
        assert browser.get(asset).status_code == 200
    fetched = (
        f"""curl -sf -H 'Authorization: Bearer '"$SPANGLASS_SERVER_TOKEN" {address.viewer}{path}/attempts/1/request |"""
    )
    assert fetched in text


@pytest.mark.parametrize(
    "text", ["\x1b[201~ rm -rf ~", "\u202ereversed"], ids=["an escape sequence", "a turned direction"]
)
def test_what_a_terminal_would_act_on_is_never_pasted(text: str) -> None:
    found = as_curl(attempt("https://host", f'["{text}"]'.encode()), KEY, Bytes("http://viewer/body"))
    assert text not in found
    assert found.startswith("curl -sf http://viewer/body | curl")


def test_a_hostile_url_and_header_stay_one_word(tmp_path: Path) -> None:
    headers = {"Accept": "'; id #\r\nX: y"}
    hostile = replace(attempt("https://host"), url="https://host/$(id)\n;id", request_headers=headers)
    text = as_curl(hostile, KEY, Bytes(""))
    words = run(["sh", "-c", f"set -- {text}\nprintf '%s\\n' \"$@\""], tmp_path).splitlines()
    assert words[4:7] == ["https://host/$(id);id", "-H", "Accept: '; id #X: y"]


def test_a_call_without_a_request_has_nothing_to_copy(client: httpx.Client) -> None:
    assert copies(Record("0" * 32, "0" * 16), Bytes("")) == []
    assert key_name("azure.ai.openai") == "AZURE_OPENAI_API_KEY"


def test_the_page_holds_the_texts_to_select(client: httpx.Client) -> None:
    response = client.get(f"/spans/{'4bf92f3577b34da6a3ce929d0e0e4736'}/{'a2' * 8}/copy")
    found = Page(response.text)
    areas = [element.attributes for element in found.elements if element.tag == "textarea"]
    assert [("readonly" in area, area["aria-labelledby"]) for area in areas] == [
        (True, "curl-title"),
        (True, "python-title"),
        (True, "json-title"),
    ]
    assert """-H 'Authorization: Bearer '"$OPENAI_API_KEY" \\""" in found.text
    assert 'os.environ["OPENAI_API_KEY"]' in found.text
