"""The networks of the `step` cases on PyTorch, as a process that the bench talks to.

    python bench/torch_step.py FOLDER

FOLDER holds settings.json and inputs.safetensors (weights by Hugging Face's names, pixels, targets), which the
bench writes. Says {"ready": …} once the model is built, then runs one training step for every line on stdin and
answers {"loss": …, "peak_mb": …}. CUDA where there is a device, else the CPU. The large networks are those of
`transformers`, which must be installed for them; `small` and `cnn` are written here.

precision "f32": eager float32 with PyTorch's own defaults (no TF32 in matrix products). "autocast": float16
autocast with a GradScaler on CUDA, bfloat16 on the CPU.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class Small(nn.Module):
    def __init__(self, weights, settings):
        super().__init__()
        width, inputs = weights["embed.weight"].shape
        self.embed = nn.Linear(inputs, width)
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(settings["small_layers"]))
        self.classifier = nn.Linear(width, weights["classifier.weight"].shape[0])

    def forward(self, pixels):
        x = self.embed(pixels.permute(0, 2, 3, 1).flatten(1))
        for layer in self.layers:
            x = F.gelu(layer(x))
        return self.classifier(x)


class Block(nn.Module):
    def __init__(self, filter_shape, stride):
        super().__init__()
        out_channels, in_channels = filter_shape[:2]
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.normalization = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return F.relu(self.normalization(self.convolution(x)))


class Cnn(nn.Module):
    def __init__(self, weights, settings):
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(weights[f"blocks.{i}.convolution.weight"].shape, stride)
            for i, stride in enumerate(settings["cnn_strides"])
        )
        self.classifier = nn.Linear(*reversed(weights["classifier.weight"].shape))

    def forward(self, pixels):
        x = pixels
        for block in self.blocks:
            x = block(x)
        return self.classifier(x.mean((2, 3)))


def hugging_face(settings, labels):
    import transformers

    config = dict(settings["config"])
    kind = {
        "vit": transformers.ViTForImageClassification,
        "resnet50": transformers.ResNetForImageClassification,
        "detr": transformers.DetrForObjectDetection,
    }[settings["network"]]
    model_type = config.pop("model_type")
    if config.get("backbone_config"):
        backbone = dict(config["backbone_config"])
        config["backbone_config"] = transformers.CONFIG_MAPPING[backbone.pop("model_type")](**backbone)
    return kind(transformers.CONFIG_MAPPING[model_type](num_labels=labels, **config))


def build(settings, weights):
    name = settings["network"]
    if name == "small":
        return Small(weights, settings)
    if name == "cnn":
        return Cnn(weights, settings)
    head = {
        "vit": "classifier.weight",
        "resnet50": "classifier.1.weight",
        "detr": "class_labels_classifier.weight",
    }[name]
    # DETR's head has one row more: no object.
    return hugging_face(settings, weights[head].shape[0] - (name == "detr"))


def corners(boxes):
    centre, size = boxes[..., :2], boxes[..., 2:]
    return centre - size / 2, centre + size / 2


def area(low, high):
    return (high - low).clamp(min=0).prod(-1)


def generalized_iou(a, b):
    (low_a, high_a), (low_b, high_b) = corners(a), corners(b)
    shared = area(torch.maximum(low_a, low_b), torch.minimum(high_a, high_b))
    union = area(low_a, high_a) + area(low_b, high_b) - shared
    hull = area(torch.minimum(low_a, low_b), torch.maximum(high_a, high_b))
    return shared / union - (hull - union) / hull


def detection_loss(outputs, targets):
    """With the matching of the first step given, as every peer has it."""
    logits, boxes = outputs.logits.float(), outputs.pred_boxes.float()
    weights = targets["class_weights"]
    each = F.cross_entropy(logits.transpose(1, 2), targets["target_classes"].long(), reduction="none")
    matched, count = targets["matched"], targets["num_boxes"]
    distance = ((boxes - targets["target_boxes"]).abs() * matched[..., None]).sum() / count
    overlap = ((1 - generalized_iou(boxes, targets["target_boxes"])) * matched).sum() / count
    return (each * weights).sum() / weights.sum() + 5 * distance + 2 * overlap


def loss_of(settings, model, pixels, targets):
    if settings["network"] == "detr":
        return detection_loss(model(pixel_values=pixels), targets)
    outputs = model(pixels)
    logits = outputs if torch.is_tensor(outputs) else outputs.logits
    return F.cross_entropy(logits.float(), targets["labels"])


def main(folder):
    settings = json.loads((folder / "settings.json").read_text())
    tensors = load_file(folder / "inputs.safetensors")
    named = lambda prefix: {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
    weights = named("weights.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    model = build(settings, weights)
    missing, unexpected = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    unexpected = [name for name in unexpected if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise RuntimeError(f"another network: missing {missing[:3]}, unexpected {unexpected[:3]}")
    model = model.to(device).train().requires_grad_(True)
    optimizer = torch.optim.AdamW(
        model.parameters(),
        lr=settings["learning_rate"],
        betas=tuple(settings["betas"]),
        eps=settings["epsilon"],
        weight_decay=0,
    )
    half = settings["precision"] == "autocast"
    scaler = torch.cuda.amp.GradScaler(enabled=half and device.type == "cuda")
    half_type = torch.float16 if device.type == "cuda" else torch.bfloat16
    pixels = tensors["pixel_values"].contiguous()
    targets = named("targets.")

    cuda = torch.version.cuda
    where = f"CUDA {cuda}, {torch.cuda.get_device_name()}" if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    say({"ready": {"device": device.type, "version": f"{torch.__version__}, {where}"}})
    for _ in sys.stdin:
        on_device = {name: value.to(device) for name, value in targets.items()}
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, dtype=half_type, enabled=half):
            loss = loss_of(settings, model, pixels.to(device), on_device)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        peak = torch.cuda.max_memory_allocated() / 1e6 if device.type == "cuda" else None
        say({"loss": loss.item(), "peak_mb": peak})


def say(message):
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:  # The bench prints it; a traceback would be lost among rows.
        say({"error": f"{type(error).__name__}: {error}"})
        sys.exit(1)
