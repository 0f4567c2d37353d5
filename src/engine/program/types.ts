/**
 * A traced step made ready to run, whatever runs it. It works on TensorFlow.js' variables: a run reads them as they
 * are and leaves in them what the graph's updates say, so eager code before and after it sees the same weights.
 */
import type { GraphData } from '../graph/index.ts';
import type { Trace } from '../meta/index.ts';
import type * as tf from '../tf.ts';

export type HostData = Readonly<Record<string, GraphData>>;

/** What the host decides at a halt: given the outputs read there, the inputs to go on with. */
export type AtHalt = (outputs: HostData, halt: number) => HostData;

export interface Program {
  /** Dispatches of a run; left out where it is no list of them. */
  readonly dispatches?: number;
  /**
   * Resolves when everything is submitted, which is before it is computed. `reads`: outputs that will be read, which is
   * cheaper when it is known now.
   */
  run(inputs: HostData, atHalt?: AtHalt, reads?: readonly string[]): Promise<void>;
  /** Outputs as the latest run leaves them; further runs may begin before they are there. */
  read(names: readonly string[]): Promise<HostData>;
  /** Ends it; variables stay. */
  dispose(): void;
}

/** How a program may be computed; what it computes stays the same but for rounding. */
export interface ProgramOptions {
  /** Activations are computed again for the gradients rather than kept: less memory, more time. */
  readonly recompute?: boolean | undefined;
  /** `fp16`: activations lie in memory as f16; sums, weights and what is read back stay f32 (fp32). */
  readonly precision?: 'fp32' | 'fp16' | undefined;
  /** False: variables that it updates stay where another program has them (true: side by side, by one kernel for all). */
  readonly sideBySide?: boolean | undefined;
}

/** `variables`: all that the graph reads or updates, by its names for them. */
export type PrepareProgram = (
  trace: Trace,
  variables: ReadonlyMap<string, tf.Variable>,
  options?: ProgramOptions,
) => Promise<Program>;
