/**
 * What the command line says when something is wrong: the exit code of docs/cli.md, a message that names what was
 * expected, what was found and what to do, and on `--json` nothing but events, the last of them `failed`. Every run
 * here is the built program on real files; only two refusing servers are stand-ins.
 *
 * More of the same: src/cli/usage.test.ts (wrong arguments, recipes with several errors), src/cli/runs.test.ts (unknown
 * metrics, no adapter), memory.test.ts (models and batches that are too large), mlflow-run.test.ts (a tracking server that
 * refuses), resume.test.ts (interrupts, `kill -9`).
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeImage } from '#platform';
import { derive, type RunEvent } from '../../src/core/index.ts';
import { generateSampleDataset } from '../../src/data/index.ts';
import { openDevice } from '../../src/engine/index.ts';
import { fromConfig, saveModel } from '../../src/models/index.ts';
import { builtCli, type Ended, eventsOf, ocelli, startOcelli } from '../support/cli.ts';
import { HubServer } from '../support/hub.ts';
import { tinyRecipe } from '../support/recipes.ts';

// Each test starts a process or two; a machine may be busy.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-bad-input-'));
  await Promise.all([
    builtCli(),
    generateSampleDataset({ out: join(folder, 'good'), images: { train: 40, val: 8 }, size: 32, objects: 1 }),
  ]);
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Trained extends Ended {
  readonly events: RunEvent[];
  /** The run folder. */
  readonly run: string;
}

/** `ocelli train … --json` in the test's folder; throws where stdout holds anything but events. */
async function train(
  name: string,
  options: Parameters<typeof tinyRecipe>[0],
  more: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Trained> {
  writeFileSync(join(folder, `${name}.yaml`), tinyRecipe(options));
  const out = `run-${name}`;
  const device = more.includes('--device') ? [] : ['--device', 'wasm'];
  const args = ['train', `${name}.yaml`, ...more, '--out', out, ...device, '--json'];
  const ended = await ocelli(args, { cwd: folder, env });
  return { ...ended, events: eventsOf(ended.stdout), run: join(folder, out) };
}

/** People and programs are told the same: on stderr, and in the last event. */
function expectFailure({ code, stderr, events }: Trained, exit: number, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/Expected [\s\S]+ Received: [\s\S]+ Fix: /);
  const last = events.at(-1)!;
  expect(last).toMatchObject({ type: 'failed', message: expect.stringMatching(message) });
  expect((last as { hint: string }).hint.length).toBeGreaterThan(10);
  expect(code).toBe(exit);
}

describe('a recipe', () => {
  it('that is no YAML, or wrong in several places: 2, with file and lines', async () => {
    writeFileSync(join(folder, 'broken.yaml'), 'model:\n  model_name: "a\n\tb: [1, 2\n');
    const broken = await ocelli(['train', 'broken.yaml', '--json'], { cwd: folder });
    expect(broken.stderr).toMatch(/broken\.yaml:\d+:\d+ /);
    expect(broken.code).toBe(2);
    expect(JSON.parse(broken.stdout)).toMatchObject({ type: 'failed', exit_code: 2 });
    const text = tinyRecipe({ training: { max_epochs: 'many', optimiser: 'adamw' } }).replace(
      'batch_size: 8',
      'batch_size: 0',
    );
    writeFileSync(join(folder, 'wrong.yaml'), text);
    const lineOf = (key: string): number => text.split('\n').findIndex((line) => line.includes(key)) + 1;
    const { code, stderr } = await ocelli(['train', 'wrong.yaml'], { cwd: folder });
    for (const key of ['batch_size', 'max_epochs', 'optimiser']) {
      expect(stderr).toMatch(new RegExp(`wrong\\.yaml:${lineOf(key)}:3 .*${key}`));
    }
    expect(stderr).toMatch(/optimiser: unknown key; did you mean training\.optimizer\?/);
    expect(code).toBe(2);
  });
});

describe('weights', () => {
  /** A pretrained model in a folder; `change` damages it. */
  async function model(name: string, change: (weights: Buffer) => Uint8Array): Promise<string[]> {
    const path = join(folder, name);
    const device = await openDevice('cpu');
    try {
      const loaded = fromConfig({ ...smallVit }, { seed: 1 });
      mkdirSync(path);
      for (const [file, content] of Object.entries(await saveModel(loaded))) {
        writeFileSync(join(path, file), content as Uint8Array);
      }
      loaded.model.dispose();
    } finally {
      await device.dispose();
    }
    const weights = join(path, 'model.safetensors');
    writeFileSync(weights, change(readFileSync(weights)));
    return [`model.model_name=${name}`, 'model.pretrained=true', 'model.config=null'];
  }
  const smallVit = {
    model_type: 'vit',
    image_size: 32,
    patch_size: 16,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 16,
    id2label: { 0: 'circle', 1: 'dog' },
    label2id: { circle: 0, dog: 1 },
  };

  it('that were cut off: 3, with the tensor that is outside', async () => {
    const cut = await model('cut', (weights) => weights.subarray(0, -100));
    expectFailure(
      await train('cut', {}, cut),
      3,
      /the bytes of \S+ inside of the file in cut\/model\.safetensors.*\d+ to \d+ of \d+.*truncated/,
    );
  });

  it('whose header claims 2^60 bytes, or a shape that its bytes do not have: 3, and no memory is asked for', async () => {
    const huge = await model('huge', (weights) => {
      weights.writeBigUInt64LE(1n << 60n);
      return weights;
    });
    expectFailure(await train('huge', {}, huge), 3, /huge\/model\.safetensors.*1152921504606846976 bytes/);
    const lying = await model('lying', (weights) => {
      const length = Number(weights.readBigUInt64LE());
      const header = weights.subarray(8, 8 + length).toString();
      // As long as before, so that everything else stays in its place.
      const changed = header.replace('"shape":[16]', '"shape":[99]');
      expect(changed).not.toBe(header);
      return Buffer.concat([weights.subarray(0, 8), Buffer.from(changed), weights.subarray(8 + length)]);
    });
    expectFailure(await train('lying', {}, lying), 3, /lying\/model\.safetensors.*64 bytes for F32 \[99\]/);
  });

  it('of a model type that we do not know: 2, with the known ones and the file', async () => {
    const overrides = await model('unknown', (weights) => weights);
    const config = join(folder, 'unknown/config.json');
    writeFileSync(config, readFileSync(config, 'utf8').replace('"vit"', '"swinv2"'));
    expectFailure(
      await train('unknown', {}, overrides),
      2,
      /one of detr, resnet, vit.*yolos.*model_type=swinv2 in unknown\/config\.json/,
    );
  });
});

describe('data', () => {
  interface Coco {
    images: { id: number; file_name: string }[];
    categories: { id: number; name: string }[];
    annotations: { image_id: number; category_id: number }[];
  }

  /** The good data set with something changed in it; as the recipe's data section. */
  function changed(
    name: string,
    change: { train?: (coco: Coco) => void; val?: (coco: Coco) => void; file?: (path: string) => void },
  ): Record<string, unknown> {
    const path = join(folder, name);
    cpSync(join(folder, 'good'), path, { recursive: true });
    const paths: Record<string, unknown> = {};
    for (const split of ['train', 'val'] as const) {
      const file = join(path, split, 'annotations.json');
      const coco = JSON.parse(readFileSync(file, 'utf8')) as Coco;
      change[split]?.(coco);
      writeFileSync(file, JSON.stringify(coco));
      paths[`${split}_data_path`] = `${name}/${split}`;
      paths[`${split}_annotation_file`] = `${name}/${split}/annotations.json`;
    }
    change.file?.(path);
    return paths;
  }
  const oneEpoch = { max_epochs: 1 };

  it('with ids that point nowhere: 3, all of them, with file and place', async () => {
    const data = changed('dangling', {
      train: ({ annotations }) => {
        annotations[4]!.image_id = 999;
        annotations[6]!.category_id = 77;
      },
    });
    const run = await train('dangling', { data });
    expectFailure(
      run,
      3,
      /dangling\/train\/annotations\.json[\s\S]*annotations\[4\]\.image_id: no image has the id 999[\s\S]*annotations\[6\]\.category_id: no category has the id 77/,
    );
  });

  it('with a broken JPEG and a missing image among good ones: set aside, counted, reported, 0', async () => {
    const random = derive(3, 'noise');
    const pixels = Uint8Array.from({ length: 32 * 32 * 3 }, () => random.integer(256));
    const jpeg = await encodeImage({ height: 32, width: 32, data: pixels }, 'jpeg');
    const data = changed('damaged', {
      train: ({ images }) => {
        images[3]!.file_name = 'cut.jpg';
        images[5]!.file_name = 'nowhere.jpg';
      },
      file: (path) => writeFileSync(join(path, 'train/cut.jpg'), jpeg.subarray(0, jpeg.length / 2)),
    });
    const run = await train('damaged', { data, training: oneEpoch });
    expect(run.code, run.stderr).toBe(0);
    const told = run.events.flatMap((event) =>
      event.type === 'warning' && event.code === 'image_set_aside' ? [event.message] : [],
    );
    expect(told.sort()).toEqual([
      expect.stringMatching(/^cut\.jpg is set aside: .*\d+ bytes/),
      expect.stringMatching(/^nowhere\.jpg is set aside: nothing there/),
    ]);
    expect(run.stderr).toMatch(/Images set aside: 2/);
    expect(readFileSync(join(run.run, 'report/index.html'), 'utf8')).toMatch(
      /2 images could not be read and were set aside/,
    );
    // The batches are as full as before.
    expect(run.events.filter(({ type }) => type === 'step')).toHaveLength(5);
  });

  it('with more bad images than max_bad_fraction: 3, with their names and reasons', async () => {
    const data = changed('rotten', {
      file: (path) => {
        for (const i of [3, 5, 7]) writeFileSync(join(path, `train/00000${i}.png`), 'not a picture');
      },
    });
    const run = await train('rotten', { data });
    expectFailure(
      run,
      3,
      /at most 0\.05.*rotten\/train.*max_bad_fraction.*3 of 40[\s\S]*- 000005\.png.*format/,
    );
    const forgiven = await train('forgiven', {
      data: { ...data, max_bad_fraction: 0.1 },
      training: oneEpoch,
    });
    expect(forgiven.code).toBe(0);
  });

  it('with an empty split: 3', async () => {
    const data = changed('empty', {
      val: (coco) => {
        coco.images = [];
        coco.annotations = [];
      },
    });
    expectFailure(await train('empty', { data }), 3, /at least one image in empty\/val.*no image/);
  });

  it('with a class in val that train lacks: 3, with its name', async () => {
    const data = changed('class', {
      val: (coco) => {
        coco.categories.push({ id: 9, name: 'hexagon' });
        coco.annotations[0]!.category_id = 9;
      },
    });
    expectFailure(await train('class', { data }), 3, /class\/val also has hexagon/);
  });
});

describe('a run that can not go on', () => {
  const state = (run: string): { step?: number } =>
    JSON.parse(readFileSync(join(run, 'checkpoints/last/state.json'), 'utf8')) as { step?: number };

  it('because its loss is not finite: 1, with the step where it began; the last good checkpoint stays', async () => {
    const run = await train('not-finite', {
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

describe('secrets', () => {
  const secrets = { HF_TOKEN: 'hf_s3cretA', MLFLOW_TRACKING_TOKEN: 's3cretB', DEBUG: '1' };
  let hub: HubServer;
  let refusing: Server;
  const asked: (string | undefined)[] = [];
  beforeAll(async () => {
    hub = await HubServer.start({ 'org/private': { files: {}, token: 'another' } });
    refusing = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(500).end(`no ${request.headers.authorization}`);
    });
    await new Promise<void>((done) => refusing.listen(0, '127.0.0.1', done));
  });
  afterAll(async () => {
    await hub.dispose();
    await new Promise((done) => refusing.close(done));
  });

  function expectSilent(run: Trained): void {
    for (const secret of ['s3cretA', 's3cretB', 'hunter2']) {
      expect(run.stdout + run.stderr).not.toContain(secret);
      const found = spawnSync('grep', ['-rl', secret, run.run], { encoding: 'utf8' }).stdout;
      expect(found, `files with ${secret}`).toBe('');
    }
  }

  it('of the hub stay secret when it refuses them (5)', async () => {
    const overrides = ['model.model_name=org/private', 'model.pretrained=true', 'model.config=null'];
    const env = { ...secrets, HF_ENDPOINT: hub.endpoint };
    const run = await train('private', {}, overrides, env);
    expectFailure(run, 5, /org\/private.*HF_TOKEN/s);
    expect(hub.requests.some(({ authorization }) => authorization === 'Bearer hf_s3cretA')).toBe(true);
    expectSilent(run);
  });

  it('of MLflow stay secret in a run whose server fails, or whose address is none', async () => {
    const { port } = refusing.address() as AddressInfo;
    const mlflow = { tracking_uri: `http://127.0.0.1:${port}` };
    const run = await train('secret', { mlflow, training: { max_epochs: 1 } }, [], secrets);
    expect(run.code, run.stderr).toBe(0);
    expect(asked).toContain('Bearer s3cretB');
    expect(run.events.at(-1)).toMatchObject({
      code: 'push_needed',
      message: expect.stringMatching(/ocelli push/),
    });
    expectSilent(run);
    const place = `mlflow.tracking_uri=ftp://me:hunter2@127.0.0.1:${port}`;
    const wrong = await train('secret-place', {}, [place], { DEBUG: '1' });
    expectFailure(wrong, 2, /http\(s\)/);
    expectSilent(wrong);
  });
});
