/**
 * Runs as processes that are interrupted and killed: what a resumed run computes is what it would have computed
 * anyway, to the last bit, and its log has every step once. Models are small and random; data is generated,
 * augmented by threads; everything else is the real thing.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/core/index.ts';
import { tinyStages } from '../support/recipes.ts';

const driver = '.cache/run/run-driver/main.js';

const models = {
  vit: [
    'model_type: vit',
    'image_size: 32',
    'patch_size: 8',
    'hidden_size: 32',
    'num_hidden_layers: 2',
    'num_attention_heads: 2',
    'intermediate_size: 64',
    'hidden_dropout_prob: 0.1',
    'attention_probs_dropout_prob: 0.1',
  ],
  resnet: tinyStages,
};

/** 12 batches an epoch; two of them make a step. */
const recipe = (model: readonly string[]): string => `
model:
  model_name: small
  task_type: classification
  pretrained: false
  image_size: 32
  config: { ${model.join(', ')} }
data:
  train_data_path: sample:shapes?images=96&seed=1
  val_data_path: sample:shapes?images=24&seed=2
  batch_size: 8
  num_workers: 1
  augmentations:
    horizontal_flip: true
    rotation: 15
    color_jitter: { brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.1 }
training:
  max_epochs: 2
  learning_rate: 1e-3
  accumulate_grad_batches: 2
  warmup_steps: 3
  gradient_clip_val: 1.0
  ema_decay: 0.9
  checkpoint_every_n_steps: 2
  log_every_n_steps: 1
  early_stopping_patience: null
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-resume-'));
  for (const [name, config] of Object.entries(models)) {
    await writeFile(join(folder, `${name}.yaml`), recipe(config));
  }
  // Builds the driver; without arguments it says so and ends.
  spawnSync(process.execPath, ['scripts/run.mjs', 'tests/support/run-driver.ts'], { encoding: 'utf8' });
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly events: RunEvent[];
  readonly stderr: string;
}

function start(
  model: string,
  out: string,
  ...more: string[]
): { child: ChildProcess; ended: Promise<Ended>; events: RunEvent[] } {
  const child = spawn(process.execPath, [driver, join(folder, `${model}.yaml`), out, ...more]);
  const events: RunEvent[] = [];
  let stderr = '';
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop()!;
    for (const line of lines) {
      events.push(JSON.parse(line) as RunEvent);
      child.emit('event', events.at(-1));
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, events, stderr }));
  });
  return { child, ended, events };
}

/** A process that was killed before it had made a run left nothing to resume: it is started again. */
function goingOn(out: string): string[] {
  return existsSync(join(out, 'recipe.yaml')) ? ['resume'] : [];
}

/** What was computed, out of the log in the run folder: losses, norms, rates, metrics. */
async function logged(out: string): Promise<unknown[]> {
  const lines = (await readFile(join(out, 'events.jsonl'), 'utf8')).trimEnd().split('\n');
  return lines.flatMap((line): unknown[] => {
    const event = JSON.parse(line) as RunEvent;
    if (event.type === 'step') {
      return [['step', event.step, event.epoch, event.loss, event.grad_norm, event.learning_rate]];
    }
    if (event.type === 'epoch') return [['epoch', event.epoch, event.train_loss]];
    if (event.type === 'evaluation') return [['evaluation', event.step ?? 'last', event.metrics]];
    return [];
  });
}

describe.each(Object.keys(models))('a run of %s', (model) => {
  let reference: unknown[];
  let duration: number;
  beforeAll(async () => {
    const began = performance.now();
    const out = join(folder, `${model}-whole`);
    const { code, stderr } = await start(model, out).ended;
    expect(stderr).toBe('');
    expect(code).toBe(0);
    duration = performance.now() - began;
    reference = await logged(out);
    expect(reference.filter((entry) => (entry as unknown[])[0] === 'step')).toHaveLength(12);
  }, 120_000);

  it.each([
    ['in the middle of an epoch', '4'],
    ['after an evaluation', 'evaluation'],
  ])(
    'interrupted %s and resumed equals uninterrupted',
    async (name, moment) => {
      const out = join(folder, `${model}-${name.replaceAll(' ', '-')}`);
      const { code, events } = await start(model, out, `interrupt=${moment}`).ended;
      expect(code).toBe(130);
      expect(events.at(-1)).toMatchObject({ type: 'stopped', reason: 'interrupted' });
      const second = await start(model, out, 'resume').ended;
      expect(second.code).toBe(0);
      expect(second.events.find(({ type }) => type === 'resumed')).toMatchObject({ exact: true });
      expect(await logged(out)).toEqual(reference);
    },
    120_000,
  );

  it('killed at random moments and resumed equals uninterrupted', async () => {
    const out = join(folder, `${model}-killed`);
    const moments: number[] = [];
    for (let kills = 0; kills < 4; kills++) {
      const run = start(model, out, ...goingOn(out));
      const moment = Math.random() * duration;
      moments.push(moment);
      const timer = setTimeout(() => run.child.kill('SIGKILL'), moment);
      const { code } = await run.ended;
      clearTimeout(timer);
      if (code === 0) break;
    }
    const { code, stderr } = await start(model, out, ...goingOn(out)).ended;
    expect(stderr, `killed after ${moments.join(', ')} ms`).toBe('');
    expect(code).toBe(0);
    // The last evaluation is told again when a run is resumed after it.
    expect(await logged(out), `killed after ${moments.join(', ')} ms`).toEqual(reference);
  }, 240_000);
});

describe('a run that cannot go on', () => {
  it('stops at a loss that is not finite with exit code 1 and the last good checkpoint', async () => {
    const out = join(folder, 'not-finite');
    const { code, stderr, events } = await start(
      'resnet',
      out,
      'training.optimizer=sgd',
      'training.learning_rate=1e25',
      'training.warmup_steps=6',
      'training.gradient_clip_val=0',
    ).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/it began in step \d+/);
    expect(events.at(-1)).toMatchObject({ type: 'failed', code: 'loss_not_finite' });
  }, 60_000);

  it('leaves earlier checkpoints intact when the disk is full', async ({ skip }) => {
    const disk = await mkdtemp(join(tmpdir(), 'ocelli-disk-'));
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=700k', 'tmpfs', disk]);
    if (mounted.status !== 0) {
      await rm(disk, { recursive: true });
      skip('no right to mount; src/training/checkpoint.test.ts injects the failure instead');
    }
    try {
      const out = join(disk, 'run');
      const { code, stderr, events } = await start('vit', out, 'training.save_top_k=-1').ended;
      expect(code).toBe(1);
      expect(stderr).toContain('disk_full');
      expect(events.some(({ type }) => type === 'checkpoint')).toBe(true);
      const state = JSON.parse(await readFile(join(out, 'checkpoints/last/state.json'), 'utf8')) as {
        files: Record<string, number>;
      };
      for (const [file, size] of Object.entries(state.files)) {
        expect((await readFile(join(out, 'checkpoints/last', file))).byteLength).toBe(size);
      }
    } finally {
      spawnSync('umount', [disk]);
      await rm(disk, { recursive: true, force: true });
    }
  }, 60_000);
});
