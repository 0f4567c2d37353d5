/** Normalisation layers. Channels are the last axis. */
import { ops, tf } from '../engine/index.ts';
import { ones, zeros } from './init.ts';
import { type ForwardContext, Module, type Parameter } from './module.ts';

/** Over the last axis. `weight` and `bias` [width]. */
export class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(
    width: number,
    private readonly epsilon: number,
  ) {
    super();
    this.weight = this.parameter('weight', [width], ones);
    this.bias = this.parameter('bias', [width], zeros);
  }

  forward(x: tf.Tensor): tf.Tensor {
    return ops.layerNorm(x, this.weight.value, this.bias.value, this.epsilon);
  }
}

export interface BatchNormOptions {
  /** 1e-5 */
  readonly epsilon?: number;
  /** The batch's share in the new running statistics, torch's sense (0.1). */
  readonly momentum?: number;
}

/**
 * Batch normalisation with trained scale and shift. While training it normalises by the batch and hands new
 * running statistics (with the unbiased variance) to the step; else it uses the running ones.
 */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Parameter;
  readonly runningVariance: Parameter;
  readonly batchesTracked: Parameter;
  private readonly epsilon: number;
  private readonly momentum: number;

  constructor(channels: number, { epsilon = 1e-5, momentum = 0.1 }: BatchNormOptions = {}) {
    super();
    this.epsilon = epsilon;
    this.momentum = momentum;
    this.weight = this.parameter('weight', [channels], ones);
    this.bias = this.parameter('bias', [channels], zeros);
    this.runningMean = this.buffer('running_mean', [channels], zeros);
    this.runningVariance = this.buffer('running_var', [channels], ones);
    this.batchesTracked = this.buffer('num_batches_tracked', [], zeros, 'I64');
  }

  forward(x: tf.Tensor, context: ForwardContext): tf.Tensor {
    const [weight, bias] = [this.weight.value, this.bias.value];
    if (!(context.batchStatistics ?? context.training)) {
      const [mean, variance] = [this.runningMean.value, this.runningVariance.value];
      return ops.frozenBatchNorm(x, weight, bias, mean, variance, this.epsilon);
    }
    const { y, mean, variance } = ops.batchNorm(x, weight, bias, this.epsilon);
    if (context.updateBuffer) {
      const moved = (running: Parameter, batch: tf.Tensor): tf.Tensor =>
        tf.tidy(() => tf.add(tf.mul(running.value, 1 - this.momentum), tf.mul(batch, this.momentum)));
      context.updateBuffer(this.runningMean, moved(this.runningMean, mean));
      context.updateBuffer(this.runningVariance, moved(this.runningVariance, variance));
      context.updateBuffer(this.batchesTracked, tf.add(this.batchesTracked.value, 1));
    }
    return y;
  }
}

/** Batch normalisation that never learns: scale, shift and statistics are buffers (DETR's backbone). */
export class FrozenBatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: Parameter;
  readonly runningVariance: Parameter;

  constructor(
    channels: number,
    private readonly epsilon = 1e-5,
  ) {
    super();
    this.weight = this.buffer('weight', [channels], ones);
    this.bias = this.buffer('bias', [channels], zeros);
    this.runningMean = this.buffer('running_mean', [channels], zeros);
    this.runningVariance = this.buffer('running_var', [channels], ones);
  }

  forward(x: tf.Tensor): tf.Tensor {
    const { weight, bias, runningMean, runningVariance, epsilon } = this;
    return ops.frozenBatchNorm(
      x,
      weight.value,
      bias.value,
      runningMean.value,
      runningVariance.value,
      epsilon,
    );
  }
}
