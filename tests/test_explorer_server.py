"""The server under pages that behave badly: memory stays bounded, what they began ends, no thread is left."""

import dataclasses
import json
import threading
import time
from contextlib import suppress

import pytest
from websockets.exceptions import ConnectionClosed

import downslope as ds
from downslope.explorer import listening, serve
from downslope.explorer.protocol import CLASSICS, Kind
from downslope.explorer.server import ServerOptions, running_server
from downslope.explorer.session import Session
from downslope.explorer.subjects import Exhibit
from explorer_page import SocketPage

RAVINE = {"kind": "classic", "name": "ravine"}
SLOW = {"learning_rate": 1e-3, "steps": 1_000_000}


@pytest.fixture
def sessions():
    """Return the sessions that the server began."""
    return []


@pytest.fixture
def options(sessions):
    """Return options of a server that notes its sessions."""

    def noted(*arguments):
        sessions.append(Session(*arguments))
        return sessions[-1]

    return ServerOptions(new_session=noted)


@pytest.fixture
def server(options):
    """Serve; at the end no thread may be left."""
    before = set(threading.enumerate())
    with running_server(Exhibit(), options=options) as ours:
        yield ours
    assert set(threading.enumerate()) <= before


def meet(condition):
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "that never came"
        threading.Event().wait(0.01)


def ours(kind):
    """Return the threads of sessions or of their jobs."""
    return [thread for thread in threading.enumerate() if thread.name == f"downslope explorer {kind}"]


def test_a_page_that_never_reads_costs_nothing(server, sessions):
    with SocketPage(server, draws=False) as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings=SLOW)
        page.say("speed", steps_per_second=100_000)
        page.say("play")
        meet(lambda: sessions[0].outbox.credit == 0)
        descent = sessions[0].exploration.descents[0]
        step = descent.stepper.step
        page.say("eigenvalue", id=0)
        page.until("eigenvalue")
        assert descent.stepper.step <= step + 1
        assert len(sessions[0].screen._points[0]) <= 64
        page.draws = True
        page.say("credit", frames=4)
        page.meet(lambda: page.rows() and page.last()["step"] > step + 10)


@pytest.mark.slow
def test_a_page_that_asks_and_never_reads_is_let_go(options, sessions):
    options = dataclasses.replace(options, unsent_limit=32)
    with running_server(Exhibit(), options=options) as server, SocketPage(server) as page:
        with suppress(ConnectionClosed):  # it may be let go while it still asks
            for _ in range(1000):
                page.send(json.dumps({"type": "hello", "version": 1}))
        meet(lambda: sessions and not ours("session"))
        assert sessions[0]._waiting.qsize() < 300


def test_a_flood_of_requests_is_answered_one_by_one(server):
    with SocketPage(server) as page:
        for number in range(1000):
            page.say("speed", steps_per_second=1.0 + number)
        page.say("hello", version=1)
        page.until("hello")


def test_a_page_that_leaves_on_the_way_ends_what_it_began(server, sessions):
    with SocketPage(server) as page:
        page.open(RAVINE)
        page.say("start", id=0, a=-2.0, b=0.5, settings=SLOW)
        page.say("play")
        page.meet(lambda: page.rows() and page.last()["step"] > 3)
        page.say("slice", run=2, plane={"size": 129})
        page.until("surface", where=lambda one: one["run"] == 2)
        page.socket.socket.close()
    meet(lambda: not ours("session") and not ours("job"))
    step = sessions[0].exploration.descents[0].stepper.step
    assert sessions[0].exploration.descents[0].stepper.step == step
    assert not sessions[0].exploration.cut.complete


def test_twenty_reconnects_leave_nothing_behind(server, sessions, options):
    for number in range(20):
        meet(lambda: len(ours("job")) < options.page_limit // 2)  # of those that left, some may still be ending
        with SocketPage(server) as page:
            page.say("open", run=number, subject=RAVINE, plane={"size": 51})
            page.until("surface")
    meet(lambda: not ours("session") and not ours("job"))
    assert len(sessions) == 20


def test_two_pages_at_once_do_not_disturb_each_other(server):
    with SocketPage(server) as one, SocketPage(server) as other:
        one.open(RAVINE)
        other.open({"kind": "classic", "name": "bowl"})
        for page, rate in ((one, 0.03), (other, 0.2)):
            page.say("start", id=0, a=1.0, b=0.5, settings={"learning_rate": rate, "steps": 20})
        for page in (one, other):
            page.play()
    for page, surface, rate in ((one, ds.surfaces.ravine(), 0.03), (other, ds.surfaces.bowl(), 0.2)):
        path = ds.descend(surface, page.path()[0, 1:3].astype(float), optimizer=ds.sgd(rate), steps=20)
        assert page.last()["loss"] == pytest.approx(path.losses[-1], rel=1e-12)


def test_more_pages_than_there_is_room_for_are_refused(server, options):
    pages = [SocketPage(server) for _ in range(options.page_limit)]
    for page in pages:
        page.__enter__()
        page.say("hello", version=1)
        page.until("hello")
    with pytest.raises(Exception, match="403"), SocketPage(server):
        pass
    for page in pages:
        page.__exit__(None, None, None)
    meet(lambda: not ours("session"))
    with SocketPage(server) as page:
        page.say("hello", version=1)
        page.until("hello")


@pytest.mark.slow
def test_views_of_many_layers_all_arrive_though_credit_is_short(server):
    subject = {"kind": "network", "data": "moons", "hidden": [3, 3, 3, 3], "epochs": 1}
    with SocketPage(server) as page:
        told = page.open(subject)
        page.say("watch", data=True, units=True, signals=True)
        page.say("start", id=0, a=0.1, b=0.1, settings={"learning_rate": 0.1, "batch_size": 32, "steps": 40})
        page.say("play")
        kinds = {Kind.BOUNDARY, Kind.UNITS, Kind.SIGNALS}
        page.until("done", where=lambda one: one["what"] == "descents")
        seen = {kind: [one for one in page.frames if one.kind == kind] for kind in kinds}
        page.meet(lambda: all(any(one.step == 40 for one in page.frames if one.kind == kind) for kind in kinds))
    seen = {kind: [one for one in page.frames if one.kind == kind] for kind in kinds}
    assert len({one.layer for one in seen[Kind.UNITS]}) == 4
    assert seen[Kind.UNITS][0].values.shape == (3, 48, 48)
    assert seen[Kind.BOUNDARY][-1].values.shape == (1, 48, 48)
    assert 0 <= seen[Kind.BOUNDARY][-1].values.min() <= seen[Kind.BOUNDARY][-1].values.max() <= 1
    assert seen[Kind.SIGNALS][-1].values.shape[1] == len(told["layers"])
    assert told["beside"]["kind"] == "points"


def test_the_server_ends_while_a_page_is_at_work():
    before = set(threading.enumerate())
    with serve() as server:
        page = SocketPage(server)
        page.__enter__()
        page.say("open", run=1, subject={"kind": "network", "data": "moons", "epochs": 200})
        page.until("status")
    with suppress(ConnectionClosed):
        while page.recv():
            pass
    assert set(threading.enumerate()) - before <= {page.socket.recv_events_thread}


def test_a_port_that_is_taken_and_one_that_cannot_be():
    taken = listening(0)
    with pytest.raises(ds.SettingError, match="free"), serve(port=taken.getsockname()[1]):
        pass
    taken.close()
    with pytest.raises(ds.SettingError, match="free"), serve(port=70_000):
        pass


def test_the_server_comes_back_at_the_same_address():
    with serve() as first:
        port = int(first.host.rpartition(":")[2])
    with serve(port=port, token=first.token) as again, SocketPage(again) as page:
        assert again.url == first.url
        page.say("hello", version=1)
        assert tuple(page.until("hello")["classics"]) == CLASSICS
