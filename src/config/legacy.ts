/**
 * Keys of the reference system's files that are spelled differently here, stand twice, or have no meaning.
 *
 *   moved     a duplicate or an older spelling: its value goes to the one place where it counts. Where both
 *             are given and differ, `wins` says which: the place itself (the rule for `training` over `model`)
 *             or the moved key
 *   ignored   accepted, because the files load as they are, and answered with a warning that says why
 */

export interface MovedKey {
  readonly from: string;
  readonly to: string;
  /** `to` unless said otherwise. */
  readonly wins?: 'from';
  readonly why: string;
}

export interface IgnoredKey {
  readonly key: string;
  readonly why: string;
}

const duplicate = (key: string): MovedKey => ({
  from: `model.${key}`,
  to: `training.${key}`,
  why: 'the training section decides how to train',
});

const augmentation = (key: string): MovedKey => ({
  from: `data.${key}`,
  to: `data.augmentations.${key}`,
  why: 'augmentations have their own section',
});

/** In this order: later rows see what earlier ones moved. */
export const movedKeys: readonly MovedKey[] = [
  { from: 'training.epochs', to: 'training.max_epochs', why: 'max_epochs is the name that counts' },
  { from: 'model.epochs', to: 'training.max_epochs', why: 'max_epochs is the name that counts' },
  duplicate('learning_rate'),
  duplicate('weight_decay'),
  duplicate('scheduler'),
  duplicate('scheduler_params'),
  { from: 'training.monitor', to: 'training.monitor_metric', why: 'monitor_metric is the name that counts' },
  { from: 'training.mode', to: 'training.monitor_mode', why: 'monitor_mode is the name that counts' },
  { from: 'logging.monitor', to: 'training.monitor_metric', why: 'it lives in training' },
  { from: 'logging.mode', to: 'training.monitor_mode', why: 'it lives in training' },
  { from: 'logging.save_top_k', to: 'training.save_top_k', why: 'it lives in training' },
  { from: 'logging.log_every_n_steps', to: 'training.log_every_n_steps', why: 'it lives in training' },
  {
    from: 'training.volume_checkpoint_dir',
    to: 'training.checkpoint_dir',
    why: 'the run folder holds the checkpoints, and checkpoint_dir gets a copy of each',
  },
  { from: 'model.name', to: 'model.model_name', why: 'model_name is the name that counts' },
  { from: 'model.model_kwargs', to: 'model.config', why: 'config holds the fields of config.json' },
  { from: 'model.num_queries', to: 'model.config.num_queries', why: 'it is a field of config.json' },
  { from: 'model.dropout_rate', to: 'model.dropout', why: 'dropout is the name that counts' },
  {
    from: 'data.image_size',
    to: 'model.image_size',
    wins: 'from',
    why: 'the size belongs to the model and its processor; pictures are resized to the one in data',
  },
  { from: 'data.mean', to: 'data.normalize_mean', why: 'normalize_mean is the name that counts' },
  { from: 'data.std', to: 'data.normalize_std', why: 'normalize_std is the name that counts' },
  augmentation('horizontal_flip'),
  augmentation('vertical_flip'),
  augmentation('rotation'),
  augmentation('brightness_contrast'),
  augmentation('hue_saturation'),
  {
    from: 'augmentation.random_crop',
    to: 'data.augmentations.random_crop',
    why: 'augmentations live in data.augmentations',
  },
  {
    from: 'augmentation.random_erasing',
    to: 'data.augmentations.random_erasing',
    why: 'augmentations live in data.augmentations',
  },
  {
    from: 'mlflow.model_name',
    to: 'mlflow.registered_model_name',
    why: 'registered_model_name is the name that counts',
  },
];

const oneDevice = 'a run uses the one device that --device names';
const fromCheckpoint = "the checkpoint's own configuration decides it";
const later = 'the tasks that it belongs to take it from the checkpoint';
const notDone = 'this augmentation is not offered';

export const ignoredKeys: readonly IgnoredKey[] = [
  { key: 'model.class_names', why: 'class names come from the data set and travel as id2label' },
  { key: 'model.segmentation_type', why: 'task_type says it' },
  {
    key: 'model.iou_threshold',
    why: 'these models predict sets; there is no non-maximum suppression to tune',
  },
  { key: 'model.aux_loss_weight', why: later },
  { key: 'model.mask_threshold', why: later },
  { key: 'model.overlap_threshold', why: later },
  { key: 'model.num_thing_classes', why: 'the data set says which classes are things' },
  { key: 'model.num_stuff_classes', why: 'the data set says which classes are stuff' },
  { key: 'model.num_workers', why: 'data.num_workers sets the loader threads' },
  {
    key: 'model.backbone',
    why: 'name the whole checkpoint in model.model_name, such as facebook/detr-resnet-101',
  },
  { key: 'model.encoder', why: 'name the whole checkpoint in model.model_name' },
  { key: 'model.encoder_weights', why: 'name the whole checkpoint in model.model_name' },
  { key: 'model.ignore_index', why: fromCheckpoint },
  { key: 'data.model_name', why: 'model.model_name decides; the processor is its own' },
  { key: 'data.pin_memory', why: 'buffers go to the device directly' },
  { key: 'data.augmentations.strength', why: 'each augmentation has a range of its own' },
  { key: 'training.use_gpu', why: '--device chooses the device' },
  { key: 'training.num_workers', why: oneDevice },
  { key: 'training.resources_per_worker', why: oneDevice },
  { key: 'training.use_ray', why: oneDevice },
  { key: 'training.master_port', why: oneDevice },
  { key: 'training.log_dir', why: 'events.jsonl in the run folder is the log' },
  { key: 'training.log_metrics', why: 'every metric is in events.jsonl' },
  { key: 'training.log_artifacts', why: 'mlflow.log_model decides what is sent' },
  { key: 'distributed', why: oneDevice },
  { key: 'ray', why: oneDevice },
  { key: 'optimization', why: 'it is the record of an earlier search, not a setting' },
  { key: 'augmentation.mosaic', why: notDone },
  { key: 'augmentation.mixup', why: 'model.mixup_alpha sets mixup' },
];

/** Sections that only older files have; they are gone once their keys are moved or ignored. */
export const legacySections = ['logging', 'augmentation'] as const;
