/** A run's model to take along: for transformers, as ONNX, as a widget in a page of one's own; or the whole run. */
import { useEffect, useState } from 'preact/hooks';
import type { FileListing, RunRecord } from '../../../client/index.ts';
import { Button } from '../../design/button.tsx';
import { Card, Empty } from '../../design/card.tsx';
import { Progress } from '../../design/progress.tsx';
import { Table } from '../../design/table.tsx';
import { download } from '../../download.ts';
import { bytesOf } from '../../format.ts';
import { RunPicker } from '../../results/run-picker.tsx';
import { folderName, modelOf } from '../../results/runs.ts';
import { ViewOfRun } from '../../results/view-of-run.tsx';
import { useApp } from '../../state.ts';
import { Embed } from './embed.tsx';
import { Send } from './send.tsx';
import './export.css';

export function View() {
  return (
    <ViewOfRun
      title="Export"
      lead="What you trained is yours: take it along in the formats that others read."
      empty={{
        title: 'Nothing to export yet',
        text: 'When a run has finished, its model can be downloaded here.',
      }}
    >
      {(runs, record) => <RunExport key={record.run} runs={runs} record={record} />}
    </ViewOfRun>
  );
}

function RunExport({ runs, record }: { readonly runs: readonly RunRecord[]; readonly record: RunRecord }) {
  const { client, live, notices } = useApp();
  const [files, setFiles] = useState<readonly FileListing[]>();
  /** What is being made now. */
  const [busy, setBusy] = useState<string>();
  const { run } = record;
  const list = async (): Promise<void> => setFiles(await client.worker.listFiles(run));
  useEffect(() => {
    list().catch((error: unknown) => {
      setFiles([]);
      notices.report(error);
    });
  }, []);
  const work = async (what: string, make: () => Promise<void>): Promise<void> => {
    setBusy(what);
    // What went wrong before may work now.
    notices.dismiss('error');
    try {
      await make();
    } catch (error) {
      notices.report(error);
    } finally {
      setBusy(undefined);
    }
  };
  const saveFolder = (folder: string, name: string): Promise<void> =>
    work(`Packing ${name}`, async () => download(await client.worker.zipFolder(folder), name));
  const saveFile = (path: string, name: string, type?: string): Promise<void> =>
    work(`Reading ${name}`, async () => {
      const file = await client.worker.readFile(path);
      download(type ? new Blob([file], { type }) : file, name);
    });
  /** A run that was stopped has no model folder yet: its checkpoint becomes one. */
  const makeOnnx = (dtype: 'fp32' | 'fp16'): Promise<void> =>
    work(dtype === 'fp16' ? 'Writing ONNX in half precision' : 'Writing the model folder', async () => {
      await client.worker.export(modelOf(record) ?? run, { dtype, out: `${run}/model` });
      await list();
      notices.toast('Exported and checked against the model');
    });

  if (!files) return <Card class="export-waiting" />;
  const below = (folder: string): readonly FileListing[] =>
    files.filter(({ path }) => path.startsWith(`${run}/${folder}`));
  const model = below('model/');
  const has = (path: string): FileListing | undefined => files.find((file) => file.path === `${run}/${path}`);
  const onnx = has('model/onnx/model.onnx');
  const half = has('model/onnx/model_fp16.onnx');
  const report = has('report/index.html');
  const title = folderName(run);
  const disabled = busy !== undefined || live.isActive;
  return (
    <div class="stack">
      <div class="export-choose">
        <RunPicker runs={runs} record={record} />
        <div class="export-busy" role="status">
          {busy === undefined ? undefined : (
            <>
              <span class="soft small">{busy}…</span>
              <Progress label={busy} value={undefined} />
            </>
          )}
        </div>
      </div>
      {model.length === 0 ? (
        <Card>
          <Empty title="This run has no model folder yet">
            <p>
              It ended before its best weights were written out. Its newest checkpoint can become a model now.
            </p>
            <Button kind="primary" icon="model" disabled={disabled} onClick={() => void makeOnnx('fp32')}>
              Make the model
            </Button>
          </Empty>
        </Card>
      ) : (
        <>
          <div class="export-cards">
            <Card
              title="Hugging Face folder"
              lead="Weights, configuration and preprocessing: opens with from_pretrained in transformers, and with Ocelli."
            >
              <div class="row">
                <Button
                  kind="primary"
                  icon="archive"
                  disabled={busy !== undefined}
                  onClick={() => void saveFolder(`${run}/model`, `${title}-model.zip`)}
                >
                  Download the zip
                </Button>
                <span class="soft small">{sizeOf(model)}</span>
              </div>
            </Card>
            <Card
              title="ONNX"
              lead="One file for onnxruntime, transformers.js and the widget. It was checked against the model."
            >
              <div class="row">
                {onnx ? (
                  <Button
                    icon="export"
                    disabled={busy !== undefined}
                    onClick={() => void saveFile(onnx.path, `${title}.onnx`)}
                  >
                    model.onnx, {bytesOf(onnx.size)}
                  </Button>
                ) : (
                  <Button icon="export" disabled={disabled} onClick={() => void makeOnnx('fp32')}>
                    Write model.onnx
                  </Button>
                )}
                {half ? (
                  <Button
                    icon="export"
                    disabled={busy !== undefined}
                    onClick={() => void saveFile(half.path, `${title}-fp16.onnx`)}
                  >
                    Half precision, {bytesOf(half.size)}
                  </Button>
                ) : (
                  <Button kind="quiet" disabled={disabled} onClick={() => void makeOnnx('fp16')}>
                    Write half precision
                  </Button>
                )}
              </div>
              {live.isActive ? (
                <p class="soft small">A run is training now: new files can be written after it.</p>
              ) : undefined}
            </Card>
            <Card
              title="The whole run"
              lead="Recipe, events, checkpoints, predictions and report: what ocelli train --resume, ocelli eval and ocelli export read."
            >
              <div class="row">
                <Button
                  icon="archive"
                  disabled={busy !== undefined}
                  onClick={() => void saveFolder(run, `${title}.zip`)}
                >
                  Download the run
                </Button>
                <span class="soft small">{sizeOf(files)}</span>
                {report ? (
                  <Button
                    kind="quiet"
                    icon="recipe"
                    disabled={busy !== undefined}
                    onClick={() => void saveFile(report.path, `${title}-report.html`, 'text/html')}
                  >
                    Report only
                  </Button>
                ) : undefined}
              </div>
            </Card>
          </div>
          <Send record={record} disabled={busy !== undefined} work={work} />
          <Embed record={record} />
          <Card title="What is in the folder">
            <Table
              caption="Files of the model folder"
              columns={[{ title: 'File' }, { title: 'Size', number: true }]}
              rows={model.map(({ path, size }) => ({
                key: path,
                cells: [<code key="path">{path.slice(run.length + 1)}</code>, bytesOf(size)],
              }))}
            />
          </Card>
        </>
      )}
    </div>
  );
}

const sizeOf = (files: readonly FileListing[]): string =>
  bytesOf(files.reduce((sum, { size }) => sum + size, 0));
