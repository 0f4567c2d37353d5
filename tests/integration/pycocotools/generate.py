"""Random COCO evaluations with pycocotools' results, as JSON on stdout: python generate.py SEED COUNT.

Covers what stored cases can't all cover: boxes on a grid (equal IoUs), equal scores, crowds, annotation ids from 0,
unknown categories, shuffled order, masks, and other parameters.
"""

import contextlib
import io
import json
import random
import sys

import numpy
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def make_box(rng, on_grid):
    box = [rng.uniform(0, 200), rng.uniform(0, 200), rng.uniform(2, 120), rng.uniform(2, 120)]
    return [float(round(value / 10) * 10 or 10) for value in box] if on_grid else [round(value, 2) for value in box]


def make_case(seed):
    rng = random.Random(seed)
    categories = sorted(rng.sample(range(50), rng.randint(1, 5)))
    images = rng.sample(range(1000), rng.randint(1, 12))
    on_grid = rng.random() < 0.4
    annotations, results = [], []
    next_id = rng.choice([0, 1, 100])
    for image in images:
        for _ in range(rng.randint(0, 7)):
            x, y, width, height = box = make_box(rng, on_grid)
            annotations.append(
                {
                    "id": next_id,
                    "image_id": image,
                    "category_id": rng.choice(categories),
                    "bbox": box,
                    "area": round(width * height * rng.uniform(0.5, 1.2), 1),
                    "iscrowd": int(rng.random() < 0.15),
                    "segmentation": [[x, y, x + width, y, x + width * rng.random(), y + height]],
                }
            )
            next_id += 1
    for image in images:
        here = [annotation for annotation in annotations if annotation["image_id"] == image]
        for _ in range(rng.randint(0, 14)):
            if here and rng.random() < 0.6:
                source = rng.choice(here)
                still = on_grid and rng.random() < 0.5
                box = [value + (0 if still else rng.gauss(0, 5)) for value in source["bbox"]]
                box[2:] = [max(side, 1) for side in box[2:]]
                category = source["category_id"] if rng.random() < 0.85 else rng.choice(categories)
            else:
                box, category = make_box(rng, on_grid), rng.choice([*categories, 99])
            score = rng.choice([round(rng.random(), 1), rng.random()])
            results.append({"image_id": image, "category_id": category, "bbox": box, "score": score})
    rng.shuffle(annotations)
    rng.shuffle(results)
    options = {}
    if rng.random() < 0.3:
        options["useCats"] = 0
    if rng.random() < 0.4:
        options["maxDets"] = sorted(rng.sample([1, 2, 3, 5, 10, 100], 3))
    if rng.random() < 0.3:
        options["iouThrs"] = sorted(rng.sample([0.1, 0.3, 0.5, 0.6, 0.75, 0.9, 1.0], rng.randint(1, 5)))
    truth = {
        "info": {},
        "images": [{"id": image, "width": 300, "height": 300} for image in images],
        "categories": [{"id": category, "name": str(category)} for category in categories],
        "annotations": annotations,
    }
    return truth, results, options, rng.choice(["bbox", "bbox", "segm"])


def evaluate(truth, results, options, iou_type):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = json.loads(json.dumps(truth))
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(json.loads(json.dumps(results))), iou_type)
        for name, value in options.items():
            setattr(evaluation.params, name, numpy.array(value) if name == "iouThrs" else value)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    arrays = {name: evaluation.eval[name].ravel().tolist() for name in ("precision", "scores", "recall")}
    return {"stats": [float(value) for value in evaluation.stats], **arrays}


seed, count = int(sys.argv[1]), int(sys.argv[2])
cases = []
for number in range(seed, seed + count):
    truth, results, options, iou_type = make_case(number)
    if results:
        expected = evaluate(truth, results, options, iou_type)
        cases.append(
            {"truth": truth, "results": results, "options": options, "iouType": iou_type, "expected": expected}
        )
print(json.dumps(cases))
