/**
 * Resizing of images and position tables. Linear and cubic become Resize with computed sizes; nearest becomes
 * two gathers with indices by torch's own formula, floor(i · input / output), because Resize computes the same
 * index from the inverse ratio and lands on the other side of an integer now and then.
 */
import { tf } from '../../../engine/index.ts';
import { DataType } from '../../../formats/onnx/index.ts';
import type { AttributeValue } from '../builder.ts';
import { channelsFirst, type Lowering, unsupported } from '../lowering.ts';
import type { ProgramNode, Varying } from '../program.ts';
import type { Row, Rows } from './row.ts';

const nhwc = channelsFirst(4);

/** A number as a float32 scalar. */
function asFloat(lowering: Lowering, number: Varying): string {
  const vector = lowering.vector([number], 'a size');
  const scalar = lowering.emit('Squeeze', [vector, lowering.onnx.ints([0])]);
  return lowering.emit('Cast', [scalar], { to: DataType.float }, DataType.float);
}

/** For each of `output` positions the index of its source pixel, int64 [output]. */
function nearestIndices(lowering: Lowering, input: Varying, output: Varying, shift: number): string {
  const { onnx } = lowering;
  const length = lowering.emit('Squeeze', [lowering.vector([output], 'a size'), onnx.ints([0])]);
  const positions = lowering.emit(
    'Cast',
    [lowering.emit('Range', [onnx.int(0), length, onnx.int(1)])],
    { to: DataType.float },
    DataType.float,
  );
  const shifted = shift === 0 ? positions : lowering.emit('Add', [positions, onnx.float(shift)]);
  const scale = lowering.emit('Div', [asFloat(lowering, input), asFloat(lowering, output)]);
  const source = lowering.emit('Floor', [lowering.emit('Mul', [shifted, scale])]);
  const last = lowering.emit('Sub', [asFloat(lowering, input), onnx.float(1)]);
  const inside = lowering.emit('Min', [source, last]);
  return lowering.emit('Cast', [inside], { to: DataType.int64 }, DataType.int64);
}

function nearest(lowering: Lowering, id: number, output: number, shift: number): void {
  const permutation = lowering.permutation(id);
  let y = lowering.stored(id, permutation);
  for (const axis of [1, 2]) {
    const indices = nearestIndices(lowering, lowering.dims(id)[axis]!, lowering.dims(output)[axis]!, shift);
    y = lowering.emit('Gather', [y, indices], { axis: permutation[axis]! });
  }
  lowering.define(output, y, permutation);
}

function resize(
  lowering: Lowering,
  id: number,
  output: number,
  attributes: Readonly<Record<string, AttributeValue>>,
): void {
  const [batch, height, width, channels] = lowering.dims(output) as [Varying, Varying, Varying, Varying];
  const sizes = lowering.vector([batch, channels, height, width], 'the size of a resized image');
  const x = lowering.stored(id, nhwc);
  lowering.define(output, lowering.emit('Resize', [x, '', '', sizes], attributes, DataType.float), nhwc);
}

const coordinates = (alignCorners: boolean, halfPixel: boolean): string =>
  alignCorners ? 'align_corners' : halfPixel ? 'half_pixel' : 'asymmetric';

const bilinear: Row = (lowering, node) => {
  const mode = coordinates(
    lowering.attribute(node, 'alignCorners') === true,
    lowering.attribute(node, 'halfPixelCenters') === true,
  );
  resize(lowering, lowering.input(node, 'images'), node.outputs[0]!, {
    mode: 'linear',
    coordinate_transformation_mode: mode,
  });
};

const nearestNeighbor: Row = (lowering, node) => {
  if (lowering.attribute(node, 'alignCorners') === true) {
    throw unsupported('nearest resizing without aligned corners', 'alignCorners: true');
  }
  const shift = lowering.attribute(node, 'halfPixelCenters') === true ? 0.5 : 0;
  nearest(lowering, lowering.input(node, 'images'), node.outputs[0]!, shift);
};

/** torch's interpolate: the op carries weight matrices for the axes, and says what they were made for. */
const interpolate: Row = (lowering, node) => {
  const id = lowering.input(node, 'x');
  const output = node.outputs[0]!;
  const mode = lowering.attribute(node, 'mode');
  const interpolates =
    mode === 'nearest' || mode === 'nearest-exact' || mode === 'bilinear' || mode === 'bicubic';
  if (!interpolates || lowering.attribute(node, 'antialias') === true) {
    byMatrices(lowering, node);
    return;
  }
  const transformation = coordinates(lowering.attribute(node, 'alignCorners') === true, true);
  if (mode === 'nearest') nearest(lowering, id, output, 0);
  else if (mode === 'nearest-exact') nearest(lowering, id, output, 0.5);
  else {
    resize(lowering, id, output, {
      mode: mode === 'bicubic' ? 'cubic' : 'linear',
      coordinate_transformation_mode: transformation,
      ...(mode === 'bicubic' ? { cubic_coeff_a: { float: -0.75 } } : {}),
    });
  }
};

/** Fixed sizes: rows · x · columnsᵀ on the stored planes. */
function byMatrices(lowering: Lowering, node: ProgramNode): void {
  const x = lowering.stored(lowering.input(node, 'x'), nhwc);
  const rows = lowering.plain(lowering.input(node, 'rows'));
  const columns = lowering.stored(lowering.input(node, 'columns'), [1, 0]);
  const y = lowering.emit('MatMul', [rows, lowering.emit('MatMul', [x, columns])]);
  lowering.define(node.outputs[0]!, y, nhwc);
}

export const resizeRows: Rows = {
  [tf.ResizeBilinear]: bilinear,
  [tf.ResizeNearestNeighbor]: nearestNeighbor,
  OcelliResizeAxes: interpolate,
};
