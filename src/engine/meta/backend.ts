/**
 * A TensorFlow.js backend that computes nothing: its tensors have a shape and a type. A training step that runs on
 * it leaves its whole course on the tape and in a recording within milliseconds, whatever the model's size.
 *
 * `onMeta` puts it in the place of the open backend for the duration of one synchronous function. Tensors that
 * exist already stay where they are and may be used; their data is neither read nor freed, variables may be
 * assigned and have their old data again afterwards. Reading numbers that do not exist is an error.
 *
 * What the tensors of the function would take in memory can be counted (`byte-count.ts`).
 */
import { RunError } from '../../core/index.ts';
import { metaBackendName } from '../op.ts';
import * as tf from '../tf.ts';
import type { ByteCount } from './byte-count.ts';
import './kernels/index.ts';

class MetaBackend extends tf.KernelBackend {
  /** Arrays of tensors that were made on the host. */
  readonly values = new WeakMap<object, tf.BackendValues>();

  /** @param bytes told of every tensor's beginning and end */
  constructor(readonly bytes?: ByteCount) {
    super();
  }

  override write(values: tf.BackendValues, _shape: number[], _dtype: tf.DataType): object {
    const dataId = {};
    this.values.set(dataId, values);
    return dataId;
  }
  override numDataIds(): number {
    return 0;
  }
  override disposeData(): boolean {
    return true;
  }
  override incRef(): void {}
  override refCount(): number {
    return 1;
  }
  override floatPrecision(): 32 {
    return 32;
  }
  override epsilon(): number {
    return 1e-7;
  }
  override timerAvailable(): boolean {
    return false;
  }
  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }
}

interface EngineState {
  numBytes: number;
  numTensors: number;
  numStringTensors: number;
  numDataBuffers: number;
  gradientDepth: number;
  kernelDepth: number;
  activeTape: unknown;
  activeScope: object | null;
  scopeStack: object[];
  registeredVariables: Record<string, tf.Variable>;
}

/** The members of TensorFlow.js' engine that its typings hide; the version is pinned because of them. */
interface EngineInternals {
  backendName: string | null;
  backendInstance: object | null;
  readonly state: EngineState;
  startScope(name: string): void;
  disposeTensor(tensor: tf.Tensor): void;
  trackTensor(tensor: tf.Tensor, backend?: unknown): void;
  read(dataId: object): Promise<tf.BackendValues>;
  readSync(dataId: object): tf.BackendValues;
}

const engineOf = (): EngineInternals => tf.engine() as unknown as EngineInternals;

export interface MetaScope {
  /** Numbers of a tensor that lives on the backend that was open before. */
  readForeign(tensor: tf.Tensor): Promise<ArrayLike<number>>;
}

let inside = false;
/** How many tensors traces may still make, all together. */
let allowance = Number.POSITIVE_INFINITY;

export class TraceTooLong extends Error {}

/**
 * Does `work`, whose traces may make so many tensors together: attention over a million tokens is written down block by
 * block, and who only wants to know something beforehand should not spend minutes on it.
 *
 * @throws TraceTooLong
 */
export async function withinTensors<T>(most: number, work: () => T | Promise<T>): Promise<T> {
  allowance = most;
  try {
    return await work();
  } finally {
    allowance = Number.POSITIVE_INFINITY;
  }
}

/** Runs `work` on the meta backend and puts everything back as it was, also when it throws. */
export function onMeta<T>(work: (scope: MetaScope) => T, bytes?: ByteCount): T {
  if (inside) throw new Error('a trace is open already');
  const engine = engineOf();
  if (engine.state.activeTape) throw new Error('a step can not be traced while a tape is open');
  // The open backend is begun before, should it be the first use.
  tf.backend();
  const backend = new MetaBackend(bytes);
  const restore = replaceBackend(engine, backend);
  inside = true;
  try {
    const real = (dataId: object) =>
      restore.read.call(engine, dataId) as Promise<unknown> as Promise<ArrayLike<number>>;
    return work({ readForeign: (tensor) => real(tensor.dataId) });
  } finally {
    inside = false;
    restore.all();
  }
}

function replaceBackend(
  engine: EngineInternals,
  backend: MetaBackend,
): { read: EngineInternals['read']; all(): void } {
  const { state } = engine;
  const before = {
    name: engine.backendName,
    instance: engine.backendInstance,
    state: { ...state, scopeStack: [...state.scopeStack] },
    variables: Object.values(state.registeredVariables).map((variable) => ({
      variable,
      dataId: variable.dataId,
    })),
    disposeTensor: engine.disposeTensor,
    trackTensor: engine.trackTensor,
    read: engine.read,
    readSync: engine.readSync,
  };
  const made = new WeakSet<tf.Tensor>();
  engine.backendName = metaBackendName;
  engine.backendInstance = backend;
  Object.assign(state, { gradientDepth: 0, kernelDepth: 0, activeTape: null });
  engine.trackTensor = (tensor, owner) => {
    if (--allowance < 0) throw new TraceTooLong('the trace makes too many tensors');
    made.add(tensor);
    backend.bytes?.begin(tensor);
    before.trackTensor.call(engine, tensor, owner);
  };
  // Nothing of a trace holds memory; what existed before is not the trace's to free.
  engine.disposeTensor = (tensor) => {
    backend.bytes?.end(tensor.dataId);
    if (made.has(tensor) || tensor instanceof tf.Variable) return;
    throw new Error('a traced function may not dispose of tensors that it did not make');
  };
  const known = (dataId: object): tf.BackendValues => {
    const values = backend.values.get(dataId);
    if (values === undefined) throw readWhileTraced();
    return values;
  };
  engine.readSync = known;
  engine.read = async (dataId) => known(dataId);
  engine.startScope('trace');
  return {
    read: before.read,
    all() {
      engine.backendName = before.name;
      engine.backendInstance = before.instance;
      Object.assign(engine, {
        disposeTensor: before.disposeTensor,
        trackTensor: before.trackTensor,
        read: before.read,
        readSync: before.readSync,
      });
      for (const { variable, dataId } of before.variables) variable.dataId = dataId;
      const existed = new Set(before.variables.map(({ variable }) => variable));
      for (const [name, variable] of Object.entries(state.registeredVariables)) {
        if (!existed.has(variable)) delete state.registeredVariables[name];
      }
      const { registeredVariables: _, ...rest } = before.state;
      Object.assign(state, rest);
    },
  };
}

function readWhileTraced(): RunError {
  return new RunError({
    code: 'read_while_traced',
    expected: 'a step whose course does not depend on numbers that the device computes',
    received: 'the step reads a tensor on the host while it is recorded',
    fix: 'make what the host decides an input of the step, or decide it on the device (tf.where); OCELLI_EAGER=1 runs the step without recording it',
  });
}
