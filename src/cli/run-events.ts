/**
 * A run's events for people: a progress line at a terminal, plain lines when piped. With `--json` the events
 * themselves go out, one per line.
 */
import {
  type ClassMap,
  classesOfData,
  classMetric,
  counted,
  grouped,
  type Metrics,
  type RunEvent,
  type RunEventOf,
  withClassName,
} from '../core/index.ts';
import { columns, compact, duration, megabytes, some } from './format.ts';
import type { Output } from './output.ts';

export interface RunDisplayOptions {
  readonly epochs: number;
  /** Steps between two plain lines. */
  readonly logEvery: number;
  /** The metric that decides, said first. */
  readonly monitor: string;
}

export class RunDisplay {
  private firstStep: { readonly step: number; readonly at: number } | undefined;
  /** Of the run's data, once they were opened. */
  private classes: ClassMap | undefined;

  constructor(
    private readonly output: Output,
    private readonly options: RunDisplayOptions,
  ) {}

  show(event: RunEvent): void {
    this.output.json(event);
    switch (event.type) {
      case 'step':
        this.step(event);
        return;
      case 'warning':
        // What is left to do belongs to the result, as its last line.
        if (event.code === 'push_needed') this.output.result(event.message);
        else this.output.warn(event.message);
        return;
      case 'stopped':
        if (event.reason === 'early_stopping')
          this.output.say(`Stopped early at step ${event.step}: no progress any more`);
        return;
      case 'finished':
      case 'failed':
        return;
      case 'data_ready':
        this.classes = classesOfData(event);
        break;
      case 'evaluation':
        this.output.say(
          `Evaluation of ${event.split}: ${this.metricsText(event.metrics)} (${duration(event.ms)})`,
        );
        return;
    }
    const text = sentence(event, this.options);
    if (text !== undefined) this.output.say(text);
  }

  /** The main metrics in a line; one per class with the class's name. */
  metricsText(metrics: Metrics): string {
    return metricsText(metrics, this.options.monitor, this.classes);
  }

  private step(event: RunEventOf<'step'>): void {
    // The first step is slower than the rest (kernels are compiled), so the clock starts after it.
    this.firstStep ??= { step: event.step, at: performance.now() };
    const done = event.step - this.firstStep.step;
    const left = event.total_steps - event.step;
    const eta = done > 0 ? ((performance.now() - this.firstStep.at) / done) * left : event.ms * left;
    const parts = [
      `epoch ${event.epoch + 1}/${this.options.epochs}`,
      `step ${event.step}/${event.total_steps}`,
      `loss ${compact(event.loss)}`,
      `lr ${compact(event.learning_rate)}`,
      `${compact(event.ms)} ms`,
      `${compact(event.images_per_second)} images/s`,
      `ETA ${duration(eta)}`,
      megabytes(event.gpu_bytes),
    ];
    if (this.output.live) this.output.progress(parts.join('  '));
    else if (event.step % this.options.logEvery === 0 || left === 0) this.output.say(parts.join('  '));
  }
}

type Told = Exclude<RunEvent['type'], 'step' | 'evaluation' | 'warning' | 'finished' | 'failed' | 'stopped'>;

/** What to say about an event; undefined: nothing. */
function sentence(event: RunEventOf<Told>, options: RunDisplayOptions): string | undefined {
  switch (event.type) {
    case 'run_started': {
      const requested = event.modelRequested === undefined ? '' : ` (${event.modelRequested})`;
      return `${event.model}${requested} · ${event.task} · ${event.device} · seed ${event.seed}`;
    }
    case 'data_ready': {
      const splits = Object.entries(event.splits).map(
        ([name, { images, annotations }]) =>
          `${name} ${counted(images, 'image')} (${counted(annotations, 'annotation')})`,
      );
      const aside = event.setAside > 0 ? `; ${counted(event.setAside, 'image')} set aside` : '';
      return `Data: ${splits.join(', ')}; ${counted(event.classes.length, 'class', 'classes')}: ${some(event.classes)}${aside}`;
    }
    case 'model_ready':
      return modelSentence(event);
    case 'step_compiled':
      return `Step compiled: ${counted(event.dispatches, 'dispatch', 'dispatches')}, ${duration(event.ms)}`;
    case 'epoch':
      return `Epoch ${event.epoch + 1}/${options.epochs}: train_loss ${compact(event.train_loss)} (${duration(event.ms)})`;
    case 'checkpoint':
      return event.kind === 'best' ? `Best so far: ${event.path}` : undefined;
    case 'samples':
      return undefined;
    case 'exported': {
      const checked = event.max_abs === undefined ? '' : `, largest difference ${compact(event.max_abs)}`;
      return `Exported ${event.format}: ${event.path}${checked}`;
    }
    case 'tracked':
      return `MLflow: ${event.url ?? `${event.uri} run ${event.runId}`}`;
    case 'paused':
      return `Paused at step ${event.step}`;
    case 'resumed': {
      const promise = event.exact ? 'bit for bit' : `not bit for bit: ${event.why ?? 'other conditions'}`;
      return `Resumed from ${event.from} at step ${event.step}, ${promise}`;
    }
  }
}

function modelSentence(event: RunEventOf<'model_ready'>): string {
  const lines = [
    `Model: ${event.modelType}, ${counted(event.parameters, 'parameter')}, ${grouped(event.trainable)} of them trained; head: ${counted(event.classesKept, 'class', 'classes')} kept, ${event.classesNew} new`,
  ];
  if (event.missing.length > 0) lines.push(`  not in the checkpoint, initialised: ${some(event.missing)}`);
  if (event.unexpected.length > 0) lines.push(`  in the checkpoint, not used: ${some(event.unexpected)}`);
  if (event.memory) lines.push(memorySentence(event.memory));
  return lines.join('\n');
}

function memorySentence({
  bytes,
  images,
  height,
  width,
  exact,
  evaluation,
}: NonNullable<RunEventOf<'model_ready'>['memory']>): string {
  const at = `${counted(images, 'image')} of ${height} × ${width} at once`;
  const evaluating = evaluation
    ? `, to evaluate ${megabytes(evaluation.bytes)} for ${counted(evaluation.images, 'image')}`
    : '';
  return `  memory to train: ${exact ? 'about' : 'at least'} ${megabytes(bytes)} for ${at}${evaluating}`;
}

/**
 * The deciding metric first (of the test split its counterpart), then loss and metrics; the parts of a loss and
 * values per class are in the report.
 */
export function metricsText(metrics: Metrics, monitor?: string, classes?: ClassMap): string {
  const names = Object.keys(metrics).filter(
    (name) => name === monitor || !/_class_|_loss_|_cardinality_error/.test(name),
  );
  const deciding = monitor?.replace(/^[^_]+_/, '');
  const first = names.filter((name) => name.replace(/^[^_]+_/, '') === deciding);
  return [...first, ...names.filter((name) => !first.includes(name))]
    .slice(0, 8)
    .map((name) => `${withClassName(name, classes)} ${compact(metrics[name]!)}`)
    .join(', ');
}

/** Every metric in a line of its own; behind one per class the class's name. */
export function metricLines(metrics: Metrics, classes: ClassMap): string[] {
  return columns(
    Object.entries(metrics).map(([name, value]) => [
      `  ${name}`,
      compact(value),
      classMetric(name, classes)?.className ?? '',
    ]),
  );
}
