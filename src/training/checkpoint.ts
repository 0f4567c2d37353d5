/**
 * Checkpoints: folders `last`, `best` and `step-<n>` with everything that a run needs to go on.
 *
 *   model.safetensors       weights and buffers, by Hugging Face's names
 *   optimizer.safetensors   moments and the like, `<parameter>.<slot>`
 *   ema.safetensors         averaged weights, where the recipe asks for them
 *   state.json              progress, counters, schedule, and what the run was started with
 *
 * A checkpoint appears whole or not at all. Its files are written (and flushed to the disk) into a folder
 * beside it, `state.json` with the size of each last of all, and then the folder is renamed. Should the
 * machine stop between the two renames that replace a folder, the finished folder beside it still counts.
 */

import type { Files } from '#platform';
import { CheckpointError } from '../core/index.ts';
import type { TuningChoices } from '../engine/index.ts';
import { memorySource, openSafetensors, writeSafetensors } from '../formats/safetensors/index.ts';
import type { LossScaleState } from './loss-scale.ts';
import type { OptimizerCounters } from './optimizers/index.ts';
import type { Progress } from './progress.ts';
import type { PlateauState } from './schedules/index.ts';
import type { HostTensor, HostTensors } from './snapshot.ts';

export type CheckpointKind = 'last' | 'best' | 'step';

/** What must be the same for a resumed run to repeat the numbers of the first. */
export interface RunIdentity {
  readonly recipe: string;
  /** `webgpu`, `wasm` or `cpu`: what a resumed run opens again. */
  readonly backend: string;
  readonly device: string;
  readonly precision: string;
  readonly execution: string;
  readonly data: string;
  readonly batch: string;
  readonly kernels: string;
  readonly version: string;
  readonly platform: string;
}

export interface CheckpointState {
  readonly format: 1;
  readonly time: string;
  readonly seed: number;
  readonly progress: Progress;
  readonly optimizer: OptimizerCounters;
  readonly schedule: PlateauState | null;
  readonly identity: RunIdentity;
  /** In half precision: how the loss is scaled. */
  readonly lossScale?: LossScaleState | undefined;
  /** Which forms of kernels the device took. */
  readonly tuning?: TuningChoices | undefined;
  /** In how many parts each batch is computed: more than one where the memory of the device did not suffice for it. */
  readonly splits?: number | undefined;
  /** Events of the run before this checkpoint's own: lines of `events.jsonl` that a resumed run keeps. */
  readonly events: number;
  /** Bytes of each file of the checkpoint. */
  readonly files: Readonly<Record<string, number>>;
}

export interface Checkpoint {
  readonly state: Omit<CheckpointState, 'files' | 'format' | 'time'>;
  readonly model: HostTensors;
  readonly optimizer: HostTensors;
  readonly average?: HostTensors | undefined;
}

/** Files of a checkpoint as bytes, for a place elsewhere that gets a copy. */
export type CheckpointFiles = ReadonlyMap<string, Uint8Array>;

const unfinished = '.writing-';

export class CheckpointStore {
  constructor(
    private readonly files: Files,
    /** `<run>/checkpoints` */
    readonly folder: string,
    /** Files that go into every checkpoint as they are: `config.json`, `preprocessor_config.json`. */
    private readonly companions: ReadonlyMap<string, string> = new Map(),
  ) {}

  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /**
   * Writes one checkpoint under each name; returns its files. The second name and the others share the first
   * one's bytes where the file system can: nothing changes a file of a checkpoint once it is written.
   */
  async save(names: readonly string[], checkpoint: Checkpoint): Promise<CheckpointFiles> {
    const contents = encode(checkpoint, this.companions);
    for (const name of names) {
      const beside = this.path(unfinished + name);
      try {
        await this.files.remove(beside);
        for (const [file, bytes] of contents) {
          if (name === names[0]) await this.files.write(`${beside}/${file}`, bytes);
          else await this.files.copy(`${this.path(names[0]!)}/${file}`, `${beside}/${file}`);
        }
      } catch (error) {
        await this.files.remove(beside).catch(() => undefined);
        throw error;
      }
      await this.files.rename(beside, this.path(name));
    }
    return contents;
  }

  /** Removes every `step-<n>` that is not in `steps`. */
  async keepSteps(steps: readonly number[]): Promise<void> {
    const wanted = new Set(steps.map((step) => `step-${step}`));
    for (const { name, path } of await this.files.list(this.folder)) {
      if (name.startsWith('step-') && !wanted.has(name)) await this.files.remove(path);
    }
  }

  /** The whole checkpoint with the most steps, or undefined when there is none. */
  async latest(): Promise<string | undefined> {
    if (!(await this.files.stat(this.folder))) return undefined;
    let latest: { path: string; step: number; last: boolean } | undefined;
    for (const { name, path, isDirectory } of await this.files.list(this.folder)) {
      const state = isDirectory ? await this.stateOf(path) : undefined;
      if (!state) continue;
      // Of two with the same step, `last` knows more: what was evaluated and kept since.
      const last = name === 'last' || name === `${unfinished}last`;
      const { step } = state.progress;
      if (!latest || step > latest.step || (step === latest.step && last)) latest = { path, step, last };
    }
    return latest?.path;
  }

  /** The state of a checkpoint that is whole, else undefined. */
  async stateOf(path: string): Promise<CheckpointState | undefined> {
    if (!(await this.files.stat(`${path}/state.json`))) return undefined;
    try {
      const state = JSON.parse(
        new TextDecoder().decode(await this.files.read(`${path}/state.json`)),
      ) as CheckpointState;
      for (const [file, size] of Object.entries(state.files)) {
        if ((await this.files.stat(`${path}/${file}`))?.size !== size) return undefined;
      }
      return state;
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  async load(path: string): Promise<Checkpoint> {
    const state = await this.stateOf(path);
    if (!state) {
      throw new CheckpointError({
        code: 'checkpoint_incomplete',
        expected: `a whole checkpoint at ${path}: state.json and the files that it lists, with their sizes`,
        received: 'files that are missing or cut short',
        fix: 'resume from another checkpoint of the run',
      });
    }
    const read = (file: string): Promise<HostTensors> => this.tensorsOf(`${path}/${file}`);
    return {
      state,
      model: await read('model.safetensors'),
      optimizer: await read('optimizer.safetensors'),
      average: state.files['ema.safetensors'] === undefined ? undefined : await read('ema.safetensors'),
    };
  }

  private async tensorsOf(path: string): Promise<HostTensors> {
    const file = await openSafetensors(memorySource(path, await this.files.read(path)));
    const tensors = new Map<string, HostTensor>();
    for (const [name, { shape, dtype }] of file.tensors) {
      tensors.set(name, { shape, dtype: dtype === 'I64' ? 'I64' : 'F32', data: await file.read(name) });
    }
    return tensors;
  }
}

function encode(checkpoint: Checkpoint, companions: ReadonlyMap<string, string>): CheckpointFiles {
  const contents = new Map<string, Uint8Array>();
  contents.set('model.safetensors', writeSafetensors(checkpoint.model));
  contents.set('optimizer.safetensors', writeSafetensors(checkpoint.optimizer));
  if (checkpoint.average) contents.set('ema.safetensors', writeSafetensors(checkpoint.average));
  for (const [name, text] of companions) contents.set(name, new TextEncoder().encode(text));
  const state: CheckpointState = {
    format: 1,
    time: new Date().toISOString(),
    ...checkpoint.state,
    files: Object.fromEntries([...contents].map(([name, bytes]) => [name, bytes.byteLength])),
  };
  contents.set('state.json', new TextEncoder().encode(`${JSON.stringify(state, null, 2)}\n`));
  return contents;
}

/** Why a run that goes on from `saved` may not repeat its numbers to the last bit; empty: it will. */
export function differences(saved: RunIdentity, now: RunIdentity): string[] {
  return (Object.keys(now) as (keyof RunIdentity)[])
    .filter((key) => saved[key] !== now[key])
    .map((key) => `${key} was ${saved[key]} and is ${now[key]}`);
}
