"""Hugging Face's processors over seeded pictures and annotations: folder for the pictures, seed, count."""
import hashlib
import json
import random
import sys

import numpy as np
from transformers import (
    BitImageProcessor,
    ConvNextImageProcessor,
    DeiTImageProcessor,
    DetrImageProcessor,
    RTDetrImageProcessor,
    ViTImageProcessor,
    YolosImageProcessor,
)

folder, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
random.seed(seed)
pixels = np.random.default_rng(seed)
detectors = {"detr": DetrImageProcessor, "yolos": YolosImageProcessor, "rt_detr": RTDetrImageProcessor}


def processor(family, side):
    resample = random.randrange(6)
    crop = random.choice([side, side - 7, side + 9])
    square = {"height": side, "width": side}
    if family in detectors:
        size = random.choice([
            {"shortest_edge": side, "longest_edge": side * 2 - random.randint(0, side // 2)},
            {"height": side, "width": 90},
            {"max_height": side, "max_width": side + 31},
        ])
        return detectors[family](size=size, resample=resample)
    if family == "vit":
        return ViTImageProcessor(size={"height": side, "width": random.choice([side, 97])}, resample=resample)
    if family == "convnext":
        share = random.choice([0.875, 0.95, 0.9, 1.0])
        return ConvNextImageProcessor(size={"shortest_edge": side}, crop_pct=share, resample=resample)
    if family == "bit":
        return BitImageProcessor(size={"shortest_edge": side}, crop_size=crop, resample=resample)
    return DeiTImageProcessor(size=square, crop_size=crop, resample=resample)


def annotation(height, width):
    box = [random.uniform(-20, width), random.uniform(-20, height), random.uniform(0, width), random.uniform(0, height)]
    return {
        "bbox": [round(value, 2) for value in box],
        "area": round(random.uniform(1, 5000), 2),
        "iscrowd": int(random.random() < 0.15),
        "category_id": random.randint(0, 90),
    }


cases = []
for index in range(count):
    height, width = random.randint(20, 300), random.randint(20, 300)
    image = pixels.integers(0, 256, (height, width, 3), dtype=np.uint8)
    image.tofile(f"{folder}/{index}.rgb")
    family = random.choice(["vit", "convnext", "bit", "deit", *detectors, *detectors])
    ours = processor(family, random.choice([32, 48, 64, 100, 120, 224, 383, 384]))
    case = {"height": height, "width": width, "config": json.loads(ours.to_json_string())}
    arguments = {"return_tensors": "np", "input_data_format": "channels_last"}
    if family in detectors:
        case["annotations"] = [annotation(height, width) for _ in range(random.randint(0, 6))]
        arguments["annotations"] = [{"image_id": index, "annotations": case["annotations"]}]
    result = ours.preprocess([image], **arguments)
    values = np.ascontiguousarray(result["pixel_values"])
    case["shape"] = values.shape
    case["sha256"] = hashlib.sha256(values.tobytes()).hexdigest()
    if family in detectors:
        labels = result["labels"][0]
        case["labels"] = {name: np.asarray(labels[name]).ravel().tolist() for name in ("boxes", "area", "class_labels")}
    cases.append(case)
print(json.dumps(cases))
