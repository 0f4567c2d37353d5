"""Databricks' own SDK as the client of a workspace: prints one JSON line with what it saw, for databricks-sdk.test.ts.

Arguments: the host, a token, a client id, a client secret, a volume (/Volumes/catalog/schema/volume).
"""
import hashlib
import io
import json
import os
import sys
import tempfile
import time

from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import AlreadyExists, NotFound

host, token, client_id, client_secret, volume = sys.argv[1:6]
# Nothing of this machine's accounts.
for name in [name for name in os.environ if name.startswith(("DATABRICKS_", "ARM_"))]:
    del os.environ[name]
MIB = 2**20
PART = 5 * MIB


def config(**more):
    made = Config(host=host, config_file="/nowhere", **more)
    made.files_ext_multipart_upload_min_stream_size = 6 * MIB
    made.files_ext_multipart_upload_default_part_size = PART
    return made


def sha(data):
    return hashlib.sha256(data).hexdigest()


def download(client, path):
    return client.files.download(path).contents.read()


seen = {}
user = WorkspaceClient(config=config(token=token, auth_type="pat"))
small = b"small file"
user.files.upload(f"{volume}/sdk/a b+c.txt", io.BytesIO(small), overwrite=True)
seen["small"] = download(user, f"{volume}/sdk/a b+c.txt") == small

large = bytes((i * 7) % 251 for i in range(12 * MIB + 5))
user.files.upload(f"{volume}/sdk/large.bin", io.BytesIO(large), overwrite=True, use_parallel=False)
seen["large"] = sha(download(user, f"{volume}/sdk/large.bin")) == sha(large)
with tempfile.TemporaryDirectory() as folder:
    source = os.path.join(folder, "source")
    with open(source, "wb") as file:
        file.write(large)
    user.files.upload_from(f"{volume}/sdk/parallel.bin", source, overwrite=True)
    target = os.path.join(folder, "target")
    user.files.download_to(f"{volume}/sdk/parallel.bin", target, use_parallel=False)
    with open(target, "rb") as file:
        seen["parallel"] = sha(file.read()) == sha(large)

seen["list"] = sorted((entry.name, entry.is_directory) for entry in user.files.list_directory_contents(f"{volume}/sdk", page_size=2))
metadata = user.files.get_metadata(f"{volume}/sdk/large.bin")
seen["size"] = metadata.content_length
user.files.create_directory(f"{volume}/made/inside")
user.files.get_directory_metadata(f"{volume}/made/inside")
user.files.delete_directory(f"{volume}/made/inside")
try:
    user.files.upload(f"{volume}/sdk/a b+c.txt", io.BytesIO(small), overwrite=False)
    seen["exists"] = "overwritten"
except AlreadyExists:
    seen["exists"] = "refused"
user.files.delete(f"{volume}/sdk/a b+c.txt")
try:
    user.files.download(f"{volume}/sdk/a b+c.txt")
    seen["missing"] = "found"
except NotFound:
    seen["missing"] = "refused"


class Broken(io.BytesIO):
    """A stream that fails after its first part: the SDK must abort the upload."""

    def read(self, size=-1):
        if self.tell() >= PART:
            raise OSError("the disk is gone")
        return super().read(size)

    def seekable(self):
        return False


try:
    user.files.upload(f"{volume}/sdk/aborted.bin", Broken(large), overwrite=True, use_parallel=False)
    seen["aborted"] = "uploaded"
except OSError as error:
    seen["aborted"] = str(error)

robot = WorkspaceClient(config=config(client_id=client_id, client_secret=client_secret, auth_type="oauth-m2m"))
seen["robot"] = robot.files.get_metadata(f"{volume}/sdk/large.bin").content_length
time.sleep(1.2)
seen["robot_later"] = robot.files.get_metadata(f"{volume}/sdk/large.bin").content_length
print(json.dumps(seen))
