/**
 * What a function would take in memory, kernel by kernel: it runs on shapes alone, and its tensors are counted. What
 * kernels need beside them for themselves, and what an allocator loses between them, comes on top: the peak is a
 * bound from below.
 */
import { isComposedOn } from '../op.ts';
import * as tf from '../tf.ts';
import { onMeta, TraceTooLong } from './backend.ts';
import { AboveLimit, ByteCount, type PeakBytes } from './byte-count.ts';

type RunKernel = (name: string, inputs: tf.NamedTensorMap, attrs?: tf.NamedAttrMap) => unknown;

/**
 * Runs `work`, synchronously, on tensors without numbers. `outside`: variables that it uses, and that exist before it.
 * Operations of ours count as the open backend computes them: as compositions, or by one kernel. Above `limit` bytes
 * it stops: more need not be known.
 */
export function peakBytes(work: () => void, outside: Iterable<tf.Variable> = [], limit?: number): PeakBytes {
  const count = new ByteCount(limit);
  const backend = tf.getBackend();
  const engine = tf.engine() as unknown as { runKernel: RunKernel };
  const { runKernel } = engine;
  engine.runKernel = (name, inputs, attrs) => {
    const run = () => runKernel.call(engine, name, inputs, attrs);
    return name.startsWith('Ocelli') && !isComposedOn(name, backend) ? count.quietly(run) : run();
  };
  try {
    for (const variable of outside) count.begin(variable);
    onMeta(() => tf.tidy(work), count);
  } catch (error) {
    // What was alive up to here is a bound, too.
    if (!(error instanceof TraceTooLong || error instanceof AboveLimit)) throw error;
  } finally {
    engine.runKernel = runKernel;
  }
  return count;
}

/** Runs `work`, synchronously, where tensors have shapes and no numbers: what it makes takes no memory. */
export function shapesOnly<T>(work: () => T): T {
  return onMeta(() => work());
}

/** A tensor without numbers, within `shapesOnly` or `peakBytes`. */
export function shapeTensor(shape: readonly number[], dtype: 'float32' | 'int32' = 'float32'): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo({ dataId: {}, shape: [...shape], dtype });
}

/** Variables without numbers: for shapes that are asked about before there is a model. They are the caller's to forget. */
export function shapeVariables(
  shapes: Iterable<readonly [name: string, shape: readonly number[]]>,
): Map<string, tf.Variable> {
  return onMeta(() => {
    const variables = new Map<string, tf.Variable>();
    for (const [name, shape] of shapes) variables.set(name, tf.variable(shapeTensor(shape)));
    return variables;
  });
}
