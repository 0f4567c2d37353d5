/** What goes wrong next: faults wait for a request that fits, and each hits as often as it says. */
import type { Answer } from './answers.ts';

export type Harm =
  /** Answers so instead of doing anything. */
  | { readonly answer: Answer }
  /** Sends that many bytes of the body, then breaks the connection. */
  | { readonly breakAfter: number };

interface Fault {
  readonly on: RegExp;
  readonly harm: Harm;
  left: number;
}

export class Faults {
  private faults: Fault[] = [];

  /** @param on matched against `GET /api/2.0/fs/files/Volumes/…`, `store GET`, `store PUT` */
  add(on: RegExp, harm: Harm, times = 1): void {
    this.faults.push({ on, harm, left: times });
  }

  take(request: string): Harm | undefined {
    const fault = this.faults.find(({ on, left }) => left > 0 && on.test(request));
    if (!fault) return undefined;
    fault.left--;
    return fault.harm;
  }

  /** Whether a fault still waits for such a request. */
  waitsFor(request: string): boolean {
    return this.faults.some(({ on, left }) => left > 0 && on.test(request));
  }

  clear(): void {
    this.faults = [];
  }
}
