"""DETR's matching of queries and objects: remembered while a pass runs, and how near the next best one was."""
import contextlib
import math

import torch
import transformers.loss.loss_for_object_detection as detection_loss


@contextlib.contextmanager
def recorded_matching(record):
    solve = detection_loss.linear_sum_assignment
    def remember(cost):
        rows, columns = solve(cost)
        record.append((torch.as_tensor(cost).double().clone(), torch.as_tensor(rows), torch.as_tensor(columns)))
        return rows, columns
    detection_loss.linear_sum_assignment = remember
    try:
        yield
    finally:
        detection_loss.linear_sum_assignment = solve


def margin(cost):
    """How far the next assignment is from the best: the best total with each chosen pair forbidden in turn."""
    from scipy.optimize import linear_sum_assignment
    c = cost.numpy()
    if c.shape[1] == 0:
        return math.inf
    rows, cols = linear_sum_assignment(c)
    best = c[rows, cols].sum()
    found = math.inf
    for i, j in zip(rows, cols):
        other = c.copy()
        other[i, j] = 1e6
        a, b = linear_sum_assignment(other)
        found = min(found, other[a, b].sum() - best)
    return float(found)
