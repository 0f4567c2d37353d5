/**
 * The parity runner: holds Ocelli's numbers against stored reference numbers.
 *
 *   npm run parity -- <folder> [<folder> …] [--device webgpu|wasm|cpu|browser] [--compiled|--eager] [--json] [--quiet]
 *
 * It finds every case below the folders, checks it through the public API, and prints one line per check (with
 * `--quiet` only of those that failed). It exits with 1 if a check
 * fails, if a case's kind is unknown or if there is no case at all.
 */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { readArguments, wrongUse } from '../../scripts/arguments.ts';
import type { CheckResult, ParityCase } from './case.ts';
import { runCase } from './run-case.ts';

async function findCases(root: string, folder = root): Promise<ParityCase[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: ParityCase[] = [];
  if (entries.some((entry) => entry.name === 'README.json')) {
    const readme = JSON.parse(await readFile(join(folder, 'README.json'), 'utf8')) as Record<string, unknown>;
    if (typeof readme.kind === 'string') {
      found.push({ folder, name: relative(resolve(root, '..'), folder), kind: readme.kind, readme });
    }
  }
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    if (entry.isDirectory()) found.push(...(await findCases(root, join(folder, entry.name))));
  }
  return found;
}

function line(result: CheckResult): string {
  const verdict = result.ok ? 'ok  ' : 'FAIL';
  const ratio = result.ratio === null ? '' : ` ratio ${result.ratio.toPrecision(3)}`;
  return `${verdict} ${result.case} ${result.check}${ratio}${result.note ? ` (${result.note})` : ''}`;
}

const tool = 'npm run parity';
const page = `Usage: npm run parity -- <folder> [<folder> …] [options]

Holds Ocelli against the reference cases below the folders, one line per check. Exit code 1 when one fails.

Options:
  --device webgpu|wasm|cpu|browser
                             where tensors live (wasm); browser: WebGPU in Chromium's worker
  --compiled | --eager       how training steps run (eager)
  --json                     one object per check
  --quiet                    only checks that failed
  --help                     this page

Examples:
  npm run parity -- ../shared/reference/models/vit
  npm run parity -- ../shared/reference/metrics --quiet`;

const { values, positionals } = readArguments(
  tool,
  {
    device: { type: 'string', default: 'wasm' },
    compiled: { type: 'boolean', default: false },
    eager: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    quiet: { type: 'boolean', default: false },
  },
  page,
);
const devices = ['webgpu', 'wasm', 'cpu', 'browser'] as const;
const device = devices.find((name) => name === values.device);
if (!device) wrongUse(tool, `--device ${devices.join('|')}`, String(values.device));
const missing = positionals.filter((folder) => !existsSync(folder));
// Like a folder without a case: 1, so that nobody takes a wrong path for a pass.
if (missing.length > 0) wrongUse(tool, 'folders with reference cases', `${missing.join(', ')}, not there`, 1);
let checks = 0;
let failures = 0;
let worst: CheckResult | undefined;
const emit = (result: CheckResult): void => {
  checks++;
  if (!result.ok) failures++;
  if (result.ratio !== null && result.ratio >= (worst?.ratio ?? 0)) worst = result;
  if (values.quiet && result.ok) return;
  console.log(values.json ? JSON.stringify(result) : line(result));
};

const cases = (await Promise.all(positionals.map((folder) => findCases(resolve(folder))))).flat();
const { compiled } = values;
if (device === 'browser' && cases.length > 0) {
  const { runInBrowser } = await import('./browser/run.ts');
  await runInBrowser(cases, { device: 'webgpu', compiled }, emit);
} else if (device !== 'browser') {
  for (const parityCase of cases) await runCase(parityCase, { device, compiled }, device, emit);
}
if (cases.length === 0)
  console.error(
    `Expected folders with reference cases. Received: ${positionals.join(', ') || 'none'}. Fix: npm run parity -- <folder>`,
  );
const summary = `${cases.length} cases, ${checks} checks, ${failures} failed${worst ? `; largest ratio ${worst.ratio?.toPrecision(3)} (${worst.case} ${worst.check})` : ''}`;
console.error(summary);
process.exitCode = failures > 0 || cases.length === 0 ? 1 : 0;
