import { describe, expect, it } from 'vitest';
import { CheckpointError } from '../../core/index.ts';
import {
  AttributeType,
  DataType,
  decodeOnnx,
  encodeOnnx,
  externalFiles,
  finiteHalf,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from './index.ts';

const model: OnnxModel = {
  irVersion: 8,
  opsetImport: [{ domain: '', version: 17 }],
  producerName: 'test',
  producerVersion: '1',
  metadataProps: [{ key: 'task', value: 'classification' }],
  graph: {
    name: 'g',
    input: [
      {
        name: 'x',
        type: {
          tensorType: { elemType: DataType.float, shape: { dim: [{ dimParam: 'batch' }, { dimValue: 2 }] } },
        },
      },
    ],
    output: [],
    initializer: [
      {
        name: 'w',
        dims: [2, 2],
        dataType: DataType.float,
        rawData: new Uint8Array(Float32Array.from([1, 2, 3, -4]).buffer),
      },
    ],
    node: [
      {
        name: 'n',
        opType: 'Gemm',
        input: ['x', 'w', ''],
        output: ['y'],
        attribute: [
          { name: 'alpha', type: AttributeType.float, f: 0.5 },
          { name: 'axes', type: AttributeType.ints, ints: [-1, 2 ** 40] },
        ],
      },
    ],
  },
};

describe('the ONNX codec', () => {
  it('reads back what it writes, negative and 64-bit integers included', () => {
    const read = decodeOnnx(encodeOnnx(model));
    expect(read.irVersion).toBe(8);
    expect(read.opsetImport).toMatchObject([{ version: 17 }]);
    expect(read.graph.node[0]!.input).toEqual(['x', 'w', '']);
    expect(read.graph.node[0]!.attribute[1]!.ints).toEqual([-1, 2 ** 40]);
    expect(read.graph.input[0]!.type.tensorType.shape.dim.map((dim) => ({ ...dim }))).toMatchObject([
      { dimParam: 'batch' },
      { dimValue: 2 },
    ]);
    expect([...new Float32Array(new Uint8Array(read.graph.initializer[0]!.rawData).buffer)]).toEqual([
      1, 2, 3, -4,
    ]);
  });

  it('says so when a file is no ONNX model', () => {
    expect(() => decodeOnnx(Uint8Array.of(0x3a, 0xff, 0xff, 0x03, 1, 2))).toThrow(CheckpointError);
  });

  it('refuses weights above what one file holds', () => {
    const huge = { byteLength: 2 ** 31 } as Uint8Array;
    const graph = {
      ...model.graph,
      initializer: [{ name: 'w', dims: [2 ** 29], dataType: DataType.float, rawData: huge }],
    };
    expect(() => encodeOnnx({ ...model, graph })).toThrow(/2 GiB/);
  });
});

describe('half precision', () => {
  it('rounds to nearest even and stays finite', () => {
    expect(finiteHalf(1 + 1 / 2048)).toBe(0x3c00);
    expect(finiteHalf(1 + 3 / 2048)).toBe(0x3c02);
    expect([-3.4e38, Number.NEGATIVE_INFINITY].map(finiteHalf)).toEqual([0xfbff, 0xfbff]);
    expect(finiteHalf(1e-8)).toBe(0);
    expect(finiteHalf(Number.NaN) & 0x7fff).toBe(0x7e00);
  });
});

describe('weights in files beside it', () => {
  const [weights] = model.graph.initializer;
  const beside = (location: string, offset: number): OnnxTensor => ({
    ...weights!,
    rawData: new Uint8Array(),
    dataLocation: 1,
    externalData: [
      { key: 'location', value: location },
      { key: 'offset', value: String(offset) },
    ],
  });
  const constant = (t: OnnxTensor): OnnxNode => ({
    ...{ name: 'c', opType: 'Constant', input: [], output: ['c'] },
    attribute: [{ name: 'value', type: AttributeType.tensor, t }],
  });

  it('are named, each file once, wherever the tensor is', () => {
    const initializer = [weights!, beside('model.onnx_data', 0), beside('model.onnx_data', 16)];
    const node = [...model.graph.node, constant(beside('more/second.bin', 0))];
    const bytes = encodeOnnx({ ...model, graph: { ...model.graph, initializer, node } });
    expect(externalFiles(bytes).toSorted()).toEqual(['model.onnx_data', 'more/second.bin']);
  });

  it('are none in a file that holds all, that was cut off, or that is something else', () => {
    const bytes = encodeOnnx(model);
    expect(externalFiles(bytes)).toEqual([]);
    for (let length = 0; length < bytes.length; length += 7)
      expect(externalFiles(bytes.subarray(0, length))).toEqual([]);
    expect(externalFiles(new TextEncoder().encode('<!doctype html><p>Not here'))).toEqual([]);
  });
});
