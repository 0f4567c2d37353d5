"""Everything that a case expects of a model: outputs, losses, gradients, batch norms, and three optimiser steps.

`compute` does it all in one number type; a case is made of the float64 results, and its tolerances of what float32 is
off from them.
"""
import math

import torch

from .losses import arguments, forward_loss
from .matching import margin, recorded_matching


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
