/**
 * Convolutions, pooling and normalisation. ONNX has them channels-first; the results stay stored that way, see
 * lowering.ts.
 */
import { tf } from '../../../engine/index.ts';
import type { AttributeValue } from '../builder.ts';
import { channelsFirst, type Lowering, type Permutation, permuteData, unsupported } from '../lowering.ts';
import type { ProgramNode } from '../program.ts';
import { emitActivation } from './pointwise.ts';
import type { Row, Rows } from './row.ts';

const nhwc = channelsFirst(4);
/** Weights [kh, kw, in, out] stored [out, in, kh, kw]. */
const hwioAsOihw: Permutation = [2, 3, 1, 0];

const image = (lowering: Lowering, node: ProgramNode, name = 'x'): string =>
  lowering.stored(lowering.input(node, name), nhwc);

const pairOf = (value: unknown): number[] =>
  typeof value === 'number' ? [value, value] : [...(value as readonly number[])];

/** TensorFlow.js' four ways to write a padding. */
function paddingOf(lowering: Lowering, node: ProgramNode): Record<string, AttributeValue> {
  const pad = lowering.attribute(node, 'pad');
  if (pad === 'valid') return {};
  if (pad === 'same') return { auto_pad: 'SAME_UPPER' };
  if (typeof pad === 'number') return { pads: [pad, pad, pad, pad] };
  const [, [top, bottom], [left, right]] = pad as unknown as [unknown, [number, number], [number, number]];
  return { pads: [top, left, bottom, right] };
}

/** One number per channel, as a vector [channels]. */
function perChannel(lowering: Lowering, id: number): string {
  const constant = lowering.constant(id);
  if (constant) return lowering.onnx.constant(constant.data, [constant.data.length], constant.origin);
  return lowering.emit('Reshape', [lowering.plain(id), lowering.onnx.ints([-1])]);
}

function finish(lowering: Lowering, node: ProgramNode, y: string): void {
  const activation = (lowering.attribute(node, 'activation') as string | undefined) ?? 'linear';
  const leakiness = (lowering.attribute(node, 'leakyreluAlpha') as number | undefined) ?? 0.2;
  lowering.define(node.outputs[0]!, emitActivation(lowering, y, activation, leakiness), nhwc);
}

const convolution: Row = (lowering, node) => {
  const inputs = [image(lowering, node), lowering.stored(lowering.input(node, 'filter'), hwioAsOihw)];
  if (node.inputs.bias !== undefined) inputs.push(perChannel(lowering, node.inputs.bias));
  const y = lowering.emit('Conv', inputs, {
    ...paddingOf(lowering, node),
    strides: pairOf(lowering.attribute(node, 'strides')),
    dilations: pairOf(lowering.attribute(node, 'dilations') ?? 1),
  });
  finish(lowering, node, y);
};

/** Filters [kh, kw, in, multiplier] become [in · multiplier, 1, kh, kw], one group per input channel. */
const depthwise: Row = (lowering, node) => {
  const filter = lowering.input(node, 'filter');
  const constant = lowering.constant(filter);
  if (!constant) throw unsupported('a depthwise filter that is a parameter', 'a computed one');
  const [height, width, input, multiplier] = constant.shape as [number, number, number, number];
  const data = permuteData(constant.data, constant.shape, [2, 3, 0, 1]);
  const weight = lowering.onnx.constant(data, [input * multiplier, 1, height, width], constant.origin);
  const inputs = [image(lowering, node), weight];
  if (node.inputs.bias !== undefined) inputs.push(perChannel(lowering, node.inputs.bias));
  const y = lowering.emit('Conv', inputs, {
    ...paddingOf(lowering, node),
    strides: pairOf(lowering.attribute(node, 'strides')),
    dilations: pairOf(lowering.attribute(node, 'dilations') ?? 1),
    group: input,
  });
  finish(lowering, node, y);
};

/** [top, bottom, left, right] as ONNX' begins and ends. */
function sidesOf(lowering: Lowering, node: ProgramNode): number[] {
  const [top, bottom, left, right] = lowering.attribute(node, 'padding') as readonly number[];
  return [top!, left!, bottom!, right!];
}

/** Our own convolution: weights as torch stores them, which is as ONNX does. */
const ownConvolution: Row = (lowering, node) => {
  const y = lowering.emit('Conv', [image(lowering, node), lowering.plain(lowering.input(node, 'weight'))], {
    pads: sidesOf(lowering, node),
    strides: pairOf(lowering.attribute(node, 'stride')),
    dilations: pairOf(lowering.attribute(node, 'dilation')),
    group: lowering.attribute(node, 'groups') as number,
  });
  lowering.define(node.outputs[0]!, y, nhwc);
};

const pool =
  (op: 'MaxPool' | 'AveragePool'): Row =>
  (lowering, node) => {
    const y = lowering.emit(op, [image(lowering, node)], {
      ...paddingOf(lowering, node),
      kernel_shape: pairOf(lowering.attribute(node, 'filterSize')),
      strides: pairOf(lowering.attribute(node, 'strides')),
    });
    lowering.define(node.outputs[0]!, y, nhwc);
  };

/** Our own pooling; the average counts the zeros that it pads with. */
const ownPool =
  (op: 'MaxPool' | 'AveragePool'): Row =>
  (lowering, node) => {
    const pads = sidesOf(lowering, node);
    const y = lowering.emit(op, [image(lowering, node)], {
      pads,
      kernel_shape: pairOf(lowering.attribute(node, 'kernel')),
      strides: pairOf(lowering.attribute(node, 'stride')),
      ...(op === 'AveragePool' && pads.some((side) => side > 0) ? { count_include_pad: 1 } : {}),
    });
    lowering.define(node.outputs[0]!, y, nhwc);
  };

/** Fixed statistics: a scale and a shift per channel, which runtimes fold into the convolution before it. */
const batchNorm =
  (names: { readonly scale: string; readonly offset: string; readonly epsilon: string }): Row =>
  (lowering, node) => {
    const id = lowering.input(node, 'x');
    const rank = lowering.rank(id);
    const permutation = channelsFirst(rank);
    const channels = lowering.size(id, rank - 1);
    const parameter = (name: string, otherwise: number): string => {
      const given = node.inputs[name];
      if (given !== undefined) return perChannel(lowering, given);
      return lowering.onnx.constant(new Float32Array(channels).fill(otherwise), [channels]);
    };
    const inputs = [
      lowering.stored(id, permutation),
      parameter(names.scale, 1),
      parameter(names.offset, 0),
      parameter('mean', 0),
      parameter('variance', 1),
    ];
    const epsilon = { float: lowering.attribute(node, names.epsilon) as number };
    lowering.define(node.outputs[0]!, lowering.emit('BatchNormalization', inputs, { epsilon }), permutation);
  };

const layerNorm: Row = (lowering, node) => {
  const inputs = ['x', 'weight', 'bias'].map((name) => lowering.plain(lowering.input(node, name)));
  const epsilon = { float: lowering.attribute(node, 'epsilon') as number };
  lowering.define(node.outputs[0]!, lowering.emit('LayerNormalization', inputs, { axis: -1, epsilon }));
};

export const convolutionRows: Rows = {
  [tf.Conv2D]: convolution,
  [tf.FusedConv2D]: convolution,
  [tf.DepthwiseConv2dNative]: depthwise,
  [tf.FusedDepthwiseConv2D]: depthwise,
  [tf.MaxPool]: pool('MaxPool'),
  [tf.AvgPool]: pool('AveragePool'),
  [tf.FusedBatchNorm]: batchNorm({ scale: 'scale', offset: 'offset', epsilon: 'varianceEpsilon' }),
  OcelliConv2d: ownConvolution,
  OcelliMaxPool2d: ownPool('MaxPool'),
  OcelliAveragePool2d: ownPool('AveragePool'),
  OcelliFrozenBatchNorm: batchNorm({ scale: 'weight', offset: 'bias', epsilon: 'epsilon' }),
  OcelliLayerNorm: layerNorm,
};
