/**
 * Activation functions, by the names that Hugging Face configs use (`hidden_act`). One row each: the function
 * and its derivative side by side.
 *
 * `gelu` is the exact form x·Φ(x) (Hendrycks & Gimpel, arXiv:1606.08415); `gelu_new` and `gelu_pytorch_tanh`
 * are its tanh approximation, `quick_gelu` the sigmoid one.
 */
import { ConfigError } from '../../core/index.ts';
import { registerWebgpuKernel } from '../kernels.ts';
import { defineOp } from '../op.ts';
import * as tf from '../tf.ts';

export type Activation = (x: tf.Tensor) => tf.Tensor;

/** The same in WGSL, of one number `x`, for WebGPU to compute in one pass. */
interface ActivationInWgsl {
  readonly functions?: string;
  /** An expression. */
  readonly value: string;
  /** An expression: the derivative. */
  readonly slope: string;
}

function defineActivation(
  name: string,
  forward: Activation,
  derivative: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor,
  wgsl?: ActivationInWgsl,
): Activation {
  const gradient = wgsl && defineActivationGradient(name, derivative as (x: tf.Tensor) => tf.Tensor, wgsl);
  const op = defineOp<'x'>({
    name,
    inputs: ['x'],
    ...(wgsl ? { saves: { outputs: [] } } : {}),
    forward: ({ x }) => forward(x),
    backward: (dy, { x }, [y]) => ({
      x: () => (gradient ? gradient({ x, dy }, {}) : tf.mul(dy, derivative(x, y!))),
    }),
  });
  if (wgsl)
    registerWebgpuKernel<'x', object>(`Ocelli${name}`, {
      inputs: ['x'],
      outputShape: ({ x }) => x.shape,
      uniforms: () => [],
      functions: `${wgsl.functions ?? ''} fn value(x : f32) -> f32 { return ${wgsl.value}; }`,
      element: 'return value(x[index]);',
    });
  return (x) => op({ x }, {});
}

/** dy times the derivative at x, as an operation of its own; the derivative must not need the output. */
function defineActivationGradient(
  name: string,
  derivative: Activation,
  { functions = '', slope }: ActivationInWgsl,
): (inputs: Record<'x' | 'dy', tf.Tensor>, attrs: object) => tf.Tensor {
  const gradient = defineOp<'x' | 'dy'>({
    name: `${name}Gradient`,
    inputs: ['x', 'dy'],
    forward: ({ x, dy }) => tf.mul(dy, derivative(x)),
  });
  registerWebgpuKernel<'x' | 'dy', object>(`Ocelli${name}Gradient`, {
    inputs: ['x', 'dy'],
    outputShape: ({ x }) => x.shape,
    uniforms: () => [],
    functions: `${functions} fn slope(x : f32) -> f32 { return ${slope}; }`,
    element: 'return dy[index] * slope(x[index]);',
  });
  return gradient as (inputs: Record<'x' | 'dy', tf.Tensor>, attrs: object) => tf.Tensor;
}

/** Φ(x), the standard normal distribution function. */
const normalCdf = (x: tf.Tensor): tf.Tensor => tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);

/** x·Φ(x), with Φ through erf. */
export const gelu = defineActivation(
  'Gelu',
  (x) => tf.mul(x, normalCdf(x)),
  (x) => {
    const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return tf.add(normalCdf(x), tf.mul(x, density));
  },
  {
    // Φ through erf by Abramowitz & Stegun 7.1.26, as TensorFlow.js has it: 1.5e-7 at most.
    functions: `
      fn normalCdf(x : f32) -> f32 {
        let z = abs(x) * ${Math.SQRT1_2};
        let t = 1.0 / (1.0 + 0.3275911 * z);
        let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
          + 0.254829592) * t;
        let erf = sign(x) * (1.0 - series * exp(-z * z));
        return 0.5 * (1.0 + erf);
      }`,
    value: 'x * normalCdf(x)',
    slope: `normalCdf(x) + x * exp(-0.5 * x * x) * ${1 / Math.sqrt(2 * Math.PI)}`,
  },
);

const tanhScale = Math.sqrt(2 / Math.PI);
const tanhCubic = 0.044715;
const tanhInner = (x: tf.Tensor): tf.Tensor =>
  tf.tanh(tf.mul(x, tf.add(tf.mul(tf.square(x), tanhScale * tanhCubic), tanhScale)));

/** x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))). */
export const geluTanh = defineActivation(
  'GeluTanh',
  (x) => tf.mul(tf.mul(x, 0.5), tf.add(tanhInner(x), 1)),
  (x) => {
    const t = tanhInner(x);
    const slope = tf.add(tf.mul(tf.square(x), 3 * tanhScale * tanhCubic), tanhScale);
    const curved = tf.mul(tf.mul(tf.sub(1, tf.square(t)), slope), tf.mul(x, 0.5));
    return tf.add(tf.mul(tf.add(t, 1), 0.5), curved);
  },
);

/** x·σ(1.702·x). */
export const quickGelu = defineActivation(
  'QuickGelu',
  (x) => tf.mul(x, tf.sigmoid(tf.mul(x, 1.702))),
  (x) => {
    const s = tf.sigmoid(tf.mul(x, 1.702));
    return tf.mul(s, tf.add(tf.mul(tf.mul(x, 1.702), tf.sub(1, s)), 1));
  },
  gatedInWgsl(1.702),
);

/** x·σ(x). */
export const silu = defineActivation(
  'Silu',
  (x) => tf.mul(x, tf.sigmoid(x)),
  (x) => {
    const s = tf.sigmoid(x);
    return tf.mul(s, tf.add(tf.mul(x, tf.sub(1, s)), 1));
  },
  gatedInWgsl(1),
);

/** x·σ(factor·x). */
function gatedInWgsl(factor: number): ActivationInWgsl {
  return {
    functions: `fn gate(x : f32) -> f32 { return 1.0 / (1.0 + exp(-x * ${factor.toFixed(3)})); }`,
    value: 'x * gate(x)',
    slope: `gate(x) * (1.0 + ${factor.toFixed(3)} * x * (1.0 - gate(x)))`,
  };
}

/** σ(x). */
export const sigmoid = defineActivation(
  'Sigmoid',
  (x) => tf.sigmoid(x),
  (_, y) => tf.mul(y, tf.sub(1, y)),
);

/** max(x, 0); its derivative at 0 is 0, as torch has it. */
export const relu = defineActivation(
  'Relu',
  (x) => tf.relu(x),
  (_, y) => tf.step(y),
);

/** x·relu6(x + 3)/6. */
export const hardSwish = defineActivation(
  'HardSwish',
  (x) => tf.mul(x, tf.mul(tf.clipByValue(tf.add(x, 3), 0, 6), 1 / 6)),
  (x) => {
    const ramp = tf.mul(
      tf.cast(tf.logicalAnd(tf.greater(x, -3), tf.less(x, 3)), 'float32'),
      tf.mul(x, 1 / 6),
    );
    return tf.add(tf.mul(tf.clipByValue(tf.add(x, 3), 0, 6), 1 / 6), ramp);
  },
);

/** Hugging Face's ACT2FN names. */
const activations: Readonly<Record<string, Activation>> = {
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  quick_gelu: quickGelu,
  silu,
  swish: silu,
  relu,
  relu6: (x) => tf.relu6(x),
  hardswish: hardSwish,
  sigmoid,
  tanh: (x) => tf.tanh(x),
  leaky_relu: (x) => tf.leakyRelu(x, 0.01),
  linear: (x) => x,
};

/** The activation that a config names; an unknown name is a ConfigError that lists the known ones. */
export function activation(name: string): Activation {
  const found = activations[name];
  if (found) return found;
  throw new ConfigError({
    code: 'unknown_activation',
    expected: `an activation function that is one of ${Object.keys(activations).join(', ')}`,
    received: name,
    fix: "correct the activation's name in the model's config.json",
  });
}
