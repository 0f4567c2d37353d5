#!/usr/bin/env bash
# Measures this machine and writes bench/results/<device>.md: training steps of Ocelli beside eager TensorFlow.js,
# jax-js and PyTorch (CUDA where there is a device, else the processor), and each of Ocelli's kernels.
#
#   bash scripts/bench-gpu.sh [case …] [--quick] [--rounds n] [--peers list] [--out file]   (--help says more)
#
# Cases: step/small step/vit step/cnn step/resnet50 step/detr kernels (all of them without a word).
# PyTorch: TORCH_PYTHON names an interpreter that has torch, safetensors and transformers; else the one of
# `scripts/python.sh torch`; TORCH_PYTHON=none leaves it out.
set -euo pipefail
cd "$(dirname "$0")/.."

torch=${TORCH_PYTHON:-}
case " $* " in *" --help "* | *" -h "*) torch=none ;; esac
if [ -z "$torch" ]; then
  torch=$(bash scripts/python.sh torch) || torch=none
fi
options=()
[ "$torch" = none ] || options+=(--torch "$torch")

if command -v nvidia-smi >/dev/null; then
  OCELLI_DRIVER="NVIDIA $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)"
  export OCELLI_DRIVER
fi
# Vulkan's software driver wants a place for its sockets.
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-$(mktemp -d)}
exec node scripts/run.mjs bench/gpu.ts "${options[@]}" "$@"
