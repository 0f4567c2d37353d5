/** All lowerings; importing this file registers them. */
import './activations.ts';
import './assembly.ts';
import './convolution.ts';
import './elements.ts';
import './mat-mul.ts';
import './optimizer.ts';
import './reductions.ts';
import './squares.ts';
import './views.ts';
import './pooling.ts';
import './resize.ts';
import './gather.ts';
import './top-k.ts';
import './along-axis.ts';
import './dropout.ts';
import './attention.ts';
import './batch-norm.ts';
