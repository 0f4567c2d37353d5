/**
 * Other names for the tasks, and the metric names that `training.monitor_metric` may take for each task.
 * This is plain data on purpose: a recipe is checked before any model or data is touched. A test holds the
 * lists and the tasks' own `metrics` together.
 */
import { type TaskName, taskNames } from '../../core/index.ts';

/** Other spellings that mean the same: the reference system's `universal_segmentation` and Hugging Face's tags. */
export const taskAliases: Readonly<Record<string, TaskName>> = {
  universal_segmentation: 'panoptic_segmentation',
  'image-classification': 'classification',
  image_classification: 'classification',
  'object-detection': 'detection',
  object_detection: 'detection',
  'keypoint-detection': 'keypoint_detection',
};

export function canonicalTask(name: unknown): TaskName | undefined {
  if (typeof name !== 'string') return undefined;
  return (taskNames as readonly string[]).includes(name) ? (name as TaskName) : taskAliases[name];
}

/** Metric names without the split's prefix. A name that ends in `<id>` stands for one per category id. */
export interface TaskMetrics {
  readonly metrics: readonly string[];
  /** What the loss is made of, by Hugging Face's names. */
  readonly lossParts: readonly string[];
  /** What a recipe that names no metric watches. */
  readonly monitor: string;
}

const averages = (name: string): string[] => [name, `${name}_micro`, `${name}_weighted`];

const cocoMetrics = [
  'map',
  'map_50',
  'map_75',
  'map_small',
  'map_medium',
  'map_large',
  'mar_1',
  'mar_10',
  'mar_100',
  'mar_small',
  'mar_medium',
  'mar_large',
  'map_class_<id>',
];

const quality = (name: string): string[] => [name, `${name}_things`, `${name}_stuff`, `${name}_class_<id>`];

export const taskMetrics: Readonly<Record<TaskName, TaskMetrics>> = {
  classification: {
    metrics: [
      'accuracy',
      'accuracy_top5',
      ...averages('precision'),
      ...averages('recall'),
      ...averages('f1'),
      'auc',
    ],
    lossParts: [],
    monitor: 'val_loss',
  },
  detection: {
    metrics: cocoMetrics,
    lossParts: ['loss_ce', 'loss_bbox', 'loss_giou', 'cardinality_error'],
    monitor: 'val_map',
  },
  semantic_segmentation: {
    metrics: ['miou', 'iou_class_<id>', 'dice', 'pixel_accuracy'],
    lossParts: [],
    monitor: 'val_miou',
  },
  instance_segmentation: {
    metrics: cocoMetrics,
    lossParts: ['loss_cross_entropy', 'loss_mask', 'loss_dice'],
    monitor: 'val_map',
  },
  panoptic_segmentation: {
    metrics: [...quality('pq'), ...quality('sq'), ...quality('rq')],
    lossParts: ['loss_cross_entropy', 'loss_mask', 'loss_dice'],
    monitor: 'val_pq',
  },
  keypoint_detection: {
    metrics: ['map', 'map_50', 'map_75', 'map_medium', 'map_large', 'mar_10', 'mar_medium', 'mar_large'],
    lossParts: [],
    monitor: 'val_map',
  },
};

/** The names that `training.monitor_metric` may take; `<id>` stands for any category id. */
export function monitorNames(task: TaskName): string[] {
  const { metrics, lossParts } = taskMetrics[task];
  return [
    'train_loss',
    'val_loss',
    ...lossParts.map((name) => `val_${name}`),
    ...metrics.map((name) => `val_${name}`),
  ];
}

/** Whether a smaller value is better: losses and errors, everything else is a score. */
export function defaultMode(metric: string): 'min' | 'max' {
  return /(^|_)(loss|error)(_|$)/.test(metric) ? 'min' : 'max';
}

export function isMonitorName(task: TaskName, metric: string): boolean {
  return monitorNames(task).some((name) =>
    name.endsWith('<id>')
      ? metric.startsWith(name.slice(0, -4)) && /^\d+$/.test(metric.slice(name.length - 4))
      : name === metric,
  );
}
