"""The exported ONNX file through onnx' checker and onnxruntime: file, inputs.json."""
import sys

import onnx
import onnxruntime

import arrays

path, inputs = sys.argv[1:]
onnx.checker.check_model(path, full_check=True)
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
names = [output.name for output in session.get_outputs()]
arrays.show(dict(zip(names, session.run(names, arrays.read(inputs)))))
