"""Option groups: what typer sees of them, what a command gets, and how they lead to the settings of a training."""

import inspect
from dataclasses import dataclass, fields
from typing import Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from downslope.cli.commands.find_lr import SearchedOptimizerOptions, SearchOptions
from downslope.cli.commands.sweep import CommonNetworkOptions, CommonOptimizerOptions, CommonTrainingOptions
from downslope.cli.options import LossOptions, TrainingOptions, changed_options, expanded, options_in, reader
from downslope.training import TrainingSettings


@dataclass(frozen=True)
class Group:
    """Some options."""

    rate: Annotated[float | Literal["auto"], typer.Option(parser=reader(float, "a number", auto="auto"))] = 0.1
    order: Annotated[str, typer.Option(help="The order of rows.")] = "shuffle"
    size: Annotated[int, typer.Option()] = 32


@dataclass(frozen=True)
class Part(Group):
    """Without the rate, and with another order."""

    rate: float = 0.5
    order: Annotated[str, typer.Option(help="Another order.")] = "sequential"


@pytest.fixture
def command():
    """Return a command that prints what it gets, as typer takes it."""

    def show(source: str, group: Group, count: int = 1) -> None:
        """Show it."""
        typer.echo(f"{source} {group} {count}")

    return expanded(show)


def test_a_group_is_its_options_in_order(command):
    parameters = inspect.signature(command).parameters
    assert list(parameters) == ["source", "rate", "order", "size", "count"]
    assert [parameter.default for parameter in parameters.values()] == [inspect.Parameter.empty, 0.1, "shuffle", 32, 1]


@pytest.mark.parametrize(
    "words, shown",
    [
        (("a",), f"a {Group()} 1"),
        (("a", "--rate", "auto", "--size", "8", "--count", "2"), f"a {Group(rate='auto', size=8)} 2"),
        (("a", "--rate", "2", "--order", "x"), f"a {Group(rate=2.0, order='x')} 1"),
    ],
)
def test_a_command_gets_the_group_whole(command, words, shown):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, words)
    assert (result.exit_code, result.output) == (0, f"{shown}\n")


def test_a_command_may_leave_an_option_out_or_give_it_another_default():
    def show(group: Part) -> None:
        assert (group.rate, group.order, group.size) == (0.5, "x", 32)

    command = expanded(show)
    options = inspect.signature(command).parameters
    assert {name: option.default for name, option in options.items()} == {"order": "sequential", "size": 32}
    assert options["order"].annotation.__metadata__[0].help == "Another order."
    command(order="x", size=32)


def test_two_groups_with_one_name_are_refused():
    def show(group: Group, part: Part) -> None: ...

    with pytest.raises(ValueError, match="duplicate parameter name"):
        expanded(show)


def test_only_what_differs_from_the_defaults_has_changed():
    assert changed_options(Part(rate=9.0, size=8)) == {"size": 8}
    assert changed_options(LossOptions()) == {}


def test_options_of_a_training_are_settings_of_one():
    names = {field.name for field in fields(TrainingOptions)}
    assert names - {"early_stopping_metric", "min_delta"} <= set(TrainingSettings())  # those two are of EarlyStopping
    assert names == set(options_in(TrainingOptions))


@pytest.mark.parametrize(
    "group",
    [SearchedOptimizerOptions, SearchOptions, CommonNetworkOptions, CommonOptimizerOptions, CommonTrainingOptions],
)
def test_a_command_that_advises_training_has_the_defaults_of_training(group):
    usual = {name: option.default for name, option in options_in(group.__base__).items()}
    assert all(option.default == usual[name] for name, option in options_in(group).items())
