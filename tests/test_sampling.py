"""The shares of tests that `--pairwise`, `--turn` and the mark `product` choose."""

from itertools import combinations, product

import pytest

from sampling import pairwise, whose_turn

LAYERS, PRECISIONS, MODES = ("dense", "conv", "pool", "norm"), ("float32", "float64"), ("training", "prediction")
LAW = [("file", "law", values) for values in product(LAYERS, PRECISIONS, MODES)]


def pairs(tests):
    """Return the pairs of values that tests meet."""
    return {pair for _, _, values in tests for pair in combinations(sorted(values), 2)}


@pytest.mark.parametrize("turn", range(4))
def test_half_of_a_product_meets_all_pairs(turn):
    law = LAW[turn:] + LAW[:turn]
    chosen = [law[index] for index in pairwise(law, 1 / 2)]
    assert len(chosen) == len(LAW) / 2
    assert pairs(chosen) == pairs(LAW)


def test_a_quarter_of_a_product_meets_all_values():
    chosen = [LAW[index] for index in pairwise(LAW, 1 / 4)]
    assert {value for _, _, values in chosen for value in values} == {*LAYERS, *PRECISIONS, *MODES}


def test_every_group_gives_its_share_and_every_function_comes_before_one_comes_twice():
    others = [("other", name, ()) for name in "abcdefghijklmnopqrstu"]
    chosen = [(LAW + others)[index] for index in pairwise(LAW + others, 1 / 10)]
    assert [group for group, _, _ in chosen] == ["file"] * 2 + ["other"] * 3
    several = [("file", name, (value,)) for name in "ab" for value in LAYERS]
    assert {several[index][1] for index in pairwise(several, 1 / 4)} == {"a", "b"}


def test_all_of_them_are_all_of_them_in_order():
    assert pairwise(LAW, 1) == list(range(len(LAW)))
    assert pairwise([], 1 / 10) == []


def test_ten_turns_are_all_of_them_whatever_their_order():
    names = [f"test_{number}" for number in range(43)]
    turns = [whose_turn(names[::-1], 10, turn) for turn in range(17, 27)]
    assert sorted(name for chosen in turns for name in chosen) == sorted(names)
    assert {len(chosen) for chosen in turns} == {4, 5}
    assert turns[3] == whose_turn(names, 10, 0)
