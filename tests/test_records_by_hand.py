"""Files of a run that somebody changed by hand: whoever opens the run says so in one sentence."""

import hashlib
import json
import shutil
import zlib

import pytest

import downslope as ds
from downslope.core import DamagedRunError, DownslopeError, RunError
from downslope.training import goes_on_after

NESTED: list = []
for _ in range(300):
    NESTED = [NESTED]

STRANGE = {
    "missing": ...,
    "null": None,
    "a word": "wrong",
    "a number": 7,
    "a huge number": 10**400,
    "a negative number": -3,
    "nan": float("nan"),
    "a list": [[], "x"],
    "an object": {"kind": "layers.Dense", "units": "many"},
    "nesting": NESTED,
    "steering": "\x1b[2J\u202e",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two small runs, one of restarts."""
    folder = tmp_path_factory.mktemp("runs")
    settings = {"epochs": 2, "validation": 0.2, "normalize": "standard", "progress": False}
    ds.train(ds.mlp([2], outputs=3), ds.load("iris"), store=folder / "plain", metrics=["accuracy"], **settings)
    ds.train(ds.mlp([2], outputs=3), ds.load("iris"), store=folder / "restarts", restarts=2, **settings)
    return folder


@pytest.fixture
def run(runs, tmp_path):
    """Return the folder of a run of one's own."""
    return shutil.copytree(runs / "plain", tmp_path / "run")


def leaves(content, path=()):
    """Return the paths to all values within content, inner ones first."""
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    inner = [leaf for key, value in items for leaf in leaves(value, (*path, key))]
    return [*inner, path] if path else inner


def changed(content, path, value):
    """Return content with another value at a path, or without one."""
    copy = json.loads(json.dumps(content))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copy


def write_record(folder, content, *, digest=None):
    """Write a record with a digest that fits."""
    content = {name: value for name, value in content.items() if name != "digest"}
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    own = hashlib.sha256(canonical.encode()).hexdigest()
    (folder / "run.json").write_text(json.dumps(content | {"digest": digest or own}), encoding="utf-8")


def openings(folder, other):
    """Return all that opens a run."""
    return {
        "open_run": lambda: ds.open_run(folder).with_data(),
        "goes_on_after": lambda: goes_on_after(folder, epochs=5),
        "resume": lambda: ds.resume(folder, progress=False),
        "compare": lambda: str(ds.compare([folder, other])),
    }


def unexplained(actions):
    """Return what ended in an error that is none of ours."""
    found = {}
    for name, action in actions.items():
        try:
            action()
        except DownslopeError as error:
            if not str(error).replace("\n", "").isprintable():
                found[name] = str(error)
        except Exception as error:  # it is what is looked for
            found[name] = repr(error)
    return found


FILES = {
    "nothing": "",
    "no object": "[]",
    "a number": "3",
    "null": "null",
    "half": '{"schema_version": 1, "configur',
    "nesting": "[" * 100_000,
    "nesting within": '{"digest": "x", "data": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "half a pair": '{"digest": "x", "data": "\\ud800"}',
    "a huge number": '{"digest": "x", "seed": ' + "9" * 10_000 + "}",
    "not UTF-8": b"\xff\xfe{}",
    "another program's": '{"name": "package", "digest": []}',
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_f11_a_record_that_is_none_is_one_sentence(run, runs, content):
    (run / "run.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DamagedRunError, match="is damaged"):
        ds.open_run(run)
    assert unexplained(openings(run, runs / "restarts")) == {}


@pytest.mark.parametrize("version", [0, -1, None, "1", 2.5, True, [1], 10**30, 99])
def test_f11_a_record_of_another_layout_is_one_sentence(run, version):
    content = json.loads((run / "run.json").read_text())
    write_record(run, content | {"schema_version": version, "versions": ["?"]})
    with pytest.raises(RunError, match=r"damaged|layout"):
        ds.open_run(run)


@pytest.mark.slow
@pytest.mark.parametrize("kind", STRANGE)
@pytest.mark.parametrize("name", ["plain", "restarts"])
def test_f11_no_value_of_a_record_ends_in_an_error_of_pythons(runs, tmp_path, name, kind):
    content = json.loads((runs / name / "run.json").read_text())
    del content["digest"]
    folder = shutil.copytree(runs / name, tmp_path / "run")
    found = {}
    for path in leaves(content):
        try:
            write_record(folder, changed(content, path, STRANGE[kind]))
        except (ValueError, RecursionError):
            continue  # no record can say so
        own = openings(folder, runs / "plain")
        own.pop("resume")
        errors = unexplained(own)
        found |= {".".join(map(str, path)): errors} if errors else {}
    assert found == {}


@pytest.mark.parametrize("kind", STRANGE)
def test_f11_no_line_of_metrics_ends_in_an_error_of_pythons(run, runs, kind):
    file = run / "metrics.jsonl"
    line = json.loads(file.read_text().splitlines()[0])
    found = {}
    for name in (*line, "new"):
        if STRANGE[kind] is ... and name == "new":
            continue
        values = changed(line | {"new": 1}, (name,), STRANGE[kind])
        if name != "crc32":
            values.pop("crc32")
            values["crc32"] = zlib.crc32(json.dumps(values).encode())
        file.write_text(json.dumps(values) + "\n" + json.dumps(values) + "\n")
        errors = unexplained(openings(run, runs / "restarts"))
        found |= {name: errors} if errors else {}
    assert found == {}


@pytest.mark.parametrize("name", ["last", "best", "previous"])
def test_f11_no_header_of_a_checkpoint_ends_in_an_error_of_pythons(run, runs, name):
    file = run / "checkpoints" / f"{name}.safetensors"
    whole = (runs / "plain" / "checkpoints" / f"{name}.safetensors").read_bytes()
    found = {}
    for at in [*range(9), *range(9, min(len(whole), 600), 23)]:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        errors = unexplained({"open_run": lambda: ds.open_run(run), "goes_on_after": lambda: goes_on_after(run)})
        found |= {at: errors} if errors else {}
    for at in (0, 5, 8, 100, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:at])
        errors = unexplained({"open_run": lambda: ds.open_run(run)})
        found |= {f"cut at {at}": errors} if errors else {}
    assert found == {}
