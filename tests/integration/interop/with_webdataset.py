"""Reads shards as PyTorch users do, by webdataset: prints one JSON line with what it saw, for shards-python.test.ts.

Arguments: the archives, in order.
"""
import hashlib
import json
import sys

import webdataset

samples = webdataset.WebDataset(sys.argv[1:], shardshuffle=False).decode().to_tuple("__key__", "png", "json")
print(json.dumps([
    {"key": key, "sha256": hashlib.sha256(png).hexdigest(), "sample": sample}
    for key, png, sample in samples
]))
