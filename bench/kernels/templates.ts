/** Attention, pooling, resizing and the like beside TensorFlow.js' kernels or compositions. */
import type { KernelCase } from './case.ts';

export const templates: readonly KernelCase[] = [];
