/**
 * WebGPU in Node: Dawn, Chrome's implementation, from the npm package `webgpu`.
 *
 * Toggles: `allow_unsafe_apis` opens timestamps and experimental features, `vulkan_enable_f16_on_nvidia` gives f16
 * back, which Dawn turns off on NVIDIA's Vulkan driver, and without `timestamp_quantization` timestamps are exact
 * rather than multiples of 65 µs (a guard for web pages, which can't read each other here). TensorFlow.js
 * looks for `globalThis.navigator.gpu` and the `GPU*` globals as a browser has them; Node 20 has no `navigator`
 * at all and Node 21+ has one that cannot be assigned, hence `defineProperty`. While Dawn's `GPU` object is
 * reachable its threads keep the process alive, so closing takes all of this back.
 *
 * While something is pending, Dawn's binding asks for it in every turn of the event loop, with a new function each
 * time: a core that only turns, and garbage that costs pauses (1200 turns in a step of 5 ms). calm-polling.ts makes
 * it wait a little between two turns in which nothing else happened.
 */

import type { OpenGpu } from '../types.ts';
import { pollCalmly } from './calm-polling.ts';

const toggles = [
  'enable-dawn-features=allow_unsafe_apis,vulkan_enable_f16_on_nvidia',
  'disable-dawn-features=timestamp_quantization',
];

export const openGpu: OpenGpu = async () => {
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (error) {
    return { missing: `the npm package webgpu (Dawn) does not load: ${firstLine(error)}` };
  }
  for (const [name, value] of Object.entries(dawn.globals)) {
    if (!(name in globalThis)) Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  const gpu = dawn.create(toggles);
  const restore = lendToNavigator(gpu);
  const stopCalming = pollCalmly();
  const close = (): void => {
    restore();
    stopCalming();
  };
  return { access: { gpu, provider: 'Dawn', close } };
};

/** Puts `gpu` where a browser has it and returns the function that takes it away. */
function lendToNavigator(gpu: GPU): () => void {
  const hadNavigator = 'navigator' in globalThis;
  if (!hadNavigator) Object.defineProperty(globalThis, 'navigator', { value: {}, configurable: true });
  Object.defineProperty(globalThis.navigator, 'gpu', { value: gpu, configurable: true });
  return () => {
    Reflect.deleteProperty(globalThis.navigator, 'gpu');
    if (!hadNavigator) Reflect.deleteProperty(globalThis, 'navigator');
  };
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
