/** Matrix products and convolutions beside TensorFlow.js' kernels. */
import type { KernelCase } from './case.ts';

export const products: readonly KernelCase[] = [];
