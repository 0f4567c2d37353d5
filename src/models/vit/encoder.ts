/**
 * A stack of equal transformer layers, each fed with what the one before gives. ViT and VitPose share it; their
 * layers differ.
 */
import type { tf } from '../../engine/index.ts';
import { type ForwardContext, Module } from '../../nn/index.ts';

/** [batch, tokens, hidden_size] → the same shape. */
interface TransformerLayer extends Module {
  forward(hidden: tf.Tensor, context: ForwardContext): tf.Tensor;
}

export class ViTEncoder extends Module {
  private readonly layer: readonly TransformerLayer[];

  constructor(count: number, makeLayer: () => TransformerLayer) {
    super();
    this.layer = this.list('layer', Array.from({ length: count }, makeLayer));
  }

  /**
   * What comes out of the last layer; takes `hidden` over. With `outputHiddenStates` also what went into each
   * layer and came out of the last, as `hidden_states.<index>`.
   */
  forward(
    hidden: tf.Tensor,
    context: ForwardContext,
  ): { hidden: tf.Tensor; states: Record<string, tf.Tensor> } {
    const states: Record<string, tf.Tensor> = {};
    let current = hidden;
    this.layer.forEach((layer, i) => {
      if (context.outputHiddenStates) states[`hidden_states.${i}`] = current;
      const next = layer.forward(current, context);
      if (!context.outputHiddenStates) current.dispose();
      current = next;
    });
    if (context.outputHiddenStates) states[`hidden_states.${this.layer.length}`] = current;
    return { hidden: current, states };
  }
}
