/**
 * WebAssembly with SIMD through TensorFlow.js and XNNPACK: the fallback without an adapter. One thread in Node
 * (TensorFlow.js turns its threads off there). The kernels that it lacks are ours: see `wasm-kernels/`.
 *
 * Its allocator answers 0 when 4 GiB are full, or a place that ends beyond them, and TensorFlow.js would write there; here that is
 * an error. XNNPACK asks it, too, for weights in its own order, and without an answer computes nothing and goes on: near the end
 * some room is left to it.
 * A heap never shrinks, and keeps what a step that failed had in it: after one that was full, the next device has a new one.
 */
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { packageFolder, withoutNewProcessListeners } from '#platform';
import { outOfMemory } from '../device-errors.ts';
import * as tf from '../tf.ts';
import { registerWasmKernels } from '../wasm-kernels/index.ts';
import { neverFails, type OpenBackend } from './backend.ts';

/** The members of the backend that its typings hide; the version is pinned because of them. */
interface WasmBackend {
  disposeData(dataId: object, force?: boolean): boolean;
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
  locate();
  await withoutNewProcessListeners(async () => {
    await tf.setBackend('wasm');
    await tf.ready();
  });
  const backend = tf.backend() as unknown as WasmBackend;
  const { wasm } = backend;
  failWhenFull(wasm);
  const simd = tf.env().getBool('WASM_HAS_SIMD_SUPPORT');
  return {
    ...neverFails,
    backend: 'wasm',
    name: `WebAssembly${simd ? ' with SIMD' : ''}, one thread`,
    software: true,
    features: simd ? ['simd'] : [],
    limits: { maxHeapBytes: largestHeap },
    allocatedBytes: () => wasm.HEAPU8.length,
    close() {
      if (full.has(wasm)) abandon(backend);
    },
  };
}

let located = false;

/** Says once where the program lies: a package that is started knows it. */
function locate(): void {
  if (located) return;
  located = true;
  const folder = packageFolder('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm');
  if (folder && !tf.engine().findBackend('wasm')) setWasmPaths(folder);
}

/** The next device starts the program anew, with an empty heap. */
function abandon(backend: WasmBackend): void {
  const start = tf.findBackendFactory('wasm');
  // Tensors of the old heap may still be disposed of.
  backend.disposeData = () => true;
  tf.removeBackend('wasm');
  tf.registerBackend('wasm', start, 2);
}

const largestHeap = 2 ** 32 - 2 ** 16;
/** Bytes: more than XNNPACK takes for the weights of one layer. */
const roomForPacking = 2 ** 27;
const guarded = new WeakSet<object>();
const full = new WeakSet<object>();

function failWhenFull(wasm: WasmBackend['wasm']): void {
  if (guarded.has(wasm)) return;
  guarded.add(wasm);
  // Emscripten's entry replaces itself by the real function at its first call; that must be over.
  wasm._free(wasm._malloc(8));
  const allocate = wasm._malloc;
  const malloc = (bytes: number): number => {
    const pointer = allocate(bytes);
    // Near the end its sum of a start and a length overflows: it gives the last free piece, too short, as if it sufficed.
    if (pointer === 0 || (pointer >>> 0) + bytes <= wasm.HEAPU8.length) return pointer;
    wasm._free(pointer);
    return 0;
  };
  const hasRoom = (): boolean => {
    if (wasm.HEAPU8.length + roomForPacking <= largestHeap) return true;
    const probe = malloc(roomForPacking);
    if (probe !== 0) wasm._free(probe);
    return probe !== 0;
  };
  wasm._malloc = (bytes) => {
    const pointer = bytes <= largestHeap ? malloc(bytes) : 0;
    if (bytes === 0 || (pointer !== 0 && hasRoom())) return pointer;
    if (pointer !== 0) wasm._free(pointer);
    full.add(wasm);
    throw outOfMemory(
      `${toMiB(bytes)} MiB more than the ${toMiB(wasm.HEAPU8.length)} MiB heap of WebAssembly can grow`,
    );
  };
}

const toMiB = (bytes: number): number => Math.ceil(bytes / 2 ** 20);
