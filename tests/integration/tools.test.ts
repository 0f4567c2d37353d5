/** The repository's own tools say how they are used; what they do not know is a sentence and no stack. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { root } from '../support/cli.ts';

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

function npmRun(tool: string, ...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync('npm', ['run', '--silent', tool, '--', ...args], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, stdout, stderr };
}

it.each(['bench', 'parity'])('npm run %s -- --help is a page with examples', (tool) => {
  const { code, stdout } = npmRun(tool, '--help');
  expect(stdout).toMatch(new RegExp(`^Usage: npm run ${tool} -- .*Options:.*Examples:`, 's'));
  expect(code).toBe(0);
});

it.each([
  [
    'bench',
    ['images', '--bogus'],
    /Expected options of json.* Received: Unknown option '--bogus'\. Fix: .*--help/,
  ],
  ['bench', ['image'], /Expected cases of .*images.* Received: image\. Fix: .*--help/],
  ['parity', ['--bogus'], /Expected options of device.* Received: Unknown option '--bogus'\. Fix: .*--help/],
  ['parity', ['nowhere'], /Expected folders .* Received: nowhere, not there\. Fix: .*--help/, 1],
  [
    'parity',
    ['.', '--device', 'abacus'],
    /Expected --device webgpu\|wasm\|cpu\|browser\. Received: abacus\. Fix: .*--help/,
  ],
])('npm run %s -- %j ends with a sentence', (tool, args, message, exitCode = 2) => {
  const { code, stdout, stderr } = npmRun(tool, ...args);
  expect(stderr).toMatch(message);
  expect(stderr).not.toMatch(/\n {4}at /);
  expect([code, stdout]).toEqual([exitCode, '']);
});
