"""Bad input on the command line: one sentence on stderr, nothing on stdout, exit code 2, no traceback."""

import json
from pathlib import Path

import numpy as np
import pytest
import typer

import downslope as ds
from downslope.cli.app import command
from spoken import false_words

GOOD = "size,rooms,price\n" + "".join(f"{30 + i},{i % 5 + 1},{100.5 + 3 * i}\n" for i in range(30))
FILES = {
    "houses.csv": GOOD,
    "empty.csv": "",
    "header.csv": "size,rooms,price\n",
    "text.csv": GOOD + "many,2,10\n",
    "one_class.csv": "size,kind\n" + "".join(f"{i},red\n" for i in range(20)),
    "nan_target.csv": GOOD + "30,2,\n",
    "classes.csv": "size,kind\n" + "".join(f"{i},{'red' if i % 2 else 'blue'}\n" for i in range(40)),
    "other_classes.csv": "size,kind\n1,green\n2,red\n",
    "lacking.csv": "size,price\n30,100\n",
    "stray.csv": "size,rooms\n30,2\nbig,3\n",
    "notes.txt": "hello\n",
    "words.csv": "a,b,y\n" + "".join(f"{i},{'uv'[i % 2]},{i % 2}\n" for i in range(40)),
}
TRAIN = ("train", "houses.csv", "--target", "price")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run_command):
    """A folder of bad files and of small runs."""
    path = tmp_path_factory.mktemp("cli_errors")
    for name, content in FILES.items():
        (path / name).write_text(content)
    (path / "binary.csv").write_bytes(bytes(range(256)) * 8)
    (path / "broken.parquet").write_bytes(b"PAR1 and nothing else")
    (path / "folder.csv").mkdir()
    (path / "full").mkdir()
    (path / "full" / "file").touch()
    np.save(path / "table.npy", np.random.default_rng(0).normal(size=(20, 3)))
    np.savez(path / "arrays.npz", x=np.ones((20, 3)), labels=np.zeros(20))
    np.savez(path / "outside.npz", x=np.random.default_rng(0).normal(size=(40, 2)), y=np.arange(40) % 2 * 3.5)
    quick = ("--epochs", "1", "--network", "2")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        assert run_command([*TRAIN, "--store", "runs/houses", *quick]) == 0
        assert run_command(["train", "classes.csv", "--target", "kind", "--store", "runs/classes", *quick]) == 0
        assert run_command(["train", "table.npy", "--target", "0", "--store", "runs/table", *quick]) == 0
    return path


@pytest.fixture(autouse=True)
def in_that_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


CASES = {
    # files
    ("train", "nowhere.csv", "--target", "price"): "There is no file 'nowhere.csv'",
    ("train", "hoses.csv", "--target", "price"): "Did you mean 'houses.csv'",
    ("train", "folder.csv", "--target", "price"): "'folder.csv' is a folder",
    ("train", "full", "--target", "price"): "'full' is a folder",
    ("train", "empty.csv", "--target", "price"): "got an empty file",
    ("train", "header.csv", "--target", "price"): "must hold rows",
    ("train", "binary.csv", "--target", "price"): "'binary.csv' must be a text file",
    ("train", "broken.parquet", "--target", "price"): "'broken.parquet' must be a Parquet file",
    ("train", "notes.txt", "--target", "price"): "must end in .csv",
    ("train", "digts"): "neither a file nor a data set 'digts'. Did you mean 'digits'",
    ("train", "zzz"): "downslope data",
    # columns
    ("train", "houses.csv"): "--target must name the column to learn; 'houses.csv' has 'size', 'rooms', 'price'",
    ("train", "table.npy"): "0 to 2, where -1 is the last",
    ("train", "arrays.npz"): "'x', 'labels'",
    ("train", "table.npy", "--target", "7"): "--target must be the number of a column",
    ("train", "houses.csv", "--target", "prise"): "Did you mean 'price'?",
    ("train", "text.csv", "--target", "price"): "'size' holds numbers, but 'many' in row 30",
    ("train", "one_class.csv", "--target", "kind"): "at least two classes, got only 'red'",
    ("train", "nan_target.csv", "--target", "price"): "must be filled in every row",
    (*TRAIN, "--categorical", "romms"): "Did you mean 'rooms'?",
    (*TRAIN, "--task", "clasification"): "--task must be one of classification, regression, got 'clasification'.",
    ("train", "classes.csv", "--target", "kind", "--task", "regression"): "Use --task classification.",
    ("train", "iris", "--target", "kind"): "--target is for files",
    ("train", "iris", "--categorical", "kind"): "--categorical is for files",
    # numbers
    (*TRAIN, "--batch-size", "-3"): "--batch-size must be a whole number, 1 or more, got -3.",
    (*TRAIN, "--batch-size", "many"): "--batch-size must be a whole number of rows, 'all' or 'auto', got 'many'.",
    (*TRAIN, "--learning-rate", "-0.1"): "--learning-rate must be a number above 0, got -0.1.",
    (*TRAIN, "--learning-rate", "abc"): "--learning-rate must be a number above 0 or 'auto', got 'abc'.",
    (*TRAIN, "--learning-rate", "nan"): "--learning-rate must be a number above 0, got nan.",
    (*TRAIN, "--learning-rate", "inf"): "--learning-rate must be a number above 0, got inf.",
    (*TRAIN, "--momentum", "0.9"): "--momentum is for sgd and rmsprop, got the optimizer adam",
    (*TRAIN, "--optimizer", "sgd", "--momentum", "1.5"): "--momentum must be",
    (*TRAIN, "--epochs", "0"): "--epochs must be a whole number, 1 or more, got 0.",
    (*TRAIN, "--epochs", "1.5"): "--epochs must be a whole number, 1 or more, got '1.5'.",
    (*TRAIN, "--seed", "-1"): "--seed must be a whole number, 0 or more, got -1.",
    (*TRAIN, "--early-stopping", "-1"): "--early-stopping must be a whole number",
    (*TRAIN, "--validation", "0", "--early-stopping", "3"): "--early-stopping watches the validation loss",
    (*TRAIN, "--validation", "1.2"): "--validation must be",
    (*TRAIN, "--test", "1.2"): "--test must be",
    (*TRAIN, "--test", "x"): "--test must be a share of the rows from 0 to below 1, got 'x'.",
    (*TRAIN, "--validation", "0.6", "--test", "0.6"): "--validation and --test must sum to less than 1",
    (*TRAIN, "--network", "64,-5"): "--network must be the widths of the hidden layers",
    (*TRAIN, "--network", "64,x"): "--network must be the widths of the hidden layers",
    (*TRAIN, "--network", ""): "--network must be the widths of the hidden layers",
    (*TRAIN, "--network", "conv8,pool"): "or stages joined by dashes, such as conv32-pool-dense64",
    (*TRAIN, "--network", "cnv8-pool"): "got 'cnv8' in 'cnv8-pool'. Did you mean 'conv8'?",
    (*TRAIN, "--network", "lineer"): "Did you mean 'linear'?",
    (*TRAIN, "--network", "dense8-conv8"): "--network must have its dense stages last",
    (
        "train",
        "iris",
        "--network",
        "conv8-pool",
    ): "needs images or sequences, got rows of 4 features. Say what a row is",
    ("train", "digits", "--network", "conv8-pool9"): "a window of (9, 9) over inputs of (8, 8), which are smaller",
    ("train", "iris", "--shape", "4"): "--shape must be HEIGHTxWIDTHxCHANNELS",
    ("train", "iris", "--shape", "3x3x1"): "--shape must fit rows of 4 numbers, got 3x3x1, which is 9",
    ("train", "words.csv", "--target", "y", "--shape", "2x1"): "--shape all columns but the target must hold numbers",
    (*TRAIN, "--norm", "bach"): "--norm must be one of batch, layer, got 'bach'. Did you mean 'batch'?",
    ("train", "iris", "--norm", "batch", "--batch-size", "1"): "--batch-size 1 and 90 training rows",
    (*TRAIN, "--dropout", "1"): "--dropout must be a number of at least 0 and below 1",
    (*TRAIN, "--dropout", "x"): "--dropout must be a share from 0 to below 1, got 'x'.",
    (*TRAIN, "--restarts", "0"): "--restarts must be a whole number, 1 or more, got 0.",
    (*TRAIN, "--weight-decay", "-1"): "--weight-decay must be a number of at least 0",
    (*TRAIN, "--clip", "0"): "--clip must be a number above 0, got 0.0. Try 1.",
    ("train", "iris", "--label-smoothing", "1"): "--label-smoothing must be a number of at least 0 and below 1",
    ("train", "iris", "--class-weight", "balancd"): "--class-weight must be balanced, or LABEL=NUMBER",
    ("train", "iris", "--class-weight", "0=x"): "such as 0=2, got '0=x'",
    ("train", "iris", "--class-weight", "7=2"): "--class-weight must name labels of the target (0, 1, 2), got '7'",
    # names
    (*TRAIN, "--optimizer", "adm"): "Did you mean 'adam'",
    (*TRAIN, "--loss", "squared_eror"): "Did you mean 'squared_error'",
    (*TRAIN, "--activation", "rellu"): "Did you mean 'relu'",
    (*TRAIN, "--initializer", "he_norml"): "Did you mean 'he_normal'",
    (*TRAIN, "--initializer", "constant"): "takes a number, such as constant:0.1",
    (*TRAIN, "--initializer", "constant:x"): "takes a number, such as constant:0.1",
    (*TRAIN, "--normalize", "standart"): "Did you mean 'standard'?",
    (*TRAIN, "--order", "shufle"): "Did you mean 'shuffle'",
    (*TRAIN, "--schedule", "cosin"): "Did you mean 'cosine'?",
    (*TRAIN, "--schedule", "step:2:10"): "--schedule step:FACTOR:EVERY, got 'step:2:10'",
    (*TRAIN, "--early-stopping-metric", "speed"): "--early-stopping-metric must be one of loss, mae, r2, rmse, got "
    "'speed'.",
    (*TRAIN, "--metric", "rmsse"): "--metric must be one of mae, r2, rmse, got 'rmsse'. Did you mean 'rmse'?",
    ("sweep", "iris", "--optimizer", "adam,sdg"): "Did you mean 'sgd'",
    ("init", "iris", "--compare", "he_norml"): "Did you mean 'he_normal'",
    # what does not fit
    (*TRAIN, "--label-smoothing", "0.1"): "--label-smoothing is for the loss cross_entropy, got squared_error.",
    (*TRAIN, "--class-weight", "balanced"): "--class-weight is for classes",
    ("sweep", "iris", "--learning-rate", "0.1..x"): "--learning-rate must be values or a rising range",
    ("sweep", "iris", "--learning-rate", "0.1..0.01"): "such as 0.01,0.1 or 1e-4..1e-1, got '0.1..0.01'",
    ("sweep", "iris", "--learning-rate", "0..1"): "--learning-rate must be values or a rising range",
    ("sweep", "iris", "--learning-rate", "-0.1,1"): "--learning-rate must be a number above 0, got -0.1.",
    ("sweep", "iris", "--momentum", "0.9"): "--momentum is for sgd and rmsprop",
    ("sweep", "iris", "--batch-size", "0"): "--batch-size must be a whole number, 1 or more, got 0.",
    ("sweep", "iris", "--seed", "0..2.5"): "such as 16,64 or 16..256, got '0..2.5'",
    ("init", "iris", "--restarts", "1"): "--restarts must be a whole number, 2 or more, got 1.",
    ("init", "houses.csv"): "--target must name the column to learn",
    ("profile", "iris", "--batch-size", "0"): "--batch-size must be a whole number, 1 or more, got 0.",
    ("profile", "iris", "--memory", "0"): "--memory must be a whole number, 1 or more, got 0.",
    ("profile", "iris", "--seconds", "0"): "--seconds must be a number above 0",
    (*TRAIN, "--loss", "cross_entropy"): "--loss must suit targets that are numbers",
    ("train", "iris", "--loss", "squared_error"): "--loss must suit targets that are classes",
    ("train", "iris", "--loss", "binary_cross_entropy"): "--loss must tell 3 classes apart",
    ("train", "outside.npz", "--task", "regression", "--loss", "binary_cross_entropy"): "between 0 and 1",
    # folders
    (*TRAIN, "--store", "full"): "must be new or empty, got full",
    (*TRAIN, "--store", "houses.csv"): "houses.csv",
    (*TRAIN, "--overwrite"): "--store FOLDER",
    ("init", "iris", "--figure", "start.gif"): "--figure must end in .png, .svg or .pdf, got 'start.gif'.",
    ("profile", "iris", "--figure", "nowhere/x.png"): "--figure must be a file in a folder that is there",
    ("predict", "full", "houses.csv"): "full holds no run",
    ("predict", "nowhere", "houses.csv"): "there is nothing at nowhere",
    ("predict", "houses.csv", "houses.csv"): "there is a file at houses.csv",
    ("predict", "runs/houses", "lacking.csv"): "lacks 'rooms'",
    ("predict", "runs/houses", "nowhere.csv"): "There is no file 'nowhere.csv'",
    ("predict", "runs/houses", "stray.csv"): "'big' in row 1",
    ("predict", "runs/houses", "table.npy"): "The rows must have the shape (rows, 2), as in training, got (20, 3).",
    ("predict", "runs/table", "iris"): "must have the shape (rows, 2)",
    ("predict", "runs/houses", "houses.csv", "--output", "nowhere/out.csv"): "--output must be a file",
    ("evaluate", "runs/classes", "other_classes.csv"): "one of the classes 'blue', 'red', got 'green'",
    ("evaluate", "runs/houses", "houses.csv", "--target", "prise"): "Did you mean 'price'?",
    ("evaluate", "full", "houses.csv"): "full holds no run",
    ("demo", "--store", "full"): "must be new or empty",
    # the command itself
    ("trian",): "No such command 'trian'. Did you mean 'train'?",
    ("train",): "Missing argument 'SOURCE'. See downslope train --help.",
    ("predict", "runs/houses"): "Missing argument 'FILE'. See downslope predict --help.",
    (*TRAIN, "--lerning-rate", "1"): ". Did you mean --learning-rate?",
    (*TRAIN, "--epochs"): "'--epochs' requires an argument. See downslope train --help.",
    ("diagnose", "runs/houses", "--starts", "-1"): "--starts must be a whole number, 0 or more, got -1.",
    ("diagnose", "runs/houses", "--starts", "few"): "--starts must be a whole number, 0 or more, or 'auto', got 'few'.",
    ("diagnose", "runs/houses", "--starts", "3", "--quick"): "--quick trains no other starts, got --starts 3 with it.",
    ("resume", "runs/houses", "--epochs", "0"): "--epochs must be a whole number, 1 or more, got 0.",
    ("resume", "runs/houses", "--epochs", "many"): "--epochs must be a whole number, 1 or more, got 'many'.",
    (*TRAIN, "more"): "more",
}


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_bad_input_is_one_sentence_and_exit_code_2(words, capsys, run_command):
    code = run_command(words)
    out, err = capsys.readouterr()
    assert CASES[words] in err
    assert err.startswith("downslope: ")
    assert err.count("\n") == 1
    assert err.rstrip().endswith((".", "?"))
    assert ".. " not in err
    assert not false_words(words[0], err)
    assert (code, out) == (2, "")


def test_a_damaged_run_fails_with_one_sentence(capsys, folder, run_command):
    record = json.loads(Path("runs/houses/run.json").read_text())
    damaged = folder / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_text(json.dumps(record | {"seed": 7}))
    code = run_command(["predict", "damaged", "houses.csv"])
    out, err = capsys.readouterr()
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "is damaged" in err


@pytest.fixture(scope="module")
def of_arrays(tmp_path_factory):
    """Return the folder of a run whose rows it does not keep."""
    path = tmp_path_factory.mktemp("arrays") / "run"
    data = ds.Dataset(np.eye(8), np.arange(8) % 2)
    ds.train(ds.mlp([], outputs=2), data, epochs=1, store=path, progress=False)
    return path


@pytest.mark.parametrize("command", ["diagnose", "surface", "explore", "spectrum", "resume"])
def test_rows_that_only_python_can_pass_are_asked_for_in_python(command, of_arrays, command_line):
    more = ("--epochs", "2") if command == "resume" else ()
    code, out, err = command_line(command, of_arrays, *more)
    assert (code, out) == (2, "")
    assert "its folder keeps no rows; only Python can pass them.\n" in err


COMMANDS = command().commands
OPTIONS = [(name, option) for name, verb in COMMANDS.items() for option in verb.params if option.opts[0][:2] == "--"]


@pytest.mark.parametrize("name, option", [pytest.param(*case, id=f"{case[0]} {case[1].opts[0]}") for case in OPTIONS])
def test_a_negative_number_after_an_option_is_its_value(name, option, command_line):
    """It reaches the check of the option, where there is one; a flag says that it takes none."""
    if option.is_flag:
        code, _, said = command_line(name, option.opts[0], "-12")
        assert (code, said) == (2, f"downslope: {option.opts[0]} takes no value, got -12.\n")
    else:
        values, rest, _ = COMMANDS[name].make_parser(typer.Context(COMMANDS[name])).parse_args([option.opts[0], "-12"])
        value = values[option.name]
        assert (value, rest) == (["-12"] if option.multiple else "-12", [])
