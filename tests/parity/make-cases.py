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
import json
import math
import os
import random

import torch
from safetensors.torch import save_file

from make_cases.families import FAMILIES
from make_cases.passes import compute
from make_cases.tolerances import tolerances
from make_cases.weights import randomise


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
