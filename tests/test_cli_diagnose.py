"""`downslope diagnose`: a run's folder in, answers, findings and a page out."""

import json
import re
import shlex

import pytest

import downslope as ds
from downslope.cli.app import command
from downslope.cli.output import in_command_words
from downslope.cli.output.face import CommandFace, using_face
from downslope.core import SettingError
from downslope.diagnosis.remedies.pasted import in_words
from spoken import false_words

TRAIN = ("train", "iris", "--network", "4", "--normalize", "none", "--optimizer", "sgd", "--epochs", "3", "--store")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_command):
    """A run that was trained from the command line."""
    path = tmp_path_factory.mktemp("diagnose") / "run"
    assert run_command([*TRAIN, str(path)]) == 0
    return path


@pytest.mark.slow
def test_the_three_questions_are_answered(cli, folder):
    code, out, err = cli("diagnose", folder)
    assert code == 0, err
    places = [out.index(question) for question in ("Are we stuck?", "How fast does this converge", "Which start is")]
    assert places == sorted(places)
    assert "Measuring: eigenvalues of the Hessian" in err


@pytest.mark.slow
def test_verified_fixes_for_programs(cli, folder):
    code, out, err = cli("diagnose", folder, "--verify", "--json")
    assert code == 0, err
    report = json.loads(out, parse_constant=pytest.fail)
    assert {"run", "verdict", "stuck", "speed", "start", "findings", "trials"} == set(report)
    assert report["trials"]
    for trial in report["trials"]:
        assert len(trial["without"]) == len(trial["with_fix"]) == len(trial["seeds"]) == 12
        assert trial["code"] in {finding["code"] for finding in report["findings"]}


@pytest.mark.slow
def test_the_page_holds_everything_and_asks_for_nothing(cli, folder, tmp_path):
    code, _, err = cli("diagnose", folder, "--html", "report.html")
    assert code == 0, err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("<img alt=") == page.count("<figcaption>") >= 4
    assert not re.search(r"<script|(src|href)=\"(?!data:)", page)
    assert "$" not in page
    assert "Are we stuck?" in page
    assert not false_words("diagnose", re.sub(r"<[^>]*>", "", page.partition("<body>")[2]))


def test_mistakes_end_in_one_line(cli, folder, tmp_path):
    for words, said in (
        (("diagnose", "nowhere"), "there is nothing at nowhere"),
        (("diagnose", folder, "--html", "report.pdf"), "must end in .html or .htm"),
        (("diagnose", folder, "rows.csv"), "not from a file"),
        (("diagnose", folder, "--starts", "many"), "a whole number, 0 or more, or 'auto'"),
        (("diagnose", folder, "--starts", "-2"), "--starts must be a whole number, 0 or more, got -2"),
    ):
        code, out, err = cli(*words)
        assert (code, out) == (2, ""), err
        assert said in err
        assert len(err.splitlines()) == 1


def test_auto_starts_are_taken_as_their_refusal_says(cli, folder, monkeypatch):
    taken = []

    def taking(run, **settings):
        taken.append(settings["starts"])
        raise SettingError("Enough.")

    monkeypatch.setattr("downslope.diagnosis.diagnose", taking)
    for words in ([], ["--starts", "auto"], ["--starts", "3"], ["--quick", "--starts", "auto"]):
        assert cli("diagnose", folder, *words)[0] == 2
    assert taken == ["auto", "auto", 3, 0]


@pytest.mark.slow
def test_the_remedy_table_comes_with_it_where_it_is_asked_for(cli, folder):
    code, out, err = cli("diagnose", folder, "--remedies", "--json")
    assert code == 0, err
    report = json.loads(out, parse_constant=pytest.fail)
    assert report["remedies"][0]["remedy"] == "as it is"
    assert report["answer"]


NET = ds.mlp([8, 8], outputs=3)
CHANGES = {
    "rate": {"optimizer": ds.adam(0.02)},
    "steps": {"optimizer": ds.sgd(ds.schedules.step_decay(0.1, 0.5, every=7), momentum=0.9)},
    "cosine": {"optimizer": ds.adam(ds.schedules.cosine_decay(0.1, 20))},
    "decay": {"optimizer": ds.optimizers.decoupled_weight_decay(0.1, ds.adam(0.01))},
    "epochs": {"epochs": 2, "batch_size": 16},
    "narrower": {"net": ds.mlp([4, 4], outputs=3), "start": None},
    "linear": {"net": ds.mlp([], outputs=3), "start": None},
    "dropout": {"net": ds.mlp([8, 8], outputs=3, dropout=0.2), "start": None},
    "norm": {"net": ds.mlp([8, 8], outputs=3, norm="layer"), "start": None, "epochs": 1},
    "activation": {"net": ds.mlp([8, 8], outputs=3, activation="tanh"), "start": None},
    "start": {"net": ds.mlp([8, 8], outputs=3, initializer="he_normal"), "start": None},
    "classes": {"class_weight": "balanced"},
    "inputs": {"normalize": "standard"},
    "order": {"order": "shuffle_once"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGES)
def test_a_verified_change_is_printed_as_options_that_can_be_pasted(cli, name):
    with using_face(CommandFace(command().commands, "diagnose")):
        printed = in_command_words(in_words(CHANGES[name], NET, steps=20))
    options, _, remark = printed.partition(" (options of downslope train)")
    assert options.startswith("--"), printed
    assert not remark
    code, _, err = cli("train", "iris", "--network", "8,8", "--epochs", "1", *shlex.split(options), "--store", "run")
    assert code == 0, err
    recipe = ds.open_run("run").with_data().recipe
    changed = {setting: value for setting, value in CHANGES[name].items() if setting != "start"}
    assert repr(changed.pop("net", recipe.net)) == repr(recipe.net)
    rule = changed.pop("optimizer", recipe.settings.optimizer)
    assert rule.maker is recipe.settings.optimizer.maker
    assert {setting: recipe.settings[setting] for setting in changed} == changed
