/**
 * What does not fit into a device's memory: a step that can't even hold one picture is refused before anything is computed;
 * a batch that is only too large is computed in parts, after the memory was really full.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/index.ts';
import { builtCli, type Ended, eventsOf, ocelli } from '../support/cli.ts';
import { tinyRecipe } from '../support/recipes.ts';

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-memory-'));
  await builtCli();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function train(name: string, text: string, device: string): Promise<Ended & { events: RunEvent[] }> {
  writeFileSync(join(folder, `${name}.yaml`), text);
  const args = ['train', `${name}.yaml`, '--out', `run-${name}`, '--device', device, '--json'];
  const ended = await ocelli(args, { cwd: folder });
  return { ...ended, events: eventsOf(ended.stdout) };
}

test.each([
  ['wasm', /at most 4,096 MiB.*one image of 512 × 512 that takes at least [\d,]+ MiB.*model\.image_size/],
  ['webgpu', /no value above [\d,]+ MiB.*one image of 512 × 512 with a value of .*model\.image_size/],
])(
  '%s, where not one picture fits: 4, before anything is computed',
  async (device, message) => {
    // The first convolution alone gives 2 GiB a picture.
    const text = tinyRecipe({}).replace('embedding_size: 8', 'embedding_size: 8192');
    const run = await train(device, text.replace('image_size: 32', 'image_size: 512'), device);
    expect(run.stderr).toMatch(message);
    expect(run.events.at(-1)).toMatchObject({ type: 'failed', code: 'model_too_large' });
    expect(run.events.map(({ type }) => type)).not.toContain('model_ready');
    expect(run.code).toBe(4);
  },
  120_000,
);

/**
 * 64 tokens of few numbers, which the feed-forward layers make very wide: much memory, little to compute. By its shapes a
 * batch would just fit; with what kernels need for themselves it does not.
 */
const wideVit = `model:
  model_name: wide-vit
  task_type: classification
  pretrained: false
  config:
    model_type: vit
    image_size: 64
    patch_size: 8
    hidden_size: 16
    num_hidden_layers: 6
    num_attention_heads: 1
    intermediate_size: 65536
data:
  train_data_path: sample:shapes?images=10&size=64&seed=1
  val_data_path: sample:shapes?images=4&size=64&seed=2
  batch_size: 10
training:
  max_epochs: 1
  learning_rate: 1e-4
`;

test('wasm, where a whole batch does not fit: the run ends well in parts, each with an empty heap to begin with', async () => {
  const run = await train('wide', wideVit, 'wasm');
  const tried = run.events.flatMap((event) =>
    event.type === 'warning' && event.code === 'out_of_memory_recovered' ? [event.message] : [],
  );
  expect(tried[0]).toMatch(/heap of WebAssembly can grow.*in 2 parts.*same effective batch/);
  // Each attempt met the same memory: halves or quarters do.
  expect(tried.length).toBeLessThan(3);
  expect(run.events.filter(({ type }) => type === 'step')).toHaveLength(1);
  expect(run.events.at(-1)).toMatchObject({ type: 'finished' });
  expect(run.code).toBe(0);
}, 240_000);
