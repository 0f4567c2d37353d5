/** In the build the command line finds its threads: a run with `data.num_workers=2` opens two and ends well. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import { afterAll, beforeAll, expect, test } from 'vitest';

/** Inside the repository, where the packages of the build are found. */
const dist = resolve('.cache', `built-threads-${process.pid}`);
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'ocelli-built-'));
  await build({ logLevel: 'error', build: { outDir: dist } });
});
afterAll(async () => {
  await rm(dist, { recursive: true, force: true });
  await rm(root, { recursive: true, force: true });
});

test('ocelli train opens the threads that the recipe asks for', async () => {
  const counter = join(root, 'count-threads.cjs');
  await writeFile(
    counter,
    `require('node:diagnostics_channel').subscribe('worker_threads', () => console.error('A THREAD'));`,
  );
  const args = [
    ...['--require', counter, join(dist, 'cli.js'), 'train', resolve('configs/quickstart.yaml')],
    ...[
      'data.train_data_path=sample:shapes?images=64&seed=1',
      'data.val_data_path=sample:shapes?images=32&seed=2',
    ],
    ...[
      'training.max_epochs=1',
      'data.num_workers=2',
      '--device',
      'wasm',
      '--out',
      join(root, 'run'),
      '--json',
    ],
  ];
  const { code, stdout, stderr } = await run(process.execPath, args);
  expect(stderr.match(/A THREAD/g)?.length ?? 0).toBeGreaterThanOrEqual(2);
  expect(stdout).toContain('"type":"finished"');
  expect(code).toBe(0);
}, 180_000);

function run(
  program: string,
  args: readonly string[],
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}
