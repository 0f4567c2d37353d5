/** A run, live: how far it is, its curves, what the model says about validation images now, and what came out. */
import { useComputed } from '@preact/signals';
import { counted, type RunEventOf } from '../../../core/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, Facts, Tiles, ViewHead } from '../../design/card.tsx';
import { Icon } from '../../design/icon.tsx';
import { Progress } from '../../design/progress.tsx';
import { bytesOf, countOf, durationOf, metricOf, numberOf, percentOf } from '../../format.ts';
import { warningOnPage } from '../../page-words.ts';
import { useApp } from '../../state.ts';
import { RunCharts } from './charts.tsx';
import { Outcome } from './outcome.tsx';
import { LivePredictions } from './predictions.tsx';
import './dashboard.css';

export function Dashboard() {
  return (
    <>
      <RunHead />
      <div class="stack">
        <RunProgress />
        <Outcome />
        <div class="dashboard">
          <LivePredictions />
          <RunCharts />
        </div>
        <RunFacts />
        <Warnings />
      </div>
    </>
  );
}

/** Each part reads what it shows: a step redraws numbers and curves alone. */
function RunHead() {
  const { live } = useApp();
  return (
    <ViewHead title={live.facts.value.started?.runName ?? 'A new run'} lead={<RunStage />}>
      <RunButtons />
    </ViewHead>
  );
}

/** `wasm on WebAssembly with SIMD` → `WebAssembly with SIMD`. */
const deviceName = (device: string): string => device.replace(/^\w+ on /, '');

/** In a few words what happens now; read out when it changes. */
function RunStage() {
  const { live } = useApp();
  const { started, data, model, compiled, checkpoint } = live.facts.value;
  const epoch = useComputed(() => (live.lastStep.value?.epoch ?? 0) + 1);
  const status = live.status.value;
  const stage = {
    idle: '',
    starting: !started
      ? 'Waking the training worker…'
      : !data
        ? 'Reading the data…'
        : !model
          ? 'Loading the model…'
          : compiled
            ? 'The first step…'
            : 'Preparing the device…',
    running: `Epoch ${epoch.value}, on ${started ? deviceName(started.device) : 'the device'}`,
    pausing: 'Pausing after this step, with a checkpoint…',
    paused: 'Paused. A checkpoint is saved: you may close the tab and resume later',
    stopping: 'Stopping, with a checkpoint…',
    finished: 'Finished',
    stopped: checkpoint
      ? 'Stopped. The checkpoint is kept: you can resume'
      : 'Stopped before its first checkpoint',
    failed: 'The run ended with an error',
  }[status];
  return (
    <span class="run-stage" role="status">
      {stage}
    </span>
  );
}

function RunButtons() {
  const { live, notices } = useApp();
  const status = live.status.value;
  const tell = (work: Promise<void>): void => void work.catch((error: unknown) => notices.report(error));
  if (!live.isActive) {
    const run = live.run.value;
    return (
      <>
        {status !== 'finished' && run !== undefined && live.facts.value.checkpoint ? (
          <Button key="resume" icon="play" onClick={() => void live.resume(run)}>
            Resume
          </Button>
        ) : undefined}
        <Button
          key="new"
          kind={status === 'finished' ? 'plain' : 'primary'}
          icon="reset"
          onClick={() => live.leave()}
        >
          New run
        </Button>
      </>
    );
  }
  return (
    <>
      {/* One button that changes its words: who pauses by key can go on by the same. */}
      {status === 'paused' ? (
        <Button key="pause" kind="primary" icon="play" onClick={() => tell(live.proceed())}>
          Go on
        </Button>
      ) : (
        <Button key="pause" icon="pause" disabled={status !== 'running'} onClick={() => tell(live.pause())}>
          Pause
        </Button>
      )}
      <Button key="stop" icon="stop" disabled={status === 'stopping'} onClick={() => tell(live.stop())}>
        Stop
      </Button>
    </>
  );
}

function RunProgress() {
  const { live } = useApp();
  const { evaluation } = live.facts.value;
  const lastStep = live.lastStep.value;
  const status = live.status.value;
  const left = live.remainingMs.value;
  const done = status === 'finished' ? 1 : lastStep ? lastStep.step / lastStep.total_steps : undefined;
  const metric = mainMetric(evaluation?.metrics);
  return (
    <>
      <Progress label="Progress of the run" value={done ?? (live.isActive ? undefined : 0)} />
      <Tiles
        tiles={[
          {
            name: 'Progress',
            value: done === undefined ? undefined : percentOf(done),
            note: lastStep ? `step ${countOf(lastStep.step)} of ${countOf(lastStep.total_steps)}` : '',
          },
          {
            name: 'Time left',
            value: left === undefined || !live.isActive ? undefined : durationOf(left),
            note: lastStep ? `${numberOf(live.curves.recentMs())} ms per step` : '',
          },
          {
            name: 'Loss',
            value: lastStep ? numberOf(lastStep.loss) : undefined,
            note: lastStep ? `rate ${numberOf(lastStep.learning_rate)}` : '',
          },
          {
            name: metric ? metric.name : 'Validation',
            value: metric?.value,
            note: !metric
              ? ''
              : evaluation?.step === undefined || status === 'finished'
                ? 'of the best checkpoint'
                : `at step ${countOf(evaluation.step)}`,
          },
          {
            name: 'Images per second',
            value: lastStep ? numberOf(lastStep.images_per_second) : undefined,
            note: lastStep && lastStep.gpu_bytes > 0 ? `${bytesOf(lastStep.gpu_bytes)} of memory` : '',
          },
        ]}
      />
    </>
  );
}

const mainMetrics: readonly (readonly [key: string, name: string])[] = [
  ['val_map', 'Validation mAP'],
  ['val_accuracy', 'Validation accuracy'],
  ['val_loss', 'Validation loss'],
];

function mainMetric(
  metrics: Readonly<Record<string, number>> = {},
): { name: string; value: string } | undefined {
  const row = mainMetrics.find(([key]) => metrics[key] !== undefined);
  return row && { name: row[1], value: metricOf(row[0], metrics[row[0]]!) };
}

function Warnings() {
  const { live } = useApp();
  const { warnings } = live.facts.value;
  if (warnings.length === 0) return null;
  return (
    <Card title="Warnings">
      <ul class="plain warnings">
        {warnings.map(({ code, message, time }) => (
          <li key={`${time}${code}`}>
            <Icon name="warning" />
            <span>{warningOnPage(message)}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

/** What a step and an evaluation take, told before the first. */
function memoryOf({ memory }: RunEventOf<'model_ready'>): string {
  if (!memory) return 'not known before the first step';
  const { bytes, images, height, width, exact, evaluation } = memory;
  const evaluating = evaluation
    ? `, ${bytesOf(evaluation.bytes)} to evaluate ${counted(evaluation.images, 'picture')}`
    : '';
  return `${exact ? 'about' : 'at least'} ${bytesOf(bytes)} for ${counted(images, 'picture')} of ${height} × ${width} at once${evaluating}`;
}

function RunFacts() {
  const { live, client } = useApp();
  const { started, data, model, compiled, checkpoint } = live.facts.value;
  if (!started) return null;
  const compiles = started.device.startsWith('webgpu');
  return (
    <Card title="About this run">
      <Facts
        rows={[
          ['Device', started.device],
          [
            'Model',
            model
              ? `${model.modelType}, ${countOf(model.parameters)} parameters, ${countOf(model.trainable)} of them trained`
              : '…',
          ],
          ['Memory', model ? memoryOf(model) : '…'],
          [
            'Classes',
            data
              ? `${data.classes.join(', ')}${model ? ` (${model.classesKept} known to the model, ${model.classesNew} new)` : ''}`
              : '…',
          ],
          [
            'Pictures',
            data
              ? Object.entries(data.splits)
                  .map(([name, split]) => `${name} ${countOf(split.images)}`)
                  .join(', ')
              : '…',
          ],
          compiles
            ? [
                'Compiled step',
                compiled ? `${countOf(compiled.dispatches)} dispatches, in ${durationOf(compiled.ms)}` : '…',
              ]
            : undefined,
          [
            checkpoint ? 'Last checkpoint' : 'Checkpoint',
            checkpoint ? `step ${countOf(checkpoint.step)}` : 'none yet',
          ],
          ['Screen', live.isActive && client.keepsAwake ? 'kept on while training' : 'may go to sleep'],
          ['Folder', <code key="run">{started.run}</code>],
        ]}
      />
    </Card>
  );
}
