/**
 * What an optimiser does to each parameter at each step, as one operation instead of a dozen: the step is bound
 * by memory, and each TensorFlow.js op reads and writes it all again. On cpu and wasm one pass over the arrays,
 * computed in doubles and rounded once; on WebGPU three passes, one per result.
 *
 * The numbers that change from step to step are scalar tensors, so that a recorded step takes them as inputs.
 */
import { registerHostKernel, replaceKernel, webgpuElements } from '../kernels.ts';
import { defineOp, defineOpWithOutputs } from '../op.ts';
import * as tf from '../tf.ts';

export interface AdamStepInputs {
  readonly parameter: tf.Tensor;
  readonly gradient: tf.Tensor;
  readonly mean: tf.Tensor;
  readonly square: tf.Tensor;
  /** lr / (1 − β₁ᵗ) */
  readonly stepSize: tf.Tensor;
  /** 1 / √(1 − β₂ᵗ) */
  readonly inverseRoot: tf.Tensor;
  /** Decoupled: what the parameter is multiplied by, 1 − lr · λ. Else λ, added to the gradient as λ · parameter. */
  readonly decay: tf.Tensor;
}

export interface AdamStepOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly decoupled: boolean;
  readonly maximize: boolean;
}

const inputNames = ['parameter', 'gradient', 'mean', 'square', 'stepSize', 'inverseRoot', 'decay'] as const;

const adamStepOp = defineOpWithOutputs<keyof AdamStepInputs, AdamStepOptions>({
  name: 'AdamStep',
  inputs: inputNames,
  outputs: 3,
  forward({ parameter, gradient, mean, square, stepSize, inverseRoot, decay }, options) {
    const { beta1, beta2, epsilon, decoupled, maximize } = options;
    let g = maximize ? tf.neg(gradient) : gradient;
    if (!decoupled) g = tf.add(g, tf.mul(parameter, decay));
    const newMean = tf.add(tf.mul(mean, beta1), tf.mul(g, 1 - beta1));
    const newSquare = tf.add(tf.mul(square, beta2), tf.mul(tf.square(g), 1 - beta2));
    const denominator = tf.add(tf.mul(tf.sqrt(newSquare), inverseRoot), epsilon);
    const decayed = decoupled ? tf.mul(parameter, decay) : parameter;
    return [tf.sub(decayed, tf.mul(tf.div(newMean, denominator), stepSize)), newMean, newSquare];
  },
});

registerHostKernel<keyof AdamStepInputs, AdamStepOptions>('OcelliAdamStep', {
  outputs: ({ parameter: { shape } }) => [0, 1, 2].map(() => ({ shape, dtype: 'float32' as const })),
  run(inputs, [parameters, means, squares], { beta1, beta2, epsilon, decoupled, maximize }) {
    const [p, g, m, v] = [inputs.parameter, inputs.gradient, inputs.mean, inputs.square].map(
      ({ values }) => values as Float32Array,
    ) as [Float32Array, Float32Array, Float32Array, Float32Array];
    const [stepSize, inverseRoot, decay] = [inputs.stepSize, inputs.inverseRoot, inputs.decay].map(
      ({ values }) => values[0]!,
    ) as [number, number, number];
    const sign = maximize ? -1 : 1;
    const added = decoupled ? 0 : decay;
    const kept = decoupled ? decay : 1;
    for (let i = 0; i < p.length; i++) {
      const gradient = sign * g[i]! + added * p[i]!;
      const mean = beta1 * m[i]! + (1 - beta1) * gradient;
      const square = beta2 * v[i]! + (1 - beta2) * gradient * gradient;
      means![i] = mean;
      squares![i] = square;
      parameters![i] = kept * p[i]! - (stepSize * mean) / (Math.sqrt(square) * inverseRoot + epsilon);
    }
  },
});

type AdamInput = keyof AdamStepInputs;

/** One result of the step on WebGPU; `element` may call `gradientAt(index)`. */
const adamElements = (result: string, inputs: readonly AdamInput[], element: string) =>
  webgpuElements<AdamInput, AdamStepOptions>(`OcelliAdamStep${result}`, {
    inputs,
    outputShape: ({ parameter }) => parameter.shape,
    uniforms: ({ beta1, beta2, epsilon, decoupled, maximize }) => [
      { name: 'beta1', type: 'f32', value: beta1 },
      { name: 'beta2', type: 'f32', value: beta2 },
      // 1 − β in double precision: 1 − 0.999 in single is off by 1e-5 of itself.
      { name: 'rest1', type: 'f32', value: 1 - beta1 },
      { name: 'rest2', type: 'f32', value: 1 - beta2 },
      { name: 'epsilon', type: 'f32', value: epsilon },
      { name: 'decoupled', type: 'i32', value: decoupled ? 1 : 0 },
      { name: 'sign', type: 'f32', value: maximize ? -1 : 1 },
    ],
    functions: inputs.includes('gradient')
      ? `
      fn gradientAt(index : i32) -> f32 {
        let own = uniforms.sign * gradient[index];
        if (uniforms.decoupled == 1) { return own; }
        return own + decay[0] * parameter[index];
      }`
      : '',
    element,
  });

const adamMean = adamElements(
  'Mean',
  ['parameter', 'gradient', 'mean', 'decay'],
  'return uniforms.beta1 * mean[index] + uniforms.rest1 * gradientAt(index);',
);
const adamSquare = adamElements(
  'Square',
  ['parameter', 'gradient', 'square', 'decay'],
  `let g = gradientAt(index);
   return uniforms.beta2 * square[index] + uniforms.rest2 * g * g;`,
);
const adamParameter = adamElements(
  'Parameter',
  ['parameter', 'mean', 'square', 'stepSize', 'inverseRoot', 'decay'],
  `var kept = parameter[index];
   if (uniforms.decoupled == 1) { kept = kept * decay[0]; }
   return kept - stepSize[0] * mean[index] / (sqrt(square[index]) * inverseRoot[0] + uniforms.epsilon);`,
);

replaceKernel('OcelliAdamStep', 'webgpu', ({ inputs, attrs, backend }) => {
  const typed = inputs as Record<AdamInput, tf.TensorInfo>;
  const options = attrs as unknown as AdamStepOptions;
  const mean = adamMean(typed, options, backend);
  const square = adamSquare(typed, options, backend);
  return [adamParameter({ ...typed, mean, square }, options, backend), mean, square];
});

/** One step of Adam or AdamW (torch's semantics): the new parameter and its two moments. */
export function adamStep(
  inputs: AdamStepInputs,
  options: AdamStepOptions,
): { readonly parameter: tf.Tensor; readonly mean: tf.Tensor; readonly square: tf.Tensor } {
  const [parameter, mean, square] = adamStepOp({ ...inputs }, options);
  return { parameter: parameter!, mean: mean!, square: square! };
}

const sumOfSquaresOp = defineOp<'x'>({
  name: 'SumOfSquares',
  inputs: ['x'],
  forward: ({ x }) => tf.sum(tf.square(x)),
  backward: (dy, { x }) => ({ x: () => tf.mul(tf.mul(x, 2), dy) }),
});

registerHostKernel<'x', Record<string, never>>('OcelliSumOfSquares', {
  outputs: () => [{ shape: [], dtype: 'float32' }],
  run({ x: { values } }, [result]) {
    // Four partial sums, so that additions need not wait for each other.
    let [a, b, c, d] = [0, 0, 0, 0];
    const end = values.length & ~3;
    for (let i = 0; i < end; i += 4) {
      a += values[i]! * values[i]!;
      b += values[i + 1]! * values[i + 1]!;
      c += values[i + 2]! * values[i + 2]!;
      d += values[i + 3]! * values[i + 3]!;
    }
    for (let i = end; i < values.length; i++) a += values[i]! * values[i]!;
    result![0] = a + b + (c + d);
  },
});

/** Σ x² over all elements, a scalar: what the norm of a gradient is made of. */
export function sumOfSquares(x: tf.Tensor): tf.Tensor {
  return sumOfSquaresOp({ x }, {});
}
