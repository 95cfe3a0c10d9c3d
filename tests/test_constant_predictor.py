"""The loss of one answer for all rows, which a network must beat."""

import numpy as np
import pytest

import downslope as ds
from downslope.training import TrainingSettings, one_answer_loss
from downslope.training.problem.problem import prepare


def test_the_loss_of_one_answer_is_over_the_rows_that_a_training_is_judged_by():
    data = ds.Dataset(np.zeros((10, 1)), np.arange(10.0) ** 2)
    problem = prepare(ds.mlp([], outputs=1), data, TrainingSettings(validation=0.4))
    held_out, learned = np.asarray(problem.validation.t), np.asarray(problem.train.t)
    assert one_answer_loss(problem) == pytest.approx(held_out.var(), rel=1e-6)
    assert one_answer_loss(problem, problem.train) == pytest.approx(learned.var(), rel=1e-6)
    alone = prepare(ds.mlp([], outputs=1), data, TrainingSettings())
    assert one_answer_loss(alone) == pytest.approx(np.var(data.y), rel=1e-6)
