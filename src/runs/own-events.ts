/** The events in which a run speaks of itself as a whole: how it began, what to know before, what it came to, why it failed. */
import { exitCodeOf, OcelliError, type RunEventBody } from '../core/index.ts';
import type { Device } from '../engine/index.ts';
import { evaluationSplitWarning, partsOf, splitWarning } from '../training/index.ts';
import type { SplitEvaluation } from './evaluate-split.ts';
import type { OpenRun } from './open-run.ts';
import type { Parting } from './step-memory.ts';
import { version } from './version.ts';

export interface Told {
  readonly code: string;
  readonly message: string;
}

export function runStarted({ recipe, requestedModel, folder }: OpenRun, device: Device): RunEventBody {
  return {
    type: 'run_started',
    run: folder.path,
    runName: recipe.mlflow.run_name,
    task: recipe.model.task_type,
    model: recipe.model.model_name,
    ...optional('modelRequested', requestedModel),
    device: device.description,
    seed: recipe.training.seed,
    version,
  };
}

/** @param given what reading the recipe had to say */
export function warningsOf(given: readonly Told[], run: OpenRun, device: Device): RunEventBody[] {
  const { checkpoint_activations } = run.recipe.training;
  const unused = [
    ...(checkpoint_activations && !device.prepare
      ? [
          `training.checkpoint_activations has no effect on ${device.description}, where steps run kernel by kernel: only compiled steps, on WebGPU, compute activations again`,
        ]
      : []),
  ];
  return [
    ...given.map(({ code, message }) => warning(code, message)),
    ...unused.map((message) => warning('setting_without_effect', message)),
    ...run.warnings,
  ];
}

/** Of batches that certainly would not fit as a whole. */
export function partingWarnings(
  { rows, splits, evaluationRows, evaluationImages }: Parting,
  splitBefore: number,
  mostBefore: number,
): RunEventBody[] {
  const evaluationParts = evaluationRows / evaluationImages;
  const told = [
    ...(splits > splitBefore ? [splitWarning(rows, splits)] : []),
    ...(evaluationParts > partsOf(evaluationRows, mostBefore)
      ? [evaluationSplitWarning(evaluationRows, evaluationParts)]
      : []),
  ];
  return told.map(({ code, message }) => warning(code, message));
}

/** Of the finished run: it belongs to no step of its course. */
export function evaluationEvents({ split, metrics, ms, warnings }: SplitEvaluation): RunEventBody[] {
  const told = warnings.map(({ code, message }) => warning(code, message));
  return [...told, { type: 'evaluation', split, metrics, ms }];
}

export function pushNeeded({ folder }: OpenRun, why = 'the server could not be reached'): RunEventBody {
  return warning('push_needed', `MLflow lacks a part of this run (${why}): ocelli push ${folder.path}`);
}

export function failedEvent(error: unknown): RunEventBody {
  const known = error instanceof OcelliError ? error : undefined;
  return {
    type: 'failed',
    code: known?.code ?? 'internal_error',
    message: error instanceof Error ? error.message : String(error),
    hint: known?.hint ?? 'report this with the stack trace',
    ...(known?.problems.length ? { problems: known.problems } : {}),
    exit_code: exitCodeOf(error),
  };
}

export const goesOnEagerly: RunEventBody = warning(
  'resumed_eagerly',
  'the run was started kernel by kernel and goes on so, for the same numbers; OCELLI_EAGER=0 compiles its steps',
);

export function warning(code: string, message: string): RunEventBody {
  return { type: 'warning', code, message };
}

export function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]?: Value });
}
