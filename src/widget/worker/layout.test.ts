import { expect, test } from 'vitest';
import {
  AttributeType,
  DataType,
  encodeOnnx,
  type OnnxModel,
  type OnnxNode,
} from '../../formats/onnx/index.ts';
import { layoutOf } from './layout.ts';
import { identityModel } from './warm-up.ts';

interface Shape {
  readonly kernel: number[];
  readonly strides?: number[];
  /** Whether the node itself says how large its kernel is, as exporters may leave to the weight. */
  readonly said?: boolean;
}

/** A file with convolutions of these shapes. */
function modelOf(...shapes: Shape[]): Uint8Array {
  const ints = (name: string, values: number[]) => ({ name, type: AttributeType.ints, ints: values });
  const node = ({ kernel, strides, said }: Shape, i: number): OnnxNode => ({
    name: '',
    opType: 'Conv',
    input: ['x', `weight ${i}`, `bias ${i}`],
    output: [`y ${i}`],
    attribute: [
      ...(said ? [ints('kernel_shape', kernel)] : []),
      ...(strides ? [ints('strides', strides)] : []),
    ],
  });
  const model: OnnxModel = {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    producerName: '',
    producerVersion: '',
    metadataProps: [],
    graph: {
      name: 'graph',
      node: shapes.map(node),
      initializer: shapes.map(({ kernel, said }, i) => ({
        name: `weight ${i}`,
        dims: said ? [] : [300, 3, ...kernel],
        dataType: DataType.float,
        rawData: new Uint8Array(1000),
      })),
      input: [],
      output: [],
    },
  };
  return encodeOnnx(model);
}

const patches: Shape = { kernel: [16, 16], strides: [16, 16] };

test.each<[string, Uint8Array, 'NCHW' | undefined]>([
  ['patches, their size in the weight', modelOf(patches), 'NCHW'],
  ['patches, their size in the node', modelOf({ ...patches, said: true }), 'NCHW'],
  ['patches and a projection', modelOf(patches, { kernel: [1, 1] }), 'NCHW'],
  ['patches that overlap', modelOf({ kernel: [7, 7], strides: [4, 4] }), undefined],
  ['patches that overlap in one direction', modelOf({ kernel: [4, 5], strides: [4, 4] }), undefined],
  ['patches, and a convolution that slides', modelOf(patches, { kernel: [3, 3] }), undefined],
  ['no convolution', identityModel, undefined],
  ['a file that was cut off', modelOf(patches).subarray(0, 500), undefined],
  ['no model', new TextEncoder().encode('<!doctype html><title>Not found</title>'), undefined],
  ['nothing', new Uint8Array(), undefined],
])('%s', (_, model, layout) => {
  expect(layoutOf(model)).toBe(layout);
});
