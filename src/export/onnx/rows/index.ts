/** Every kernel that can be exported. One that is missing here is looked into, if it is an operation of our own. */
import { convolutionRows } from './convolution.ts';
import { matmulRows } from './matmul.ts';
import { pointwiseRows } from './pointwise.ts';
import { reduceRows } from './reduce.ts';
import { resizeRows } from './resize.ts';
import type { Rows } from './row.ts';
import { shapeRows } from './shape.ts';

export const rows: Rows = {
  ...pointwiseRows,
  ...shapeRows,
  ...reduceRows,
  ...matmulRows,
  ...convolutionRows,
  ...resizeRows,
};

/** Whether the tracer should look into a kernel: an own operation that no row lowers. */
export const mustExpand = (kernel: string): boolean =>
  kernel.startsWith('Ocelli') && !Object.hasOwn(rows, kernel);
