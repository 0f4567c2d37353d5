"""The families, each with a random configuration and inputs that fit it.

A row of `FAMILIES` takes a `random.Random` and returns a function that builds the model, and the inputs by the names
that a case stores. What is drawn here is what Ocelli has to understand in a `config.json`: sizes, heads, layer types,
strides, dilated last stages, padding, empty images, weights of classes.
"""
import torch
import transformers

ACTS = ['gelu', 'relu', 'silu', 'gelu_new', 'gelu_pytorch_tanh', 'quick_gelu']


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
