/** What comes before a run, as users meet it: `init`, `data`, `doctor`. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Ended, ocelli as run } from '../../tests/support/cli.ts';
import { parseRecipe } from '../config/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ocelli-commands-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ocelli = (...args: string[]): Promise<Ended> =>
  run(args, { cwd: folder, env: { HF_TOKEN: 'hf_secret' } });

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
