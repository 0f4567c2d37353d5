/**
 * Chromium without Playwright, which makes every page believe that it is seen: here a tab that is not in front is hidden, and
 * timers of hidden tabs are slowed down, as for people. The DevTools protocol goes over a pipe, one JSON message per null byte.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

interface Answer {
  readonly id?: number;
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export interface Tab {
  /** The value of an expression; a promise is awaited. */
  evaluate<Value>(expression: string): Promise<Value>;
  /** Brings the tab to the front: every other one is hidden then. */
  show(): Promise<void>;
}

export class PlainChromium {
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private lastId = 0;

  private constructor(
    private readonly process: ChildProcess,
    private readonly profile: string,
  ) {
    let rest = '';
    (process.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop()!;
      for (const message of messages) {
        const answer = JSON.parse(message) as Answer;
        if (answer.id === undefined) continue;
        this.waiting.get(answer.id)?.(answer);
        this.waiting.delete(answer.id);
      }
    });
  }

  static async open(executable = process.env.OCELLI_CHROMIUM ?? '/usr/bin/chromium'): Promise<PlainChromium> {
    const profile = await mkdtemp(join(tmpdir(), 'ocelli-chromium-'));
    const args = [
      '--headless',
      '--no-sandbox',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      'about:blank',
    ];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    return new PlainChromium(spawn(executable, args, { stdio: [...stdio] }), profile);
  }

  /** A new tab, in front. */
  async tab(url: string): Promise<Tab> {
    const { targetId } = await this.send<{ targetId: string }>('Target.createTarget', { url });
    const { sessionId } = await this.send<{ sessionId: string }>('Target.attachToTarget', {
      targetId,
      flatten: true,
    });
    return {
      evaluate: async <Value>(expression: string) => {
        const { result, exceptionDetails } = await this.send<{
          result: { value: Value };
          exceptionDetails?: { exception?: { description?: string } };
        }>('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId);
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? expression);
        return result.value;
      },
      show: async () => void (await this.send('Target.activateTarget', { targetId })),
    };
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill();
    await ended;
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 });
  }

  private async send<Result>(method: string, params: object = {}, sessionId?: string): Promise<Result> {
    const id = ++this.lastId;
    const answer = await new Promise<Answer>((resolve) => {
      this.waiting.set(id, resolve);
      (this.process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result as Result;
  }
}
