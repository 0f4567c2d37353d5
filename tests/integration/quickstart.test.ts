/**
 * What the README and the pages in docs/ promise is tried: their commands run as they stand there, in a shell and
 * in order, only shorter (a few steps, small pictures, a small DETR on a stand-in of the hub); every other command
 * that they mention must exist with its options. `npm` is not run here: package.test.ts installs the package.
 */

import { spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSampleDataset } from '../../src/data/index.ts';
import { openDevice } from '../../src/engine/index.ts';
import { fromConfig, saveModel } from '../../src/models/index.ts';
import { builtCli, cleanEnvironment, type Ended, ocelli, root } from '../support/cli.ts';
import { HubServer } from '../support/hub.ts';
import { tinyRecipe } from '../support/recipes.ts';

const pages = [
  ...['README.md', 'CONTRIBUTING.md'],
  ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
];
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');

/** Lines of a page's shell blocks, in order, without remarks; of one section where it is named. */
function shellLines(page: string, section = ''): string[] {
  const text = textOf(page);
  const from = section === '' ? text : text.slice(text.indexOf(`\n## ${section}\n`));
  const part = section === '' ? from : from.split(/\n## /).slice(0, 2).join('\n## ');
  return [...part.matchAll(/^```sh\n(.*?)^```/gms)]
    .flatMap((block) => block[1]!.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
}

let folder: string;
let hub: HubServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ocelli-quickstart-'));
  const [entry] = await Promise.all([builtCli(), generateData()]);
  hub = await HubServer.start({ 'facebook/detr-resnet-50': { files: await smallDetr() } });
  symlinkSync(join(root, 'configs'), join(folder, 'configs'));
  command('ocelli', `args=("$@"); [ "$1" = train ] && args+=($SHORTER); exec node ${entry} "\${args[@]}"`);
  command('npx', 'exec "$@"');
  command('npm', 'exit 0');
}, 120_000);
afterAll(async () => {
  await hub?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

/** A program of this name for the lines below. */
function command(name: string, script: string): void {
  const path = join(folder, 'bin', name);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(path, `#!/bin/bash\n${script}\n`);
  chmodSync(path, 0o755);
}

/** As `ocelli init detection` expects it: data/{train,val} and data/annotations. */
async function generateData(): Promise<void> {
  await generateSampleDataset({
    out: join(folder, 'data'),
    images: { train: 8, val: 4 },
    size: 48,
    objects: 2,
  });
  mkdirSync(join(folder, 'data/annotations'));
  for (const split of ['train', 'val']) {
    renameSync(
      join(folder, 'data', split, 'annotations.json'),
      join(folder, 'data/annotations', `${split}.json`),
    );
  }
  cpSync(join(folder, 'data/val'), join(folder, 'photos'), { recursive: true });
}

/** With the parameter names of the hub's DETR. */
async function smallDetr(): Promise<Record<string, Uint8Array>> {
  const device = await openDevice('cpu');
  try {
    const loaded = fromConfig({
      model_type: 'detr',
      architectures: ['DetrForObjectDetection'],
      use_timm_backbone: true,
      use_pretrained_backbone: false,
      backbone: 'resnet18',
      backbone_kwargs: { out_indices: [1, 2, 3, 4], in_chans: 3 },
      d_model: 16,
      ...{ encoder_layers: 1, encoder_attention_heads: 2, encoder_ffn_dim: 16 },
      ...{ decoder_layers: 1, decoder_attention_heads: 2, decoder_ffn_dim: 16 },
      num_queries: 5,
      id2label: { 0: 'N/A', 1: 'person', 2: 'circle' },
      label2id: { 'N/A': 0, person: 1, circle: 2 },
    });
    const files = await saveModel(loaded);
    loaded.model.dispose();
    const bytes = (content: string | Uint8Array): Uint8Array =>
      typeof content === 'string' ? new TextEncoder().encode(content) : content;
    return Object.fromEntries(Object.entries(files).map(([name, content]) => [name, bytes(content)]));
  } finally {
    await device.dispose();
  }
}

/** One line in a shell; `shorter` goes to every `ocelli train` in it. */
function shell(line: string, shorter: readonly string[] = []): Promise<Ended> {
  const child = spawn('bash', ['-c', line], {
    cwd: folder,
    env: {
      ...cleanEnvironment(folder),
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      HF_ENDPOINT: hub.endpoint,
      SHORTER: [...shorter, '--device', 'wasm'].join(' '),
    },
    timeout: 150_000,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((done) => child.on('close', (code) => done({ code, stdout, stderr })));
}

const newestRun = (): string => {
  const times = readdirSync(join(folder, 'runs')).map((name) => [/\d{8}-\d{6}$/.exec(name)?.[0] ?? '', name]);
  return `runs/${times.sort().at(-1)![1]}`;
};

describe('the README', () => {
  it('has one line to start with, which does what the page says', async () => {
    const [line, ...others] = shellLines('README.md', 'Quickstart');
    expect(line).toMatch(/^npm ci && npx ocelli train configs\/quickstart\.yaml$/);
    expect(others.length).toBeGreaterThan(0);
    const shorter = ['training.max_steps=3', 'data.val_data_path=sample:shapes?images=16&seed=2'];
    const { code, stdout, stderr } = await shell(line!, shorter);
    expect(code, stderr).toBe(0);
    const said = (what: string): string => new RegExp(`^${what}: +(\\S+)$`, 'm').exec(stdout)![1]!;
    expect(said('Run')).toMatch(/^runs\/quickstart-\d{8}-\d{6}$/);
    expect(said('Report')).toBe(`${said('Run')}/report/index.html`);
    expect(said('Model')).toBe(`${said('Run')}/model`);
    // The tree that the page draws.
    for (const [, path] of textOf('README.md').matchAll(/^runs\/<name>-<time>\/(\S+)/gm)) {
      expect(existsSync(join(folder, said('Run'), path!)), path).toBe(true);
    }
    expect(existsSync(join(folder, said('Model'), 'onnx/model.onnx'))).toBe(true);
  }, 120_000);

  it('goes on to data of your own: init, check, train from the hub, predict', async () => {
    const [, ...lines] = shellLines('README.md', 'Quickstart');
    expect(lines.map((line) => /^npx ocelli (init|data check|train|predict)/.exec(line)?.[1])).toEqual([
      'init',
      'data check',
      'train',
      'predict',
    ]);
    // Training's own pictures stay small; what the recipe says is learnt from more steps than fit here.
    const shorter = ['training.max_steps=1', 'model.image_size=64', 'data.batch_size=2'];
    for (const line of lines) {
      const { code, stdout, stderr } = await shell(line.replace('runs/<name>-<time>', newestRun()), [
        ...shorter,
        'training.accumulate_grad_batches=1',
      ]);
      expect(code, `${line}\n${stdout}\n${stderr}`).toBe(0);
    }
    expect(newestRun()).toMatch(/detr-resnet-50/);
    expect(hub.requests.some(({ path }) => path.includes('model.safetensors'))).toBe(true);
    const rows = readFileSync(join(folder, 'predictions/predictions.json'), 'utf8');
    expect(Array.isArray(JSON.parse(rows))).toBe(true);
  }, 180_000);

  it('has one line for the tests, whose parts exist; CI takes it from there', () => {
    const [line, ...others] = shellLines('README.md', 'Tests');
    expect(others).toEqual([]);
    expect(line).toBe('bash scripts/setup-system.sh && npm ci && npm test');
    expect(existsSync(join(root, 'scripts/setup-system.sh'))).toBe(true);
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const part of scripts.test!.matchAll(/npm run (\S+)/g)) expect(scripts).toHaveProperty([part[1]!]);
    expect(readFileSync(join(root, '.ci/run'), 'utf8')).toContain('## Tests');
  });
});

describe('docs/cli.md', () => {
  it('shows how to interrupt and go on', async () => {
    writeFileSync(join(folder, 'recipe.yaml'), tinyRecipe({ training: { max_epochs: 1 } }));
    // "The newest run of this recipe" has to be there.
    expect((await shell('ocelli train recipe.yaml')).code).toBe(0);
    const lines = shellLines('docs/cli.md');
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      expect(line).toMatch(/^ocelli train /);
      const { code, stdout, stderr } = await shell(line);
      expect(code, `${line}\n${stdout}\n${stderr}`).toBe(0);
    }
  }, 120_000);
});

describe('every command that a page mentions', () => {
  const mentioned = pages.flatMap((page) => {
    const inline = [...textOf(page).matchAll(/`(?:npx )?ocelli ([^`\n]+)`/g)].map((match) => match[1]!);
    const shown = shellLines(page).flatMap((line) => /\bocelli (?!&&)([^&|]+)/.exec(line)?.[1] ?? []);
    return [...inline, ...shown].map((words) => ({ page, words: words.trim() }));
  });

  it('exists, with its options', async () => {
    expect(mentioned.length).toBeGreaterThan(20);
    const helps = new Map<string, string>();
    for (const { page, words } of mentioned) {
      if (words.startsWith('<command>')) continue;
      const verb = /^data \w+/.exec(words)?.[0] ?? words.split(/[\s\\]/)[0]!;
      if (!helps.has(verb)) {
        const { code, stdout } = await ocelli([...verb.split(' '), '--help'], { cwd: folder });
        expect(code, `${page}: ocelli ${words}`).toBe(0);
        expect(stdout, `${page}: ocelli ${words}`).toContain(`Usage: ocelli ${verb}`);
        helps.set(verb, stdout);
      }
      for (const [option] of words.matchAll(/--[a-z][a-z-]*/g)) {
        expect(helps.get(verb), `${page}: ocelli ${words}`).toMatch(new RegExp(`${option}\\b`));
      }
    }
    // What `--help` itself shows as an example has the options of its verb.
    for (const [verb, help] of helps) {
      for (const [, line] of help.matchAll(/^ {2}ocelli (.+?)(?: {3,}.*)?$/gm)) {
        for (const [option] of line!.matchAll(/--[a-z][a-z-]*/g)) {
          expect(help.slice(0, help.indexOf('Examples:')), `${verb}: ${line}`).toContain(option);
        }
      }
    }
  }, 120_000);
});
