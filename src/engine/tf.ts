/**
 * TensorFlow.js as the rest of the house sees it: the functional API, imported once and shared. The union
 * package is imported for its side effect alone, the registration of all gradients: `tfjs-core` has no entry
 * for that which Node could load.
 */
import '@tensorflow/tfjs';
import { env } from '@tensorflow/tfjs-core';

// Without its greeting and its advice to install the native Node addon.
env().set('PROD', true);

export * from '@tensorflow/tfjs-core';
