/** The shape rules of TensorFlow.js' kernels, by family; importing this file registers them. */
import './elementwise.ts';
import './products.ts';
import './reductions.ts';
import './views.ts';
