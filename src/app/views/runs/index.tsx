/** The runs of this browser: what became of them, how to go on, and two or more side by side. */
import { useEffect, useState } from 'preact/hooks';
import type { RunRecord } from '../../../client/index.ts';
import { Button, ButtonLink, IconButton } from '../../design/button.tsx';
import { Card, Empty, ViewHead } from '../../design/card.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Table } from '../../design/table.tsx';
import { metricName, metricOf, percentOf } from '../../format.ts';
import { fixOnPage } from '../../page-words.ts';
import { canResume, canStartAgain, startOf, titleOf } from '../../results/runs.ts';
import { goTo, linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';
import { Comparison } from './comparison.tsx';
import './runs.css';

/** More curves than colours would not be told apart. */
const mostCompared = 6;
const refreshMs = 3000;

export function View() {
  const { runs, route, refreshRuns, notices } = useApp();
  const [removing, setRemoving] = useState<RunRecord>();
  const records = runs.value;
  const active = records.some(({ status }) => status === 'running' || status === 'paused');
  useEffect(() => {
    const refresh = (): void => void refreshRuns().catch((error: unknown) => notices.report(error));
    refresh();
    if (!active) return;
    const timer = setInterval(refresh, refreshMs);
    return () => clearInterval(timer);
  }, [active]);

  const asked = route.value.params.runs?.split(',') ?? records.slice(0, 2).map(({ run }) => run);
  const chosen = records.filter(({ run }) => asked.includes(run)).slice(0, mostCompared);
  const choose = (run: string, on: boolean): void => {
    const others = chosen.map((record) => record.run).filter((other) => other !== run);
    goTo('runs', { runs: [...others, ...(on ? [run] : [])].join(',') });
  };
  return (
    <>
      <ViewHead
        title="Runs"
        lead="Everything that was trained in this browser. It stays here until you remove it."
      />
      {records.length === 0 ? (
        <Card>
          <Empty title="No run yet">
            <p>What you train appears here, with its curves, its checkpoints and its model.</p>
            <ButtonLink kind="primary" icon="play" href={linkTo('train')}>
              Train a model
            </ButtonLink>
          </Empty>
        </Card>
      ) : (
        <div class="stack">
          <Card title="All runs" lead={`Tick up to ${mostCompared} to compare them.`}>
            <Table
              caption="Runs of this browser"
              columns={[
                { title: <span class="visually-hidden">Compare</span> },
                { title: 'Run' },
                { title: 'State' },
                { title: 'Model' },
                { title: 'Steps', number: true },
                { title: 'Result', number: true },
                { title: <span class="visually-hidden">What to do</span> },
              ]}
              rows={records.map((record) => ({
                key: record.run,
                cells: [
                  <input
                    key="compare"
                    type="checkbox"
                    class="run-check"
                    aria-label={`Compare ${titleOf(record)}`}
                    checked={chosen.includes(record)}
                    disabled={!chosen.includes(record) && chosen.length >= mostCompared}
                    onChange={({ currentTarget }) => choose(record.run, currentTarget.checked)}
                  />,
                  <RunName key="name" record={record} />,
                  <State key="state" record={record} />,
                  <span key="model" class="run-model" title={record.model}>
                    {record.model.split('/').at(-1)}
                  </span>,
                  record.totalSteps > 0 ? `${record.step} / ${record.totalSteps}` : '–',
                  resultOf(record),
                  <RunActions key="actions" record={record} onRemove={() => setRemoving(record)} />,
                ],
              }))}
            />
          </Card>
          {chosen.length > 0 ? <Comparison records={chosen} /> : undefined}
        </div>
      )}
      <RemoveDialog record={removing} onClose={() => setRemoving(undefined)} />
    </>
  );
}

function RunName({ record }: { readonly record: RunRecord }) {
  return (
    <div class="run-name">
      <strong>{record.name}</strong>
      <span class="soft small">{startOf(record)}</span>
    </div>
  );
}

const states = {
  running: 'Training',
  paused: 'Paused',
  stopped: 'Stopped',
  finished: 'Finished',
  failed: 'Failed',
  interrupted: 'Interrupted',
} as const;

function State({ record }: { readonly record: RunRecord }) {
  const { status, problem, step, totalSteps } = record;
  const share = status === 'running' && totalSteps > 0 ? ` ${percentOf(step / totalSteps)}` : '';
  return (
    <div class="run-name">
      <span class={`run-state ${status}`}>
        <i aria-hidden="true" />
        {states[status]}
        {share}
      </span>
      {status === 'failed' && problem ? (
        <span class="soft small run-problem">{fixOnPage(problem)}</span>
      ) : undefined}
      {canStartAgain(record) ? (
        <span class="soft small run-problem">before its first checkpoint: nothing to resume from</span>
      ) : undefined}
    </div>
  );
}

/** The number that says most; the others are in the comparison. */
function resultOf({ metrics }: RunRecord): string {
  const name = ['test_accuracy', 'test_map', 'val_accuracy', 'val_map', 'val_f1', 'val_loss'].find(
    (candidate) => metrics[candidate] !== undefined,
  );
  return name === undefined ? '–' : `${metricName(name)} ${metricOf(name, metrics[name]!)}`;
}

function RunActions({ record, onRemove }: { readonly record: RunRecord; onRemove(): void }) {
  const { live } = useApp();
  const busy = live.isActive;
  const running = record.status === 'running' || record.status === 'paused';
  return (
    <div class="row run-actions">
      {canResume(record) ? (
        <Button
          size="small"
          icon="play"
          disabled={busy}
          onClick={() => {
            goTo('train');
            void live.resume(record.run);
          }}
        >
          Resume
        </Button>
      ) : undefined}
      {canStartAgain(record) ? (
        <Button
          size="small"
          icon="reset"
          disabled={busy}
          onClick={() => {
            goTo('train');
            void live.startAgain(record.run);
          }}
        >
          Start again
        </Button>
      ) : undefined}
      {record.status === 'finished' ? (
        <>
          <ButtonLink size="small" kind="quiet" href={linkTo('errors', { run: record.run })}>
            Errors
          </ButtonLink>
          <ButtonLink size="small" kind="quiet" href={linkTo('try', { run: record.run })}>
            Try
          </ButtonLink>
          <ButtonLink size="small" kind="quiet" href={linkTo('export', { run: record.run })}>
            Export
          </ButtonLink>
        </>
      ) : undefined}
      <IconButton icon="trash" label={`Remove ${titleOf(record)}`} disabled={running} onClick={onRemove} />
    </div>
  );
}

function RemoveDialog({ record, onClose }: { readonly record: RunRecord | undefined; onClose(): void }) {
  const { client, refreshRuns, notices } = useApp();
  const remove = async (): Promise<void> => {
    if (!record) return;
    onClose();
    try {
      await client.worker.removeRun(record.run);
      notices.toast(`“${record.name}” is removed`);
    } catch (error) {
      notices.report(error);
    }
    await refreshRuns();
  };
  return (
    <Dialog
      title={record ? `Remove “${record.name}”?` : ''}
      open={record !== undefined}
      onClose={onClose}
      actions={
        <>
          <Button onClick={onClose}>Keep it</Button>
          <Button kind="danger" icon="trash" onClick={() => void remove()}>
            Remove
          </Button>
        </>
      }
    >
      <p>
        Its checkpoints, its model and its report are deleted from this browser. Nothing else has a copy
        unless you have exported it.
      </p>
    </Dialog>
  );
}
