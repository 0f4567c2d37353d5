/**
 * Reverse-mode differentiation over TensorFlow.js' tape, with a door in the middle.
 *
 * `tf.grads` runs a synchronous function; a detection step must read its outputs back to match them on the
 * host before the loss can be written down. So the tape is held open here: record, await whatever is needed,
 * record on, then walk it backwards. All closures of one node run in one `tidy` (see `defineOp`), and what a
 * node saved is freed as soon as the walk has passed it.
 *
 * Between construction and `gradients` nothing else may run tensor operations: the tape is global.
 */
import { noteBackward } from './graph/index.ts';
import * as tf from './tf.ts';

interface TapeNode {
  readonly kernelName: string;
  readonly inputs: tf.NamedTensorMap;
  readonly outputs: readonly tf.Tensor[];
  readonly gradient?: (dys: readonly (tf.Tensor | null)[]) => Record<string, () => tf.Tensor>;
  readonly saved?: readonly tf.Tensor[];
}

/** The members of TensorFlow.js' engine that its typings keep private; the version is pinned because of them. */
interface EngineInternals {
  readonly state: { activeTape: TapeNode[] | null };
  startTape(): void;
  endTape(): void;
  startScope(name: string): void;
  endScope(result?: tf.TensorContainer): void;
}

const internals = (): EngineInternals => tf.engine() as unknown as EngineInternals;

export class Tape {
  private recording = true;
  private open = true;

  constructor() {
    internals().startScope('tape');
    internals().startTape();
  }

  /**
   * Ends the recording and returns d(loss)/d(x) for each of `xs`; undefined where the loss does not depend on
   * x. The gradients belong to the caller's scope once `dispose` was given them.
   */
  gradients(loss: tf.Tensor, xs: readonly tf.Tensor[]): (tf.Tensor | undefined)[] {
    if (!this.recording) throw new Error('a tape gives gradients once');
    const nodes = internals().state.activeTape ?? [];
    this.stopRecording();
    noteBackward();
    const wanted = new Set(xs.map((x) => x.id));
    const path = nodesBetween(nodes, wanted, loss.id);
    const gradients = new Map<number, tf.Tensor>([[loss.id, tf.onesLike(loss)]]);
    for (const node of nodes.toReversed()) {
      const inputs = path.get(node);
      if (inputs) this.walk(node, inputs, gradients, wanted);
      for (const tensor of node.saved ?? []) tensor.dispose();
    }
    internals().state.activeTape = null;
    return xs.map((x) => gradients.get(x.id));
  }

  /** Frees everything recorded, except `keep`, which the surrounding scope then owns. */
  dispose(keep?: tf.TensorContainer): void {
    if (!this.open) return;
    this.open = false;
    if (this.recording) {
      const nodes = internals().state.activeTape ?? [];
      this.stopRecording();
      for (const node of nodes) for (const tensor of node.saved ?? []) tensor.dispose();
      internals().state.activeTape = null;
    }
    internals().endScope(keep);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private stopRecording(): void {
    this.recording = false;
    internals().endTape();
  }

  private walk(
    node: TapeNode,
    inputNames: readonly string[],
    gradients: Map<number, tf.Tensor>,
    wanted: ReadonlySet<number>,
  ): void {
    const { gradient } = node;
    if (!gradient) throw new Error(`no gradient is registered for ${node.kernelName}`);
    const dys = node.outputs.map((output) => gradients.get(output.id) ?? null);
    const contributions = tf.tidy(() => {
      const closures = gradient(dys);
      return inputNames.map((name) => {
        const closure = closures[name];
        if (!closure) throw new Error(`${node.kernelName} has no gradient for its input ${name}`);
        return closure();
      });
    });
    inputNames.forEach((name, i) => {
      const input = node.inputs[name]!;
      const contribution = contributions[i]!;
      const sum = gradients.get(input.id);
      if (!sum) {
        gradients.set(input.id, contribution);
        return;
      }
      gradients.set(input.id, tf.add(sum, contribution));
      contribution.dispose();
      sum.dispose();
    });
    // Every consumer of these outputs was walked before: their gradients are spent.
    for (const output of node.outputs) {
      if (wanted.has(output.id)) continue;
      gradients.get(output.id)?.dispose();
      gradients.delete(output.id);
    }
  }
}

/** For each node on a path from `sources` to `target`: the names of its inputs that depend on a source. */
function nodesBetween(
  nodes: readonly TapeNode[],
  sources: ReadonlySet<number>,
  target: number,
): ReadonlyMap<TapeNode, readonly string[]> {
  const dependent = new Set(sources);
  const inputNames = new Map<TapeNode, string[]>();
  for (const node of nodes) {
    const names = Object.keys(node.inputs).filter((name) => dependent.has(node.inputs[name]!.id));
    if (names.length === 0) continue;
    inputNames.set(node, names);
    // Comparisons and integers are constant almost everywhere: nothing flows through them.
    for (const output of node.outputs) if (output.dtype === 'float32') dependent.add(output.id);
  }
  const needed = new Set([target]);
  const path = new Map<TapeNode, readonly string[]>();
  for (const node of nodes.toReversed()) {
    const names = inputNames.get(node);
    if (!names || !node.outputs.some((output) => needed.has(output.id))) continue;
    path.set(node, names);
    for (const name of names) needed.add(node.inputs[name]!.id);
  }
  return path;
}
