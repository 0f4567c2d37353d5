/**
 * Runs that end before their time: a loss that is not finite, a disk that is full, a place that can not be written, Ctrl-C
 * twice. Every run here is the built program; what it leaves is whole. More of the same: resume.test.ts (interrupts,
 * `kill -9`).
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { builtCli, eventsOf, ocelli, startOcelli } from '../support/cli.ts';
import { expectFailure, train } from '../support/failed-runs.ts';
import { tinyRecipe } from '../support/recipes.ts';

// Each test starts a process or two; a machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-ended-'));
  await builtCli();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a run that can not go on', () => {
  const state = (run: string): { step?: number } =>
    JSON.parse(readFileSync(join(run, 'checkpoints/last/state.json'), 'utf8')) as { step?: number };

  it('because its loss is not finite: 1, with the step where it began; the last good checkpoint stays', async () => {
    const run = await train(folder, 'not-finite', {
      data: { train_data_path: 'sample:shapes?images=64' },
      training: {
        ...{ optimizer: 'sgd', learning_rate: 1e25, warmup_steps: 6, gradient_clip_val: 0 },
        ...{ checkpoint_every_n_steps: 1 },
      },
    });
    expectFailure(run, 1, /it began in step \d+/);
    const began = Number(/it began in step (\d+)/.exec(run.stderr)![1]);
    expect(run.events.at(-1)).toMatchObject({ type: 'failed', code: 'loss_not_finite' });
    const finite = run.events.filter(({ type }) => type === 'step');
    expect(finite.length).toBe(began - 1);
    expect(finite.every((event) => Number.isFinite((event as { loss: number }).loss))).toBe(true);
    expect(JSON.stringify(state(run.run))).toContain(`"step":${began - 1}`);
  });

  it('because the disk is full: 1, earlier checkpoints intact, and it goes on when there is room', async ({
    skip,
  }) => {
    const disk = mkdtempSync(join(tmpdir(), 'ocelli-disk-'));
    const mount = (...options: string[]): number | null =>
      spawnSync('mount', ['-t', 'tmpfs', ...options, 'tmpfs', disk]).status;
    if (mount('-o', 'size=700k') !== 0) {
      rmSync(disk, { recursive: true });
      skip('no right to mount; src/training/checkpoint.test.ts injects the failure instead');
    }
    try {
      const recipe = { training: { checkpoint_every_n_steps: 1, save_top_k: -1, max_epochs: 4 } };
      writeFileSync(join(folder, 'full.yaml'), tinyRecipe(recipe));
      const out = join(disk, 'run');
      const common = ['--out', out, '--device', 'wasm', '--json'];
      // Takes what the run would need for its second checkpoint.
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(400_000));
      const full = await ocelli(['train', 'full.yaml', ...common], { cwd: folder });
      expect(full.stderr).toMatch(
        /space on the disk to write \S+checkpoints\S+ Received: .* Fix: free some space/,
      );
      expect(full.code).toBe(1);
      const before = readdirSync(join(out, 'checkpoints')).sort();
      expect(before).toContain('last');
      for (const name of before.filter((name) => !name.startsWith('.'))) {
        const at = join(out, 'checkpoints', name);
        const { files } = JSON.parse(readFileSync(join(at, 'state.json'), 'utf8')) as {
          files: Record<string, number>;
        };
        for (const [file, size] of Object.entries(files)) {
          expect(readFileSync(join(at, file)).byteLength, `${name}/${file}`).toBe(size);
        }
      }
      expect(mount('-o', 'remount,size=40m')).toBe(0);
      const resumed = await ocelli(['train', '--resume', out, '--device', 'wasm', '--json'], { cwd: folder });
      expect(resumed.code, resumed.stderr).toBe(0);
      const steps = eventsOf(readFileSync(join(out, 'events.jsonl'), 'utf8')).flatMap((event) =>
        event.type === 'step' ? [event.step] : [],
      );
      expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    } finally {
      spawnSync('umount', [disk]);
      rmSync(disk, { recursive: true, force: true });
    }
  });
});

describe('a place that can not be written', () => {
  it('is named, with the reason: 1', async () => {
    writeFileSync(join(folder, 'file'), '');
    for (const args of [
      ['train', 'quickstart', '--device', 'wasm', '--out', 'file/run'],
      ['init', '--out', 'file/recipe.yaml'],
      ['data', 'sample', 'file/shapes'],
    ]) {
      const { code, stdout, stderr } = await ocelli([...args, '--json'], { cwd: folder });
      expect(stderr).toMatch(/Expected to write file\/\S+ Received: a file where a folder should be/);
      expect(eventsOf(stdout).at(-1)).toMatchObject({ type: 'failed', code: 'file_inaccessible' });
      expect(code).toBe(1);
    }
  });

  it.skipIf(process.platform !== 'linux')('ends, where the file system takes no new folders: 1', async () => {
    for (const args of [
      ['train', 'quickstart', '--device', 'wasm', '--out', '/proc/nope/run'],
      ['data', 'sample', '/proc/nope/shapes'],
      ['init', '--out', '/proc/nope/recipe.yaml'],
    ]) {
      const env = { XDG_CACHE_HOME: '/proc/nope/cache' };
      const { code, stdout, stderr } = await ocelli([...args, '--json'], { cwd: folder, env });
      expect(stderr).toMatch(
        /\/proc\/nope\/\S+ Received: a file system that takes no new folders \(ENOENT\)/,
      );
      expect(eventsOf(stdout).at(-1)).toMatchObject({ type: 'failed', code: 'file_inaccessible' });
      expect(code).toBe(1);
    }
  });
});

describe('Ctrl-C', () => {
  it('twice ends the run at once, with 130', async () => {
    writeFileSync(
      join(folder, 'long.yaml'),
      tinyRecipe({ data: { train_data_path: 'sample:shapes?images=64', batch_size: 64 } }),
    );
    const args = ['train', 'long.yaml', 'training.max_epochs=5000', 'model.image_size=128'];
    const options = { cwd: folder };
    const twice = await startOcelli([...args, '--out', 'twice', '--device', 'wasm', '--json'], options);
    await twice.said('"type":"step"');
    const from = performance.now();
    twice.child.kill('SIGINT');
    // Until it ends: two that come before the process has had a core count as one.
    const again = setInterval(() => twice.child.kill('SIGINT'), 20);
    const ended = await twice.ended;
    clearInterval(again);
    expect(ended.code).toBe(130);
    expect(performance.now() - from).toBeLessThan(20_000);
    expect(eventsOf(ended.stdout).map(({ type }) => type)).not.toContain('stopped');
    expect(ended.stderr).toMatch(/Ctrl-C again stops at once/);
  });
});
