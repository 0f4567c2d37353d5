/**
 * Sine and cosine in WGSL to the last bits of f32. WGSL promises its own only to 2⁻¹¹, and some adapters
 * (SwiftShader) take that freedom: position embeddings made of them were off by 2e-4.
 *
 * The angle is brought to [−π/4, π/4] by taking multiples of π/2 away in three parts that are exact in f32 (Cody
 * and Waite), where short polynomials (Cephes' sinf and cosf, error below 1e-7) serve both. Good to |x| ≈ 8192.
 */

import { registerWebgpuKernel } from './kernels.ts';

/** WGSL functions `sineOf` and `cosineOf` of an f32. */
export const circularFunctions = `
fn quarterTurns(x: f32, shift: i32) -> f32 {
  let turns = round(x * 0.636619772);
  let r = ((x - turns * 1.5703125) - turns * 4.837512969970703e-4) - turns * 7.549789954e-8;
  let z = r * r;
  let sine = r + r * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  let cosine = 1.0 - 0.5 * z + z * z * (4.166664568e-2 + z * (-1.388731625e-3 + z * 2.443315712e-5));
  let quarter = (i32(turns) + shift) & 3;
  let value = select(sine, cosine, (quarter & 1) == 1);
  return select(value, -value, quarter > 1);
}
fn sineOf(x: f32) -> f32 { return quarterTurns(x, 0); }
fn cosineOf(x: f32) -> f32 { return quarterTurns(x, 1); }`;

/** Puts them in the place of TensorFlow.js' kernels for WebGPU, once those are there. */
export function replaceCircularKernels(): void {
  for (const [kernel, name] of [
    ['Sin', 'sineOf'],
    ['Cos', 'cosineOf'],
  ] as const) {
    registerWebgpuKernel<'x', object>(kernel, {
      inputs: ['x'],
      outputShape: ({ x }) => x.shape,
      uniforms: () => [],
      functions: circularFunctions,
      element: `return ${name}(x[index]);`,
    });
  }
}
