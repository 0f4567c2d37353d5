/**
 * Ctrl-C. The first asks the work to end well (a run writes a checkpoint); the second ends the process at once.
 * SIGTERM, which schedulers send, counts like the first Ctrl-C. Both end with exit code 130.
 */
import { InterruptedError } from '../core/index.ts';

export interface Interrupts {
  readonly signal: AbortSignal;
  /** Takes the handlers away, so that the process is as it was. */
  end(): void;
}

export function listenForInterrupts(say: (text: string) => void): Interrupts {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    say('Stopping as soon as everything is safe. Ctrl-C again stops at once.');
    controller.abort(
      new InterruptedError({
        code: 'interrupted',
        expected: 'to finish',
        received: 'an interrupt',
        fix: 'start the command again',
      }),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    signal: controller.signal,
    end() {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}
