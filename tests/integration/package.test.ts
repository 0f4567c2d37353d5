/**
 * The package as its users get it: packed as a fresh clone would pack it, installed by npm into an empty folder
 * (without our .npmrc, so that onnxruntime-node's install script runs, and may fail, as it does for them), then
 * used: from the command line, as a typed library, and by a user who may write nowhere but in one folder.
 */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cleanEnvironment, eventsOf, root } from '../support/cli.ts';
import { freePort } from '../support/ports.ts';

const run = promisify(execFile);

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string }[];
}

let folder: string;
let app: string;
let packed: Packed;

/** Without what `npm test` hands to its children: our own settings. */
function environment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const clean = Object.entries(cleanEnvironment(app)).filter(([name]) => !/^(npm_|INIT_CWD)/i.test(name));
  return { ...Object.fromEntries(clean), ...changes };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-package-'));
  chmodSync(folder, 0o755);
  app = join(folder, 'app');
  mkdirSync(app);
  const clone = join(folder, 'clone');
  const listed = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  for (const path of execFileSync('git', listed, { cwd: root, encoding: 'utf8' }).split('\0')) {
    if (path === '' || path.startsWith('tests/')) continue;
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    copyFileSync(join(root, path), join(clone, path));
  }
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  const pack = ['pack', '--json', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: clone, env: environment(), maxBuffer: 2 ** 26 });
  // npm 10 gives a list, npm 11 an object by name; what `prepare` prints may come first.
  const answer = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as object;
  packed = Object.values(answer)[0] as Packed;
  rmSync(clone, { recursive: true });
  const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, packed.filename)];
  await run('npm', install, { cwd: app, env: environment() });
}, 400_000);
// Many files.
afterAll(() => rmSync(folder, { recursive: true, force: true }), 120_000);

describe('the package', () => {
  it('holds what is needed and nothing else', () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths).toEqual(
      expect.arrayContaining([
        ...['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'bin/ocelli.js'],
        ...['dist/cli.js', 'dist/index.js', 'dist/types/src/index.d.ts'],
        ...['dist/workers/annotations.worker.js', 'dist/workers/samples.worker.js'],
        'dist/app/index.html',
        ...['ocelli-widget', 'widget.worker', 'pipelines', 'ort.wasm', 'ort.webgpu', 'ort.jspi'].map(
          (name) => `dist/embed/${name}.js`,
        ),
        ...['configs/quickstart.yaml', 'configs/recipe.schema.json', 'docs/cli.md', 'docs/recipe.md'],
      ]),
    );
    const folders = new Set(paths.map((path) => path.split('/')[0]!));
    expect([...folders].sort()).toEqual(
      ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'configs', 'dist', 'docs', 'package.json'].sort(),
    );
    expect(paths.filter((path) => /\.test\.|\.map$|(?<!\.d)\.ts$/.test(path))).toEqual([]);
    // The page's largest files are those of onnxruntime-web, which npm installs beside it.
    expect(paths.filter((path) => /ort-wasm-.*\.wasm$/.test(path))).toEqual([]);
    expect(packed.size).toBeLessThan(5_000_000);
    expect(packed.unpackedSize).toBeLessThan(15_000_000);
  });

  it('has a command line that looks around: `npx ocelli doctor`', async () => {
    const { stdout } = await run('npx', ['--no-install', 'ocelli', 'doctor', '--json'], {
      cwd: app,
      env: environment({ HOME: app }),
    });
    const report = JSON.parse(stdout) as {
      engine: { speeds: { backend: string; gflops?: number }[] };
      packages: { name: string; error?: string }[];
    };
    expect(report.engine.speeds.find(({ backend }) => backend === 'wasm')!.gflops).toBeGreaterThan(0);
    for (const name of ['sharp', 'webgpu', '@napi-rs/canvas']) {
      expect(report.packages.find((entry) => entry.name === name)).not.toHaveProperty('error');
    }
  }, 120_000);
});

describe('the gateway of the package', () => {
  it('serves the demo, with the files of onnxruntime that the page names and the package leaves out', async () => {
    const port = await freePort();
    const installed = join(app, 'node_modules/ocelli');
    const args = ['gateway', '--volume', '.', '--port', String(port), '--json'];
    const child = spawn(process.execPath, [join(installed, 'bin/ocelli.js'), ...args], {
      ...{ cwd: app, env: environment(), stdio: ['ignore', 'pipe', 'ignore'] as const },
    });
    try {
      await once(child.stdout, 'data');
      const get = async (path: string): Promise<{ type: string | null; bytes: ArrayBuffer }> => {
        const response = await fetch(`http://127.0.0.1:${port}/${path}`);
        expect([path, response.status]).toEqual([path, 200]);
        return { type: response.headers.get('content-type'), bytes: await response.arrayBuffer() };
      };
      expect(new TextDecoder().decode((await get('')).bytes)).toMatch(/<script type="module"/);
      const runtimes = new Set<string>();
      for (const name of readdirSync(join(installed, 'dist/app/assets'))) {
        if (!name.endsWith('.js')) continue;
        const { type, bytes } = await get(`assets/${name}`);
        expect(type).toMatch(/javascript/);
        const named = new TextDecoder()
          .decode(bytes)
          .matchAll(/onnxruntime-web-[\w.-]+\/ort-wasm-[\w.-]+\.wasm/g);
        for (const [path] of named) runtimes.add(`assets/${path}`);
      }
      expect(runtimes.size).toBe(3);
      for (const path of runtimes) {
        const { type, bytes } = await get(path);
        expect(type).toBe('application/wasm');
        expect([...new Uint8Array(bytes, 0, 4)]).toEqual([0, 0x61, 0x73, 0x6d]);
        expect(bytes.byteLength).toBeGreaterThan(10_000_000);
      }
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
  }, 60_000);
});

describe("import … from 'ocelli/widget'", () => {
  it('names each of its files so that bundlers find them, with those of onnxruntime by their package', () => {
    const embedded = join(app, 'node_modules/ocelli/dist/embed');
    const text = readFileSync(join(embedded, 'ocelli-widget.js'), 'utf8');
    const named = [...text.matchAll(/new URL\('([^']+)', import\.meta\.url\)/g)].map(([, path]) => path!);
    const resolve = createRequire(join(embedded, 'ocelli-widget.js')).resolve;
    expect(named).toHaveLength(8);
    for (const path of named) expect(existsSync(resolve(path)), path).toBe(true);
    // The worker and what it fetches are moved one by one: none of them may look for another beside it.
    for (const name of ['widget.worker', 'pipelines']) {
      const source = readFileSync(join(embedded, `${name}.js`), 'utf8');
      expect(source).not.toMatch(/\b(import|from) ?['"`]\.{1,2}\/|import\(['"`]/);
    }
  });

  it('does no harm on a server, which has no elements', async () => {
    const script = "console.log(Object.keys(await import('ocelli/widget')).join())";
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { cwd: app });
    expect(stdout.trim()).toBe('OcelliPredict,defineOcelliPredict');
  });

  it('types the element for scripts', async () => {
    const program = `
import 'ocelli/widget';
const widget = document.querySelector('ocelli-predict')!;
widget.addEventListener('prediction', ({ detail }) => detail.findings[0]!.score satisfies number | undefined);
widget.labels = ['cat', 'dog'];
widget.threshold = 0.5;
// @ts-expect-error: there is no such device
widget.device = 'abacus';
// @ts-expect-error: nothing of that name is told
widget.addEventListener('prediction', ({ detail }) => detail.nothing);
`;
    writeFileSync(join(app, 'page.ts'), program);
    const lib = ['es2023', 'dom', 'dom.iterable'];
    const compilerOptions = {
      module: 'esnext',
      moduleResolution: 'bundler',
      strict: true,
      noEmit: true,
      lib,
    };
    const config = { compilerOptions: { ...compilerOptions, types: [] }, files: ['page.ts'] };
    writeFileSync(join(app, 'tsconfig.page.json'), JSON.stringify(config));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const compiled = run(process.execPath, [compiler, '-p', 'tsconfig.page.json'], { cwd: app });
    expect((await compiled.catch((error: { stdout: string }) => error)).stdout).toBe('');
  });
});

describe("import … from 'ocelli'", () => {
  const program = `
import { createPredictor, parseRecipe, type Recipe, type RunEvent, train, type TrainRequest } from 'ocelli';
import { readFileSync } from 'node:fs';

const source = 'node_modules/ocelli/configs/quickstart.yaml';
const overrides = [
  'training.max_steps=2', 'data.train_data_path=sample:shapes?images=64&seed=1',
  'data.val_data_path=sample:shapes?images=8&seed=2',
];
const { recipe }: { recipe: Recipe } = parseRecipe(readFileSync(source, 'utf8'), { source, overrides });
const request: TrainRequest = { recipe, out: 'run', device: 'wasm' };
const told: RunEvent[] = [];
for await (const event of train(request)) {
  told.push(event);
  if (event.type === 'step') event.loss satisfies number;
  // @ts-expect-error: only steps have a loss
  event.loss;
}
// @ts-expect-error: a number is no text
const epochs: string = recipe.training.max_epochs;
const predictor = await createPredictor('run');
const colour = { width: 48, height: 48, data: new Uint8Array(48 * 48 * 3) };
const [prediction] = await predictor.predict([colour]);
await predictor.dispose();
console.log(JSON.stringify({ types: told.map(({ type }) => type), scores: prediction!.value.scores.length, epochs }));
`;

  /** Checks the program and writes `program.mjs`; what the compiler says. */
  async function compile(module: string, moduleResolution: string): Promise<string> {
    writeFileSync(join(app, 'program.mts'), program);
    const compilerOptions = {
      ...{ module, moduleResolution, strict: true, skipLibCheck: true, target: 'es2023' },
      ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')], rootDir: '.', outDir: '.' },
    };
    const config = { compilerOptions, files: ['program.mts'] };
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify(config));
    const compiler = join(root, 'node_modules/typescript/bin/tsc');
    const compiled = run(process.execPath, [compiler, '-p', '.'], { cwd: app });
    return (await compiled.catch((error: { stdout: string }) => error)).stdout;
  }

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('is typed for a strict program of modules %s, resolved as %s', async (module, moduleResolution) => {
    expect(await compile(module, moduleResolution)).toBe('');
  });

  it('trains and predicts', async () => {
    await compile('nodenext', 'nodenext');
    const { stdout } = await run(process.execPath, ['program.mjs'], { cwd: app, env: environment() });
    const result = JSON.parse(stdout.trim().split('\n').at(-1)!) as { types: string[]; scores: number };
    expect(result.types.filter((type) => type === 'step')).toHaveLength(2);
    expect(result.types.at(-1)).toBe('finished');
    expect(result.scores).toBe(4);
  }, 60_000);
});

describe('a user without rights', () => {
  it('runs the quickstart, with a cache that can not be written', async () => {
    const home = join(folder, 'home');
    const cache = join(folder, 'cache');
    for (const path of [home, cache]) mkdirSync(path);
    chmodSync(cache, 0o555);
    const asRoot = process.getuid?.() === 0;
    const nobody = 65534;
    if (asRoot) chownSync(home, nobody, nobody);
    const become = asRoot ? ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups'] : [];
    const entry = join(app, 'node_modules/ocelli/bin/ocelli.js');
    const shorter = ['training.max_steps=2', 'data.val_data_path=sample:shapes?images=8&seed=2'];
    const [program, ...args] = [
      ...become,
      process.execPath,
      entry,
      'train',
      'quickstart',
      ...shorter,
      '--json',
    ];
    const { stdout } = await run(program!, args, {
      cwd: home,
      env: environment({ HOME: home, XDG_CACHE_HOME: cache, XDG_RUNTIME_DIR: home }),
      maxBuffer: 2 ** 26,
    });
    const events = eventsOf(stdout);
    expect(events.at(-1)).toMatchObject({ type: 'finished' });
    // Checked against our own forward pass, by whichever runtime npm could install.
    expect(events.find((event) => event.type === 'exported' && event.format === 'onnx')).toMatchObject({
      max_abs: expect.any(Number),
    });
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
    expect(warnings).toEqual([]);
    expect(readdirSync(cache)).toEqual([]);
    const [made] = readdirSync(join(home, 'runs'));
    expect(readFileSync(join(home, 'runs', made!, 'model/config.json'), 'utf8')).toContain('"resnet"');
  }, 120_000);
});
