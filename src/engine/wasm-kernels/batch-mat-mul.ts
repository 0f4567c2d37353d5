/**
 * Matrix products on WebAssembly, all of them through XNNPACK.
 *
 * TensorFlow.js uses XNNPACK only for a single product without transposition and scalar loops otherwise: 43
 * against 1.3–3.4 GFLOP/s on one core (512 × 512, `npm run bench -- kernel`). Linear layers, attention and
 * every gradient of a product are of the slow kinds. Here transposed operands are copied the right way round
 * and a batch is one product after the other, on views of the operands.
 */

import { replaceKernel } from '../kernels.ts';
import * as tf from '../tf.ts';
import { backend_util } from '../tf.ts';
import { releaseView, viewOf, type WasmBackend } from './heap.ts';

interface MatMulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

type Multiply = (
  a: number,
  aShape: Uint8Array,
  aRank: number,
  b: number,
  bShape: Uint8Array,
  bRank: number,
  transposeA: boolean,
  transposeB: boolean,
  out: number,
) => void;

const multiplies = new WeakMap<object, Multiply>();

function multiplyOf(backend: WasmBackend): Multiply {
  let multiply = multiplies.get(backend);
  if (!multiply) {
    const parameters = ['number', 'array', 'number', 'number', 'array', 'number'];
    multiply = backend.wasm.cwrap('BatchMatMul', null, [
      ...parameters,
      'number',
      'number',
      'number',
    ]) as Multiply;
    multiplies.set(backend, multiply);
  }
  return multiply;
}

/** Products with fewer multiplications than this, taken together, cost less than preparing them. */
const tiny = 4096;

export function registerBatchMatMul(): void {
  const original = tf.getKernel('BatchMatMul', 'wasm');
  if (!original) throw new Error('the wasm backend of TensorFlow.js has no BatchMatMul');
  replaceKernel('BatchMatMul', 'wasm', (parameters) => {
    const { a, b } = parameters.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const attrs = parameters.attrs as unknown as MatMulAttrs;
    const multiplications = (tf.util.sizeFromShape(a.shape) * b.shape[b.shape.length - 1]!) as number;
    if (multiplications <= tiny || a.dtype !== 'float32' || b.dtype !== 'float32')
      return original.kernelFunc(parameters as never) as tf.TensorInfo;
    return batchMatMul(parameters.backend as WasmBackend, a, b, attrs);
  });
}

function batchMatMul(
  backend: WasmBackend,
  a: tf.TensorInfo,
  b: tf.TensorInfo,
  { transposeA, transposeB }: MatMulAttrs,
): tf.TensorInfo {
  const left = upright(backend, a, transposeA);
  const right = upright(backend, b, transposeB);
  const [rows, inner] = left.shape.slice(-2) as [number, number];
  const columns = right.shape[right.shape.length - 1]!;
  const batchShape = backend_util.assertAndGetBroadcastShape(
    a.shape.slice(0, -2) as number[],
    b.shape.slice(0, -2) as number[],
  );
  const out = backend.makeOutput([...batchShape, rows, columns], 'float32');
  const batch = tf.util.sizeFromShape(batchShape);
  const leftOf = batchIndex(a.shape.slice(0, -2), batchShape);
  const rightOf = batchIndex(b.shape.slice(0, -2), batchShape);
  const multiply = multiplyOf(backend);
  const leftShape = bytesOf([1, rows, inner]);
  const rightShape = bytesOf([1, inner, columns]);
  const idOf = (info: tf.TensorInfo): number => backend.dataIdMap.get(info.dataId).id;
  // Packed weights are kept with the tensor they were packed for: one view per operand, made once.
  const rightBatch = tf.util.sizeFromShape(right.shape.slice(0, -2));
  const rights =
    rightBatch === 1
      ? [right]
      : Array.from({ length: rightBatch }, (_, i) =>
          viewOf(backend, right, i * inner * columns, [1, inner, columns]),
        );
  for (let i = 0; i < batch; i++) {
    const leftView = viewOf(backend, left, leftOf(i) * rows * inner, [1, rows, inner]);
    const outView = viewOf(backend, out, i * rows * columns, [1, rows, columns]);
    const rightView = rights[rightOf(i)]!;
    multiply(idOf(leftView), leftShape, 3, idOf(rightView), rightShape, 3, false, false, idOf(outView));
    releaseView(backend, leftView);
    releaseView(backend, outView);
  }
  if (rightBatch > 1) for (const view of rights) releaseView(backend, view);
  if (left !== a) backend.disposeData(left.dataId);
  if (right !== b) backend.disposeData(right.dataId);
  return out;
}

const bytesOf = (shape: readonly number[]): Uint8Array => new Uint8Array(new Int32Array(shape).buffer);

/** Which matrix of an operand belongs to the i-th of the broadcast batch. */
function batchIndex(shape: readonly number[], batchShape: readonly number[]): (i: number) => number {
  const size = tf.util.sizeFromShape([...shape]);
  if (size === 1) return () => 0;
  if (size === tf.util.sizeFromShape([...batchShape])) return (i) => i;
  const padded = [...Array.from({ length: batchShape.length - shape.length }, () => 1), ...shape];
  return (i) => {
    let rest = i;
    let index = 0;
    let step = 1;
    for (let axis = batchShape.length - 1; axis >= 0; axis--) {
      const coordinate = rest % batchShape[axis]!;
      rest = Math.floor(rest / batchShape[axis]!);
      if (padded[axis] !== 1) index += coordinate * step;
      step *= padded[axis]!;
    }
    return index;
  };
}

/** The operand itself, or a copy with its last two axes exchanged. */
function upright(backend: WasmBackend, x: tf.TensorInfo, transpose: boolean): tf.TensorInfo {
  if (!transpose) return x;
  const rank = x.shape.length;
  const [rows, columns] = [x.shape[rank - 2]!, x.shape[rank - 1]!];
  const copy = backend.makeOutput([...x.shape.slice(0, -2), columns, rows], 'float32');
  const from = backend.typedArrayFromHeap(x);
  const to = backend.typedArrayFromHeap(copy);
  for (let begin = 0; begin < from.length; begin += rows * columns)
    transposeMatrix(from, to, begin, rows, columns);
  return copy;
}

/** In tiles, so that both sides stay in the cache. */
function transposeMatrix(
  from: Float32Array,
  to: Float32Array,
  begin: number,
  rows: number,
  columns: number,
): void {
  const tile = 32;
  for (let row0 = 0; row0 < rows; row0 += tile) {
    const rowEnd = Math.min(row0 + tile, rows);
    for (let column0 = 0; column0 < columns; column0 += tile) {
      const columnEnd = Math.min(column0 + tile, columns);
      for (let row = row0; row < rowEnd; row++) {
        const source = begin + row * columns;
        for (let column = column0; column < columnEnd; column++)
          to[begin + column * rows + row] = from[source + column]!;
      }
    }
  }
}
