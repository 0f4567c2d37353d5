/** A network without batch norm and dropout: what a batch gives is the mean of what its images give. */
import { tf } from '../../src/engine/index.ts';
import { type ForwardContext, Linear, Module } from '../../src/nn/index.ts';

class LinearNet extends Module {
  private readonly head = this.child('head', new Linear(3, 3));
  forward({ pixel_values }: { readonly pixel_values: tf.Tensor }, _: ForwardContext) {
    return { logits: this.head.forward(tf.mean(pixel_values, [2, 3])) };
  }
}

/** The same, and one layer more that only pictures wider than they are high go through. */
class WideNet extends LinearNet {
  private readonly wide = this.child('wide', new Linear(3, 3));
  override forward(inputs: { readonly pixel_values: tf.Tensor }, context: ForwardContext) {
    const { logits } = super.forward(inputs, context);
    const [, , height, width] = inputs.pixel_values.shape as [number, number, number, number];
    return { logits: width > height ? this.wide.forward(logits) : logits };
  }
}

/** Three logits of the mean colour; always the same weights. */
export const linearModel = (): LinearNet => withWeights(new LinearNet());

/** A parameter of it has a gradient in some batches only. */
export const wideModel = (): WideNet => withWeights(new WideNet());

function withWeights<Net extends Module>(model: Net): Net {
  for (const [, parameter] of model.tensors()) {
    parameter.set(Float32Array.from({ length: parameter.size }, (_, i) => Math.sin(i + 1)));
  }
  return model;
}
