/**
 * The pixels under a convolution's filter, one row per output pixel: [B, H, W, C] → [rows·W', kh·kw·C], for some
 * of the B·H' rows of output pixels at a time, so that the matrix stays small however large the images are.
 * Outside the image is zero. With it a filter's gradient is a matrix product.
 */
import { registerHostKernel, registerWebgpuKernel } from '../kernels.ts';
import { registerShapes } from '../meta/shapes.ts';
import { defineOp } from '../op.ts';
import type * as tf from '../tf.ts';
import type { Window } from './windows.ts';

export interface Im2colAttrs extends Window {
  readonly kernel: readonly [height: number, width: number];
  readonly output: readonly [height: number, width: number];
  /** Rows of output pixels, counted through the batch: row = image·H' + y. */
  readonly firstRow: number;
  readonly rows: number;
}

/** Not differentiated: it is a part of gradients. */
export const im2col = defineOp<'x', Im2colAttrs>({
  name: 'Im2col',
  inputs: ['x'],
  forward() {
    throw new Error('im2col has a kernel for each backend');
  },
});

function outputShape(x: tf.TensorInfo, { kernel, output, rows }: Im2colAttrs): [number, number] {
  return [rows * output[1], kernel[0] * kernel[1] * x.shape[3]!];
}

registerShapes('OcelliIm2col', ({ x }, attrs) => ({
  shape: outputShape(x!, attrs as unknown as Im2colAttrs),
  dtype: 'float32',
}));

registerHostKernel<'x', Im2colAttrs>('OcelliIm2col', {
  outputs: ({ x }, attrs) => [{ shape: outputShape(x, attrs), dtype: 'float32' }],
  run({ x }, [out], { kernel, output, firstRow, rows, stride, padding, dilation }) {
    const [, height, width, channels] = x.shape as [number, number, number, number];
    const [kernelHeight, kernelWidth] = kernel;
    const from = x.values;
    const to = out!;
    let target = 0;
    for (let row = firstRow; row < firstRow + rows; row++) {
      const image = Math.floor(row / output[0]);
      const top = (row - image * output[0]) * stride[0] - padding[0];
      for (let column = 0; column < output[1]; column++) {
        const left = column * stride[1] - padding[2];
        for (let ky = 0; ky < kernelHeight; ky++) {
          const y = top + ky * dilation[0];
          const line = (image * height + y) * width;
          for (let kx = 0; kx < kernelWidth; kx++) {
            const xAt = left + kx * dilation[1];
            const inside = y >= 0 && y < height && xAt >= 0 && xAt < width;
            const end = target + channels;
            if (inside) {
              let source = (line + xAt) * channels;
              while (target < end) to[target++] = from[source++]!;
            } else {
              while (target < end) to[target++] = 0;
            }
          }
        }
      }
    }
  },
});

registerWebgpuKernel<'x', Im2colAttrs>('OcelliIm2col', {
  inputs: ['x'],
  outputShape: ({ x }, attrs) => outputShape(x, attrs),
  uniforms: ({ kernel, output, firstRow, stride, padding, dilation }, { x }) =>
    Object.entries({
      height: x.shape[1]!,
      width: x.shape[2]!,
      channels: x.shape[3]!,
      kernelHeight: kernel[0],
      kernelWidth: kernel[1],
      outputHeight: output[0],
      outputWidth: output[1],
      firstRow,
      strideY: stride[0],
      strideX: stride[1],
      top: padding[0],
      left: padding[2],
      dilationY: dilation[0],
      dilationX: dilation[1],
    }).map(([name, value]) => ({ name, type: 'i32', value })),
  functions: '',
  element: `
    let channel = index % uniforms.channels;
    var rest = index / uniforms.channels;
    let kx = rest % uniforms.kernelWidth;
    rest = rest / uniforms.kernelWidth;
    let ky = rest % uniforms.kernelHeight;
    rest = rest / uniforms.kernelHeight;
    let column = rest % uniforms.outputWidth;
    let row = rest / uniforms.outputWidth + uniforms.firstRow;
    let image = row / uniforms.outputHeight;
    let y = (row - image * uniforms.outputHeight) * uniforms.strideY - uniforms.top + ky * uniforms.dilationY;
    let xAt = column * uniforms.strideX - uniforms.left + kx * uniforms.dilationX;
    if (y < 0 || y >= uniforms.height || xAt < 0 || xAt >= uniforms.width) { return 0.0; }
    return x[((image * uniforms.height + y) * uniforms.width + xAt) * uniforms.channels + channel];`,
});
