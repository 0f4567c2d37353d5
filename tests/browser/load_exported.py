"""Loads an exported folder with transformers and classifies a picture: argv are the folder and the picture; prints JSON."""

import json
import sys

import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

folder, picture = sys.argv[1:]
model, loading = AutoModelForImageClassification.from_pretrained(folder, output_loading_info=True)
processor = AutoImageProcessor.from_pretrained(folder)
with torch.no_grad():
    inputs = processor(Image.open(picture).convert("RGB"), return_tensors="pt")
    scores = model.eval()(**inputs).logits.softmax(-1)[0]
print(
    json.dumps(
        {
            "missing": sorted(loading["missing_keys"]),
            "unexpected": sorted(loading["unexpected_keys"]),
            "scores": {model.config.id2label[i]: score for i, score in enumerate(scores.tolist())},
        }
    )
)
