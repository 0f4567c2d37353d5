export { backendNames, defineOp, type OpDefinition } from './op.ts';
export { Tape } from './tape.ts';
export * as tf from './tf.ts';
