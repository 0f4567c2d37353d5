"""Small models of every kind that a config can ask for, computed in float64 by transformers: folder.

Each variant becomes a folder with config.json, model.safetensors and values.safetensors (inputs and outputs).
The last line says which parameters are trained. Weights are random at a spread that keeps activations alive, so
that a wrong stride, dilation or epsilon shows.
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import (
    DetrConfig,
    DetrForObjectDetection,
    ResNetConfig,
    ResNetForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    YolosConfig,
    YolosForObjectDetection,
)

torch.set_default_dtype(torch.float64)
root = sys.argv[1]
trained = {}


def fill(model):
    with torch.no_grad():
        for name, tensor in list(model.named_parameters()) + list(model.named_buffers()):
            if not tensor.dtype.is_floating_point:
                continue
            noise = torch.randn_like(tensor)
            if name.endswith("running_var"):
                value = torch.rand_like(tensor) + 0.5
            elif tensor.dim() == 1:
                value = tensor + 0.1 * noise
            elif tensor.dim() == 4:
                value = noise * (2 / tensor[0].numel()) ** 0.5
            else:
                value = noise * (1.5 / tensor.shape[-1]) ** 0.5
            tensor.copy_(value.float().double())


def variant(name, model, size, batch=2, mask=None, **options):
    fill(model)
    folder = os.path.join(root, name)
    os.makedirs(folder)
    state = {
        key: (value.float() if value.dtype == torch.float64 else value).contiguous().clone()
        for key, value in model.state_dict().items()
    }
    save_file(state, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(json.loads(model.config.to_json_string(use_diff=False)), file)
    values = {"pixel_values": torch.randn(batch, 3, *size).float().double()}
    if mask:
        values["pixel_mask"] = torch.zeros(batch, *size)
        for i, (height, width) in enumerate(mask):
            values["pixel_mask"][i, :height, :width] = 1
    model.eval()
    with torch.no_grad():
        outputs = model(**values, **options)
    for key in ("logits", "pred_boxes", "last_hidden_state"):
        if key in outputs:
            values[f"out.{key}"] = outputs[key]
    save_file(
        {key: value.float().contiguous() for key, value in values.items()},
        os.path.join(folder, "values.safetensors"),
    )
    trained[name] = [key for key, value in model.named_parameters() if value.requires_grad]


torch.manual_seed(0)
detr = dict(
    d_model=24,
    encoder_layers=2,
    decoder_layers=2,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=40,
    decoder_ffn_dim=36,
    num_queries=9,
    num_labels=5,
    use_pretrained_backbone=False,
)
small = dict(layers=[1, 1, 1, 2], channels=[8, 12, 16, 20])
stages = dict(out_indices=[1, 2, 3, 4])
padded = [(64, 97), (40, 97), (64, 50)]
for name, backbone, keywords, options in (
    ("timm-basic", "resnet18", stages, {}),
    ("timm-bottleneck", "resnet50", stages, {}),
    ("timm-dilation", "resnet50", stages, dict(dilation=True)),
    ("timm-stride-8", "resnet18", dict(output_stride=8, **stages), {}),
    ("timm-early-stage", "resnet18", dict(out_indices=[1, 3]), {}),
    ("timm-learned-positions", "resnet18", stages, dict(position_embedding_type="learned", auxiliary_loss=True)),
):
    config = DetrConfig(backbone=backbone, backbone_kwargs={**keywords, **small}, **options, **detr)
    variant(name, DetrForObjectDetection(config), (64, 97), batch=3, mask=padded)

resnet = dict(embedding_size=8, layer_type="bottleneck", downsample_in_bottleneck=True, downsample_in_first_stage=True)
native = ResNetConfig(
    hidden_sizes=[8, 12, 16, 20], depths=[1, 1, 1, 1], hidden_act="gelu", out_features=["stage3"], **resnet
)
config = DetrConfig(use_timm_backbone=False, backbone=None, backbone_config=native, **detr)
variant("native-early-stage", DetrForObjectDetection(config), (70, 65))

config = ResNetConfig(hidden_sizes=[8, 12, 16], depths=[1, 2, 1], hidden_act="silu", num_labels=4, **resnet)
variant("resnet-early-stride", ResNetForImageClassification(config), (65, 90))

tiny = dict(hidden_size=24, num_attention_heads=2, intermediate_size=30, patch_size=8)
config = ViTConfig(num_hidden_layers=2, image_size=32, hidden_act="gelu_new", num_labels=4, layer_norm_eps=1e-6, **tiny)
variant("vit-other-size", ViTForImageClassification(config), (64, 24), interpolate_pos_encoding=True)

config = YolosConfig(
    num_hidden_layers=3,
    image_size=[48, 40],
    num_detection_tokens=6,
    use_mid_position_embeddings=True,
    num_labels=1,
    hidden_act="quick_gelu",
    **tiny,
)
variant("yolos-one-class", YolosForObjectDetection(config), (50, 77), batch=1)
print(json.dumps(trained))
