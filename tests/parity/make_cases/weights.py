"""Weights that show mistakes: nothing is 0 or 1, activations stay of order one."""
import math

import torch


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
