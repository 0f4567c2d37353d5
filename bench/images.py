"""Pillow and numpy making the same training samples as bench/images.ts: one JSON line on stdout."""

import json
import random
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
STD = np.array([0.229, 0.224, 0.225], dtype=np.float32)


def sample(path):
    image = Image.open(path).convert("RGB")
    if random.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = image.resize((224, 224), Image.Resampling.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32) * np.float32(1 / 255)
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def epoch(paths, batch):
    for start in range(0, len(paths), batch):
        np.stack([sample(path) for path in paths[start : start + batch]])


paths = sorted(Path(sys.argv[1]).glob("*.jpg"))
batch, seconds = int(sys.argv[2]), float(sys.argv[3])
epoch(paths, batch)
count, start, cpu = 0, time.perf_counter(), time.process_time()
while time.perf_counter() - start < seconds:
    epoch(paths, batch)
    count += len(paths)
print(json.dumps({"images_per_second": count / (time.process_time() - cpu)}))
