"""What is said about a table, by every command that reads it, and of words that were not listed as missing."""

import pytest

import downslope as ds

NOTES = (
    "Numbers of 'homes.csv' were read so: '$1,048' in 'rent' as 1048.",
    "Signs of currencies and percent were dropped, 12% is 12: 'rent' ($), 'share' (%).",
    "Left out of the inputs: 'id' (counts the rows), 'name' (names the rows: 30 texts in 30 cells).",
    "Missing text in the training rows is a level of its own: 'town'",
    "Text was one-hot encoded: 'town'",
)
COMMANDS = {
    "train": ("--epochs", "1", "--store", "run"),
    "init": ("--compare", "none"),
    "find-lr": ("--steps", "20"),
    "profile": ("--seconds", "0.01", "--batch-size", "8"),
    "sweep": ("--epochs", "1", "--learning-rate", "0.1,0.01"),
}


@pytest.fixture
def homes(tmp_path):
    lines = [
        f'{i},home {i},"${i % 7 + 1},{i:03d}",{i % 9}%,{["Delft", "", "Gouda"][i % 3]},{i % 5 + i / 100}'
        for i in range(30)
    ]
    lines[0] = lines[0].replace("$1,000", "$1,048")
    path = tmp_path / "homes.csv"
    path.write_text("\n".join(["id,name,rent,share,town,price", *lines]) + "\n")
    return path


@pytest.mark.parametrize(
    "verb", [pytest.param(verb, marks=() if verb in ("train", "init") else pytest.mark.slow) for verb in COMMANDS]
)
def test_every_command_says_how_a_table_was_read_and_what_was_left_out(verb, cli, homes):
    settings = ("--target", "price", "--task", "regression", "--network", "2", *COMMANDS[verb])
    code, _, err = cli(verb, homes, *settings)
    assert code == 0, err
    for note in NOTES:
        assert err.count(note) == 1, (note, err)


def test_usual_words_that_were_not_listed_as_missing_are_said(cli, tmp_path):
    rows = "".join(f"{i},{['NA', 'DE', '-'][i % 3]},{['yes', 'no', 'n/a'][i % 3]}\n" for i in range(30))
    (tmp_path / "codes.csv").write_text("size,country,label\n" + rows)
    listed = ds.read(tmp_path / "codes.csv", target="label", missing=["-"])
    assert listed.x["country"].null_count() == 10
    note = "Words that often stand for missing cells were read as text: 'country' (10 'NA'), 'label' (10 'n/a')."
    assert any(str(words).startswith(note) for words in listed.notes)
    settings = ("--target", "label", "--missing", "-", "--network", "2", "--epochs", "1", "--store", "run")
    code, _, err = cli("train", "codes.csv", *settings)
    assert code == 0, err
    assert f"{note} If they are missing, list them, too: --missing - --missing NA --missing n/a." in err
    code, _, err = cli("predict", "run", "codes.csv")
    assert "'country' (10 'NA')" in err
