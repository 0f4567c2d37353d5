/**
 * Kernels that TensorFlow.js' WebAssembly backend lacks, or has only in a slow form, as compositions of the
 * kernels that it has. Registered once, when the backend is opened.
 */
export function registerWasmKernels(): void {}
