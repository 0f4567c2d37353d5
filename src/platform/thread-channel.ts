/**
 * Questions and answers between a thread and the one that started it. A thread serves one function; buffers
 * that an answer hands over are moved, not copied. Both environments share this file: it only needs a port.
 *
 * Errors cross as text: what a caller should tell apart is part of the answer, not of an error.
 */

/** One end of a channel. */
export interface ThreadPort {
  post(message: unknown, transfer: readonly ArrayBuffer[]): void;
  listen(listener: (message: unknown) => void): void;
}

/** What a thread answers: the value, and the buffers in it that move to the caller. */
export interface ThreadAnswer<Answer> {
  readonly value: Answer;
  readonly transfer?: readonly ArrayBuffer[];
}

export type ThreadHandler<Question, Answer> = (question: Question) => Promise<ThreadAnswer<Answer>>;

export interface ThreadOptions {
  /** Bytes of its objects, beyond which it ends; browsers have limits of their own. */
  readonly memory?: number;
}

/** A running thread. It keeps the process alive only while a question is open. */
export interface Thread<Question, Answer> {
  ask(question: Question, transfer?: readonly ArrayBuffer[]): Promise<Answer>;
  /** Ends the thread; open questions fail. */
  dispose(): Promise<void>;
}

type Asked = { readonly id: number; readonly question: unknown };
type Answered = { readonly id: number } & (
  | { readonly value: unknown }
  | { readonly error: string; readonly stack: string | undefined }
);

/** In the thread: answers every question with `handler`, several at a time. */
export function serve<Question, Answer>(port: ThreadPort, handler: ThreadHandler<Question, Answer>): void {
  port.listen((message) => {
    const { id, question } = message as Asked;
    handler(question as Question).then(
      ({ value, transfer }) => port.post({ id, value } satisfies Answered, transfer ?? []),
      (error: unknown) => {
        const { message: text, stack } = error instanceof Error ? error : new Error(String(error));
        port.post({ id, error: text, stack } satisfies Answered, []);
      },
    );
  });
}

/** In the starter: asks, and fails what is open when the thread ends. */
export class ThreadCalls<Question, Answer> {
  private readonly port: ThreadPort;
  private readonly onBusy: (busy: boolean) => void;
  private readonly open = new Map<number, { resolve(value: Answer): void; reject(error: unknown): void }>();
  private next = 0;
  private ended: Error | undefined;

  constructor(port: ThreadPort, onBusy: (busy: boolean) => void) {
    this.port = port;
    this.onBusy = onBusy;
    port.listen((message) => this.answered(message as Answered));
  }

  ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.ended) return Promise.reject(this.ended);
    const id = this.next++;
    if (this.open.size === 0) this.onBusy(true);
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve, reject });
      this.port.post({ id, question } satisfies Asked, transfer);
    });
  }

  /** From now on every question fails with this error. */
  end(error: Error): void {
    this.ended ??= error;
    for (const { reject } of this.open.values()) reject(this.ended);
    if (this.open.size > 0) this.onBusy(false);
    this.open.clear();
  }

  private answered(message: Answered): void {
    const caller = this.open.get(message.id);
    if (!caller) return;
    this.open.delete(message.id);
    if (this.open.size === 0) this.onBusy(false);
    if ('error' in message) {
      const error = new Error(message.error);
      if (message.stack !== undefined) error.stack = message.stack;
      caller.reject(error);
    } else {
      caller.resolve(message.value as Answer);
    }
  }
}
