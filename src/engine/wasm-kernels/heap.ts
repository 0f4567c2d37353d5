/**
 * The members of TensorFlow.js' WebAssembly backend that its typings hide, and tensors that are views of parts
 * of another one, so that a kernel can work on a slice without a copy. The version is pinned because of them.
 */
import type * as tf from '../tf.ts';

export interface WasmBackend {
  readonly wasm: {
    cwrap(name: string, result: null, parameters: readonly string[]): (...args: unknown[]) => void;
    readonly tfjs: { disposeData(id: number): void };
  };
  readonly dataIdMap: {
    get(dataId: object): { readonly id: number; readonly memoryOffset: number };
    delete(dataId: object): boolean;
  };
  makeOutput(shape: readonly number[], dtype: string, memoryOffset?: number): tf.TensorInfo;
  typedArrayFromHeap(info: tf.TensorInfo): Float32Array;
  disposeData(dataId: object, force?: boolean): boolean;
}

/** A float32 tensor over memory that belongs to another; give it back with `releaseView`. */
export function viewOf(
  backend: WasmBackend,
  owner: tf.TensorInfo,
  firstElement: number,
  shape: readonly number[],
): tf.TensorInfo {
  const { memoryOffset } = backend.dataIdMap.get(owner.dataId);
  return backend.makeOutput(shape, 'float32', memoryOffset + firstElement * 4);
}

/** Forgets a view; the memory stays with its owner. What XNNPACK packed for it is freed. */
export function releaseView(backend: WasmBackend, view: tf.TensorInfo): void {
  backend.wasm.tfjs.disposeData(backend.dataIdMap.get(view.dataId).id);
  backend.dataIdMap.delete(view.dataId);
}
