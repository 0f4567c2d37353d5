/**
 * Per host: how many requests run at a time, until when it asked to be left alone, and whether it ever answered
 * (an address that never did is more likely a wrong address than a server that is restarting).
 */

interface Host {
  running: number;
  readonly waiting: (() => void)[];
  /** By `performance.now()`: a clock that is set back makes no rest longer. */
  pausedUntil: number;
  answered: boolean;
}

export class Hosts {
  private readonly hosts = new Map<string, Host>();

  constructor(private readonly perHost: number) {}

  /** Waits for a free place; the returned function gives it back. */
  async enter(url: string, signal?: AbortSignal): Promise<() => void> {
    const host = this.of(url);
    while (host.running >= this.perHost) await this.turn(host, signal);
    host.running++;
    try {
      for (;;) {
        const wait = host.pausedUntil - performance.now();
        if (wait <= 0) break;
        await sleep(wait, signal);
      }
    } catch (error) {
      this.leave(host);
      throw error;
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.leave(host);
    };
  }

  /** The host asked for a rest: nobody asks it before that is over. */
  pause(url: string, milliseconds: number): void {
    const host = this.of(url);
    host.pausedUntil = Math.max(host.pausedUntil, performance.now() + milliseconds);
  }

  answered(url: string): void {
    this.of(url).answered = true;
  }

  hasAnswered(url: string): boolean {
    return this.of(url).answered;
  }

  private leave(host: Host): void {
    host.running--;
    host.waiting.shift()?.();
  }

  private turn(host: Host, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = (): void => {
        const position = host.waiting.indexOf(enter);
        if (position >= 0) host.waiting.splice(position, 1);
        reject(signal!.reason);
      };
      host.waiting.push(enter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  private of(url: string): Host {
    const name = new URL(url).host;
    let host = this.hosts.get(name);
    if (!host) {
      host = { running: 0, waiting: [], pausedUntil: Number.NEGATIVE_INFINITY, answered: false };
      this.hosts.set(name, host);
    }
    return host;
  }
}

export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const end = (): void => {
      signal?.removeEventListener('abort', abort);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}
