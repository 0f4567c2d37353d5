/** Threads answer, fail and end without leaving anyone waiting. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { canOpenThread, openThread, useWorkersFolder } from './threads.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ocelli-threads-'));
  // The same messages as serveThread's, by hand: the build makes real ones.
  await writeFile(
    join(folder, 'echo.worker.js'),
    `const { parentPort } = require('node:worker_threads');
     parentPort.on('message', ({ id, question }) => {
       if (question === 'exit') process.exit(3);
       if (question === 'throw') throw new Error('thread broke');
       if (question === 'silence') return;
       if (question === 'error') parentPort.postMessage({ id, error: 'no', stack: 'Error: no at thread' });
       else parentPort.postMessage({ id, value: question });
     });`,
  );
  useWorkersFolder(pathToFileURL(`${folder}/`).href);
});
afterAll(async () => {
  useWorkersFolder(undefined);
  await rm(folder, { recursive: true, force: true });
});

test('answers, in any order, with buffers that move', async () => {
  const thread = openThread<unknown, unknown>('echo');
  const memory = new Float32Array([1, 2, 3]);
  const answers = await Promise.all([
    thread.ask(1),
    thread.ask({ memory }, [memory.buffer]),
    thread.ask('b'),
  ]);
  expect(answers).toEqual([1, { memory: new Float32Array([1, 2, 3]) }, 'b']);
  expect(memory.length).toBe(0);
  await thread.dispose();
});

test('an error crosses with its text and stack, and the thread goes on', async () => {
  const thread = openThread<string, string>('echo');
  await expect(thread.ask('error')).rejects.toMatchObject({ message: 'no', stack: 'Error: no at thread' });
  expect(await thread.ask('still here')).toBe('still here');
  await thread.dispose();
});

test.each([
  ['exit', /ended with code 3/],
  ['throw', /thread broke/],
])('a thread that ends by %s fails what is open and what comes', async (question, message) => {
  const thread = openThread<string, string>('echo');
  // Both fail at the same moment.
  await Promise.all(['silence', question].map((asked) => expect(thread.ask(asked)).rejects.toThrow(message)));
  await expect(thread.ask('later')).rejects.toThrow(message);
});

test('ending a thread fails what is open', async () => {
  const thread = openThread<string, string>('echo');
  const failed = expect(thread.ask('silence')).rejects.toThrow(/was ended/);
  await thread.dispose();
  await failed;
});

test('a thread that was not built is an error that says so', () => {
  expect(canOpenThread('echo')).toBe(true);
  expect(canOpenThread('none')).toBe(false);
  expect(() => openThread('none')).toThrow(/workers\/none\.worker\.js.*npm run build/);
});
