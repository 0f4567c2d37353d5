/** What the loop works with, put together by `runs/`. */
import type { Task } from '../tasks/index.ts';
import type { Checkpoint, CheckpointFiles, CheckpointStore, RunIdentity } from './checkpoint.ts';
import type { HeldCheckpoint } from './held.ts';
import type { BatchSource, EvaluationResult, StepDevice, TrainableModel } from './types.ts';

export interface TrainingServices<Prediction> {
  readonly device: StepDevice;
  readonly model: TrainableModel;
  readonly task: Task<Prediction>;
  readonly batches: BatchSource;
  /** Evaluates the val split with the model as it stands; left out where there is none. */
  evaluate?(signal?: AbortSignal): Promise<EvaluationResult>;
  readonly checkpoints: CheckpointStore;
  /** Where the newest checkpoint is held between those on disk; left out: none is. */
  readonly held?: HeldCheckpoint | undefined;
  readonly identity: RunIdentity;
  /** Where to go on, and the name of that place for people. */
  readonly resume?: Checkpoint | undefined;
  readonly resumedFrom?: string | undefined;
  /** How many events of the run were written down so far. */
  eventCount?(): number;
  /** Asked after every step; true: a checkpoint is written now. */
  checkpointWanted?(): boolean;
  /** Copies a checkpoint to `training.checkpoint_dir`; says what went wrong, one line per problem. */
  copyCheckpoint?(names: readonly string[], files: CheckpointFiles): Promise<readonly string[]>;
}
