"""The exported folder through MLflow's two ways to load it: folder, inputs.json."""
import sys

import mlflow
import numpy as np
import onnxruntime

import arrays

folder, inputs = sys.argv[1:]
feeds = arrays.read(inputs)
predicted = mlflow.pyfunc.load_model(folder).predict(feeds)
model = mlflow.onnx.load_model(folder)
session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
for name, array in zip(names, session.run(names, feeds)):
    np.testing.assert_array_equal(array, predicted[name])
arrays.show(predicted)
