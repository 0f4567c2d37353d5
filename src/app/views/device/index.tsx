/** The machine: what computes, how fast, how much can be kept. */
import { useEffect, useState } from 'preact/hooks';
import type { EngineReport, StorageReport } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, Facts, ViewHead } from '../../design/card.tsx';
import { Choice } from '../../design/field.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { Progress } from '../../design/progress.tsx';
import { Table } from '../../design/table.tsx';
import { bytesOf, countOf, numberOf, percentOf } from '../../format.ts';
import { useApp } from '../../state.ts';
import './device.css';

export function View() {
  return (
    <>
      <ViewHead title="Device" lead="What this browser offers for training, and what it keeps." />
      <div class="grid device">
        <Compute />
        <Storage />
        <Awake />
      </div>
    </>
  );
}

/** Kept while the page is open: measuring takes seconds. */
let measured: EngineReport | undefined;

function Compute() {
  const { client, live, notices, device } = useApp();
  const [report, setReport] = useState(measured);
  const [busy, setBusy] = useState(false);
  const active = live.isActive;
  const measure = async (): Promise<void> => {
    setBusy(true);
    try {
      measured = await client.worker.probe();
      setReport(measured);
    } catch (error) {
      notices.report(error);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    if (!measured && !live.isActive) void measure();
  }, []);
  return (
    <Card
      title="Compute"
      class="device-compute"
      actions={
        <Button size="small" disabled={busy || active} onClick={() => void measure()}>
          Measure again
        </Button>
      }
    >
      <div class="row device-choice">
        <span class="small">The next run computes on</span>
        <Choice
          legend="What the next run computes on"
          value={device.value}
          options={[
            { value: 'auto', label: 'the fastest' },
            { value: 'webgpu', label: 'WebGPU' },
            { value: 'wasm', label: 'WebAssembly' },
          ]}
          onChange={(value) => {
            device.value = value;
          }}
        />
      </div>
      {active && !report ? (
        <p class="soft">
          A run has the device: {live.facts.value.started?.device ?? 'it is being opened'}. Measure when it is
          over.
        </p>
      ) : report ? (
        <Report report={report} />
      ) : (
        <div class="device-waiting" role="status">
          <p class="soft">Measuring…</p>
          <Progress label="Measuring the device" value={undefined} />
        </div>
      )}
    </Card>
  );
}

function Report({ report }: { readonly report: EngineReport }) {
  const { adapter, missing, speeds, chosen, system, processor } = report;
  return (
    <div class="stack">
      {missing ? (
        <NoticeBox
          notice={{
            tone: 'warning',
            title: `No WebGPU: ${missing.reason}`,
            text: `What to do: ${missing.advice}`,
          }}
        />
      ) : undefined}
      <Facts
        rows={[
          ['The fastest', `${chosen.description} (${chosen.reason})`],
          adapter
            ? ['Adapter', `${adapter.name}${adapter.software ? ', a software adapter: slow' : ''}`]
            : undefined,
          adapter
            ? [
                'Features',
                [
                  adapter.f16 ? 'half precision (f16)' : 'no half precision',
                  adapter.subgroups ? 'subgroups' : 'no subgroups',
                  adapter.subgroupMatrix.length > 0
                    ? `matrix units ${adapter.subgroupMatrix.join(', ')}`
                    : undefined,
                  adapter.timestamps ? 'timestamps' : undefined,
                ]
                  .filter((name) => name !== undefined)
                  .join(', '),
              ]
            : undefined,
          ['System', `${system}, ${processor}`],
        ]}
      />
      <Table
        caption="Speed of the backends"
        columns={[{ title: 'Backend' }, { title: 'Matrix products', number: true }]}
        rows={speeds.map(({ backend, gflops, error }) => ({
          key: backend,
          cells: [backend, gflops === undefined ? (error ?? 'unknown') : `${numberOf(gflops)} GFLOP/s`],
        }))}
      />
      {adapter ? (
        <Table
          caption="Limits of the adapter"
          columns={[{ title: 'Limit' }, { title: 'Value', number: true }]}
          rows={Object.entries(adapter.limits).map(([name, value]) => ({
            key: name,
            cells: [
              name.replace(/([A-Z])/g, ' $1').toLowerCase(),
              /Size/.test(name) ? bytesOf(value) : countOf(value),
            ],
          }))}
        />
      ) : undefined}
    </div>
  );
}

function Storage() {
  const { client, notices } = useApp();
  const [storage, setStorage] = useState<StorageReport>();
  const refresh = (): void => {
    client.worker.storage().then(setStorage, (error: unknown) => notices.report(error));
  };
  useEffect(refresh, []);
  const cached = storage?.caches.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0;
  const keep = async (): Promise<void> => {
    const kept = await client.persist();
    notices.toast(
      kept
        ? 'The browser keeps your runs'
        : 'The browser did not agree; it may clear data when the disk is full',
    );
    refresh();
  };
  const clear = async (): Promise<void> => {
    const gained = await client.worker.makeRoom(Number.MAX_SAFE_INTEGER);
    notices.toast(`${bytesOf(gained)} were freed`);
    refresh();
  };
  const report = (work: Promise<void>): void => void work.catch((error: unknown) => notices.report(error));
  return (
    <Card title="Storage" lead="Runs and checkpoints lie in this browser’s own storage">
      <div class="stack">
        <Progress label="Storage in use" value={storage ? storage.usage / Math.max(1, storage.quota) : 0} />
        <Facts
          rows={[
            [
              'In use',
              storage
                ? `${bytesOf(storage.usage)} of ${bytesOf(storage.quota)} (${percentOf(storage.usage / Math.max(1, storage.quota))})`
                : '…',
            ],
            ['Of it caches', `${storage ? bytesOf(cached) : '…'}: downloads that can be fetched again`],
            [
              'Promise',
              storage
                ? storage.persisted
                  ? 'the browser keeps it'
                  : 'may be cleared when the disk runs full'
                : 'asking the browser whether it keeps it…',
            ],
          ]}
        />
        <div class="row">
          <Button size="small" disabled={!storage || storage.persisted} onClick={() => report(keep())}>
            Keep my runs
          </Button>
          <Button size="small" icon="trash" disabled={cached === 0} onClick={() => report(clear())}>
            Clear caches
          </Button>
        </div>
      </div>
    </Card>
  );
}

function Awake() {
  const { client, live, gpuMissing } = useApp();
  return (
    <Card title="While a run is under way">
      <Facts
        rows={[
          [
            'Screen',
            live.isActive
              ? client.keepsAwake
                ? 'kept on'
                : 'may sleep: the browser refused a wake lock'
              : 'will be kept on',
          ],
          ['Hidden tab', 'training goes on'],
          ['Closed tab', 'the run can be resumed from its checkpoint, at most a minute back'],
          ['WebGPU', gpuMissing.value ?? 'available'],
          ['Threads', 'WebAssembly trains on one core; pictures are decoded on others'],
        ]}
      />
    </Card>
  );
}
