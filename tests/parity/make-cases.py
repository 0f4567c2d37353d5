"""Makes reference cases of kind `model` with random configurations, for the parity runner.

    python tests/parity/make-cases.py OUT [--families vit,resnet,yolos,detr,detr-timm,vitpose] [--count 8] [--seed 1]
    npm run parity -- OUT --device webgpu --compiled --quiet

It needs torch >= 2.2, transformers 4.57, scipy and, for `detr-timm`, timm (`pip install torch transformers==4.57.6
scipy timm`; tried with torch 2.8 and timm 1.0.31). Sizes, heads, depths, activations, layer types, strides, dilated
last stages (DC5), padding, empty images, frozen parts, weights of classes, label smoothing and the optimiser's
numbers are drawn; a seed always gives the same case. Expectations are computed in float64; tolerances are thirty
times what float32 is off from that (at least 1e-5; of losses and norms after steps at least three times what weights
moved by a millionth change, because Adam makes a whole step of a gradient that is nothing but rounding). A draw whose
matching or whose steps hang on rounding (a ReLU or a largest pixel that flips) is drawn again: weights moved by a
millionth must lead to the same losses.
"""
import argparse
import contextlib
import json
import math
import os
import random

import torch
import transformers
import transformers.loss.loss_for_object_detection as detection_loss
from safetensors.torch import save_file

ACTS = ['gelu', 'relu', 'silu', 'gelu_new', 'gelu_pytorch_tanh', 'quick_gelu']


# --- configurations -------------------------------------------------------------------------------------------

def labels_of(n):
    return dict(id2label={i: f'class {i}' for i in range(n)}, label2id={f'class {i}': i for i in range(n)})


def loss_options(r, inputs, classes, smoothing=True):
    """Recipes may weigh classes and smooth labels: `class_weights` and `label_smoothing` among the inputs."""
    if r.random() < 0.35:
        inputs['class_weights'] = torch.rand(classes) * 2 + 0.2
    if smoothing and r.random() < 0.35:
        inputs['label_smoothing'] = torch.tensor(r.choice([0.05, 0.1, 0.3]))


def vit_like(r):
    heads = r.choice([1, 2, 3, 5, 6])
    return dict(
        hidden_size=heads * r.choice([4, 6, 8, 16, 10]), num_attention_heads=heads, num_hidden_layers=r.choice([1, 2, 3, 4]),
        intermediate_size=r.choice([20, 33, 64, 96]), hidden_act=r.choice(ACTS), hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0, layer_norm_eps=r.choice([1e-12, 1e-6, 1e-5]), qkv_bias=r.random() < 0.7,
        patch_size=r.choice([4, 7, 8, 16]), num_channels=r.choice([3, 3, 3, 1]),
    )


def size_for(r, patch, low=3, high=7, ragged=True):
    extra = lambda: r.choice([0, 0, 1, patch - 1]) if ragged else 0
    return [patch * r.randint(low, high) + extra(), patch * r.randint(low, high) + extra()]


def vit(r):
    o = vit_like(r)
    # transformers wants a number where the picture is square
    size = size_for(r, o['patch_size'], ragged=False)
    square = r.random() < 0.4
    o['image_size'] = size[0] if square else size
    height, width = (size[0], size[0]) if square else size
    config = transformers.ViTConfig(**o, **labels_of(r.choice([2, 3, 7, 13])))
    batch = r.choice([1, 2, 3, 5])
    multi = r.random() < 0.3
    if multi:
        config.problem_type = 'multi_label_classification'
    model = lambda: transformers.ViTForImageClassification(config)
    inputs = dict(pixel_values=torch.randn(batch, o['num_channels'], height, width))
    if height == width:  # transformers' interpolation knows square grids only
        inputs['interp.pixel_values'] = torch.randn(batch, o['num_channels'], *size_for(r, o['patch_size'], 2, 9))
    n = config.num_labels
    inputs['labels'] = (torch.rand(batch, n) < 0.4).float() if multi else torch.randint(0, n, (batch,))
    loss_options(r, inputs, n)
    return model, inputs


def resnet_options(r, stages):
    layer = r.choice(['basic', 'bottleneck'])
    unit = 4 if layer == 'bottleneck' else 1
    return dict(
        embedding_size=r.choice([6, 8, 16]), hidden_sizes=[unit * r.choice([4, 6, 8, 9, 12]) for _ in range(stages)],
        depths=[r.choice([1, 1, 2, 3]) for _ in range(stages)], layer_type=layer, hidden_act=r.choice(['relu', 'relu', 'gelu', 'silu']),
        downsample_in_first_stage=r.random() < 0.4, downsample_in_bottleneck=r.random() < 0.4,
    )


def resnet(r):
    o = resnet_options(r, r.choice([2, 3, 4, 4, 5]))
    channels = r.choice([3, 3, 1, 4])
    config = transformers.ResNetConfig(**o, num_channels=channels, **labels_of(r.choice([2, 3, 6])))
    multi = r.random() < 0.3
    if multi:
        config.problem_type = 'multi_label_classification'
    batch = r.choice([2, 3, 4])
    inputs = dict(pixel_values=torch.randn(batch, channels, r.randint(33, 80), r.randint(33, 80)))
    n = config.num_labels
    inputs['labels'] = (torch.rand(batch, n) < 0.4).float() if multi else torch.randint(0, n, (batch,))
    loss_options(r, inputs, n)
    return (lambda: transformers.ResNetForImageClassification(config)), inputs


def objects(r, inputs, batch, classes, queries, empty=True):
    for i in range(batch):
        n = r.choice([0, 1, 2, 3, 5] if empty else [1, 2, 3])
        n = min(n, queries)
        centre, size = torch.rand(n, 2) * 0.6 + 0.2, torch.rand(n, 2) * 0.3 + 0.05
        inputs[f'labels.{i}.class_labels'] = torch.randint(0, classes, (n,))
        inputs[f'labels.{i}.boxes'] = torch.cat([centre, size], 1)


def coefficients(r):
    return dict(
        eos_coefficient=r.choice([0.1, 0.1, 0.4]), class_cost=r.choice([1, 2]), bbox_cost=r.choice([5, 3]), giou_cost=r.choice([2, 1]),
        bbox_loss_coefficient=r.choice([5, 2]), giou_loss_coefficient=r.choice([2, 3]),
    )


def yolos(r):
    o = vit_like(r)
    o['num_hidden_layers'] = r.choice([2, 3, 4])
    o['image_size'] = size_for(r, o['patch_size'], 3, 7, ragged=False)
    o['num_detection_tokens'] = r.choice([5, 7, 10])
    o['use_mid_position_embeddings'] = r.random() < 0.6
    classes = r.choice([1, 2, 5])
    config = transformers.YolosConfig(**o, **coefficients(r), **labels_of(classes))
    batch = r.choice([1, 2, 3])
    size = o['image_size'] if r.random() < 0.3 else size_for(r, o['patch_size'], 2, 8)
    inputs = dict(pixel_values=torch.randn(batch, o['num_channels'], *size))
    objects(r, inputs, batch, classes, o['num_detection_tokens'])
    loss_options(r, inputs, classes, smoothing=False)
    return (lambda: transformers.YolosForObjectDetection(config)), inputs


def native_backbone(r):
    """The fields of a DETR's config for transformers' own ResNet; without timm, `dilation` means nothing."""
    stages = r.choice([3, 4, 4])
    b = resnet_options(r, stages)
    b['depths'] = [r.choice([1, 1, 2]) for _ in range(stages)]
    channels = r.choice([3, 3, 3, 1])
    last = r.choice([stages, stages, stages - 1])
    backbone = transformers.ResNetConfig(**b, num_channels=channels, out_features=[f'stage{last}'])
    return dict(use_timm_backbone=False, backbone=None, backbone_config=backbone, num_channels=channels, dilation=r.random() < 0.2)


def timm_backbone(r):
    """timm's ResNet; dilated (DC5), the last stage keeps its size, with `output_stride` 8 the last two do."""
    name = r.choice(['resnet18', 'resnet34', 'resnet26', 'resnet50', 'resnet50.a1_in1k'])
    keywords = dict(layers=[r.choice([1, 1, 2]) for _ in range(4)], channels=[r.choice([4, 6, 8, 12]) for _ in range(4)])
    if r.random() < 0.6:
        keywords['out_indices'] = r.choice([[1, 2, 3, 4], [4], [2, 3], [0, 3], [0, 1, 2, 3, 4]])
    if r.random() < 0.3:
        keywords['output_stride'] = r.choice([8, 16, 32])
    return dict(use_timm_backbone=True, backbone=name, backbone_kwargs=keywords, num_channels=r.choice([3, 3, 1]), dilation=r.random() < 0.6)


def detr(r, backbone_of=native_backbone):
    fields = backbone_of(r)
    channels = fields['num_channels']
    h1, h2 = r.choice([(1, 2), (2, 3), (4, 4), (3, 6), (5, 1)])
    width = {(1, 2): 20, (2, 3): 24, (4, 4): 32, (3, 6): 36, (5, 1): 40}[(h1, h2)]
    classes = r.choice([1, 3, 6])
    config = transformers.DetrConfig(
        **fields, use_pretrained_backbone=False,
        num_queries=r.choice([5, 6, 9, 13]), d_model=width, encoder_layers=r.choice([1, 2, 3]), decoder_layers=r.choice([1, 2, 3]),
        encoder_attention_heads=h1, decoder_attention_heads=h2, encoder_ffn_dim=r.choice([30, 48, 65]), decoder_ffn_dim=r.choice([30, 56]),
        activation_function=r.choice(['relu', 'gelu', 'silu']), dropout=0.0, attention_dropout=0.0, activation_dropout=0.0,
        position_embedding_type=r.choice(['sine', 'sine', 'learned']), auxiliary_loss=r.random() < 0.5, **coefficients(r), **labels_of(classes),
    )
    if 0 in (config.backbone_kwargs or {}).get('out_indices', []):
        config.position_embedding_type = 'sine'  # learned ones are too few for the stem, which has positions though unused
    config.dilation = fields['dilation']  # as files of the hub have it without timm, too
    batch = r.choice([1, 2, 3])
    height, width_px = r.randint(40, 110), r.randint(40, 110)
    inputs = dict(pixel_values=torch.randn(batch, channels, height, width_px))
    if r.random() < 0.75:
        mask = torch.zeros(batch, height, width_px, dtype=torch.int64)
        for i in range(batch):
            h, w = (height, width_px) if i == 0 else (r.randint(height // 2, height), r.randint(width_px // 2, width_px))
            mask[i, :h, :w] = 1
        inputs['pixel_mask'] = mask
        inputs['pixel_values'] = inputs['pixel_values'] * mask[:, None]
    objects(r, inputs, batch, classes, config.num_queries)
    loss_options(r, inputs, classes, smoothing=False)
    trains_backbone = not config.use_timm_backbone and r.random() < 0.4

    def build():
        model = transformers.DetrForObjectDetection(config)
        if trains_backbone:
            for name, p in model.named_parameters():
                if 'conv_encoder' in name:
                    p.requires_grad_('stages' in name and 'stages.0' not in name)
        return model
    return build, inputs


def detr_timm(r):
    return detr(r, timm_backbone)


def vitpose(r):
    heads = r.choice([1, 2, 3, 4])
    patch = r.choice([8, 16, 16])
    rows, columns = r.randint(2, 5), r.randint(2, 5)
    layers = r.choice([1, 2, 3])
    simple = r.random() < 0.7
    backbone = transformers.VitPoseBackboneConfig(
        image_size=[patch * rows, patch * columns], patch_size=[patch, patch], hidden_size=heads * r.choice([6, 8, 12]), num_hidden_layers=layers,
        num_attention_heads=heads, mlp_ratio=r.choice([2, 3, 4]), hidden_act=r.choice(ACTS), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        layer_norm_eps=r.choice([1e-12, 1e-6]), qkv_bias=r.random() < 0.7, out_indices=[layers],
    )
    keypoints = r.choice([3, 5, 17])
    scale = r.choice([2, 3, 4]) if simple else 4
    config = transformers.VitPoseConfig(backbone_config=backbone, use_simple_decoder=simple, scale_factor=scale, **labels_of(keypoints))
    batch = r.choice([1, 2, 3])
    if not simple:
        batch = max(batch, 2)
    inputs = dict(pixel_values=torch.randn(batch, 3, patch * rows, patch * columns))
    inputs['target_heatmaps'] = torch.rand(batch, keypoints, rows * scale, columns * scale)
    inputs['target_weight'] = (torch.rand(batch, keypoints) < 0.8).float()
    return (lambda: transformers.VitPoseForPoseEstimation(config)), inputs


FAMILIES = {'vit': vit, 'resnet': resnet, 'yolos': yolos, 'detr': detr, 'detr-timm': detr_timm, 'vitpose': vitpose}


# --- weights that show mistakes: nothing is 0 or 1, activations stay of order one ---------------------------------

def randomise(model):
    with torch.no_grad():
        for name, t in list(model.named_parameters()) + list(model.named_buffers()):
            if not t.is_floating_point():
                continue
            if name.endswith('running_var'):
                t.uniform_(0.5, 1.5)
            elif name.endswith('running_mean'):
                t.normal_(0, 0.2)
            elif t.dim() == 1:
                t.normal_(0, 0.1)
                if name.endswith('weight'):
                    t.add_(1)
            elif 'position' in name or 'token' in name:
                t.normal_(0, 0.5)
            else:
                fan_in = t[0].numel()
                t.normal_(0, 1.2 / math.sqrt(fan_in))


cross_entropy = torch.nn.functional.cross_entropy
binary_cross_entropy = torch.nn.functional.binary_cross_entropy_with_logits
# What the case at hand asks for; transformers has no argument for it.
LOSS = {}


def weighted_cross_entropy(input, target, weight=None, *others, **options):
    """DETR's class weights are float32 whatever the model is; its last one is that of no object."""
    given = LOSS.get('class_weights')
    weight = None if weight is None else weight.to(input.dtype)
    if given is not None:
        weight = given.to(input.dtype) if weight is None else torch.cat([given.to(input.dtype), weight[-1:]])
    if 'label_smoothing' in LOSS:
        options['label_smoothing'] = float(LOSS['label_smoothing'])
    return cross_entropy(input, target, weight, *others, **options)


def weighted_binary_cross_entropy(input, target, weight=None, *others, **options):
    """Smoothed targets lie between the two classes that each label has."""
    smoothing = float(LOSS.get('label_smoothing', 0))
    given = LOSS.get('class_weights')
    weight = weight if given is None else given.to(input.dtype)
    return binary_cross_entropy(input, target * (1 - smoothing) + smoothing / 2, weight, *others, **options)


torch.nn.functional.cross_entropy = weighted_cross_entropy
torch.nn.functional.binary_cross_entropy_with_logits = weighted_binary_cross_entropy


# --- passes ---------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def recorded_matching(record):
    solve = detection_loss.linear_sum_assignment
    def remember(cost):
        rows, columns = solve(cost)
        record.append((torch.as_tensor(cost).double().clone(), torch.as_tensor(rows), torch.as_tensor(columns)))
        return rows, columns
    detection_loss.linear_sum_assignment = remember
    try:
        yield
    finally:
        detection_loss.linear_sum_assignment = solve


def margin(cost):
    """How far the next assignment is from the best: the best total with each chosen pair forbidden in turn."""
    from scipy.optimize import linear_sum_assignment
    c = cost.numpy()
    if c.shape[1] == 0:
        return math.inf
    rows, cols = linear_sum_assignment(c)
    best = c[rows, cols].sum()
    found = math.inf
    for i, j in zip(rows, cols):
        other = c.copy()
        other[i, j] = 1e6
        a, b = linear_sum_assignment(other)
        found = min(found, other[a, b].sum() - best)
    return float(found)


def arguments(inputs, dtype, prefix=''):
    given = {'pixel_values': inputs[prefix + 'pixel_values'].to(dtype)}
    if not prefix and 'pixel_mask' in inputs:
        given['pixel_mask'] = inputs['pixel_mask']
    return given


def targets(inputs, dtype):
    if 'labels' in inputs:
        labels = inputs['labels']
        return labels.to(dtype) if labels.is_floating_point() else labels
    images, i = [], 0
    while f'labels.{i}.boxes' in inputs:
        images.append(dict(class_labels=inputs[f'labels.{i}.class_labels'], boxes=inputs[f'labels.{i}.boxes'].to(dtype)))
        i += 1
    return images


def forward_loss(model, inputs, dtype):
    given = arguments(inputs, dtype)
    LOSS.clear()
    LOSS.update({k: inputs[k] for k in ('class_weights', 'label_smoothing') if k in inputs})
    if 'target_heatmaps' in inputs:
        out = model(**given)
        heatmaps, weight = inputs['target_heatmaps'].to(dtype), inputs['target_weight'].to(dtype)
        loss = (((out.heatmaps - heatmaps) * weight[..., None, None]) ** 2).mean()
        return out, loss, {'heatmap_mse': loss}
    out = model(**given, labels=targets(inputs, dtype))
    return out, out.loss, getattr(out, 'loss_dict', None) or {}


def evaluate(model, inputs, dtype, out, prefix):
    model.eval()
    with torch.no_grad():
        result = model(**arguments(inputs, dtype), output_hidden_states=True)
    simple = ['logits', 'pred_boxes', 'heatmaps', 'last_hidden_state', 'encoder_last_hidden_state']
    for key in simple:
        value = getattr(result, key, None)
        if value is not None:
            out[f'{prefix}.{key}'] = value
    if prefix == 'eval':
        lists = ['decoder_hidden_states', 'encoder_hidden_states'] if hasattr(result, 'encoder_last_hidden_state') else ['hidden_states']
        for key in lists:
            for i, state in enumerate(getattr(result, key, None) or []):
                out[f'eval.{key}.{i}'] = state
        if 'interp.pixel_values' in inputs:
            with torch.no_grad():
                out['eval.interp.logits'] = model(**arguments(inputs, dtype, 'interp.'), interpolate_pos_encoding=True).logits
    elif 'epsprobe.last_hidden_state' not in out:
        states = result.hidden_states
        if states is not None:
            out['epsprobe.last_hidden_state'] = states[-1]


def compute(build, state, inputs, dtype, optimizer, frozen):
    def fresh():
        model = build().to(dtype)
        model.load_state_dict({k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()})
        for name, p in model.named_parameters():
            if name in frozen:
                p.requires_grad_(False)
        return model
    out, margins = {}, []
    model = fresh()
    evaluate(model, inputs, dtype, out, 'eval')
    with torch.no_grad():
        for t in list(model.parameters()) + list(model.buffers()):
            if t.is_floating_point():
                # as float32 holds it
                t.copy_((t.float() * torch.tensor(0.03)).to(dtype))
    evaluate(model, inputs, dtype, out, 'epsprobe')

    model = fresh()
    model.train()
    record = []
    with recorded_matching(record):
        result, loss, parts = forward_loss(model, inputs, dtype)
    loss.backward()
    out['train.loss'] = loss
    for k, v in parts.items():
        out[f'train.loss_dict.{k}'] = v
    for k in ['logits', 'pred_boxes', 'heatmaps']:
        if getattr(result, k, None) is not None:
            out[f'train.{k}'] = getattr(result, k)
    images = sum(1 for k in inputs if k.endswith('.boxes'))
    for i, (cost, rows, columns) in enumerate(record):
        layer, image = divmod(i, images)
        out[f'match.{layer}.{image}.cost'], out[f'match.{layer}.{image}.src'], out[f'match.{layer}.{image}.tgt'] = cost, rows, columns
        margins.append(margin(cost))
    for name, p in model.named_parameters():
        if p.grad is not None:
            out[f'grad.{name}'] = p.grad.clone()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    moved = [n for n, _ in model.named_buffers() if 'running_' in n or 'num_batches' in n]
    if norms:
        for n, b in model.named_buffers():
            if n in moved:
                out[f'bn_after1.{n}'] = b.clone()
        model = fresh()
        model.train()
        for m in model.modules():
            if isinstance(m, torch.nn.BatchNorm2d):
                m.eval()
        result, loss, _ = forward_loss(model, inputs, dtype)
        loss.backward()
        out['frozenbn.loss'] = loss
        for name, p in model.named_parameters():
            if p.grad is not None:
                out[f'frozenbn.grad.{name}'] = p.grad.clone()

    model = fresh()
    model.train()
    trained = [p for p in model.parameters() if p.requires_grad]
    o = torch.optim.AdamW(trained, lr=optimizer['lr'], betas=tuple(optimizer['betas']), eps=optimizer['eps'], weight_decay=optimizer['weight_decay'])
    losses, totals = [], []
    for step in range(1, optimizer['steps'] + 1):
        o.zero_grad()
        record = []
        with recorded_matching(record):
            _, loss, _ = forward_loss(model, inputs, dtype)
        margins += [margin(c) for c, _, _ in record]
        loss.backward()
        totals.append(torch.nn.utils.clip_grad_norm_(trained, optimizer['max_grad_norm']))
        losses.append(loss.detach())
        o.step()
        if step in (1, optimizer['steps']):
            for name, p in model.named_parameters():
                if p.requires_grad and p.grad is not None:
                    out[f'after{step}.{name}'] = p.detach().clone()
    out['step_losses'], out['step_grad_norms'] = torch.stack(losses), torch.stack(totals)
    steps = optimizer['steps']
    if norms:
        for n, b in model.named_buffers():
            if n in moved:
                out[f'bn_after{steps}.{n}'] = b.clone()
    with torch.no_grad():
        _, out[f'loss_after{steps}'], _ = forward_loss(model, inputs, dtype)
    return {k: v.detach() for k, v in out.items()}, min(margins, default=math.inf)


GROUPS = [('grads', ('grad.', 'frozenbn.grad.')), ('loss', ('train.loss', 'frozenbn.loss')), ('train_outputs', ('train.',)),
          ('steps', ('step_', 'loss_after')), ('outputs', ('eval.',)), ('matching', ('match.',))]


def group_of(key):
    return next((g for g, prefixes in GROUPS if key.startswith(prefixes)), key.split('.')[0])


def tolerances(exact, single):
    largest, rtol = {}, {}
    for k, v in exact.items():
        if v.numel():
            largest[group_of(k)] = max(largest.get(group_of(k), 0), float(v.double().abs().max()))
    for k, v in exact.items():
        g = group_of(k)
        if not v.is_floating_point() or not v.numel():
            continue
        scale = max(float(v.abs().max()), 1e-3 * largest[g])
        off = float((single[k].double() - v.double()).abs().max()) / scale if scale else 0.0
        rtol[g] = max(rtol.get(g, 1e-5), 30 * off)
    noise = {}
    for k, v in exact.items():
        if k.startswith('after') and v.numel():
            share = float(((single[k].double() - v.double()).abs() > 2e-5).double().mean())
            if share > 0.01:
                noise[k] = dict(share_of_elements_off=share)
    return rtol, noise


def make(out, family, seed):
    for attempt in range(20):
        r = random.Random(f'{family}-{seed}-{attempt}')
        torch.manual_seed(r.randrange(2 ** 31))
        build, inputs = FAMILIES[family](r)
        template = build()
        randomise(template)
        state = template.state_dict()
        frozen = {n for n, p in template.named_parameters() if not p.requires_grad}
        if r.random() < 0.25:
            names = [n for n, _ in template.named_parameters()]
            part = r.choice(['embeddings', 'layer.0', 'encoder', 'norm', 'bias'])
            frozen |= {n for n in names if part in n}
            if len(frozen) == len(names):
                frozen = set()
        optimizer = dict(name='torch.optim.AdamW', lr=r.choice([1e-3, 3e-4, 1e-2]), betas=r.choice([[0.9, 0.999], [0.8, 0.95]]),
                         eps=r.choice([1e-8, 1e-6]), weight_decay=r.choice([0.01, 0.0, 0.1]), max_grad_norm=r.choice([0.1, 1.0, 100.0]), steps=3)
        exact, gap = compute(build, state, inputs, torch.float64, optimizer, frozen)
        single, _ = compute(build, state, inputs, torch.float32, optimizer, frozen)
        moved = {k: v * (1 + 1e-6 * torch.randn_like(v)) if v.is_floating_point() else v for k, v in state.items()}
        near, _ = compute(build, moved, inputs, torch.float64, optimizer, frozen)
        moves = max(
            float((exact[k] - near[k]).abs().max()) / float(exact[k].abs().max())
            for k in ('step_losses', 'step_grad_norms', f"loss_after{optimizer['steps']}")
        )
        steady = moves <= 1e-3
        same = all(torch.equal(exact[k], single[k]) for k in exact if k.startswith('match.') and not k.endswith('cost'))
        if gap > 1e-3 and same and steady:
            break
    else:
        raise SystemExit(f'{family} {seed}: no draw that is steady')
    folder = os.path.join(out, f'{family}-{seed}')
    os.makedirs(folder, exist_ok=True)
    rtol, noise = tolerances(exact, single)
    rtol['steps'] = max(rtol['steps'], 3 * moves)
    template.config.architectures = [type(template).__name__]
    template.config.save_pretrained(folder)
    store = lambda t: (t.float() if t.is_floating_point() else t).contiguous().clone()
    shared = {k: store(v) for k, v in state.items()}
    save_file(shared, os.path.join(folder, 'model.safetensors'), metadata={'format': 'pt'})
    compact = lambda k, v: v.to(torch.uint8) if k == 'pixel_mask' else store(v)
    save_file({k: compact(k, v) for k, v in inputs.items()}, os.path.join(folder, 'inputs.safetensors'))
    save_file({k: store(v) for k, v in exact.items()}, os.path.join(folder, 'expected.safetensors'))
    readme = dict(kind='model', family=template.config.model_type, variant=f'{family}-{seed}', model_class=type(template).__name__, seed=seed, optimizer=optimizer,
                  requires_grad_false=sorted(frozen), grad_is_none=[], match_margin=None if gap == math.inf else gap,
                  suggested_tolerance=dict(rule="max|a-b| of a tensor <= rtol * max(max|b| of that tensor, 1e-3 * group_max)", rtol=rtol),
                  noise_dominated=dict(tensors=noise))
    with open(os.path.join(folder, 'README.json'), 'w') as f:
        json.dump(readme, f, indent=1)
    print(folder, sum(p.numel() for p in template.parameters()), 'parameters', len(exact), 'expectations', 'margin', gap, flush=True)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('out')
    parser.add_argument('--families', default=','.join(FAMILIES))
    parser.add_argument('--count', type=int, default=8)
    parser.add_argument('--seed', type=int, default=1)
    a = parser.parse_args()
    torch.set_num_threads(1)
    for family in a.families.split(','):
        for seed in range(a.seed, a.seed + a.count):
            make(a.out, family, seed)
