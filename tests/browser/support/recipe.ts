/** A run of a few seconds: one layer of ViT on generated shapes. */
export const tinyRecipe = (settings: { readonly epochs?: number } = {}): string => `
model:
  model_name: tiny-vit
  task_type: classification
  pretrained: false
  image_size: 32
  config:
    model_type: vit
    hidden_size: 32
    num_hidden_layers: 1
    num_attention_heads: 2
    intermediate_size: 64
    image_size: 32
    patch_size: 8
data:
  train_data_path: sample:shapes?images=16&seed=1&size=32&classes=3&objects=1
  val_data_path: sample:shapes?images=8&seed=2&size=32&classes=3&objects=1
  batch_size: 8
training:
  max_epochs: ${settings.epochs ?? 6}
  learning_rate: 0.005
  early_stopping_patience: null
  seed: 5
  log_every_n_steps: 1
mlflow:
  run_name: tiny
output:
  visualization: { save_images: false }
`;
