"""The exported folder through transformers on PyTorch, as a user loads it: folder, task, inputs.json."""
import sys

import torch
import transformers

import arrays

folder, task, inputs = sys.argv[1:]
auto = {
    "classification": transformers.AutoModelForImageClassification,
    "detection": transformers.AutoModelForObjectDetection,
}[task]
model, report = auto.from_pretrained(folder, output_loading_info=True)
left = {key: value for key, value in report.items() if value}
if left:
    raise SystemExit(f"weights were not taken as they are: {left}")
transformers.AutoImageProcessor.from_pretrained(folder)
model.eval()
tensors = {name: torch.from_numpy(array) for name, array in arrays.read(inputs).items()}
with torch.no_grad():
    outputs = model(**tensors)
arrays.show({name: outputs[name].numpy() for name in ("logits", "pred_boxes") if name in outputs})
