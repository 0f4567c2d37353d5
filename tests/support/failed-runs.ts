/**
 * `ocelli train` on tiny recipes that shall go wrong, and what has to be said when something did: the exit code of docs/cli.md, a
 * message that names what was expected, what was found and what to do, and on `--json` nothing but events, the last of
 * them `failed`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { RunEvent } from '../../src/core/index.ts';
import { type Ended, eventsOf, ocelli } from './cli.ts';
import { tinyRecipe } from './recipes.ts';

export interface Trained extends Ended {
  readonly events: RunEvent[];
  /** The run folder. */
  readonly run: string;
}

/** `ocelli train … --json` in a folder; throws where stdout holds anything but events. */
export async function train(
  folder: string,
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
export function expectFailure({ code, stderr, events }: Trained, exit: number, message: RegExp): void {
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/Expected [\s\S]+ Received: [\s\S]+ Fix: /);
  const last = events.at(-1)!;
  expect(last).toMatchObject({ type: 'failed', message: expect.stringMatching(message) });
  expect((last as { hint: string }).hint.length).toBeGreaterThan(10);
  expect(code).toBe(exit);
}
