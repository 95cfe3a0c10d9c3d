"""Shares of many tests: one that still meets most of what they are made of, and shares that take turns."""

import math
from collections import defaultdict
from itertools import combinations


def pairwise(tests, share):
    """Return about a share of the tests, in their order: from each file of tests, and each folder of examples, some.

    Of a group, the test is taken next whose function has been taken least often, and of those the one with most values,
    and pairs of values of its parameters, that none before it in the group had. So a law over layers and precisions
    keeps each layer and each precision, and most of their pairs come up in one law or another.

    Args:
        tests: of each test its group, its function and the values of its parameters, `(group, function, values)`.
        share: between 0 and 1. Of each group that share is taken, rounded up.
    """
    groups = defaultdict(list)
    for index, test in enumerate(tests):
        groups[test[0]].append(index)
    chosen = [index for members in groups.values() for index in _of_group(tests, members, share)]
    return sorted(chosen)


def whose_turn(names, turns, turn):
    """Return every `turns`-th name; as many turns that follow each other return each name once."""
    return sorted(names)[turn % turns :: turns]


def _of_group(tests, members, share):
    """Return the indices taken from a group."""
    times, met, left, chosen = defaultdict(int), set(), list(members), []
    for _ in range(math.ceil(share * len(members))):
        best = min(left, key=lambda index: (times[tests[index][1]], -len(_combined(tests[index]) - met)))
        times[tests[best][1]] += 1
        met |= _combined(tests[best])
        left.remove(best)
        chosen.append(best)
    return chosen


def _combined(test):
    """Return the values of a test, and the pairs of them."""
    values = sorted(test[2])
    return {*values, *combinations(values, 2)}
