/** What is believed of a folder that says to be a run, and what is not. */
import { expect, test } from 'vitest';
import { checkCheckpoints } from './check-checkpoints.ts';
import { checkLog } from './check-log.ts';
import { requireRoom } from './room.ts';

const time = '2026-01-02T03:04:05.000Z';
const started = {
  type: 'run_started',
  run: '/r',
  runName: 'a',
  task: 'classification',
  model: 'm',
  device: 'cpu',
  time,
};
const step = {
  ...{ type: 'step', step: 1, epoch: 0, loss: 1, parts: {}, learning_rate: 1, grad_norm: 1, ms: 1 },
  ...{ images_per_second: 1, gpu_bytes: 0, total_steps: 2, time },
};
const log = (...lines: unknown[]): string =>
  lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('');

test('a log is read whole, with events of kinds that are not known', () => {
  const text = log(started, step, { type: 'of_tomorrow', more: [1], time });
  const checked = checkLog(text);
  expect(checked.events.map(({ type }) => type)).toEqual(['run_started', 'step', 'of_tomorrow']);
  expect(checked).toMatchObject({ text, cut: false });
});

test('half a last line is left out; one that only lacks its end is kept', () => {
  const half = checkLog(`${log(started, step)}{"type":"step","st`);
  expect(half).toMatchObject({ text: log(started, step), cut: true });
  const whole = checkLog(`${log(started)}${JSON.stringify(step)}`);
  expect(whole).toMatchObject({ text: log(started, step), cut: false });
  expect(whole.events).toHaveLength(2);
});

test('a number that is none is null, and no reason to refuse a run', () => {
  expect(checkLog(log(started, { ...step, loss: null })).events).toHaveLength(2);
});

test.each([
  ['no JSON', log(started, '{"type":'), /line 2: no JSON/],
  ['an empty line', log(started, '', step), /line 2: an empty line/],
  ['a list', log('[1]'), /line 1: no event/],
  ['no time', log({ ...started, time: 'yesterday' }), /line 1: an event “run_started” without a time/],
  ['a text for a number', log(started, { ...step, ms: '<b>' }), /line 2: .* “step” whose ms is "<b>"/],
  [
    'texts for metrics',
    log(started, { type: 'evaluation', split: 'val', metrics: { a: 'x' }, time }),
    /metrics/,
  ],
  ['a missing value', log(started, { ...step, parts: undefined }), /parts is missing/],
  ['an object for a name', log({ ...started, runName: {} }), /runName is \{\}/],
  ['no start', log(step), /1 other events/],
  ['nothing', '', /no whole line/],
  ['the name of what every object has', log({ type: 'constructor', time }), /1 other events/],
])('a log is refused for %s', (_, text, received) => {
  expect(() => checkLog(text)).toThrow(received);
  expect(() => checkLog(text)).toThrow(/^Expected .* Fix: /s);
});

const state = {
  format: 1,
  seed: 1,
  events: 4,
  progress: { step: 2, epoch: 0, cursor: 1 },
  identity: {},
  optimizer: {},
  files: { 'model.safetensors': 8, 'optimizer.safetensors': 4 },
};

async function checkpoints(content: unknown, sizes: Readonly<Record<string, number>> = state.files) {
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  const files = Object.entries(sizes).map(([name, size]) => ({ path: `checkpoints/last/${name}`, size }));
  const own = { path: 'checkpoints/last/state.json', size: text.length };
  return checkCheckpoints([...files, own, { path: 'model/config.json', size: 1 }], async () => text);
}

test('a checkpoint is whole with all that it lists, in its size', async () => {
  expect(await checkpoints(state)).toEqual({ whole: ['checkpoints/last'], broken: [] });
});

test.each([
  ['a file is missing', state, { 'model.safetensors': 8 }],
  ['a file is cut short', state, { 'model.safetensors': 7, 'optimizer.safetensors': 4 }],
  ['its state is half written', '{"format":1,', state.files],
  ['its state lacks what going on needs', { ...state, progress: { step: 'two' } }, state.files],
  ['it lists no weights', { ...state, files: {} }, state.files],
])('a checkpoint is left out where %s', async (_, content, sizes) => {
  expect(await checkpoints(content, sizes)).toEqual({ whole: [], broken: ['checkpoints/last'] });
});

test('a folder without a state is no checkpoint', async () => {
  const files = [{ path: 'checkpoints/.writing-last/model.safetensors', size: 1 }];
  const { broken } = await checkCheckpoints(files, async () => '');
  expect(broken).toEqual(['checkpoints/.writing-last']);
});

test('a format of another version is said, not guessed', async () => {
  await expect(checkpoints({ ...state, format: 2 })).rejects.toMatchObject({
    code: 'checkpoint_format_unknown',
    received: 'format 2 (checkpoints/last/state.json)',
  });
});

test('a checkpoint that lists files elsewhere is refused', async () => {
  const files = { ...state.files, '../../other/state.json': 1 };
  await expect(checkpoints({ ...state, files }, files)).rejects.toMatchObject({ code: 'run_file_name' });
});

test('room is made where caches give it, and a run that does not fit is refused before it is copied', async () => {
  let free = 10e6;
  const disk = {
    makeRoom: async (bytes: number) => {
      free = Math.min(50e6, Math.max(free, bytes));
    },
    freeBytes: async () => free,
  };
  await requireRoom(40e6, disk);
  expect(free).toBeGreaterThan(40e6);
  await expect(requireRoom(60e6, disk)).rejects.toMatchObject({
    code: 'no_room_for_run',
    expected: expect.stringContaining('60.0 MB'),
    received: '50.0 MB free',
  });
});
