/** The built command line as users meet it: help, exit codes, streams. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRecipe } from '../config/index.ts';

const root = resolve(import.meta.dirname, '../..');
const built = join(root, '.cache/run/cli/main.js');
const folder = mkdtempSync(join(tmpdir(), 'ocelli-cli-'));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [built, ...args], {
    cwd: folder,
    env: {
      ...process.env,
      HF_ENDPOINT: 'http://127.0.0.1:9',
      HF_TOKEN: 'hf_secret',
      XDG_CACHE_HOME: folder,
      ...environment,
    },
  });
}

const ocelli = (...args: string[]): Promise<Ended> => ended(start(args));

function ended(child: ChildProcessWithoutNullStreams): Promise<Ended> {
  return new Promise((done) => {
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      stderr += String(chunk);
    });
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
}

beforeAll(async () => {
  // Builds `src/cli/main.ts` as it ships; the lock keeps two test runs from writing the same files at once.
  const lock = join(root, '.cache/cli-build.lock');
  mkdirSync(dirname(lock), { recursive: true });
  const run = ['flock', lock, process.execPath, 'scripts/run.mjs', 'src/cli/main.ts', '--version'] as const;
  await promisify(execFile)(run[0], run.slice(1), { cwd: root });
}, 120_000);

const verbs = ['init', 'doctor', 'data', 'train', 'eval', 'predict', 'export', 'push', 'bench'];

describe('help', () => {
  it('lists the verbs', async () => {
    const { code, stdout } = await ocelli('--help');
    expect(code).toBe(0);
    for (const verb of verbs) expect(stdout).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
  });

  it.each([
    ...verbs.filter((verb) => verb !== 'data'),
    'data check',
    'data stats',
    'data sample',
    'data convert',
  ])('of %s has the common options and examples', async (verb) => {
    const { code, stdout } = await ocelli(...verb.split(' '), '--help');
    expect(code).toBe(0);
    for (const text of ['--json', '--quiet', '--device', 'Examples:', `ocelli ${verb}`]) {
      expect(stdout).toContain(text);
    }
  });
});

describe('wrong use ends with 2', () => {
  it.each([
    [[], /Usage: ocelli/],
    [['trian'], /unknown command 'trian'.*\n.*Did you mean train/],
    [['init', 'poetry'], /Allowed choices are classification, detection/],
    [['init', '--divice', 'cpu'], /unknown option '--divice'/],
    [['doctor', '--device', 'abacus'], /Allowed choices are auto, webgpu, wasm, cpu/],
    [['push'], /missing required argument 'run'/],
    [['train'], /Expected a recipe/],
    [['train', 'nothing.yaml'], /check the path.*quickstart/],
    [['train', 'training.max_epochs=3'], /the recipe comes first|Expected a recipe/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await ocelli(...args);
    expect(stderr).toMatch(message);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  it('and is an object for programs', async () => {
    const { code, stdout } = await ocelli('train', 'quickstart', '--bogus', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'failed',
      code: 'wrong_usage',
      message: expect.stringContaining("unknown option '--bogus'") as string,
      exit_code: 2,
    });
  });

  it('and tells every problem of a recipe at once, with lines', async () => {
    writeFileSync(
      join(folder, 'bad.yaml'),
      'model:\n  model_name: a\n  task_type: clasification\ndata:\n  train_data_path: a\n  val_data_path: b\n  batch: 3\n',
    );
    const { code, stderr } = await ocelli('train', 'bad.yaml', 'training.max_epochs=x');
    expect(code).toBe(2);
    expect(stderr).toMatch(/bad\.yaml:3:3 model\.task_type: .*did you mean classification\?/);
    expect(stderr).toMatch(/bad\.yaml:7:3 data\.batch: unknown key; did you mean data\.batch_size\?/);
    expect(stderr).toMatch(/argument training\.max_epochs=x training\.max_epochs: expected a number/);
  });

  it('and says so to programs too', async () => {
    const { code, stdout } = await ocelli('train', 'bad.yaml', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      type: 'failed',
      code: 'invalid_recipe',
      exit_code: 2,
      problems: expect.arrayContaining([expect.stringContaining('bad.yaml:3:3')]) as string[],
    });
  });

  it('and names a model folder that is not there', async () => {
    const { code, stderr } = await ocelli('eval', join(folder, 'no-such-run'));
    expect(code).toBe(3);
    expect(stderr).toMatch(/Received: .*no-such-run, where nothing is/);
  });

  it('and with the exit code once the run has begun', async () => {
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

describe('init', () => {
  it.each(['classification', 'detection'])('writes a recipe for %s that loads', async (task) => {
    const { code, stdout } = await ocelli('init', task, '--out', `${task}.yaml`);
    expect(code).toBe(0);
    expect(stdout).toContain(`Wrote ${task}.yaml`);
    const text = readFileSync(join(folder, `${task}.yaml`), 'utf8');
    const schema = /^# yaml-language-server: \$schema=(.+)\n/.exec(text)?.[1];
    expect(readFileSync(resolve(folder, schema!), 'utf8')).toContain('"title": "Ocelli recipe"');
    const { recipe, warnings } = parseRecipe(text);
    expect(recipe.model.task_type).toBe(task);
    expect(warnings).toEqual([]);
  });

  it('does not replace a file unless it is told to', async () => {
    expect((await ocelli('init', '--out', 'taken.yaml')).code).toBe(0);
    const again = await ocelli('init', '--out', 'taken.yaml');
    expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('--force')]);
    expect((await ocelli('init', '--out', 'taken.yaml', '--force')).code).toBe(0);
  });
});

describe('data', () => {
  it('generates and converts, and says so in JSON', async () => {
    const made = await ocelli('data', 'sample', 'shapes', '--train', '6', '--val', '2', '--json');
    expect(made.code).toBe(0);
    expect(JSON.parse(made.stdout)).toMatchObject({ type: 'sample', images: 8 });
    const converted = await ocelli('data', 'convert', 'shapes/train', '--out', 'shapes.json', '--json');
    expect(JSON.parse(converted.stdout)).toMatchObject({ type: 'converted', images: 6, setAside: [] });
    expect(converted.code).toBe(0);
  });

  it('is checked and described', async () => {
    const small = [
      'data.train_data_path=sample:shapes?images=12',
      'data.val_data_path=sample:shapes?images=6&seed=2',
    ];
    const checked = await ocelli('data', 'check', 'quickstart', ...small, '--json');
    expect([checked.code, JSON.parse(checked.stdout)]).toMatchObject([0, { type: 'checked', errors: 0 }]);
    const described = await ocelli('data', 'stats', 'quickstart', ...small, '--out', 'described');
    expect([described.code, described.stdout]).toEqual([0, expect.stringContaining('described/index.html')]);
    expect(readFileSync(join(folder, 'described/index.html'), 'utf8')).toContain('<svg');
  });

  it('is described as the run would choose it: `data.fraction` by the seed', async () => {
    const digests = [1, 2].map(async (seed) => {
      const { stdout } = await ocelli(
        ...['data', 'stats', 'quickstart', 'data.train_data_path=sample:shapes?images=40&seed=1'],
        ...[
          'data.fraction=0.2',
          `training.seed=${seed}`,
          '--samples',
          '1',
          '--out',
          `stats-${seed}`,
          '--json',
        ],
      );
      const { split, images, digest } = JSON.parse(stdout.split('\n')[0]!);
      expect([split, images]).toEqual(['train', 8]);
      return digest as string;
    });
    expect(new Set(await Promise.all(digests)).size).toBe(2);
  });

  it('has its problems told at once, with exit code 3', async () => {
    const same = 'data.val_data_path=sample:shapes?images=12';
    const { code, stdout } = await ocelli(
      'data',
      'check',
      'quickstart',
      'data.train_data_path=sample:shapes?images=12',
      same,
    );
    expect(stdout).toMatch(/error split_leakage: 12\n.*the same picture as 000000\.png of train/);
    const missing = await ocelli('data', 'check', 'detection_detr');
    expect(missing.stdout).toMatch(/train data\/train.*\n.*val data\/val/);
    expect([code, missing.code]).toEqual([3, 3]);
  });

  it('ends with 2 when a place has a placeholder left', async () => {
    const { code, stderr } = await ocelli(
      'data',
      'check',
      'quickstart',
      'data.val_data_path=/Volumes/<catalog>/x',
    );
    expect([code, stderr]).toEqual([2, expect.stringContaining('replace <catalog>')]);
  });

  it('ends with 3 when the files are not there', async () => {
    const { code, stderr } = await ocelli('data', 'convert', 'nowhere', '--out', 'x.json');
    expect(stderr).toMatch(/Expected .*nowhere/);
    expect(code).toBe(3);
  });
});

describe('doctor', () => {
  it('reports in one JSON object, reaches out in vain without failing, and shows no token', async () => {
    const { code, stdout, stderr } = await ocelli('doctor', 'quickstart', '--json');
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as {
      servers: { name: string; ok: boolean }[];
      engine: { speeds: unknown[] };
    };
    expect(report.engine.speeds.length).toBeGreaterThan(0);
    expect(report.servers.find(({ name }) => name === 'Hugging Face hub')).toMatchObject({ ok: false });
    expect(stdout + stderr).not.toContain('hf_secret');
  });
});

describe('a reader that goes away', () => {
  it('is no error', async () => {
    const command = `"${process.execPath}" "${built}" init classification --out - | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], { cwd: folder });
    expect(stdout).toMatch(/^# yaml-language-server: .*\n0\n$/);
    expect(stderr).toBe('');
  });
});

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
    expect(existsSync(join(folder, 'found/000001_pred.jpg'))).toBe(true);
    const exported = await ocelli('export', 'run', '--dtype', 'fp16', '--device', 'wasm');
    expect([exported.code, exported.stdout]).toEqual([0, expect.stringContaining('onnx/model_fp16.onnx')]);
  });

  it('writes a checkpoint on Ctrl-C, ends with 130, and goes on with --resume', async () => {
    const child = start([
      'train',
      'quickstart',
      ...small,
      'training.max_epochs=500',
      '--out',
      'stopped',
      '--json',
    ]);
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += String(chunk);
      // Once: a second interrupt would end the process at once.
      if (!child.killed && text.includes('"step":3,')) child.kill('SIGINT');
    });
    const code = await new Promise((done) => child.on('close', done));
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
  });

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
    const { code, stderr } = await ended(
      start(['train', 'quickstart', ...sample, '--out', 'd', '--device', 'webgpu'], none),
    );
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
});
