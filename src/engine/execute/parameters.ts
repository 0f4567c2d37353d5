/**
 * What stays from run to run: weights, running statistics, the optimiser's state. A parameter that is given as a
 * variable has no second copy. Where the plan puts it into an arena, the variable becomes a slice of that
 * (arenas.ts); elsewhere its own buffer is bound. Between two runs eager code may assign the variable, which gives
 * it other memory: `sync` looks for that.
 */
import type { Gpu } from '../backends/gpu.ts';
import { type MemoryRange, SlicedWebgpuBackend, type TensorMemory } from '../backends/sliced-webgpu.ts';
import type { KernelPlan, PlanValue } from '../compile/types.ts';
import * as tf from '../tf.ts';
import { VariableArena } from './arenas.ts';
import type { MemoryPlan } from './memory-plan.ts';
import { bytesOf, elementsOf, encode, type Numbers } from './numbers.ts';
import { storageUsage } from './pool.ts';

/** Contents of a parameter: numbers, or a variable whose memory it is to be. */
export type ParameterSource = Numbers | tf.Variable;

interface Entry {
  readonly name: string;
  readonly value: PlanValue;
  readonly root: number;
  /** In the root, in bytes. */
  readonly offset: number;
  readonly variable: tf.Variable | undefined;
  /** The plan writes it. */
  readonly updated: boolean;
}

/** An entry whose variable is looked at before each run, with what was found last. */
interface VariableEntry extends Entry {
  readonly variable: tf.Variable;
  seen: object | undefined;
  memory: Readonly<TensorMemory> | undefined;
}

export const isVariable = (given: ParameterSource | undefined): given is tf.Variable =>
  given !== undefined && 'dataId' in given;

/** Of what is read, updated or both. */
export const parameterNames = (plan: KernelPlan): ReadonlySet<string> =>
  new Set([...Object.keys(plan.parameters), ...Object.keys(plan.updates)]);

export class Parameters {
  private readonly entries = new Map<string, Entry>();
  private readonly ranges = new Map<number, MemoryRange>();
  private readonly owned: GPUBuffer[] = [];
  private readonly arenas: VariableArena[] = [];
  /** Variables that are bound where they are, by root. */
  private readonly standing: VariableEntry[] = [];
  private readonly variables: VariableEntry[] = [];
  /** The backend's count when the variables were looked at last. */
  private seenChanges = -1;
  private readonly backend: SlicedWebgpuBackend | undefined;

  constructor(
    private readonly gpu: Gpu,
    plan: KernelPlan,
    memory: MemoryPlan,
    given: Readonly<Record<string, ParameterSource>>,
  ) {
    this.backend = backendOf(gpu);
    for (const name of Object.keys(given)) {
      if (!(name in plan.parameters) && !(name in plan.updates))
        throw new Error(`${name} was given, but the plan neither reads nor updates it`);
    }
    let unread = -1;
    for (const name of parameterNames(plan)) {
      const source = given[name];
      const variable = isVariable(source) ? source : undefined;
      const id = plan.parameters[name] ?? plan.updates[name]!;
      const value = plan.values.get(id)!;
      const isRead = name in plan.parameters;
      const inArena = value.within !== undefined;
      // An update of what is never read is an output, unless there is a variable to be set.
      if (!isRead && !inArena && !variable) continue;
      if (variable) this.checkVariable(name, variable, value);
      const { root, offset } = isRead || inArena ? memory.parts.get(id)! : { root: unread--, offset: 0 };
      const entry = { name, value, root, offset, variable, updated: name in plan.updates };
      this.entries.set(name, entry);
      if (!variable) continue;
      const looked = { ...entry, variable, seen: undefined, memory: undefined };
      this.variables.push(looked);
      if (!inArena) this.standing.push(looked);
    }
    this.allocate(memory);
    for (const [name, source] of Object.entries(given)) if (!isVariable(source)) this.write(name, source);
    this.sync();
  }

  /** Where the root of a parameter lies. */
  range(root: number): MemoryRange | undefined {
    return this.ranges.get(root);
  }

  /** A parameter and what it is part of; undefined for none. */
  find(
    name: string,
  ): { readonly value: PlanValue; readonly root: number; readonly offset: number } | undefined {
    return this.entries.get(name);
  }

  /** Where a parameter lies now; undefined for none. */
  locate(name: string): { readonly range: MemoryRange; readonly value: PlanValue } | undefined {
    const entry = this.entries.get(name);
    if (!entry) return undefined;
    const { variable, value, root, offset } = entry;
    // Eager code may have assigned it since the last run.
    if (variable) return { range: this.backend!.locate(variable.dataId), value };
    const range = this.ranges.get(root)!;
    return { range: { buffer: range.buffer, offset: range.offset + offset }, value };
  }

  /** Before a run: has variables where they belong. Returns the roots that lie elsewhere than before. */
  sync(): ReadonlySet<number> {
    const moved = new Set<number>();
    const { backend } = this;
    if (!backend) return moved;
    // Eager work on the old numbers comes before the run.
    backend.flush();
    if (this.seenChanges === backend.changes) return moved;
    for (const entry of this.variables) {
      const { name, variable, updated } = entry;
      if (variable.isDisposed) throw new Error(`the variable of ${name} was disposed of`);
      if (entry.seen !== variable.dataId) {
        entry.seen = variable.dataId;
        entry.memory = backend.watch(variable.dataId);
      }
      if (updated && entry.memory!.refCount > 1) this.separate(entry);
    }
    for (const arena of this.arenas) arena.adopt();
    for (const { root, value, variable, updated, memory } of this.standing) {
      const before = this.ranges.get(root);
      const offset = memory!.slice?.offset ?? 0;
      if (before && before.buffer === memory!.resource && before.offset === offset) continue;
      this.ranges.set(root, backend.locate(variable.dataId));
      if (updated) backend.pin(variable.dataId, bytesOf(value));
      moved.add(root);
    }
    backend.flush();
    this.seenChanges = backend.changes;
    return moved;
  }

  write(name: string, numbers: Numbers): void {
    const found = this.locate(name);
    if (!found) throw new Error(`the plan has no parameter ${name}`);
    const { range, value } = found;
    if (numbers.length !== elementsOf(value))
      throw new Error(`${name} is [${value.shape}]: ${elementsOf(value)} numbers, not ${numbers.length}`);
    const { buffer, byteOffset, byteLength } = encode(numbers, value);
    this.gpu.device.queue.writeBuffer(range.buffer, range.offset, buffer, byteOffset, byteLength);
  }

  /** A clone of the variable has the same memory and must not change with it. */
  private separate(entry: VariableEntry): void {
    const { variable } = entry;
    const own = this.backend!.duplicate(variable.dataId);
    variable.assign(own as tf.Tensor);
    own.dispose();
    entry.seen = variable.dataId;
    entry.memory = this.backend!.watch(variable.dataId);
  }

  /** Variables stay, with memory of their own. */
  dispose(): void {
    for (const arena of this.arenas) arena.release();
    for (const buffer of this.owned) this.gpu.memory.free(buffer);
  }

  private allocate(memory: MemoryPlan): void {
    const byRoot = new Map<number, Entry[]>();
    for (const entry of this.entries.values()) {
      const known = byRoot.get(entry.root);
      if (known) known.push(entry);
      else byRoot.set(entry.root, [entry]);
    }
    try {
      for (const [root, entries] of byRoot) {
        const bytes = memory.bytes.get(root) ?? bytesOf(entries[0]!.value);
        const alone = !entries[0]!.value.within;
        // Bound where it is.
        if (alone && entries[0]!.variable) continue;
        if (entries.every(({ variable }) => variable)) {
          const members = entries.map(({ variable, offset, value }) => ({
            variable: variable!,
            offset,
            size: bytesOf(value),
          }));
          const arena = VariableArena.acquire(this.gpu, this.backend!, members, bytes);
          this.arenas.push(arena);
          this.ranges.set(root, { buffer: arena.buffer, offset: 0 });
        } else {
          const variable = entries.find((entry) => entry.variable);
          if (variable)
            throw new Error(`${variable.name} shares an arena with parameters that are given as numbers`);
          const buffer = this.gpu.memory.allocate(`parameter ${root}`, bytes, storageUsage());
          this.owned.push(buffer);
          this.ranges.set(root, { buffer, offset: 0 });
        }
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  private checkVariable(name: string, variable: tf.Variable, value: PlanValue): void {
    if (!this.backend) throw new Error(`${name} is a variable, and this device has no TensorFlow.js backend`);
    if (variable.shape.join() !== value.shape.join() || variable.dtype !== value.dtype)
      throw new Error(
        `${name} is ${value.dtype} [${value.shape}] in the plan, and ${variable.dtype} [${variable.shape}] as a variable`,
      );
    if (value.storage === 'f16')
      throw new Error(`${name} is a variable, which has four bytes an element: it can not be stored as f16`);
  }
}

/** TensorFlow.js' backend, when it is on this device. */
export function backendOf({ device }: Gpu): SlicedWebgpuBackend | undefined {
  const backend: unknown = tf.findBackend('webgpu');
  return backend instanceof SlicedWebgpuBackend && backend.device === device ? backend : undefined;
}
