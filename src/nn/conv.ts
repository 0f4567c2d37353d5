/** 2-D convolution on [batch, height, width, channels] with torch's weights [out, in / groups, kh, kw]. */
import { ops, tf } from '../engine/index.ts';
import { torchBias, torchWeight, zeros } from './init.ts';
import { type Initializer, Module, type Parameter } from './module.ts';

export interface Conv2dOptions {
  /** Of the filter; one number for both axes. */
  readonly kernel: number | readonly [height: number, width: number];
  /** 1 */
  readonly stride?: number | readonly [height: number, width: number];
  /** 0, on every side. */
  readonly padding?: number;
  /** 1 */
  readonly dilation?: number;
  /** 1 */
  readonly groups?: number;
  /** true */
  readonly bias?: boolean;
  /** The weight's start (torch's default); with one given, the bias starts at zero. */
  readonly init?: Initializer;
}

export class Conv2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | undefined;

  constructor(
    inChannels: number,
    outChannels: number,
    private readonly options: Conv2dOptions,
  ) {
    super();
    const { kernel, groups = 1, bias = true, init } = options;
    const [height, width] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
    const shape = [outChannels, inChannels / groups, height, width];
    this.weight = this.parameter('weight', shape, init ?? torchWeight);
    this.bias = bias ? this.parameter('bias', [outChannels], init ? zeros : torchBias(shape)) : undefined;
  }

  forward(x: tf.Tensor): tf.Tensor {
    const { stride = 1, padding = 0, dilation = 1, groups = 1 } = this.options;
    const y = ops.conv2d(x, this.weight.value, { stride, padding, dilation, groups });
    return this.bias ? tf.add(y, this.bias.value) : y;
  }
}
