/**
 * A page without a face: it puts the client, and the platform in a worker, where tests reach them
 * (`window.ocelli`). Events are kept in the page, because a test that waits for each of them would be slow.
 */
import { type Remote, wrap } from 'comlink';
import * as client from '../../../src/client/index.ts';
import type { RunEvent } from '../../../src/core/index.ts';
import type { PlatformService } from './platform.worker.ts';

/** What a call of the client came to, as plain data. */
export type Outcome<Value> =
  | { readonly value: Value }
  | {
      readonly error: {
        readonly name: string;
        readonly isOcelliError: boolean;
        readonly message: string;
        readonly code?: string;
        readonly hint?: string;
        readonly expected?: string;
        readonly received?: string;
        readonly problems?: readonly string[];
        readonly cause?: string;
      };
    };

async function outcomeOf<Value>(work: Promise<Value>): Promise<Outcome<Value>> {
  try {
    return { value: await work };
  } catch (caught) {
    const error = caught as Error & Record<string, never>;
    const { code, hint, expected, received, problems, cause } = error;
    return {
      error: {
        name: error.name,
        message: error.message,
        isOcelliError: 'exitCode' in error,
        ...(code === undefined ? {} : { code, hint, expected, received, problems }),
        ...(cause === undefined ? {} : { cause: String(cause) }),
      },
    };
  }
}

let opened: client.TrainingClient | undefined;
const trainer = (): client.TrainingClient => {
  opened ??= client.TrainingClient.open();
  return opened;
};
const events: RunEvent[] = [];
let run: Promise<Outcome<client.RunResult>> | undefined;

async function eventually<Found>(what: string, find: () => Found | undefined): Promise<Found> {
  let over: Outcome<client.RunResult> | undefined;
  void run?.then((outcome) => {
    over = outcome;
  });
  for (;;) {
    const found = find();
    if (found !== undefined) return found;
    if (over) throw new Error(`the run ended before ${what}: ${JSON.stringify(over)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const api = {
  ...client,
  get client(): client.TrainingClient {
    return trainer();
  },
  outcomeOf,
  events,
  start(request: client.StartRequest): void {
    run = outcomeOf(trainer().start(request, (event) => events.push(event)));
  },
  resume(request: client.ResumeRequest): void {
    run = outcomeOf(trainer().resume(request, (event) => events.push(event)));
  },
  /** The end of what was started. */
  async ended(): Promise<Outcome<client.RunResult>> {
    if (!run) throw new Error('nothing was started');
    return run;
  },
  /** Waits until an event of a type (at a step or later) has come; fails when the run ends before. */
  seen: (type: RunEvent['type'], step = 0): Promise<RunEvent> =>
    eventually(`${type} at step ${step}`, () =>
      events.find((event) => event.type === type && (!('step' in event) || (event.step ?? 0) >= step)),
    ),
  warned: (code: string): Promise<RunEvent> =>
    eventually(`the warning ${code}`, () =>
      events.find((event) => event.type === 'warning' && event.code === code),
    ),
  /** Waits until more than `count` steps were told. */
  stepsAfter: (count: number): Promise<true> =>
    eventually(
      `more than ${count} steps`,
      () => events.filter(({ type }) => type === 'step').length > count || undefined,
    ),
  /** The newest run once nobody has it: the worker of a page that is gone, and one that crashed, ends after its step. */
  async left(): Promise<client.RunRecord> {
    for (;;) {
      const [found] = await trainer().runs();
      if (!found) throw new Error('there is no run');
      if (found.status !== 'running' && found.status !== 'paused') return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  async base64(path: string): Promise<string> {
    const bytes = new Uint8Array(await (await trainer().worker.readFile(path)).arrayBuffer());
    let text = '';
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  },
  platform: wrap<PlatformService>(
    new Worker(new URL('./platform.worker.ts', import.meta.url), { type: 'module' }),
  ) as Remote<PlatformService>,
};

export type PageApi = typeof api;

declare global {
  interface Window {
    ocelli: PageApi;
  }
}

window.ocelli = api;
