/**
 * Threads of a browser: module workers. A bundler must see where a worker begins, so its entry is given by
 * whoever starts the threads' owner (`provideThread` in `workers/`), not searched for. A thread sees the same
 * mounted places as its owner: they are sent before the first question and whenever they change.
 */
import {
  serve,
  type Thread,
  ThreadCalls,
  type ThreadHandler,
  type ThreadOptions,
} from '../thread-channel.ts';
import { applyMountChange, type MountChange, mounted, onMountChange } from './files/mounts.ts';

const providers = new Map<string, () => Worker>();

/** Says how a thread of this name is started. */
export function provideThread(name: string, start: () => Worker): void {
  providers.set(name, start);
}

/** Node's builds are searched in a folder; here `provideThread` says where threads come from. */
export function useWorkersFolder(_url: string | undefined): void {
  throw new Error('in a browser threads are given with provideThread');
}

/** Whether threads of this name can be opened here. */
export function canOpenThread(name: string): boolean {
  return providers.has(name);
}

/** Mounts travel beside the questions. */
interface MountMessage {
  readonly mountChange: MountChange;
}

function isMountMessage(message: unknown): message is MountMessage {
  return typeof message === 'object' && message !== null && 'mountChange' in message;
}

export function openThread<Question, Answer>(
  name: string,
  _options: ThreadOptions = {},
): Thread<Question, Answer> {
  const start = providers.get(name);
  if (!start) {
    throw new Error(
      `Expected a thread ${name}. Received: none. Fix: provideThread('${name}', …) in the worker`,
    );
  }
  const worker = start();
  const tell = (mountChange: MountChange): void => worker.postMessage({ mountChange } satisfies MountMessage);
  for (const change of mounted()) tell(change);
  const stopTelling = onMountChange(tell);
  const calls = new ThreadCalls<Question, Answer>(
    {
      post: (message, transfer) => worker.postMessage(message, transfer as ArrayBuffer[]),
      listen: (listener) => worker.addEventListener('message', ({ data }) => listener(data)),
    },
    () => {},
  );
  worker.addEventListener('error', (event) => {
    event.preventDefault();
    calls.end(new Error(`The thread ${name} failed: ${event.message || 'its code could not be loaded'}`));
  });
  return {
    ask: (question, transfer) => calls.ask(question, transfer),
    async dispose() {
      stopTelling();
      calls.end(new Error(`The thread ${name} was ended`));
      worker.terminate();
    },
  };
}

/** In a thread's own file: answers the questions of whoever started it. */
export function serveThread<Question, Answer>(handler: ThreadHandler<Question, Answer>): void {
  serve(
    {
      post: (message, transfer) => self.postMessage(message, { transfer: transfer as ArrayBuffer[] }),
      listen: (listener) =>
        self.addEventListener('message', ({ data }) => {
          if (isMountMessage(data)) applyMountChange(data.mountChange);
          else listener(data);
        }),
    },
    handler,
  );
}
