"""Logged models through MLflow's two ways to load them: tracking URI, then inputs.json and a model URI by turns."""
import json
import sys

import mlflow
import numpy as np
import onnxruntime

import arrays

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_registry_uri(sys.argv[1])
words = sys.argv[2:]
predictions = {}
for inputs, uri in zip(words[::2], words[1::2]):
    feeds = arrays.read(inputs)
    predicted = mlflow.pyfunc.load_model(uri).predict(feeds)
    session = onnxruntime.InferenceSession(
        mlflow.onnx.load_model(uri).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    for name, array in zip(names, session.run(names, feeds)):
        np.testing.assert_array_equal(array, predicted[name])
    predictions[uri] = arrays.plain(predicted)
print(json.dumps(predictions))
