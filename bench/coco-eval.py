"""pycocotools' side of the coco-eval bench: python coco-eval.py FOLDER prints one JSON line."""

import contextlib
import io
import json
import sys
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def resident_peak():
    """The largest resident memory so far, in MB (Linux)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


folder = sys.argv[1]
with open(f"{folder}/gt.json") as file:
    truth = json.load(file)
with open(f"{folder}/dt.json") as file:
    results = json.load(file)
before = resident_peak()
start = time.perf_counter()
with contextlib.redirect_stdout(io.StringIO()):
    ground_truth = COCO()
    ground_truth.dataset = truth
    ground_truth.createIndex()
    evaluation = COCOeval(ground_truth, ground_truth.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
seconds = time.perf_counter() - start
peak = resident_peak()
print(
    json.dumps(
        {
            "seconds": seconds,
            "peak_mb": peak,
            "evaluation_mb": max(peak - before, 0.1),
            "stats": [float(value) for value in evaluation.stats],
        }
    )
)
