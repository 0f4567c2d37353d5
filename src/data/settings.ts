/** The recipe's `data` section, as far as finding and ordering samples needs it. */
import type { ClassMap, TaskName } from '../core/index.ts';
import type { ContentCache } from '../storage/index.ts';

export interface DataSettings {
  readonly train_data_path: string;
  readonly val_data_path: string;
  readonly test_data_path?: string | null;
  readonly train_annotation_file?: string | null;
  readonly val_annotation_file?: string | null;
  readonly test_annotation_file?: string | null;
  /** `auto` looks at what is there. */
  readonly format?: 'auto' | 'coco' | 'folder' | 'voc' | 'yolo' | 'shards';
  /** Classification: an image may have several classes, or none. */
  readonly multi_label?: boolean;
  /** Share of the training images that is used, in (0, 1]. */
  readonly fraction?: number;
  /** Share of images that may be set aside. */
  readonly max_bad_fraction?: number;
  /** Keep what is fetched from far places on this machine. */
  readonly cache?: boolean;
}

export interface DatasetOptions {
  readonly task: TaskName;
  /** Of the run: chooses the images where `fraction` is below 1. */
  readonly seed?: number;
  /** The training split's classes (or a model's): other splits are mapped onto them by name. */
  readonly classes?: ClassMap;
  /** What to do with annotated classes that `classes` doesn't have: refuse them (the default), or leave them out and say so. */
  readonly unknown?: 'refuse' | 'leave_out';
  readonly signal?: AbortSignal;
  /** Where content of far places is kept; left out: opened where `data.cache` is true. */
  readonly cache?: ContentCache;
  /** Told what doesn't work as it should, and doesn't matter for the result: a cache that can't be written. */
  readonly onWarning?: (message: string) => void;
}
