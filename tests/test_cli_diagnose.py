"""`downslope diagnose`: a run's folder in, answers, findings and a page out."""

import json
import re

import pytest

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
    ):
        code, out, err = cli(*words)
        assert (code, out) == (2, ""), err
        assert said in err
        assert len(err.splitlines()) == 1


@pytest.mark.slow
def test_the_remedy_table_comes_with_it_where_it_is_asked_for(cli, folder):
    code, out, err = cli("diagnose", folder, "--remedies", "--json")
    assert code == 0, err
    report = json.loads(out, parse_constant=pytest.fail)
    assert report["remedies"][0]["remedy"] == "as it is"
    assert report["answer"]
