"""Reads a table that Ocelli wrote, with its types as Spark sees them, and writes one as Spark would."""
import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq

ours, theirs = sys.argv[1:]
table = pq.read_table(ours)
rows = table.to_pylist()

# Spark's own spelling: lists of structs are not needed, numbers are 32-bit here and there, names come last.
columns = {
    "category_id": pa.array([row["category_id"] for row in rows], pa.int32()),
    "image_id": pa.array([row["image_id"] for row in rows], pa.int64()),
    "file_name": pa.array([row["file_name"] for row in rows], pa.string()),
    "width": pa.array([row["width"] for row in rows], pa.int64()),
    "height": pa.array([row["height"] for row in rows], pa.int64()),
    "bbox": pa.array([row["bbox"] for row in rows], pa.list_(pa.float64())),
    "segmentation": pa.array([row["segmentation"] for row in rows], pa.string()),
    "iscrowd": pa.array([None if row["iscrowd"] is None else bool(row["iscrowd"]) for row in rows], pa.bool_()),
    "area": pa.array([row["area"] for row in rows], pa.float64()),
    "id": pa.array([row["id"] for row in rows], pa.int64()),
    "category_name": pa.array([row["category_name"] for row in rows], pa.string()),
}
pq.write_table(pa.table(columns), theirs, compression="snappy", row_group_size=37)

print(json.dumps({"types": {f.name: str(f.type) for f in table.schema}, "rows": rows}))
