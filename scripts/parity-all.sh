#!/usr/bin/env bash
# Holds Ocelli against every reference case that it must pass, on the wasm backend and on WebGPU.
set -euo pipefail
cd "$(dirname "$0")/.."
export XDG_RUNTIME_DIR=${XDG_RUNTIME_DIR:-/tmp}
reference=../shared/reference
shopt -s extglob
models=("$reference"/models/{vit*,resnet*,yolos*} "$reference"/models/detr?(-aux|-train-backbone))
processors=("$reference"/processors/{vit*,convnext_*,yolos_*,resize_vectors,size_vectors} "$reference"/processors/detr_!(panoptic*))
postprocess=("$reference"/postprocess/{detr,yolos}_object_detection)
metrics=("$reference"/metrics/!(panoptic_*|semantic_*|README*))
npm run -s parity -- "${models[@]}" "${processors[@]}" "${postprocess[@]}" "$reference/postprocess/interpolate_vectors" "${metrics[@]}" --device wasm --quiet
# What needs no tensors gives the same everywhere; these run on the device.
npm run -s parity -- "${models[@]}" "$reference/postprocess/interpolate_vectors" "$reference"/metrics/{optimizers,ema,grad_clip} --device webgpu --quiet
# Steps as training runs them on WebGPU: traced, planned, fused; a case fails where something falls back to eager.
npm run -s parity -- "${models[@]}" --device webgpu --compiled --quiet
