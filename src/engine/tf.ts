/** TensorFlow.js as the rest of the house sees it: the functional API, imported once and shared. */
export * from '@tensorflow/tfjs-core';
