/** The linear layer, the embedding table and the small multi-layer perceptron of detection heads. */
import { ops, type tf } from '../engine/index.ts';
import { torchBias, torchWeight, zeros } from './init.ts';
import { type Initializer, Module, type Parameter } from './module.ts';

export interface LinearOptions {
  /** true */
  readonly bias?: boolean;
  /** The weight's start (torch's default); with one given, the bias starts at zero. */
  readonly init?: Initializer;
}

/** y = x·Wᵀ + b: [..., in] → [..., out]. `weight` [out, in], `bias` [out]. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(inFeatures: number, outFeatures: number, { bias = true, init }: LinearOptions = {}) {
    super();
    const shape = [outFeatures, inFeatures];
    this.weight = this.parameter('weight', shape, init ?? torchWeight);
    this.bias = bias ? this.parameter('bias', [outFeatures], init ? zeros : torchBias(shape)) : undefined;
  }

  forward(x: tf.Tensor): tf.Tensor {
    return ops.linear(x, this.weight.value, this.bias?.value);
  }
}

/** A table of vectors, one per row: `weight` [rows, width]. */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(rows: number, width: number, init: Initializer) {
    super();
    this.weight = this.parameter('weight', [rows, width], init);
  }
}

/** Linear layers with ReLU between them, `layers.0`, `layers.1`, … */
export class Mlp extends Module {
  private readonly layers: readonly Linear[];

  /** `widths` from input to output: [in, hidden, …, out]. */
  constructor(widths: readonly number[], init?: Initializer) {
    super();
    const options = init ? { init } : {};
    this.layers = this.list(
      'layers',
      widths.slice(1).map((width, i) => new Linear(widths[i]!, width, options)),
    );
  }

  forward(x: tf.Tensor): tf.Tensor {
    return this.layers.reduce((h, layer, i) => layer.forward(i === 0 ? h : ops.relu(h)), x);
  }
}
