/** The runs of this browser: what became of them, how to go on, and two or more side by side. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Picked, RunRecord } from '../../../client/index.ts';
import { Button, ButtonLink, IconButton } from '../../design/button.tsx';
import { Card, Empty, ViewHead } from '../../design/card.tsx';
import { Dialog } from '../../design/dialog.tsx';
import { Table } from '../../design/table.tsx';
import { metricName, metricOf, percentOf } from '../../format.ts';
import { fixOnPage } from '../../page-words.ts';
import { canResume, canStartAgain, goOnWith, startOf, titleOf } from '../../results/runs.ts';
import { goTo, linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';
import { Comparison } from './comparison.tsx';
import { DataDialog } from './data-dialog.tsx';
import { openRun } from './open-run.ts';
import { RunDrops, RunOpener } from './opener.tsx';
import './runs.css';

/** More curves than colours would not be told apart. */
const mostCompared = 6;
const refreshMs = 3000;

export function View() {
  const app = useApp();
  const { runs, route, refreshRuns, notices } = app;
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
  const focusOnRow = useRunFocus();
  const open = (picking: Promise<Picked | undefined>): void =>
    void openRun(app, picking).then((run) => {
      if (run === undefined || route.peek().view !== 'runs') return;
      choose(run, true);
      focusOnRow(run);
    });
  return (
    <RunDrops onPicked={open}>
      <ViewHead
        title="Runs"
        lead="Everything that was trained in this browser, or opened in it. It stays here until you remove it."
      >
        <RunOpener onPicked={open} />
      </ViewHead>
      {records.length === 0 ? (
        <Card>
          <Empty title="No run yet">
            <p>
              What you train appears here, with its curves, its checkpoints and its model; and what was
              trained elsewhere, once you open it.
            </p>
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
      <DataDialog record={records.find(({ run }) => run === route.value.params.data)} />
    </RunDrops>
  );
}

/** Puts the focus on the row of a run as soon as it is drawn. */
function useRunFocus(): (run: string) => void {
  const wanted = useRef<string | undefined>(undefined);
  const [, redraw] = useState(0);
  useEffect(() => {
    if (wanted.current === undefined) return;
    const names = document.querySelectorAll<HTMLElement>('.run-name[data-run]');
    const row = [...names].find(({ dataset }) => dataset.run === wanted.current)?.closest('tr');
    if (!row) return;
    wanted.current = undefined;
    row.tabIndex = -1;
    row.focus();
  });
  return (run) => {
    wanted.current = run;
    redraw((count) => count + 1);
  };
}

function RunName({ record }: { readonly record: RunRecord }) {
  return (
    <div class="run-name" data-run={record.run}>
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
      {record.dataMissing ? (
        <span class="soft small run-problem">from elsewhere: its data are not open here</span>
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
  const app = useApp();
  const busy = app.live.isActive;
  const running = record.status === 'running' || record.status === 'paused';
  const again = canStartAgain(record);
  return (
    <div class="row run-actions">
      {record.dataMissing ? (
        <Button size="small" icon="folder" onClick={() => goTo('runs', { data: record.run })}>
          Open its data
        </Button>
      ) : canResume(record) || again ? (
        <Button
          size="small"
          icon={again ? 'reset' : 'play'}
          disabled={busy}
          onClick={() => goOnWith(app, record)}
        >
          {again ? 'Start again' : 'Resume'}
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
