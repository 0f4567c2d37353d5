/** What a finished run still gets wrong: which classes it takes for which, and the pictures that show it. */
import { useEffect, useState } from 'preact/hooks';
import type { Inspection, RunRecord } from '../../../client/index.ts';
import { OcelliError, type SplitName } from '../../../core/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, Empty } from '../../design/card.tsx';
import { Choice } from '../../design/field.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { type Notice, wordsOf } from '../../notices.ts';
import { RunPicker } from '../../results/run-picker.tsx';
import { modelOf } from '../../results/runs.ts';
import { ViewOfRun } from '../../results/view-of-run.tsx';
import { goTo } from '../../route.ts';
import { useApp } from '../../state.ts';
import { Classification } from './classification.tsx';
import { Detection } from './detection.tsx';
import './errors.css';

export function View() {
  return (
    <ViewOfRun
      title="Errors"
      lead="Where the model is wrong, and how: often the quickest way to better data."
      empty={{ title: 'No run to look into yet', text: 'When a run has finished, its mistakes are here.' }}
    >
      {(runs, record) => <RunErrors key={record.run} runs={runs} record={record} />}
    </ViewOfRun>
  );
}

type Splits = readonly Exclude<SplitName, 'train'>[];

type Found =
  | { readonly state: 'reading' }
  | { readonly state: 'there'; readonly inspection: Inspection }
  | { readonly state: 'failed'; readonly error: unknown };

function RunErrors({ runs, record }: { readonly runs: readonly RunRecord[]; readonly record: RunRecord }) {
  const { client } = useApp();
  const [split, setSplit] = useState<Splits[number]>('val');
  const [splits, setSplits] = useState<Splits>(['val']);
  const [found, setFound] = useState<Found>({ state: 'reading' });
  const inspect = async (): Promise<void> => {
    setFound({ state: 'reading' });
    try {
      setFound({ state: 'there', inspection: await client.worker.inspect({ run: record.run, split }) });
    } catch (error) {
      setFound({ state: 'failed', error });
    }
  };
  useEffect(() => {
    void inspect();
  }, [split]);
  useEffect(() => {
    client.worker.listFiles(`${record.run}/predictions`).then(
      (files) =>
        setSplits(
          (['val', 'test'] as const).filter(
            (name) => name === 'val' || files.some(({ path }) => path.endsWith(`/${name}.json`)),
          ),
        ),
      () => undefined,
    );
  }, []);
  return (
    <div class="stack">
      <div class="errors-choose">
        <RunPicker runs={runs} record={record} />
        {splits.length > 1 ? (
          <Choice
            legend="Images"
            value={split}
            options={splits.map((value) => ({
              value,
              label: value === 'val' ? 'Validation' : 'Test',
            }))}
            onChange={(value) => setSplit(value)}
          />
        ) : undefined}
      </div>
      {found.state === 'reading' ? (
        <Card>
          <p class="soft errors-waiting" aria-busy="true">
            Reading the predictions…
          </p>
        </Card>
      ) : found.state === 'failed' ? (
        <Failed record={record} split={split} error={found.error} onEvaluated={() => void inspect()} />
      ) : found.inspection.kind === 'classification' ? (
        <Classification inspection={found.inspection} />
      ) : (
        <Detection inspection={found.inspection} />
      )}
    </div>
  );
}

/** A run of elsewhere: its predictions are here, and say nothing without the pictures. */
function dataMissing({ run, dataMissing: places = [] }: RunRecord): Omit<Notice, 'key'> {
  return {
    tone: 'info',
    title: 'Its data are not open here',
    text: `This run was trained elsewhere, on ${places.join(' and ')}. Open the same pictures here to see what it got wrong.`,
    actions: [{ label: 'Open its data', run: () => goTo('runs', { data: run }) }],
  };
}

/** A run that was stopped has no predictions yet; its best checkpoint can make them. */
function Failed({
  record,
  split,
  error,
  onEvaluated,
}: {
  readonly record: RunRecord;
  readonly split: SplitName;
  readonly error: unknown;
  onEvaluated(): void;
}) {
  const { client, live, notices } = useApp();
  const [busy, setBusy] = useState(false);
  const missing = error instanceof OcelliError && error.code === 'predictions_missing';
  if (!missing) {
    return (
      <NoticeBox notice={record.dataMissing ? dataMissing(record) : { tone: 'error', ...wordsOf(error) }} />
    );
  }
  const evaluate = async (): Promise<void> => {
    setBusy(true);
    try {
      const recipe = await (await client.worker.readFile(`${record.run}/recipe.yaml`)).text();
      const model = modelOf(record) ?? record.run;
      await client.evaluate({ model, recipe, split, out: record.run }, () => undefined);
      onEvaluated();
    } catch (failure) {
      notices.report(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card>
      <Empty title="This run has no predictions yet">
        <p>It ended before its last evaluation. Its newest checkpoint can be evaluated now.</p>
        <Button kind="primary" icon="errors" disabled={busy || live.isActive} onClick={() => void evaluate()}>
          {busy ? 'Evaluating…' : 'Evaluate'}
        </Button>
        {live.isActive ? <p class="small">A run is training now; this can be done after it.</p> : undefined}
      </Empty>
    </Card>
  );
}
