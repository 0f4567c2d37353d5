/** A log is read whole, whatever its length, and its torn end does not stop whoever reads it. */
import { expect, test } from 'vitest';
import { readEvents } from './event-log.ts';
import { Live } from './live.ts';

const step = (number: number): string =>
  JSON.stringify({
    ...{ type: 'step', time: '2026-01-01T00:00:00.000Z', step: number, epoch: 0, total_steps: 9000 },
    ...{ loss: 1 / number, parts: {}, learning_rate: 1, grad_norm: 1, ms: 10 },
    ...{ images_per_second: 5, gpu_bytes: 1 },
  });

/** Half a line at the end: the tab was closed while it was written. */
const torn = `${[...Array(1200).keys()].map((i) => step(i + 1)).join('\n')}\n{"type":"step","time":"2026-01`;

const clientWith = (text: string | undefined) => ({
  worker: {
    async readFile(): Promise<Blob> {
      if (text === undefined) throw new Error('no such file');
      return new Blob([text]);
    },
  },
});

test('every whole line is an event, in order; half a line is none', async () => {
  const steps: unknown[] = [];
  for await (const events of readEvents(clientWith(torn), '/runs/a')) {
    steps.push(...events.map((event) => event.type === 'step' && event.step));
  }
  expect(steps).toEqual([...Array(1200).keys()].map((i) => i + 1));
});

test('a run without a log has no events', async () => {
  for await (const events of readEvents(clientWith(undefined), '/runs/a')) expect(events).toEqual([]);
});

test('a run whose log is torn is resumed, with the curves that it had', async () => {
  let resumed = '';
  const client = {
    ...clientWith(torn),
    async resume({ run }: { run: string }) {
      resumed = run;
      return { run, outcome: 'stopped' as const, metrics: {} };
    },
  };
  const live = new Live(
    client as unknown as ConstructorParameters<typeof Live>[0],
    undefined as never,
    { peek: () => 'auto' } as never,
    () => undefined,
  );
  await live.resume('/runs/a');
  expect(live.error.value).toBeUndefined();
  expect(resumed).toBe('/runs/a');
  expect(live.status.value).toBe('stopped');
  expect(live.curves.loss.points.at(-1)![0]).toBe(1200);
});

test('an evaluation behind the checkpoint is forgotten when the run goes on from before it', async () => {
  const at = { time: '2026-01-01T00:00:00.000Z', epoch: 0 };
  const log = [
    { type: 'evaluation', ...at, step: 12, split: 'val', metrics: { val_accuracy: 1 } },
    { type: 'resumed', ...at, step: 6, from: 'checkpoints/last', exact: true },
  ];
  const live = new Live(
    {
      ...clientWith(log.map((event) => JSON.stringify(event)).join('\n')),
      resume: async ({ run }: { run: string }) => ({ run, outcome: 'stopped', metrics: {} }),
    } as unknown as ConstructorParameters<typeof Live>[0],
    undefined as never,
    { peek: () => 'auto' } as never,
    () => undefined,
  );
  await live.resume('/runs/a');
  expect(live.facts.value.evaluation).toBeUndefined();
});
