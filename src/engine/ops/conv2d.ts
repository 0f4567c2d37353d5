/**
 * 2-D convolution as torch has it: any stride, padding on each side, dilation and groups; activations
 * [B, H, W, C], weights [out, in / groups, kh, kw]. Its gradients are operations too (`conv2d-gradients.ts`).
 */
import { ShapeError } from '../../core/index.ts';
import { defineOp } from '../op.ts';
import type * as tf from '../tf.ts';
import { type Conv2dAttrs, composedForward, conv2dFilterGrad, conv2dInputGrad } from './conv2d-gradients.ts';
import { pair, type Sides, sides } from './windows.ts';

export interface Conv2dOptions {
  /** 1; one number for both axes. */
  readonly stride?: number | readonly [height: number, width: number];
  /** 0; per axis on both sides, or [top, bottom, left, right]. */
  readonly padding?: number | readonly [height: number, width: number] | Sides;
  readonly dilation?: number | readonly [height: number, width: number];
  readonly groups?: number;
}

const op = defineOp<'x' | 'weight', Conv2dAttrs>({
  name: 'Conv2d',
  inputs: ['x', 'weight'],
  saves: { outputs: [] },
  forward: ({ x, weight }, attrs) => composedForward(x as tf.Tensor4D, weight, attrs),
  backward: (dy, { x, weight }, _, attrs) => ({
    x: () => conv2dInputGrad({ dy, weight }, { ...attrs, inputShape: x.shape }),
    weight: () => conv2dFilterGrad({ dy, x }, { ...attrs, filterShape: weight.shape }),
  }),
});

/** `x` [B, H, W, C], `weight` [out, C / groups, kh, kw] → [B, H', W', out]. */
export function conv2d(x: tf.Tensor, weight: tf.Tensor, options: Conv2dOptions = {}): tf.Tensor {
  const groups = options.groups ?? 1;
  if (x.rank !== 4 || weight.rank !== 4 || x.shape[3] !== weight.shape[1]! * groups)
    throw new ShapeError({
      code: 'conv2d_channels',
      expected: `x [B, H, W, C] and weight [out, C / ${groups}, kh, kw]`,
      received: `x [${x.shape}] and weight [${weight.shape}]`,
      fix: 'activations are channels-last, weights as torch stores them',
    });
  return op(
    { x, weight },
    {
      stride: pair(options.stride ?? 1),
      padding: sides(options.padding),
      dilation: pair(options.dilation ?? 1),
      groups,
    },
  );
}
