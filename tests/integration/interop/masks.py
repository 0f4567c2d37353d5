"""pycocotools over polygons: a file with images; prints strings, areas, boxes, overlaps and merges."""
import json
import sys

import numpy as np
from pycocotools import mask

with open(sys.argv[1]) as file:
    images = json.load(file)
results = []
for image in images:
    height, width = image["height"], image["width"]
    rles = [mask.merge(mask.frPyObjects(polygons, height, width)) for polygons in image["objects"]]
    crowd = image["crowd"]
    results.append({
        "counts": [rle["counts"].decode() for rle in rles],
        "area": [int(mask.area(rle)) for rle in rles],
        "box": [mask.toBbox(rle).tolist() for rle in rles],
        "iou": np.asarray(mask.iou(rles, rles, crowd)).tolist(),
        "union": mask.merge(rles)["counts"].decode(),
        "intersection": mask.merge(rles, intersect=True)["counts"].decode(),
    })
print(json.dumps(results))
