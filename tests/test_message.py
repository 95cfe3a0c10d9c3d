"""Messages: each face words settings, functions and advice for itself, and Python's words are the string."""

import copy
import json
import math
from pathlib import Path

import pytest

import downslope as ds
from downslope.cli.app import command
from downslope.cli.output import CommandFace
from downslope.cli.parse import optimizer_of, options_of
from downslope.core import (
    Advice,
    DownslopeError,
    Function,
    Message,
    Setting,
    SettingError,
    UnknownNameError,
    Values,
    worded,
)
from downslope.diagnosis.starts.findings import KEEP_SIZE, NORMALIZE
from downslope.explorer.session import PAGE
from downslope.training import Divergence
from spoken import false_words, unstructured

BATCH = Message(Setting("batch_size"), "must be 1 or more, got 0.", Advice("try {}", batch_size=32))
VALIDATION = Message("No rows.", Advice("hold some out", validation=0.2), Advice("leave it off"))
MESSAGES = {
    BATCH: (
        "`batch_size` must be 1 or more, got 0. Try batch_size=32.",
        "--batch-size must be 1 or more, got 0. Try --batch-size 32.",
        "The batch size must be 1 or more, got 0. Try --batch-size 32 (options of downslope train).",
        "The batch size must be 1 or more, got 0.",
    ),
    VALIDATION: (
        "No rows. Hold some out (validation=0.2), or leave it off.",
        "No rows. Hold some out (--validation 0.2), or leave it off.",
        "No rows. Hold some out (--validation 0.2), or leave it off (options of downslope train).",
        "No rows. Hold some out, or leave it off.",
    ),
    NORMALIZE: (
        "Normalize the inputs: normalize='standard'.",
        "Normalize the inputs: --normalize standard.",
        "Normalize the inputs: --normalize standard (options of downslope train).",
        "Normalize the inputs.",
    ),
    Message(*KEEP_SIZE): (
        "Put layer norm before the activations (ds.LayerNorm()), put batch norm there (ds.BatchNorm()), or lead skips "
        "around the layers (ds.mlp(…, skip=True)).",
        "Put layer norm before the activations (--norm layer), put batch norm there (--norm batch), or lead skips "
        "around the layers (--skip).",
        "Put layer norm before the activations (--norm layer), put batch norm there (--norm batch), or lead skips "
        "around the layers (--skip) (options of downslope train).",
        "Put layer norm before the activations, put batch norm there, or lead skips around the layers.",
    ),
    Message("Go on with", Function("resume"), ", or draw", Setting("x"), "again."): (
        "Go on with `resume`, or draw `x` again.",
        "Go on with downslope resume, or draw rows again.",
        "Go on with downslope resume, or draw rows again.",
        "Go on with Python's resume, or draw x again.",
    ),
    Message(Advice("judge by {}", metrics=["balanced_accuracy"]), Advice("name the target", target=...)): (
        "Judge by metrics=['balanced_accuracy'], or name the target (target=…).",
        "Judge by --metric balanced_accuracy, or name the target (--target TARGET).",
        "Judge by --metric balanced_accuracy, or name the target (--target TARGET) (options of downslope train).",
        "Name the target.",
    ),
    Message(Advice("use momentum:", optimizer=ds.clip(1.0, ds.sgd(1.0, momentum=0.9)))): (
        "Use momentum: optimizer=clip(1.0, sgd(1.0, momentum=0.9)).",
        "Use momentum: --optimizer sgd --learning-rate 1 --momentum 0.9 --clip 1.",
        "Use momentum: --optimizer sgd --learning-rate 1 --momentum 0.9 --clip 1 (options of downslope train).",
        "Use momentum.",
    ),
    Message(Advice("use momentum:", optimizer=ds.adam(1.0, b1=0.5))): (
        "Use momentum: optimizer=adam(1.0, b1=0.5).",
        *["Use momentum."] * 3,
    ),
    Message(Advice("widen it:", code="ds.mlp([8, 8], …)", network=[8, 8]), Advice("keep the data", normalize=None)): (
        "Widen it: ds.mlp([8, 8], …), or keep the data (normalize=None).",
        "Widen it: --network 8,8, or keep the data.",
        "Widen it: --network 8,8, or keep the data (options of downslope train).",
        "Widen it, or keep the data.",
    ),
    Message(Values({"normalize": "standard"}), "helps,", Message(Setting("metrics"), "say so.")): (
        "normalize='standard' helps, `metrics` say so.",
        "--normalize standard helps, --metric say so.",
        "--normalize standard (options of downslope train) helps, metrics say so.",
        "normalize standard helps, metrics say so.",
    ),
    Message(Message(Advice("weigh rows")), Advice("stop early:", early_stopping=10)): (
        "Weigh rows. Stop early: early_stopping=10.",
        "Weigh rows. Stop early: --early-stopping 10.",
        "Weigh rows. Stop early: --early-stopping 10 (options of downslope train).",
        "Weigh rows. Stop early.",
    ),
}


def face(name):
    return CommandFace(command().commands, name)


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_each_face_has_its_own_words(message):
    python, train, diagnose, page = MESSAGES[message]
    assert message == python
    assert worded(message, face("train")) == train
    assert worded(message, face("diagnose")) == diagnose
    assert worded(message, PAGE) == page


@pytest.mark.parametrize("name", command().commands)
@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_no_command_names_what_it_lacks(message, name):
    assert not false_words(name, worded(message, face(name)))


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_a_message_survives_copies_and_files(message):
    same = copy.deepcopy(message)
    assert (same, same.advice) == (message, message.advice)
    if "optimizer" not in message:
        again = Message.from_json(json.loads(json.dumps(message.as_json(), default=str)))
        if "…" not in message:
            assert again.text(face("train")) == message.text(face("train"))


def test_plain_text_is_a_message_of_one_piece():
    assert Message.from_json("Lower the rate.").pieces == ("Lower the rate.",)
    assert worded("Lower the rate.", PAGE) == "Lower the rate."


def test_a_divergence_is_read_as_it_was_written_and_as_earlier_versions_wrote_it():
    remedy = Message(Advice("try {}", batch_size=64), Advice("clip the gradient", code="ds.clip(1.0, …)", clip=1))
    divergence = Divergence(step=3, epoch=0, loss=math.inf, norm=2.0, cause="The rate is too large.", remedy=remedy)
    written = json.loads(json.dumps(divergence.as_json()))
    again = Divergence.from_json(written)
    assert (str(again), again.loss, again.remedy.advice) == (str(divergence), math.inf, remedy.advice)
    earlier = Divergence.from_json({**written, "remedy": "Lower it (normalize='standard')."})
    assert str(earlier).endswith("The rate is too large. Lower it (normalize='standard').")


def test_lines_and_paragraphs_keep_their_pieces():
    joined = Message.paragraphs(["one", "", Message.lines(["", "  two:", NORMALIZE])])
    assert joined == "one\n\n\n  two:\nNormalize the inputs: normalize='standard'."
    assert joined.text(PAGE) == "one\n\n\n  two:\nNormalize the inputs."
    assert [advice.settings for advice in joined.advice] == [{"normalize": "standard"}]


@pytest.mark.parametrize(
    "error",
    [
        SettingError(Setting("low"), "must be at most", Setting("high"), ", got 2 and 1."),
        SettingError("Batch norm needs 2 rows.", Advice("use layer norm", norm="layer"), setting="batch_size"),
        UnknownNameError("loss", "hing", ["hinge"]),
        ds.RunError("There is none.", Message("Make one with", Function("train"), ".")),
    ],
    ids=str,
)
def test_an_error_carries_its_message_to_other_processes(error):
    again = copy.deepcopy(error)  # by what pickle asks of it
    assert isinstance(again, DownslopeError)
    assert type(again) is type(error)
    assert str(again) == str(error) == str(error.message)
    assert again.__dict__ == error.__dict__
    assert again.message.text(face("train")) == error.message.text(face("train"))


def test_an_error_is_about_the_first_setting_that_it_names():
    assert SettingError(Setting("low"), "must be at most", Setting("high"), ".").setting == "low"
    assert SettingError("Too few rows.", setting="validation").setting == "validation"
    assert SettingError("Too few rows.").setting is None


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9},
        {"optimizer": "adamw", "learning_rate": 0.01, "momentum": None, "weight_decay": 0.1, "clip": 2.0},
        {"optimizer": "adam", "learning_rate": 0.01, "momentum": None, "weight_decay": 0.1},
    ],
    ids=str,
)
def test_the_options_of_an_optimizer_make_it_again(settings):
    made = optimizer_of(schedule="constant", steps=10, **settings)
    options = options_of(made)
    again = optimizer_of(**{"momentum": None, **options}, schedule="constant", steps=10)
    assert repr(again) == repr(made)


@pytest.mark.parametrize(
    "optimizer",
    [
        ds.sgd(0.1, nesterov=True, momentum=0.9),
        ds.adam(ds.schedules.cosine_decay(0.1, 10)),
        ds.decoupled_weight_decay(0.1, ds.sgd(0.1)),  # whose option is the decay in the gradient
    ],
    ids=repr,
)
def test_what_options_cannot_make_has_none(optimizer):
    assert options_of(optimizer) is None


SOURCES = sorted(Path(ds.__file__).parent.rglob("*.py"))
ALLOWED = {"_movies.py"}
"""What has the name of another program's package in it."""


@pytest.mark.parametrize("room", sorted({path.relative_to(SOURCES[0].parent).parts[0] for path in SOURCES} - {"cli"}))
def test_what_only_one_face_could_say_is_structured(room):
    paths = [path for path in SOURCES if room in path.parts and path.name not in ALLOWED]
    assert not {path.name: found for path in paths if (found := unstructured(path.read_text("utf-8")))}


def test_advice_is_listed_in_the_order_in_which_it_is_given():
    message = Message(Message(Advice("weigh rows", class_weight="balanced")), Advice("judge by {}", metrics=["f1"]))
    assert [advice.settings for advice in message.advice] == [{"class_weight": "balanced"}, {"metrics": ["f1"]}]


@pytest.mark.parametrize("name", ["train", "diagnose"])
def test_what_a_setting_is_called_needs_no_article(name):
    """Where it is no option it is a noun, which "a" or "the" would have to suit."""
    assert face(name).name("no_option", first=False) == "no option"
    assert face(name).name("no_option", first=True) == "The no option"
