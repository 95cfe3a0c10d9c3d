"""Who may talk to the explorer, and what it takes from them: everything else is refused, and nothing is computed."""

import http.client
import json
import socket
from contextlib import ExitStack, closing
from functools import partial

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import connect

from downslope.explorer.protocol import LONGEST_REQUEST
from downslope.explorer.server import ServerOptions, explorer_app, guard, running_server
from downslope.explorer.session import Session
from downslope.explorer.subjects import Exhibit, open_subject
from explorer_page import SocketPage

RAVINE = {"kind": "classic", "name": "ravine"}


@pytest.fixture(scope="module")
def opened_subjects():
    """Return the subjects that were opened by the server of this module."""
    return []


@pytest.fixture(scope="module")
def server(opened_subjects):
    def noted(subject, exhibit, tell):
        opened_subjects.append(subject)
        return open_subject(subject, exhibit, tell)

    options = ServerOptions(new_session=partial(Session, open_subject=noted))
    with running_server(Exhibit(), options=options) as ours:
        yield ours


@pytest.fixture
def subjects(opened_subjects):
    """Return the subjects that were opened during a test."""
    opened_subjects.clear()
    return opened_subjects


def get(server, path="/", *, host=None, method="GET"):
    """Return the answer to a plain request."""
    line = http.client.HTTPConnection(server.host, timeout=20)
    line.putrequest(method, path, skip_host=True)
    if host != "":
        line.putheader("Host", server.host if host is None else host)
    line.endheaders()
    answer = line.getresponse()
    body = answer.read()
    line.close()
    return answer, body


def alive(server):
    """Return whether the server still answers a page."""
    with SocketPage(server) as page:
        page.say("hello", version=1)
        return page.until("hello")["has_run"] is False


def test_these_are_all_routes():
    app = explorer_app(Exhibit(), port=1, token="secret")  # noqa: S106  (a test's)
    assert isinstance(app, guard.Guard)
    assert [route.path for route in app.app.routes] == ["/", "/favicon.ico", "/ws"]


def test_the_page_is_served_with_a_strict_policy_and_no_secret_in_it(server):
    answer, body = get(server)
    policy = answer.headers["content-security-policy"]
    assert answer.status == 200
    assert policy.startswith(f"default-src 'none'; connect-src ws://{server.host};")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "script-src 'sha256-" in policy
    assert f"connect-src ws://{server.host};" in body.decode()
    assert server.token not in body.decode()
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/ws", "/other", "/../etc/passwd"])
@pytest.mark.parametrize("host", ["", "evil.example", "localhost:80", "127.0.0.1", "127.0.0.1:1"])
def test_requests_for_other_hosts_are_refused_on_every_route(server, path, host):
    answer, body = get(server, path, host=host)
    assert answer.status in (400, 403)
    assert len(body) < 100


@pytest.mark.parametrize("path", ["/index.html", "/static/a.js", "//", "/..", "/ws/x", "/%2e%2e/etc/passwd"])
def test_there_is_nothing_else(server, path):
    assert get(server, path)[0].status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
def test_nothing_can_be_sent_but_over_the_socket(server, method):
    assert get(server, "/", method=method)[0].status in (400, 404, 405)


DOORS = {
    "no origin": {"origin": None},
    "a foreign origin": {"origin": "http://evil.example"},
    "the origin of another port": {"origin": "http://127.0.0.1:1"},
    "the origin over https": {"origin": "https://{host}"},
    "null as origin": {"origin": "null"},
    "no token": {"subprotocols": ["downslope.v1"]},
    "a wrong token": {"subprotocols": ["downslope.v1", "x" * 43]},
    "part of the token": {"subprotocols": ["downslope.v1", "{token:.42}"]},
    "the token alone": {"subprotocols": ["{token}"]},
    "nothing offered": {"subprotocols": None},
    "a foreign host": {"headers": {"Host": "evil.example"}},
    "another path": {"path": "/other"},
}


@pytest.mark.parametrize("door", DOORS)
def test_the_socket_opens_to_our_own_page_with_the_token_alone(server, subjects, door):
    settings = {"origin": "http://{host}", "subprotocols": ["downslope.v1", "{token}"], "path": "/ws"} | DOORS[door]

    def filled(text):
        return text.format(host=server.host, token=server.token)

    words = None if settings["subprotocols"] is None else [filled(word) for word in settings["subprotocols"]]
    origin = None if settings["origin"] is None else filled(settings["origin"])
    url = f"ws://{server.host}{settings['path']}"
    settings = {"origin": origin, "subprotocols": words, "additional_headers": settings.get("headers")}
    with pytest.raises((InvalidStatus, InvalidHandshake)) as refused, connect(url, compression=None, **settings):
        pass
    assert getattr(refused.value, "response", None) is None or refused.value.response.status_code in (400, 403, 404)
    assert alive(server)
    assert subjects == []


BAD = [
    "",
    "{",
    "[" * 8000,
    '{"type": "open"}',
    '{"type": "_work"}',
    '{"type": "hello", "version": 2}',
    b"\x80\x04\x95",
    json.dumps({"type": "open", "run": 1, "subject": {"kind": "run", "path": "/etc/passwd"}}),
    json.dumps({"type": "open", "run": 1, "subject": {"kind": "network", "data": "/etc/passwd"}}),
    json.dumps({"type": "open", "run": 1, "subject": {"kind": "network", "data": "moons", "hidden": [10**9]}}),
    json.dumps({"type": "open", "run": 1, "subject": {"kind": "network", "data": "moons", "epochs": 10**6}}),
    json.dumps({"type": "open", "run": 1, "subject": RAVINE, "plane": {"size": 10_001}}),
    json.dumps({"type": "open", "run": 1, "subject": RAVINE, "plane": {"span": [1e300, 1]}}),
    json.dumps({"type": "open", "run": -1, "subject": RAVINE}),
    json.dumps({"type": "start", "id": 4, "a": 0, "b": 0}),
    json.dumps({"type": "start", "id": 0, "a": 1e300, "b": 0}),
    '{"type": "start", "id": 0, "a": NaN, "b": 0}',
    json.dumps({"type": "start", "id": 0, "a": 0, "b": 0, "settings": {"steps": 10**9}}),
    json.dumps({"type": "step", "count": 10_001}),
    json.dumps({"type": "speed", "steps_per_second": 1e300}),
]


def test_malformed_messages_and_numbers_out_of_range_are_refused_one_by_one(server, subjects):
    with SocketPage(server) as page:
        for text in BAD:
            page.send(text)
            told = page.until("error")
            assert told["message"]
            assert len(told["message"]) < 500
            assert "Something went wrong" not in told["message"]
        page.say("hello", version=1)
        assert page.until("hello")
    assert subjects == []


NOT_YET = [
    {"type": "start", "id": 0, "a": 0, "b": 0},
    {"type": "slice", "run": 1, "plane": {}},
    {"type": "step"},
    {"type": "set", "learning_rate": 1.0},
    {"type": "remove"},
    {"type": "code"},
    {"type": "diagnose", "id": 0},
    {"type": "eigenvalue", "id": 0},
]


def test_what_needs_a_surface_is_refused_before_there_is_one(server, subjects):
    with SocketPage(server) as page:
        for request in NOT_YET:
            page.send(json.dumps(request))
            assert "Open a subject first" in page.until("error")["message"]
        for request in ({"type": "play"}, {"type": "pause"}, {"type": "cancel"}):
            page.send(json.dumps(request))
            page.until("status")
        for request in ({"type": "watch", "data": True}, {"type": "credit", "frames": 1}):
            page.send(json.dumps(request))
        page.say("open", run=1, subject={"kind": "run"})
        assert "started without a run" in page.until("error")["message"]
        page.say("hello", version=1)
        page.until("hello")
    assert [subject.kind for subject in subjects] == ["run"]


def test_oversized_messages_end_the_connection_and_nothing_else(server, subjects):
    with SocketPage(server) as page:
        page.send(json.dumps({"type": "hello", "version": 1, "more": "x" * LONGEST_REQUEST}))
        with pytest.raises(ConnectionClosed) as ended:
            page.recv()
        assert ended.value.rcvd.code == 1009
    assert alive(server)
    assert subjects == []


HALF = {
    "nothing": "",
    "half a request line": "GET /",
    "half the headers": "GET / HTTP/1.1\r\nHost: {host}\r\nAccept",
    "half a body": "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\nab",
    "half a chunk": "POST / HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nab",
    "half a second request": "GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\nGET / HT",
    "half a handshake": "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    "a handshake without the token": "GET /ws HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
}


def half_open(server, text):
    """Return a connection on which a request was begun."""
    line = socket.create_connection(server.host.split(":"), timeout=30)
    line.sendall(text.format(host=server.host).encode())
    return line


def is_ended(line):
    """Wait until the other end has ended a connection, and return that it has; a timeout raises."""
    try:
        while line.recv(65_536):
            pass
    except ConnectionError:
        pass
    return True


@pytest.fixture(scope="module")
def impatient_server():
    with running_server(Exhibit(), options=ServerOptions(patience=0.05)) as ours:
        yield ours


@pytest.mark.parametrize("text", HALF.values(), ids=HALF)
def test_f13_half_a_request_is_ended_in_time_and_pages_stay(impatient_server, text):
    with SocketPage(impatient_server) as page:
        page.say("hello", version=1)
        page.until("hello")
        with closing(half_open(impatient_server, text)) as line:
            assert is_ended(line)
        page.say("hello", version=1)
        assert page.until("hello")


def test_f13_a_page_that_nobody_reads_is_not_sent_for_ever(impatient_server):
    with closing(half_open(impatient_server, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n" * 40)) as line:
        with closing(half_open(impatient_server, "GET")) as later:
            assert is_ended(later)
        received = 0
        with pytest.raises(ConnectionError):  # noqa: PT012  (it is reset at some piece)
            while piece := line.recv(65_536):
                received += len(piece)
            raise ConnectionResetError
    assert received < 40 * len(get(impatient_server)[1])


def test_f13_many_half_open_connections_neither_gather_nor_keep_a_page_out():
    with running_server(Exhibit(), options=ServerOptions(visitor_limit=3)) as server, ExitStack() as opened:
        lines = [opened.enter_context(closing(half_open(server, "GET /"))) for _ in range(8)]
        assert get(server)[0].status == 200
        assert all(is_ended(line) for line in lines[:5])
        assert alive(server)
