/**
 * A plan: what is done to a training picture before the processor sees it, in this order. Plain objects that
 * travel to worker threads; a recipe's `data.augmentations` resolves to them.
 */

/** Low and high end, both included. */
export type Range = readonly [low: number, high: number];

/** Colour factors are drawn from 1 ± x; hue moves by ± x turns of the colour circle. */
export interface ColorRanges {
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
}

/** One step; `p` is the probability that it is applied to a picture. */
export type Augmentation = { readonly p: number } & (
  | { readonly type: 'horizontal_flip' | 'vertical_flip' }
  /** Around the centre by an angle from ± degrees; the size stays, corners become black. */
  | { readonly type: 'rotation'; readonly degrees: number }
  | ({ readonly type: 'color_jitter' | 'brightness_contrast' | 'hue_saturation' } & ColorRanges)
  /** Keeps a share of the area from this range; position and shape vary. */
  | { readonly type: 'random_crop'; readonly area: Range }
  /** Both sides times a factor from this range. */
  | { readonly type: 'random_resize'; readonly scale: Range }
  /** A rectangle of that share of the area and that aspect ratio takes the picture's mean colour. */
  | { readonly type: 'random_erasing'; readonly area: Range; readonly ratio: Range }
);
