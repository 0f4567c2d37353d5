/** The command line before it works: help, wrong use, a reader that goes away. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { builtCli, type Ended, ocelli as run } from '../../tests/support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'ocelli-usage-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const ocelli = (...args: string[]): Promise<Ended> => run(args, { cwd: folder });

const verbs = ['init', 'doctor', 'data', 'train', 'eval', 'predict', 'export', 'push', 'gateway', 'bench'];

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
    [['gateway'], /Expected something to offer.*--volume/s],
    [['gateway', '--origin', 'example'], /Expected an origin/],
    [['gateway', '--volume', '.', '--listen', '0.0.0.0'], /behind-proxy/],
    [['bench', '--wgsl'], /Expected --wgsl together with --explain/],
    [['bench', 'step', '--out', 'profile.html'], /Expected --out together with --profile/],
    [['bench', '--explain', '--profile'], /Expected either --explain or --profile/],
    [['bench', 'images', '--explain'], /Received: the case images/],
    [['gateway', '--volume', '.', '--port', '99999'], /whole number ≥ 0 and ≤ 65535/],
    [['gateway', '--volume', 'nowhere', '--no-page'], /folders to offer.*nowhere, where nothing is/],
    [['push'], /missing required argument 'run'/],
    [['train'], /Expected a recipe/],
    [['train', 'nothing.yaml'], /check the path.*quickstart/],
    [['train', '--resume', 'nowhere'], /a run folder .*Received: nowhere, and no such folder/],
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

  it('eval of a place where nothing is says so, whether or not it could be a hub id', async () => {
    mkdirSync(join(folder, 'runs'));
    for (const [model, code] of [
      [join(folder, 'no-such-run'), 3],
      ['typo', 3],
      ['runs/typo', 3],
      ['facebook/typo', 2],
    ] as const) {
      const { code: ended, stderr } = await ocelli('eval', model);
      expect(stderr).toMatch(/no such folder is here/);
      expect(stderr).toContain(model);
      expect(stderr).toContain('--data <recipe>');
      expect(ended, model).toBe(code);
    }
    // With data it is looked up on the hub, which does not answer here: both places are told.
    const { code, stderr } = await ocelli('eval', 'runs/typo', '--data', 'quickstart', '--device', 'cpu');
    expect(stderr).toMatch(
      /a folder with a model at runs\/typo, or the model runs\/typo .* no such folder, and/,
    );
    expect(code).toBe(5);
  });
});

describe('a recipe', () => {
  it('may come by a pipe, and a folder or a device in its place is told', async () => {
    const shell = async (line: string): Promise<string> => {
      const command = `cd "${folder}"; ${line.replace('ocelli', `"${process.execPath}" "${await builtCli()}"`)} 2>&1; echo "ended with $?"`;
      return (await promisify(execFile)('bash', ['-c', command])).stdout;
    };
    const recipe = 'printf "model:\\n  model_name: a\\n"';
    expect(await shell(`ocelli data check <(${recipe})`)).toMatch(
      /model\.task_type: missing[\s\S]*ended with 2\n$/,
    );
    expect(await shell(`${recipe} | ocelli data check /dev/stdin`)).toMatch(
      /model\.task_type: missing[\s\S]*ended with 2\n$/,
    );
    expect(await shell('mkdir -p spoiled/recipe.yaml; ocelli train spoiled')).toMatch(
      /to read spoiled\/recipe\.yaml\. Received: a folder where a file should be[\s\S]*ended with 3\n$/,
    );
    expect(await shell('ocelli data check /dev/zero')).toMatch(
      /at most 16 MB in \/dev\/zero[\s\S]*ended with 2\n$/,
    );
  });
});

describe('a reader that goes away', () => {
  it('is no error', async () => {
    const command = `"${process.execPath}" "${await builtCli()}" init classification --out - | head -1; echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], { cwd: folder });
    expect(stdout).toMatch(/^# yaml-language-server: .*\n0\n$/);
    expect(stderr).toBe('');
  });
});
