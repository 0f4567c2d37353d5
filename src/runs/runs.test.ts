import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { smallDataset } from '../../tests/support/small-run.ts';
import { ClassMap, type RunEvent } from '../core/index.ts';
import { checkpointCopier } from './copy.ts';
import { EventLog, RunFolder, runFolderName } from './folder.ts';
import { PredictionFile } from './predictions.ts';
import { RunStream } from './stream.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-runs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const warning = (message: string) => ({ type: 'warning', code: 'test', message }) as const;
const lines = async (name: string): Promise<string[]> =>
  (await readFile(join(folder, name), 'utf8')).split('\n').slice(0, -1);

describe('the event log', () => {
  it('moves what lies behind a checkpoint aside and drops a line that was cut off', async () => {
    await writeFile(join(folder, 'events.jsonl'), '{"n":1}\n{"n":2}\n{"n":3}\n{"n":');
    const log = await EventLog.open(new RunFolder(folder), 2);
    expect(log.count).toBe(2);
    expect(await lines('events.jsonl')).toEqual(['{"n":1}', '{"n":2}']);
    expect(await lines('events.superseded.jsonl')).toEqual(['{"n":3}']);
    await log.write({ ...warning('next'), time: 'now' });
    expect(log.count).toBe(3);
    expect((await lines('events.jsonl'))[2]).toContain('next');
  });

  it('keeps all whole lines when it is only opened again', async () => {
    await writeFile(join(folder, 'events.jsonl'), '{"n":1}\n{"n":2}\n{"n"');
    const log = await EventLog.open(new RunFolder(folder));
    expect(log.count).toBe(2);
    expect(await lines('events.jsonl')).toEqual(['{"n":1}', '{"n":2}']);
  });
});

describe('the event stream', () => {
  it('writes and hands on an event before its reader sees it, asides first', async () => {
    const log = await EventLog.open(new RunFolder(folder));
    const stream = new RunStream(log);
    const heard: string[] = [];
    stream.listen((event) => void heard.push((event as Extract<RunEvent, { type: 'warning' }>).message));
    stream.aside(warning('first'));
    const seen: string[] = [];
    for await (const event of stream.tell(warning('second'))) {
      seen.push((event as Extract<RunEvent, { type: 'warning' }>).message);
      expect(await lines('events.jsonl')).toHaveLength(seen.length);
      expect(heard).toEqual(seen);
    }
    expect(seen).toEqual(['first', 'second']);
  });
});

describe('a run folder', () => {
  it('has a name that file systems take', () => {
    const time = new Date('2026-02-03T04:05:06.789Z');
    expect(runFolderName('facebook/detr resnet', time)).toBe('facebook-detr-resnet-20260203-040506');
    expect(runFolderName('../..', time)).toBe('run-20260203-040506');
  });

  it('is not given to a second run', async () => {
    const run = new RunFolder(folder);
    await run.checkUnused();
    await writeFile(join(folder, 'events.jsonl'), '{}\n');
    await run.checkUnused();
    await (await checkpointCopier(join(folder, 'checkpoints')))!(
      ['last'],
      new Map([['a', new Uint8Array(1)]]),
    );
    await expect(run.checkUnused()).rejects.toMatchObject({ code: 'run_folder_taken', exitCode: 2 });
  });
});

describe('predictions', () => {
  it("are COCO results by the data set's own ids", async () => {
    const dataset = smallDataset(2);
    // The model knows the classes in another order, and one more.
    const modelClasses = new ClassMap(['bright', 'other', 'dark'].map((name, id) => ({ id, name })));
    const path = join(folder, 'predictions/val.json');
    const file = new PredictionFile(path, dataset, modelClasses);
    await file.add(0, { scores: Float32Array.of(0.5, 0.25, 0.125) });
    await file.add(1, {
      scores: Float32Array.of(0.75, 0.5),
      labels: Int32Array.of(2, 1),
      boxes: Float32Array.of(1, 2, 4, 6, 0, 0, 1, 1),
    });
    await file.finish();
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual([
      { image_id: 0, category_id: 3, score: 0.5 },
      { image_id: 0, category_id: 1, score: 0.125 },
      { image_id: 1, category_id: 1, score: 0.75, bbox: [1, 2, 3, 4] },
    ]);
    const table = await readFile(path.replace('.json', '.parquet'));
    const { buffer, byteOffset, byteLength } = table;
    const rows = await parquetReadObjects({
      file: {
        byteLength,
        slice: (start, end = byteLength) => buffer.slice(byteOffset + start, byteOffset + end) as ArrayBuffer,
      },
    });
    expect(
      rows.map(({ image_id, category_id, score, bbox }) => [image_id, category_id, score, bbox]),
    ).toEqual([
      [0n, 3n, 0.5, undefined],
      [0n, 1n, 0.125, undefined],
      [1n, 1n, 0.75, [1, 2, 3, 4]],
    ]);
    expect(rows[0]).toMatchObject({ file_name: dataset.records[0]!.fileName });
  });
});

describe('training.checkpoint_dir', () => {
  it('gets a copy of each checkpoint, and says what could not be copied', async () => {
    const contents = new Map([['state.json', new TextEncoder().encode('{}')]]);
    const copy = (await checkpointCopier(join(folder, 'elsewhere')))!;
    expect(await copy(['step-3', 'last'], contents)).toEqual([]);
    expect(await readFile(join(folder, 'elsewhere/step-3/state.json'), 'utf8')).toBe('{}');
    await writeFile(join(folder, 'file'), '');
    const blocked = (await checkpointCopier(join(folder, 'file')))!;
    expect(await blocked(['last'], contents)).toEqual([expect.stringContaining('last was not copied')]);
  });

  it('refuses a place that still has to be filled in', async () => {
    await expect(checkpointCopier('/Volumes/<catalog>/x')).rejects.toMatchObject({ exitCode: 2 });
    expect(await checkpointCopier(null)).toBeUndefined();
  });
});
