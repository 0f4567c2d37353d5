/** Plain JavaScript, one thread: slow, exact about nothing more than the others, and always there. Tests use it. */
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '../tf.ts';
import { neverFails, type OpenBackend } from './backend.ts';

export async function openCpu(): Promise<OpenBackend> {
  await tf.setBackend('cpu');
  return {
    ...neverFails,
    backend: 'cpu',
    name: 'plain JavaScript, one thread',
    software: true,
    features: [],
    limits: {},
    allocatedBytes: () => tf.memory().numBytes,
    close: () => {},
  };
}
