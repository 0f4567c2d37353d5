/**
 * A number that the compiler does not know to be constant, in kernels with one workgroup along `along`. Drivers for
 * the processor unroll loops of known length, and then spend seconds on compiling them.
 */
export const opaque = (count: number, along: 'y' | 'z' = 'z'): string => `${count} + i32(group.${along})`;
