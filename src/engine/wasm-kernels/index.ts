/**
 * Kernels that TensorFlow.js' WebAssembly backend lacks, or has only in a slow form. Registered once, when the
 * backend is opened for the first time.
 */
import { registerBatchMatMul } from './batch-mat-mul.ts';
import { registerConvolutionGradients } from './convolution.ts';
import { registerDataMovement } from './data-movement.ts';
import { registerEinsum } from './einsum.ts';
import { registerPoolingGradient } from './pooling.ts';
import { registerSums } from './sums.ts';

let registered = false;

export function registerWasmKernels(): void {
  if (registered) return;
  registered = true;
  registerBatchMatMul();
  registerConvolutionGradients();
  registerDataMovement();
  registerEinsum();
  registerPoolingGradient();
  registerSums();
}
