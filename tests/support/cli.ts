/**
 * The command line as a user runs it: built as it ships, started as a process in a folder of its own, read by its
 * exit code, its two streams and its events. The build lies below `.cache/e2e` under a name made from the sources,
 * so that test files which start at once share it and none reads one that is being written.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { build } from 'vite';
import type { RunEvent } from '../../src/core/index.ts';

export const root = resolve(import.meta.dirname, '../..');
const builds = join(root, '.cache/e2e');

export interface Ended {
  /** Null when a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  /** Beside a clean environment: no token, no server, a cache in `cwd`, no hub. */
  readonly env?: NodeJS.ProcessEnv;
}

let built: Promise<string> | undefined;

/** The built command line; once per test process. */
export function builtCli(): Promise<string> {
  built ??= buildOnce();
  return built;
}

export async function ocelli(args: readonly string[], options: CliOptions): Promise<Ended> {
  return (await startOcelli(args, options)).ended;
}

export interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What came on stdout so far. */
  stdout(): string;
  /** Resolves when stdout holds the text; rejects when the process ends without it. */
  said(text: string | RegExp): Promise<void>;
}

export async function startOcelli(args: readonly string[], options: CliOptions): Promise<Started> {
  const entry = await builtCli();
  const child = spawn(process.execPath, [entry, ...args], {
    cwd: options.cwd,
    env: { ...cleanEnvironment(options.cwd), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // What hangs fails its test instead of the whole run.
    timeout: 300_000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    child.emit('said');
  });
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, stdout, stderr }));
  });
  return {
    child,
    ended,
    stdout: () => stdout,
    said: (text) =>
      new Promise((done, fail) => {
        const look = (): void => {
          if (typeof text === 'string' ? stdout.includes(text) : text.test(stdout)) done();
        };
        child.on('said', look);
        look();
        // Also when it has ended before.
        ended.then(() => fail(new Error(`it ended without ${String(text)}:\n${stdout}\n${stderr}`)), fail);
      }),
  };
}

/** The events on stdout of a `--json` command. Throws where a line is anything else. */
export function eventsOf(stdout: string): RunEvent[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RunEvent);
}

/** Nothing of this machine's accounts or caches. */
export function cleanEnvironment(cwd: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(HF_|HUGGING|MLFLOW_|DATABRICKS_|AWS_|AZURE_|UC_|VITEST|NODE_ENV|DEBUG$)/.test(name),
  );
  return {
    ...Object.fromEntries(kept),
    HF_ENDPOINT: 'http://127.0.0.1:9',
    XDG_CACHE_HOME: join(cwd, 'cache'),
    XDG_RUNTIME_DIR: cwd,
  };
}

async function buildOnce(): Promise<string> {
  const folder = join(builds, await fingerprint());
  const entry = join(folder, 'cli.js');
  if (existsSync(entry)) return entry;
  await mkdir(builds, { recursive: true });
  await removeOld();
  const unfinished = `${folder}-${process.pid}`;
  await build({ root, logLevel: 'error', build: { outDir: unfinished, emptyOutDir: true } });
  // Another test process may have been faster; its build is the same.
  await rename(unfinished, folder).catch(() => rm(unfinished, { recursive: true }));
  return entry;
}

/** Of paths, sizes and times of everything that goes into the build. */
async function fingerprint(): Promise<string> {
  const hash = createHash('sha256');
  for (const place of ['src', 'workers', 'vite.config.ts', 'package.json']) {
    const path = join(root, place);
    const names = (await stat(path)).isDirectory() ? (await readdir(path, { recursive: true })).sort() : [''];
    for (const name of names) {
      const { size, mtimeMs } = await stat(join(path, name));
      hash.update(`${place}/${name} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

/** Builds that nobody can be using any more. */
async function removeOld(): Promise<void> {
  const hour = 3_600_000;
  for (const name of await readdir(builds)) {
    const path = join(builds, name);
    const entry = await stat(path).catch(() => undefined);
    if (entry && Date.now() - entry.mtimeMs > hour) await rm(path, { recursive: true, force: true });
  }
}
