"""Losses as transformers computes them, with the weights of classes and the smoothed labels that a recipe may ask for.

transformers has no argument for them: what its models call is replaced, and reads what the case at hand asks for.
"""
import torch

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
