/**
 * An algorithm at work on the parameters of a model. It owns the slots (moments, momentum buffers, …) and one
 * counter per parameter: a parameter without a gradient gets no update, no decay, and its counter stands still.
 *
 * A step has two halves. `prepare` runs on the host and says which numbers this step needs; `apply` is tensor
 * code that takes them as scalar tensors and assigns to the variables in place. Between them the numbers of
 * parameters that share a group and a counter are the same tensors.
 */
import { CheckpointError } from '../../core/index.ts';
import { tf } from '../../engine/index.ts';
import type { Algorithm } from './algorithm.ts';

export interface NamedVariable {
  readonly name: string;
  readonly variable: tf.Variable;
}

/** Parameters that share learning rate and weight decay. */
export interface ParameterGroup {
  readonly name: string;
  readonly parameters: readonly NamedVariable[];
  /** Times the schedule's learning rate; a backbone's is usually below 1. */
  readonly learningRateFactor: number;
  /** Left out: the algorithm's. */
  readonly weightDecay?: number;
}

/** What changes from step to step, for the parameters of one group with one counter. */
export interface StepScalars {
  readonly key: string;
  readonly values: Readonly<Record<string, number>>;
}

interface Slots {
  readonly variable: tf.Variable;
  readonly group: number;
  readonly slots: Map<string, tf.Variable>;
  count: number;
}

/** Everything that a checkpoint keeps of an optimiser beside its tensors. */
export interface OptimizerCounters {
  readonly algorithm: string;
  readonly counts: Readonly<Record<string, number>>;
}

export class Optimizer {
  private readonly entries = new Map<string, Slots>();

  constructor(
    readonly algorithm: Algorithm,
    readonly groups: readonly ParameterGroup[],
  ) {
    groups.forEach((group, index) => {
      for (const { name, variable } of group.parameters) {
        if (this.entries.has(name)) throw new Error(`${name} is in two parameter groups`);
        this.entries.set(name, { variable, group: index, slots: new Map(), count: 0 });
      }
    });
  }

  /** Names of the parameters in the order of the groups. */
  get names(): readonly string[] {
    return [...this.entries.keys()];
  }

  /**
   * Counts this step for the parameters in `present` and returns the numbers that it needs, one entry for each
   * group and counter. `learningRates` has one per group.
   */
  prepare(learningRates: readonly number[], present: Iterable<string>): StepScalars[] {
    const scalars = new Map<string, StepScalars>();
    let last: Slots | undefined;
    for (const name of present) {
      const entry = this.entry(name);
      entry.count++;
      // Neighbours nearly always share: a step has hundreds of parameters and a handful of keys.
      if (entry.group === last?.group && entry.count === last.count) continue;
      last = entry;
      const key = this.key(entry);
      if (scalars.has(key)) continue;
      const group = this.groups[entry.group]!;
      const values = this.algorithm.scalars({
        learningRate: learningRates[entry.group]!,
        weightDecay: group.weightDecay ?? this.algorithm.weightDecay,
        count: entry.count,
      });
      scalars.set(key, { key, values });
    }
    return [...scalars.values()];
  }

  /** Takes a step back that `prepare` counted and that moved nothing. */
  uncount(present: Iterable<string>): void {
    for (const name of present) this.entry(name).count--;
  }

  /** What `prepare` gives for these parameters, without counting a step: keys in its order, and the numbers' names. */
  scalarNames(present: Iterable<string>): { readonly key: string; readonly names: readonly string[] }[] {
    const keys = new Set([...present].map((name) => this.key(this.entry(name))));
    const names = Object.keys(this.algorithm.scalars({ learningRate: 1, weightDecay: 0, count: 1 }));
    return [...keys].map((key) => ({ key, names }));
  }

  /**
   * Which of these parameters share their numbers, as text. A traced step fits as long as it stays the same:
   * counters that drift apart want numbers of their own.
   */
  sharing(present: Iterable<string>): string {
    const numbers = new Map<string, number>();
    let last: Slots | undefined;
    let number = 0;
    const shared = [...present].map((name) => {
      const entry = this.entry(name);
      if (entry.group === last?.group && entry.count === last.count) return number;
      last = entry;
      const key = this.key(entry);
      if (!numbers.has(key)) numbers.set(key, numbers.size);
      number = numbers.get(key)!;
      return number;
    });
    return shared.join();
  }

  /** Makes the slots of parameters before their first step: a traced step can't make variables. */
  makeSlots(present: Iterable<string>): void {
    for (const name of present) this.makeSlotsOf(name, this.entry(name));
  }

  /**
   * Moves the parameters that have a gradient. `scalars` are those of `prepare`, as tensors, by key and name. Where
   * `onlyIf` (a bool scalar) is false, everything stays as it is.
   */
  apply(
    gradients: ReadonlyMap<string, tf.Tensor>,
    scalars: ReadonlyMap<string, Readonly<Record<string, tf.Tensor>>>,
    onlyIf?: tf.Tensor,
  ): void {
    const kept = (value: tf.Tensor, before: tf.Tensor): tf.Tensor =>
      onlyIf ? tf.where(onlyIf, value, before) : value;
    for (const [name, gradient] of gradients) {
      const entry = this.entry(name);
      this.makeSlotsOf(name, entry);
      tf.tidy(() => {
        const result = this.algorithm.update({
          parameter: entry.variable,
          gradient,
          slots: Object.fromEntries(entry.slots),
          scalars: scalars.get(this.key(entry))!,
        });
        for (const [slot, variable] of entry.slots) variable.assign(kept(result.slots[slot]!, variable));
        entry.variable.assign(kept(result.parameter, entry.variable));
      });
    }
  }

  /** `prepare` and `apply` with the scalars made here: a step that is not recorded. */
  step(gradients: ReadonlyMap<string, tf.Tensor>, learningRates: readonly number[]): void {
    const prepared = this.prepare(learningRates, gradients.keys());
    tf.tidy(() => this.apply(gradients, scalarTensors(prepared)));
  }

  /** The slots as `<parameter>.<slot>`, for safetensors. */
  *tensors(): Iterable<[name: string, tensor: tf.Variable]> {
    for (const [name, { slots }] of this.entries) {
      for (const [slot, variable] of slots) yield [`${name}.${slot}`, variable];
    }
  }

  counters(): OptimizerCounters {
    const counts = [...this.entries].map(([name, { count }]) => [name, count] as const);
    return { algorithm: this.algorithm.name, counts: Object.fromEntries(counts) };
  }

  /** Takes counters and slots out of a checkpoint. */
  restore(counters: OptimizerCounters, values: ReadonlyMap<string, Float32Array>): void {
    if (counters.algorithm !== this.algorithm.name) {
      throw mismatch(this.algorithm.name, counters.algorithm);
    }
    for (const [name, entry] of this.entries) {
      const count = counters.counts[name];
      if (count === undefined) throw mismatch(`state of ${name}`, 'none');
      entry.count = count;
      if (count === 0) continue;
      this.makeSlotsOf(name, entry);
      for (const [slot, variable] of entry.slots) {
        const value = values.get(`${name}.${slot}`);
        if (value?.length !== variable.size) {
          throw mismatch(`${name}.${slot} with ${variable.size} numbers`, String(value?.length ?? 'none'));
        }
        tf.tidy(() => variable.assign(tf.tensor(value, variable.shape, 'float32')));
      }
    }
  }

  dispose(): void {
    for (const { slots } of this.entries.values()) {
      for (const variable of slots.values()) variable.dispose();
      slots.clear();
    }
  }

  private entry(name: string): Slots {
    const entry = this.entries.get(name);
    if (!entry) throw new Error(`${name} is no parameter of this optimiser`);
    return entry;
  }

  private key({ group, count }: Slots): string {
    return `${group}/${count}`;
  }

  /** Slots are made when a parameter gets its first gradient: frozen and unused parameters cost no memory. */
  private makeSlotsOf(name: string, entry: Slots): void {
    for (const [slot, initial] of Object.entries(this.algorithm.slots)) {
      if (entry.slots.has(slot)) continue;
      const variable = tf.tidy(() =>
        tf.variable(tf.fill(entry.variable.shape, initial, 'float32'), false, `${name}.${slot}.${nextId++}`),
      );
      entry.slots.set(slot, variable);
    }
  }
}

/** TensorFlow.js wants names of variables to be unique in the process; ours carry a number. */
let nextId = 0;

/** The numbers of a step as scalar tensors, by key and name. */
export function scalarTensors(
  prepared: readonly StepScalars[],
): Map<string, Readonly<Record<string, tf.Tensor>>> {
  return new Map(
    prepared.map(({ key, values }) => [
      key,
      Object.fromEntries(Object.entries(values).map(([name, value]) => [name, tf.scalar(value, 'float32')])),
    ]),
  );
}

function mismatch(expected: string, received: string): CheckpointError {
  return new CheckpointError({
    code: 'optimizer_state_mismatch',
    expected: `optimiser state of the same recipe: ${expected}`,
    received,
    fix: 'resume with the recipe that the run was started with, or start a new run from its weights',
  });
}
