/**
 * Threads of Node (`worker_threads`). A thread's code is a file of its own in the build:
 * `workers/<name>.worker.js`, beside the entry or one folder above the chunk that this file ended up in.
 *
 * From TypeScript sources (unit tests) there is no such file and no thread can be opened, unless
 * `useWorkersFolder` says where built ones lie; callers then do the work in their own thread.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parentPort, Worker } from 'node:worker_threads';
import {
  serve,
  type Thread,
  ThreadCalls,
  type ThreadHandler,
  type ThreadOptions,
} from '../thread-channel.ts';

let chosenFolder: string | undefined;

/** Where built threads lie (a `file:` URL that ends with a slash); undefined: search again. */
export function useWorkersFolder(url: string | undefined): void {
  chosenFolder = url;
}

/** Whether threads of this name can be opened here. */
export function canOpenThread(name: string): boolean {
  return findThread(name) !== undefined;
}

export function openThread<Question, Answer>(
  name: string,
  { memory }: ThreadOptions = {},
): Thread<Question, Answer> {
  const file = findThread(name);
  if (file === undefined) {
    throw new Error(
      `Expected the built thread workers/${name}.worker.js. Received: none. Fix: npm run build`,
    );
  }
  const limits = memory === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memory / 1e6 } };
  const worker = new Worker(file, limits);
  const calls = new ThreadCalls<Question, Answer>(
    {
      post: (message, transfer) => worker.postMessage(message, transfer as ArrayBuffer[]),
      listen: (listener) => worker.on('message', listener),
    },
    (busy) => (busy ? worker.ref() : worker.unref()),
  );
  worker.on('error', (error) => calls.end(error));
  worker.on('exit', (code) => calls.end(new Error(`The thread ${name} ended with code ${code}`)));
  worker.unref();
  return {
    ask: (question, transfer) => calls.ask(question, transfer),
    async dispose() {
      calls.end(new Error(`The thread ${name} was ended`));
      await worker.terminate();
    },
  };
}

/** In a thread's own file: answers the questions of whoever started it. */
export function serveThread<Question, Answer>(handler: ThreadHandler<Question, Answer>): void {
  const port = parentPort;
  if (!port) throw new Error('This file runs as a thread: start it with openThread.');
  serve(
    {
      post: (message, transfer) => port.postMessage(message, transfer as ArrayBuffer[]),
      listen: (listener) => port.on('message', listener),
    },
    handler,
  );
}

function findThread(name: string): URL | undefined {
  const folders = chosenFolder
    ? [chosenFolder]
    : ['./workers/', '../workers/'].map((folder) => new URL(folder, import.meta.url).href);
  return folders
    .map((folder) => new URL(`${name}.worker.js`, folder))
    .find((file) => existsSync(fileURLToPath(file)));
}
