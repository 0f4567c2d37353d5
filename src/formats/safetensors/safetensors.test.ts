import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CheckpointError } from '../../core/index.ts';
import {
  floatToBfloat16,
  memorySource,
  openSafetensors,
  openShards,
  type RangeSource,
  toFloat32,
  writeSafetensors,
} from './index.ts';

const open = (bytes: Uint8Array) => openSafetensors(memorySource('weights.safetensors', bytes));

/** A file with any header and this many bytes of data. */
function fileWith(header: unknown, dataBytes: number, claimedLength?: bigint): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, claimedLength ?? BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const tensor = (start: number, end: number, shape = [(end - start) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [start, end],
});

describe('writing and reading', () => {
  test('gives back names, shapes and values', async () => {
    const bytes = writeSafetensors({
      'a.weight': { shape: [2, 3], data: [1, -2, 3.5, 0, 1e-30, -1e30] },
      'a.steps': { shape: [], data: [7], dtype: 'I64' },
      'b.half': { shape: [2], data: [0.5, -1.25], dtype: 'F16' },
      empty: { shape: [0, 4], data: [] },
    });
    const file = await open(bytes);
    expect(file.metadata).toEqual({ format: 'pt' });
    expect(file.tensors.get('a.weight')).toMatchObject({ dtype: 'F32', shape: [2, 3] });
    expect([...(await file.read('a.weight'))]).toEqual([...new Float32Array([1, -2, 3.5, 0, 1e-30, -1e30])]);
    expect([...(await file.readExact('a.steps'))]).toEqual([7]);
    expect([...(await file.read('b.half'))]).toEqual([0.5, -1.25]);
    expect((await file.read('empty')).length).toBe(0);
  });

  test('aligns the data to eight bytes', () => {
    for (const name of ['a', 'ab', 'abc', 'abcdefgh']) {
      const bytes = writeSafetensors({ [name]: { shape: [1], data: [1] } });
      const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
      expect(length % 8).toBe(0);
      expect(bytes.length).toBe(8 + length + 4);
    }
  });

  test('reads only the bytes of the tensor that is asked for', async () => {
    const bytes = writeSafetensors({
      big: { shape: [1000], data: new Float32Array(1000) },
      small: { shape: [1], data: [3] },
    });
    let read = 0;
    const source: RangeSource = {
      path: 'far',
      size: async () => bytes.length,
      read: async (range) => {
        const part = bytes.subarray(range?.start, range?.end);
        read += part.length;
        return part;
      },
    };
    const file = await openSafetensors(source);
    expect([...(await file.read('small'))]).toEqual([3]);
    expect(read).toBeLessThan(500);
  });

  test('a file written by PyTorch reads the same when written again', async () => {
    const bytes = new Uint8Array(readFileSync('../shared/reference/models/resnet-basic/model.safetensors'));
    const file = await open(bytes);
    const copies = new Map();
    for (const [name, { shape, dtype }] of file.tensors) {
      copies.set(name, { shape, dtype, data: await file.readExact(name) });
    }
    expect(writeSafetensors(copies, file.metadata)).toEqual(bytes);
  });
});

describe('types', () => {
  test('bfloat16', () => {
    expect(toFloat32('BF16', new Uint8Array([0x80, 0x3f, 0x40, 0xc0]))).toEqual(new Float32Array([1, -3]));
    expect(floatToBfloat16(1)).toBe(0x3f80);
    expect(floatToBfloat16(1 + 2 ** -8)).toBe(0x3f80);
    expect(floatToBfloat16(Number.POSITIVE_INFINITY)).toBe(0x7f80);
    expect(floatToBfloat16(Number.NaN) & 0x7fff).toBeGreaterThan(0x7f80);
  });

  test('integers and bytes', () => {
    expect([...toFloat32('U8', new Uint8Array([0, 255]))]).toEqual([0, 255]);
    expect([...toFloat32('I64', new Uint8Array(new BigInt64Array([-3n, 9n]).buffer))]).toEqual([-3, 9]);
    expect([...toFloat32('F8_E4M3', new Uint8Array([0x38, 0xb8, 0x7e]))]).toEqual([1, -1, 448]);
  });
});

describe('files that lie', () => {
  const cases: Record<string, Uint8Array> = {
    'an empty file': new Uint8Array(0),
    'five bytes': new Uint8Array(5),
    'a header of 2^63 bytes': fileWith({}, 0, 2n ** 63n),
    'a header longer than the file': fileWith({}, 0, 1000n),
    'a header of a gigabyte': fileWith({}, 0, 10n ** 9n),
    'no JSON': fileWith('{"a": ', 0),
    'an array': fileWith('[1, 2]', 0),
    'an unknown type': fileWith({ a: tensor(0, 4, [1], 'F128') }, 4),
    'a negative shape': fileWith({ a: tensor(0, 4, [-1]) }, 4),
    'a shape that overflows': fileWith({ a: tensor(0, 4, [2 ** 40, 2 ** 40]) }, 4),
    'a shape that disagrees with its bytes': fileWith({ a: tensor(0, 8, [3]) }, 8),
    'offsets past the end': fileWith({ a: tensor(0, 400, [100]) }, 8),
    'offsets in the wrong order': fileWith({ a: { dtype: 'F32', shape: [1], data_offsets: [8, 4] } }, 8),
    'overlapping tensors': fileWith({ a: tensor(0, 8), b: tensor(4, 12) }, 12),
    'a gap': fileWith({ a: tensor(0, 4), b: tensor(8, 12) }, 12),
    'bytes that nobody owns': fileWith({ a: tensor(0, 4) }, 12),
    'a tensor that is no object': fileWith({ a: null }, 0),
    'metadata that is no text': fileWith({ __metadata__: { a: 1 } }, 0),
  };
  for (const [name, bytes] of Object.entries(cases)) {
    test(name, async () => {
      await expect(open(bytes)).rejects.toBeInstanceOf(CheckpointError);
    });
  }

  test('truncated by one byte', async () => {
    const bytes = writeSafetensors({ a: { shape: [4], data: [1, 2, 3, 4] } });
    await expect(open(bytes.subarray(0, bytes.length - 1))).rejects.toThrow(/weights\.safetensors/);
  });
});

describe('shards', () => {
  const files: Record<string, Uint8Array> = {
    'model-00001-of-00002.safetensors': writeSafetensors({ a: { shape: [1], data: [1] } }),
    'model-00002-of-00002.safetensors': writeSafetensors({ b: { shape: [2], data: [2, 3] } }),
  };
  const openFile = (name: string) => memorySource(name, files[name]!);
  const index = (map: unknown) => ({ path: 'model.safetensors.index.json', json: { weight_map: map } });

  test('are one file to the reader', async () => {
    const file = await openShards(
      index({ a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' }),
      openFile,
    );
    expect([...file.tensors.keys()]).toEqual(['a', 'b']);
    expect([...(await file.read('b'))]).toEqual([2, 3]);
  });

  test('a promised tensor that is not there', async () => {
    const broken = openShards(index({ c: 'model-00001-of-00002.safetensors' }), openFile);
    await expect(broken).rejects.toThrow(/the tensor c/);
  });

  test('an index that leads out of its folder, or is none', async () => {
    await expect(openShards(index({ a: '../secrets' }), openFile)).rejects.toBeInstanceOf(CheckpointError);
    await expect(openShards(index(undefined), openFile)).rejects.toBeInstanceOf(CheckpointError);
  });
});
