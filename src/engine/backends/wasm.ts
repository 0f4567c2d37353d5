/**
 * WebAssembly with SIMD through TensorFlow.js and XNNPACK: the fallback without an adapter. One thread in Node
 * (TensorFlow.js turns its threads off there). The kernels that it lacks are ours: see `wasm-kernels/`.
 *
 * Its allocator answers 0 when 4 GiB are full, and TensorFlow.js would write there; here that is an error.
 */
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { packageFolder, withoutNewProcessListeners } from '#platform';
import { outOfMemory } from '../device-errors.ts';
import * as tf from '../tf.ts';
import { registerWasmKernels } from '../wasm-kernels/index.ts';
import { neverFails, type OpenBackend } from './backend.ts';

/** The members of the backend that its typings hide; the version is pinned because of them. */
interface WasmBackend {
  readonly wasm: {
    _malloc(bytes: number): number;
    _free(pointer: number): void;
    readonly HEAPU8: Uint8Array;
  };
}

export async function openWasm(): Promise<OpenBackend> {
  registerWasmKernels();
  // Its threads are started from its own script, which a bundle does not have: an isolated page would end there.
  // Before `findBackend`, which starts the backend.
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  const folder = packageFolder('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm');
  if (folder && !tf.engine().findBackend('wasm')) setWasmPaths(folder);
  await withoutNewProcessListeners(async () => {
    await tf.setBackend('wasm');
    await tf.ready();
  });
  const { wasm } = tf.backend() as unknown as WasmBackend;
  failWhenFull(wasm);
  const simd = tf.env().getBool('WASM_HAS_SIMD_SUPPORT');
  return {
    ...neverFails,
    backend: 'wasm',
    name: `WebAssembly${simd ? ' with SIMD' : ''}, one thread`,
    software: true,
    features: simd ? ['simd'] : [],
    limits: { maxHeapBytes: 2 ** 32 - 2 ** 16 },
    allocatedBytes: () => wasm.HEAPU8.length,
    close: () => {},
  };
}

const guarded = new WeakSet<object>();

function failWhenFull(wasm: WasmBackend['wasm']): void {
  if (guarded.has(wasm)) return;
  guarded.add(wasm);
  // Emscripten's entry replaces itself by the real function at its first call; that must be over.
  wasm._free(wasm._malloc(8));
  const malloc = wasm._malloc;
  wasm._malloc = (bytes) => {
    const pointer = bytes < 2 ** 32 ? malloc(bytes) : 0;
    if (pointer === 0 && bytes > 0)
      throw outOfMemory(
        `${toMiB(bytes)} MiB more than the ${toMiB(wasm.HEAPU8.length)} MiB heap of WebAssembly can grow`,
      );
    return pointer;
  };
}

const toMiB = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
