/**
 * The gradient of max pooling on WebAssembly. TensorFlow.js' kernel starts its search above zero, so windows of
 * negative numbers give their gradient to the wrong pixel. As torch: the first of equal maxima takes all.
 */
import { registerHostKernel } from '../kernels.ts';
import * as tf from '../tf.ts';

interface PoolAttrs {
  readonly filterSize: number | [number, number];
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

export function registerPoolingGradient(): void {
  registerHostKernel<'dy' | 'input' | 'output', PoolAttrs>(
    'MaxPoolGrad',
    {
      outputs: ({ input }) => [{ shape: input.shape, dtype: 'float32' }],
      run({ dy, input }, [dx], { filterSize, strides, pad, dimRoundingMode }) {
        const shape = input.shape as [number, number, number, number];
        const info = tf.backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
        const { inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth } = info;
        dx!.fill(0);
        let window = 0;
        for (let image = 0; image < info.batchSize; image++) {
          const base = image * inHeight * inWidth * inChannels;
          for (let y = 0; y < outHeight; y++) {
            const top = y * info.strideHeight - info.padInfo.top;
            const rowBegin = Math.max(top, 0);
            const rowEnd = Math.min(top + filterHeight, inHeight);
            for (let x = 0; x < outWidth; x++) {
              const left = x * info.strideWidth - info.padInfo.left;
              const columnBegin = Math.max(left, 0);
              const columnEnd = Math.min(left + filterWidth, inWidth);
              for (let channel = 0; channel < inChannels; channel++, window++) {
                let largest = Number.NEGATIVE_INFINITY;
                let position = -1;
                for (let row = rowBegin; row < rowEnd; row++) {
                  let i = base + (row * inWidth + columnBegin) * inChannels + channel;
                  for (let column = columnBegin; column < columnEnd; column++, i += inChannels) {
                    if (input.values[i]! > largest || position < 0) {
                      largest = input.values[i]!;
                      position = i;
                    }
                  }
                }
                if (position >= 0) dx![position]! += dy.values[window]!;
              }
            }
          }
        }
      },
    },
    ['wasm'],
  );
}
