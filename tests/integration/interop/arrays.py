"""Arrays as JSON: {"name": {"shape": [...], "dtype": "float32", "data": [...]}}."""
import json

import numpy as np


def read(path):
    with open(path) as file:
        stored = json.load(file)
    return {
        name: np.array(array["data"], dtype=array["dtype"]).reshape(array["shape"])
        for name, array in stored.items()
    }


def plain(arrays):
    return {
        name: {"shape": list(array.shape), "dtype": "float32", "data": array.astype(float).ravel().tolist()}
        for name, array in arrays.items()
    }


def show(arrays):
    print(json.dumps(plain(arrays)))
