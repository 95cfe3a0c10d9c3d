"""The output of commands: text, JSON, figures and folders, in the words of the command."""

from downslope.cli.output.command_line import command_line, train_command
from downslope.cli.output.face import CommandFace, current_face, in_command_words, using_face
from downslope.cli.output.figure import check_figure, check_file, draw_into
from downslope.cli.output.printing import (
    counted,
    described,
    print_json,
    print_lines,
    print_rows,
    print_text,
    say,
    score_lines,
    score_text,
    shown_progress,
    without_warnings,
)
from downslope.cli.output.result import show_result, split_of
from downslope.cli.output.run_folder import leave_if_ended, run_folder
from downslope.cli.output.tensorboard import observers, viewing_hint

__all__ = [
    "CommandFace",
    "check_figure",
    "check_file",
    "command_line",
    "counted",
    "current_face",
    "described",
    "draw_into",
    "in_command_words",
    "leave_if_ended",
    "observers",
    "print_json",
    "print_lines",
    "print_rows",
    "print_text",
    "run_folder",
    "say",
    "score_lines",
    "score_text",
    "show_result",
    "shown_progress",
    "split_of",
    "train_command",
    "using_face",
    "viewing_hint",
    "without_warnings",
]
