/**
 * Which processor a `preprocessor_config.json` means that does not say it, as those of early checkpoints don't: the one that
 * transformers' AutoImageProcessor takes for the `model_type` of `config.json`.
 */
type Json = Readonly<Record<string, unknown>>;

const byModelType: Readonly<Record<string, string>> = {
  bit: 'BitImageProcessor',
  convnext: 'ConvNextImageProcessor',
  convnextv2: 'ConvNextImageProcessor',
  cvt: 'ConvNextImageProcessor',
  deit: 'DeiTImageProcessor',
  detr: 'DetrImageProcessor',
  dinov2: 'BitImageProcessor',
  focalnet: 'BitImageProcessor',
  mobilenet_v2: 'MobileNetV2ImageProcessor',
  regnet: 'ConvNextImageProcessor',
  resnet: 'ConvNextImageProcessor',
  swin: 'ViTImageProcessor',
  swinv2: 'ViTImageProcessor',
  'table-transformer': 'DetrImageProcessor',
  van: 'ConvNextImageProcessor',
  vit: 'ViTImageProcessor',
  vit_mae: 'ViTImageProcessor',
  vit_msn: 'ViTImageProcessor',
  yolos: 'YolosImageProcessor',
};

export function withProcessorType(processor: Json, modelType: unknown): Json {
  if ('image_processor_type' in processor || 'feature_extractor_type' in processor) return processor;
  const type = typeof modelType === 'string' && Object.hasOwn(byModelType, modelType);
  return type ? { ...processor, image_processor_type: byModelType[modelType] } : processor;
}
