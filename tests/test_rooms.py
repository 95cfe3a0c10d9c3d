"""What `--room` chooses: what stands on a room, as imports and examples say."""

import pytest

from rooms import ROOMS, SOURCE, TESTS, files_standing_on


def names(room):
    """Return the names of the tests that stand on a room, and the paths of the files of examples."""
    files = files_standing_on(room)
    tests = {path for path in files if path.parent == TESTS}
    return {path.stem for path in tests}, {str(path.relative_to(SOURCE)) for path in files - tests}


@pytest.mark.slow
def test_tests_that_import_a_room_or_one_above_it_stand_on_it():
    tests, _ = names("curvature")
    assert {"test_curvature_quadratic", "test_tracking", "test_estimators"} <= tests
    assert not {"test_layers", "test_losses", "test_schedules"} & tests


def test_public_names_helpers_and_fixtures_are_of_their_rooms():
    assert "test_class_weights" in names("training")[0], "ds.train"
    assert "test_curvature_eigenvalues" in names("layers")[0], "cases"
    assert "test_cli_spectrum" in names("cli")[0], "the fixture `cli`"


def test_examples_are_those_of_the_room_of_what_stands_on_it_and_those_that_use_it():
    _, examples = names("figures")
    assert {"figures/__init__.py", "figures/style/theme.py", "cli/app.py"} <= examples
    assert not {path for path in examples if path.startswith(("core", "layers", "losses"))}
    assert "efficiency/_profile.py" in names("networks")[1]


@pytest.mark.slow
def test_tests_of_the_whole_belong_to_every_room():
    assert all({"test_architecture", "test_front_door"} <= names(room)[0] for room in ROOMS)


def test_everything_that_uses_a_room_stands_on_the_lowest():
    assert names("core")[1] == {str(path.relative_to(SOURCE)) for path in SOURCE.glob("*/**/*.py")}


@pytest.mark.parametrize(
    "room, advice", [("curvatur", "Did you mean `curvature`?"), ("xyz", "The rooms are `adapters`, `cli`,")]
)
def test_an_unknown_room_is_told_the_rooms(room, advice):
    with pytest.raises(pytest.UsageError, match=f"There is no room `{room}`. {advice}".replace("?", r"\?")):
        files_standing_on(room)
