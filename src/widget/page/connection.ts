/**
 * The one worker of a page. All elements share it, also those of a second copy of this script on the same page. It is
 * started by the first element that needs a model, and ended some time after the last has gone.
 *
 * A worker's file must come from the page's own origin. Where the script comes from another (a CDN), or the page has none
 * (a sandboxed frame), a worker of one line imports it: `worker-src` must allow `blob:` (in such a frame `data:`) and the
 * other origin, and that origin must allow the import (CORS).
 */
import { proxy, type Remote, releaseProxy, transfer, wrap } from 'comlink';
import { prepareCrossing } from '../../client/wire/index.ts';
import { ConfigError, RunError } from '../../core/index.ts';
import type {
  Answer,
  OpenedModel,
  OpenRequest,
  PartAddresses,
  Progress,
  WidgetService,
  WorkerState,
} from '../protocol.ts';

/** Copies of the script with another number don't share: they could not talk. */
const shareName = Symbol.for('ocelli.widget.1');
const idleMilliseconds = 30_000;

interface Link {
  readonly worker: Worker;
  readonly remote: Remote<WidgetService>;
  /** Rejects when the worker is gone. */
  readonly gone: Promise<never>;
  fail(error: Error): void;
}

/** A model as one element holds it. It belongs to the worker that opened it. */
export interface HeldModel extends OpenedModel {
  readonly link: Link;
}

export class WidgetConnection {
  private link: Link | undefined;
  /** False after a restart: no model is recorded any more. */
  record = true;
  /** True once devices were lost twice for one question: `auto` means WebAssembly then. */
  avoidGpu = false;
  private held = 0;
  private lastTicket = 0;
  private idle: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly workerAddress: string,
    private readonly parts: PartAddresses | undefined,
  ) {}

  static shared(workerAddress: string, parts?: PartAddresses): WidgetConnection {
    const place = globalThis as unknown as Record<symbol, WidgetConnection | undefined>;
    place[shareName] ??= new WidgetConnection(workerAddress, parts);
    return place[shareName];
  }

  /** @param signal ends the wait: the model is not wanted any more */
  async open(
    request: OpenRequest,
    listener: (progress: Progress) => void,
    signal: AbortSignal,
  ): Promise<HeldModel> {
    this.hold();
    const ticket = ++this.lastTicket;
    try {
      const link = this.connect();
      const cancel = (): void => void this.race(link, link.remote.cancel(ticket)).catch(() => undefined);
      signal.addEventListener('abort', cancel, { once: true });
      const whole = this.parts ? { ...request, parts: this.parts } : request;
      const opening = this.race(link, link.remote.open(whole, proxy(listener), ticket));
      const opened = await opening.finally(() => signal.removeEventListener('abort', cancel));
      return { ...opened, link };
    } catch (error) {
      this.release();
      throw error;
    }
  }

  /** A bitmap goes to the worker and is closed there. */
  predict(
    { link, handle }: HeldModel,
    picture: Blob | ImageBitmap,
    candidates: readonly string[] = [],
  ): Promise<Answer> {
    const sent = picture instanceof Blob ? picture : transferred(picture);
    return this.race(link, link.remote.predict(handle, sent, candidates));
  }

  async close({ link, handle }: HeldModel): Promise<void> {
    this.release();
    if (link === this.link) await this.race(link, link.remote.close(handle)).catch(() => undefined);
  }

  /** Whether a model can still be asked. */
  isAlive({ link }: HeldModel): boolean {
    return link === this.link;
  }

  /** Undefined while there is no worker. */
  async state(): Promise<WorkerState | undefined> {
    const { link } = this;
    return link && this.race(link, link.remote.state());
  }

  /** After the device was lost: everything is opened again, by a new worker. */
  restart(model: HeldModel | undefined): void {
    this.record = false;
    if (!model || model.link === this.link) this.end(crash('a device that was lost'));
  }

  private hold(): void {
    this.held++;
    clearTimeout(this.idle);
  }

  private release(): void {
    if (--this.held > 0) return;
    this.idle = setTimeout(() => this.end(crash('a page that has ended it')), idleMilliseconds);
  }

  private end(reason: Error): void {
    const { link } = this;
    this.link = undefined;
    link?.remote[releaseProxy]();
    link?.worker.terminate();
    link?.fail(reason);
  }

  private race<Result>({ gone }: Link, answer: Promise<Result>): Promise<Result> {
    return Promise.race([answer, gone]);
  }

  private connect(): Link {
    if (this.link) return this.link;
    prepareCrossing();
    const worker = startWorker(new URL(this.workerAddress, document.baseURI));
    let fail: (error: Error) => void = () => {};
    const gone = new Promise<never>((_, reject) => {
      fail = reject;
    });
    gone.catch(() => undefined);
    const link: Link = { worker, remote: wrap<WidgetService>(worker), gone, fail };
    this.link = link;
    const crashed = (received: string): void => {
      if (this.link === link) this.end(crash(received));
    };
    worker.addEventListener('error', (event) => {
      event.preventDefault();
      crashed(event.message || 'a file that could not be loaded or was not allowed');
    });
    worker.addEventListener('messageerror', () => crashed('a message that could not be read'));
    return link;
  }
}

/** Comlink hands over what is marked. */
function transferred(bitmap: ImageBitmap): ImageBitmap {
  return transfer(bitmap, [bitmap]);
}

function startWorker(address: URL): Worker {
  const options = { type: 'module', name: 'ocelli-widget' } as const;
  if (address.origin === self.origin) return new Worker(trusted(address.href), options);
  const text = `import ${JSON.stringify(address.href)};`;
  // Without an origin there are no blobs for modules; such a worker has none either, as a data: worker always has.
  if (self.origin === 'null')
    return new Worker(trusted(`data:text/javascript,${encodeURIComponent(text)}`), options);
  const blob = URL.createObjectURL(new Blob([text], { type: 'text/javascript' }));
  // Revoking it at once would take it from a worker that has not read it yet.
  setTimeout(() => URL.revokeObjectURL(blob), 60_000);
  return new Worker(trusted(blob), options);
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string };
}

let policy: ReturnType<TrustedTypes['createPolicy']> | undefined;

/** For pages that allow scripts only from named policies (`trusted-types ocelli-widget`). */
function trusted(address: string): string {
  const { trustedTypes } = globalThis as unknown as { trustedTypes?: TrustedTypes };
  if (!trustedTypes) return address;
  try {
    policy ??= trustedTypes.createPolicy('ocelli-widget', { createScriptURL: (url) => url });
  } catch (cause) {
    throw new ConfigError({
      code: 'trusted_types_refused',
      expected: 'a page that allows the Trusted Types policy ocelli-widget: a worker is started by it',
      received: cause instanceof Error ? cause.message : String(cause),
      fix: "write trusted-types ocelli-widget into the page's Content-Security-Policy",
      cause,
    });
  }
  return policy.createScriptURL(address);
}

function crash(received: string): RunError {
  const isolated = crossOriginIsolated
    ? ", and on a page with Cross-Origin-Embedder-Policy the worker's file must come with that header as well"
    : '';
  return new RunError({
    code: 'worker_crashed',
    expected: "the widget's worker to start and to answer",
    received,
    fix: `try again; if it never starts, the page's Content-Security-Policy must allow it${isolated}: docs/widget.md says how`,
  });
}
