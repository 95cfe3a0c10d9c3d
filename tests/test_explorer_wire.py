"""The wire: closed messages within ranges, and frames byte by byte."""

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from downslope.explorer.protocol import (
    HEADER,
    PATH_COLUMNS,
    Done,
    Frame,
    Kind,
    Problem,
    Row,
    Rows,
    pack_frame,
    parse_request,
    to_json,
    unpack_frame,
)

GOLDEN = json.loads((Path(__file__).parent / "wire_golden.json").read_text(encoding="utf-8"))

GOOD = [
    {"type": "hello", "version": 1},
    {"type": "open", "run": 1, "subject": {"kind": "classic", "name": "ravine"}},
    {"type": "open", "run": 2, "subject": {"kind": "line"}, "plane": {"directions": "axes", "size": 17}},
    {"type": "open", "run": 3, "subject": {"kind": "network", "data": "moons", "hidden": [8, 8], "skip": True}},
    {"type": "slice", "run": 4, "plane": {"directions": "eigen", "span": [1, 0.5], "through": 0}},
    {"type": "start", "id": 3, "a": -1.5, "b": 0, "settings": {"optimizer": "adam", "learning_rate": 1e-3}},
    {"type": "start", "id": 0, "a": 0, "b": 0, "settings": {"schedule": {"kind": "cosine_decay", "steps": 50}}},
    {"type": "play"},
    {"type": "pause"},
    {"type": "step"},
    {"type": "step", "count": 10},
    {"type": "speed", "steps_per_second": 30},
    {"type": "set", "id": None, "learning_rate": 0.5},
    {"type": "remove", "id": 1},
    {"type": "watch", "data": True},
    {"type": "cancel"},
    {"type": "credit", "frames": 1},
    {"type": "code"},
    {"type": "diagnose", "id": 0},
    {"type": "eigenvalue", "id": 0},
]

BAD = [
    "",
    "not json",
    "[]",
    "null",
    '{"type": "play"',
    '{"type": "unknown"}',
    '{"type": "play", "more": 1}',
    '{"type": "hello", "version": 2}',
    '{"type": "open", "run": -1, "subject": {"kind": "line"}}',
    '{"type": "open", "run": 4294967296, "subject": {"kind": "line"}}',
    '{"type": "open", "run": 1, "subject": {"kind": "run", "path": "/etc/passwd"}}',
    '{"type": "open", "run": 1, "subject": {"kind": "network", "data": "../secret"}}',
    '{"type": "open", "run": 1, "subject": {"kind": "network", "data": "moons", "hidden": [257]}}',
    '{"type": "open", "run": 1, "subject": {"kind": "network", "data": "moons", "hidden": [1,1,1,1,1,1,1,1,1]}}',
    '{"type": "open", "run": 1, "subject": {"kind": "network", "data": "moons", "epochs": 201}}',
    '{"type": "slice", "run": 1, "plane": {"size": 16}}',
    '{"type": "slice", "run": 1, "plane": {"size": 100001}}',
    '{"type": "slice", "run": 1, "plane": {"span": [0, 1]}}',
    '{"type": "slice", "run": 1, "plane": {"through": 4}}',
    '{"type": "start", "id": 4, "a": 0, "b": 0}',
    '{"type": "start", "id": 0, "a": NaN, "b": 0}',
    '{"type": "start", "id": 0, "a": 1e999, "b": 0}',
    '{"type": "start", "id": 0, "a": "0", "b": 0}',
    '{"type": "start", "id": 0, "a": 0, "b": 0, "settings": {"learning_rate": -1}}',
    '{"type": "start", "id": 0, "a": 0, "b": 0, "settings": {"momentum": 1}}',
    '{"type": "start", "id": 0, "a": 0, "b": 0, "settings": {"batch_size": 0}}',
    '{"type": "start", "id": 0, "a": 0, "b": 0, "settings": {"optimizer": "__import__"}}',
    '{"type": "speed", "steps_per_second": 0}',
    '{"type": "speed", "steps_per_second": true}',
    '{"type": "set", "learning_rate": 1e9}',
    '{"type": "credit", "frames": 5}',
    '{"type": "credit", "frames": 1.5}',
]


@pytest.mark.parametrize("message", GOOD, ids=str)
def test_messages_survive_the_wire(message):
    request = parse_request(json.dumps(message))
    assert parse_request(request.model_dump_json()) == request
    assert request.type == message["type"]


@pytest.mark.parametrize("text", BAD, ids=str)
def test_whatever_cannot_be_is_refused(text):
    with pytest.raises(ValidationError):
        parse_request(text)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_frames_byte_by_byte(golden):
    values = [[[np.nan if one == "nan" else one for one in row] for row in plane] for plane in golden["values"]]
    fields = {name: golden[name] for name in ("run", "flags", "descent", "layer", "step")}
    frame = Frame(Kind[golden["kind"]], values=np.array(values), **fields)
    data = pack_frame(frame)
    assert data.hex() == golden["hex"]
    back = unpack_frame(data)
    assert back._replace(values=None) == frame._replace(values=None)
    np.testing.assert_array_equal(back.values, np.array(values, np.float32))


def test_headers_are_24_bytes_and_paths_have_these_columns():
    assert HEADER.size == 24
    assert PATH_COLUMNS[:6] == ("step", "a", "b", "loss", "height", "distance")


def test_answers_write_exact_numbers_and_null_for_those_that_are_none():
    row = Row(step=1, epoch=0.1, loss=0.1 + 0.2, gradient_norm=float("inf"), learning_rate=float("nan"))
    answer = json.loads(to_json(Rows(run=1, id=0, rows=(row,))))
    assert answer["rows"] == [
        {"step": 1, "epoch": 0.1, "loss": 0.1 + 0.2, "gradient_norm": None, "learning_rate": None}
    ]
    assert json.loads(to_json(Done(run=1, what="surface")))["type"] == "done"
    assert json.loads(to_json(Problem(field="a", message="no")))["field"] == "a"
