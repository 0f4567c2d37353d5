/** Runs from the command line: events, evaluation, predictions, Ctrl-C and --resume, and what keeps one from starting. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, ocelli as run, startOcelli } from '../../tests/support/cli.ts';
import { parseRecipe } from '../config/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ocelli-runs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ocelli = (...args: string[]): Promise<Ended> => run(args, { cwd: folder });

describe('a run', () => {
  const small = [
    'data.train_data_path=sample:shapes?images=64&seed=1',
    'data.val_data_path=sample:shapes?images=16&seed=2',
    'data.batch_size=16',
    'training.max_epochs=1',
    'training.log_every_n_steps=1',
    'data.num_workers=0',
    '--device',
    'wasm',
  ];
  type Line = { readonly type: string; readonly time: string; readonly run?: string };
  const linesOf = (text: string): Line[] =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);

  it('tells its events to programs, its end to people, and ends by itself', async () => {
    const { code, stdout, stderr } = await ocelli('train', 'quickstart', ...small, '--out', 'run', '--json');
    expect(code).toBe(0);
    const events = linesOf(stdout);
    expect(events[0]).toMatchObject({ type: 'run_started', run: 'run' });
    expect(events.filter(({ type }) => type === 'step')).toHaveLength(4);
    expect(events.at(-1)).toMatchObject({ type: 'finished', run: 'run' });
    expect(stdout).toBe(readFileSync(join(folder, 'run/events.jsonl'), 'utf8'));
    expect(stderr).toMatch(
      /Done in .*\nRun: {4}run\nReport: run\/report\/index\.html\nModel: {2}run\/model\n/,
    );
    expect(parseRecipe(readFileSync(join(folder, 'run/recipe.yaml'), 'utf8')).recipe.data.batch_size).toBe(
      16,
    );
  });

  it('is evaluated and predicts', async () => {
    const evaluated = await ocelli('eval', 'run', '--no-report', '--json', '--device', 'wasm');
    expect(evaluated.code).toBe(0);
    expect(linesOf(evaluated.stdout).at(-1)).toMatchObject({ type: 'evaluated', split: 'val', images: 16 });
    await ocelli('data', 'sample', 'pictures', '--train', '2', '--val', '2');
    writeFileSync(join(folder, 'pictures/val/broken.png'), 'not a picture');
    const predicted = await ocelli('predict', 'run', 'pictures', '--out', 'found', '--json');
    expect(predicted.stderr).toMatch(/broken\.png is set aside/);
    expect(linesOf(predicted.stdout)).toContainEqual(
      expect.objectContaining({ type: 'predicted', images: 4, set_aside: 1 }),
    );
    // One of five is more than the share that may be unreadable.
    expect(predicted.code).toBe(3);
    const read = (name: string): Record<string, unknown>[] =>
      JSON.parse(readFileSync(join(folder, 'found', name), 'utf8'));
    // Train and val both have a 000001.png: path and overlay say which is which.
    const overlays = new Map(read('images.json').map(({ file_name, overlay }) => [file_name, overlay]));
    expect([...overlays]).toEqual(
      ['train/000000', 'train/000001', 'val/000000', 'val/000001'].map((name) => [
        `pictures/${name}.png`,
        `${name}_pred.jpg`,
      ]),
    );
    for (const overlay of overlays.values()) {
      expect(existsSync(join(folder, 'found', String(overlay)))).toBe(true);
    }
    const rows = read('predictions.json');
    expect(new Set(rows.map(({ file_name }) => file_name))).toEqual(new Set(overlays.keys()));
    for (const row of rows) expect(row.overlay).toBe(overlays.get(row.file_name));
    const exported = await ocelli('export', 'run', '--dtype', 'fp16', '--device', 'wasm');
    expect([exported.code, exported.stdout]).toEqual([0, expect.stringContaining('onnx/model_fp16.onnx')]);
  });

  it('writes a checkpoint on Ctrl-C, ends with 130, and goes on with --resume', async () => {
    const args = ['train', 'quickstart', ...small, 'training.max_epochs=500', '--out', 'stopped', '--json'];
    const started = await startOcelli(args, { cwd: folder });
    await started.said('"step":3,');
    started.child.kill('SIGINT');
    const { code, stdout: text } = await started.ended;
    expect(code).toBe(130);
    expect(linesOf(text).at(-1)).toMatchObject({ type: 'stopped', reason: 'interrupted' });
    expect(existsSync(join(folder, 'stopped/checkpoints/last/state.json'))).toBe(true);
    const steps = linesOf(text).filter(({ type }) => type === 'step').length;
    const again = await ocelli(
      'train',
      '--resume',
      'stopped',
      `training.max_steps=${steps + 2}`,
      '--json',
      '--device',
      'wasm',
    );
    expect(again.code).toBe(0);
    expect(linesOf(again.stdout).filter(({ type }) => type === 'step').length).toBe(2);
  }, 120_000);

  it('is not started over in the same folder', async () => {
    const { code, stderr } = await ocelli('train', 'quickstart', ...small, '--out', 'run');
    expect([code, stderr]).toEqual([2, expect.stringContaining('--resume run')]);
  });
});

describe('what keeps a run from starting', () => {
  const sample = [
    'data.train_data_path=sample:shapes?images=8',
    'data.val_data_path=sample:shapes?images=4&seed=2',
  ];

  it('an unknown model type: 2, with the known ones', async () => {
    const { code, stderr } = await ocelli(
      'train',
      'quickstart',
      ...sample,
      'model.config.model_type=unet',
      '--out',
      'a',
      '--device',
      'wasm',
    );
    expect([code, stderr]).toEqual([2, expect.stringMatching(/one of .*detr.*vit.*model_type=unet/)]);
  });

  it('a metric that the task does not compute: 2', async () => {
    const { code, stderr } = await ocelli(
      'train',
      'quickstart',
      ...sample,
      'training.monitor_metric=val_miou',
    );
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/a metric that classification computes: .*val_accuracy/),
    ]);
  });

  it('a place with a placeholder: 2, with its key', async () => {
    const place = 'data.val_data_path=/Volumes/<catalog>/val';
    const { code, stderr } = await ocelli(
      'train',
      'quickstart',
      sample[0]!,
      place,
      '--out',
      'b',
      '--device',
      'wasm',
    );
    expect([code, stderr]).toEqual([2, expect.stringContaining('<catalog>')]);
  });

  it('data that are not there: 3', async () => {
    const { code, stderr } = await ocelli(
      'train',
      'quickstart',
      sample[0]!,
      'data.val_data_path=nowhere',
      '--out',
      'c',
      '--device',
      'wasm',
    );
    expect([code, stderr]).toEqual([3, expect.stringContaining('nowhere')]);
  });

  it('no adapter where WebGPU is asked for: 4, with what to install', async () => {
    const none = { VK_DRIVER_FILES: '/nonexistent', VK_ICD_FILENAMES: '/nonexistent' };
    const args = ['train', 'quickstart', ...sample, '--out', 'd', '--device', 'webgpu'];
    const { code, stderr } = await run(args, { cwd: folder, env: none });
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/Expected a WebGPU adapter.*Fix: .*--device auto/),
    ]);
  });

  it('a hub that does not answer: 5', async () => {
    const { code, stderr } = await ocelli(
      'train',
      'classification_vit',
      ...sample,
      '--out',
      'e',
      '--device',
      'wasm',
    );
    expect([code, stderr]).toEqual([
      5,
      expect.stringMatching(/google\/vit-base-patch16-224.*127\.0\.0\.1:9/),
    ]);
  });

  it('is told to programs with its exit code', async () => {
    const { code, stdout } = await ocelli(
      ...[
        'train',
        'quickstart',
        'data.val_data_path=nowhere',
        '--out',
        'failed',
        '--device',
        'cpu',
        '--json',
      ],
    );
    expect(code).toBe(3);
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({
      type: 'failed',
      code: 'file_missing',
      exit_code: 3,
    });
  });
});
