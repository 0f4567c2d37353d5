/** A network without batch norm and dropout: what a batch gives is the mean of what its images give. */
import { tf } from '../../src/engine/index.ts';
import { type ForwardContext, Linear, Module } from '../../src/nn/index.ts';

class LinearNet extends Module {
  private readonly head = this.child('head', new Linear(3, 3));
  forward({ pixel_values }: { readonly pixel_values: tf.Tensor }, _: ForwardContext) {
    return { logits: this.head.forward(tf.mean(pixel_values, [2, 3])) };
  }
}

/** Three logits of the mean colour; always the same weights. */
export function linearModel(): LinearNet {
  const model = new LinearNet();
  for (const [, parameter] of model.tensors()) {
    parameter.set(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i + 1)));
  }
  return model;
}
