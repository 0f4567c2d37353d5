/**
 * `events.jsonl` of a run that comes from elsewhere. The views take what it says at its word, so each line must be an
 * event with the values that they read; kinds of events that this version does not know are left as they are. Lines can't
 * be dropped: checkpoints count them. The last one may be half a line, because the folder was copied while the run went on.
 */
import { DataError, type RunEvent } from '../../../core/index.ts';

export interface RunLog {
  readonly events: readonly RunEvent[];
  /** The log as it is to be written: whole lines. */
  readonly text: string;
  /** The last line was half a line, and is left out. */
  readonly cut: boolean;
}

type Kind = 'text' | 'number' | 'numbers' | 'texts' | 'object';

/** What readers take for granted; `?`: where it is there. */
const fields: Readonly<Record<string, Readonly<Record<string, Kind | `${Kind}?`>>>> = {
  run_started: { run: 'text', runName: 'text', task: 'text', model: 'text', device: 'text' },
  data_ready: { splits: 'object', classes: 'texts', setAside: 'number' },
  model_ready: { modelType: 'text', parameters: 'number', trainable: 'number', memory: 'object?' },
  step_compiled: { ms: 'number', dispatches: 'number' },
  step: {
    ...{ step: 'number', total_steps: 'number', epoch: 'number', loss: 'number', parts: 'numbers' },
    ...{ learning_rate: 'number', grad_norm: 'number', ms: 'number', images_per_second: 'number' },
  },
  epoch: { step: 'number', epoch: 'number' },
  evaluation: { split: 'text', metrics: 'numbers', step: 'number?' },
  checkpoint: { path: 'text', kind: 'text', step: 'number' },
  paused: { step: 'number' },
  resumed: { from: 'text', step: 'number', why: 'text?' },
  finished: { metrics: 'numbers', step: 'number', ms: 'number' },
  stopped: { reason: 'text', step: 'number' },
  failed: { code: 'text', message: 'text', hint: 'text', problems: 'texts?' },
  warning: { code: 'text', message: 'text' },
  exported: { format: 'text', path: 'text' },
  samples: { path: 'text' },
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A number that is none (NaN) is null in JSON. */
const isNumber = (value: unknown): boolean => typeof value === 'number' || value === null;

const holds: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  number: isNumber,
  numbers: (value) => isObject(value) && Object.values(value).every(isNumber),
  texts: (value) => Array.isArray(value) && value.every((item) => typeof item === 'string'),
  object: isObject,
};

/** @throws DataError that names the line */
export function checkLog(content: string): RunLog {
  const lines = content.split('\n').map((line) => line.replace(/\r$/, ''));
  const last = lines.pop()!;
  const events = lines.map((line, i) => {
    const problem = problemOf(line);
    if (problem !== undefined) throw badLine(i + 1, problem);
    return JSON.parse(line) as RunEvent;
  });
  const whole = last !== '' && problemOf(last) === undefined;
  if (whole) {
    lines.push(last);
    events.push(JSON.parse(last) as RunEvent);
  }
  if (!events.some(({ type }) => type === 'run_started')) throw neverStarted(events.length);
  return { events, text: lines.map((line) => `${line}\n`).join(''), cut: last !== '' && !whole };
}

/** What a line lacks to be an event. */
function problemOf(line: string): string | undefined {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    return line.trim() === '' ? 'an empty line' : `no JSON: ${line.slice(0, 60)}`;
  }
  if (!isObject(event) || typeof event.type !== 'string') return `no event: ${line.slice(0, 60)}`;
  if (typeof event.time !== 'string' || Number.isNaN(Date.parse(event.time))) {
    return `an event “${event.type.slice(0, 30)}” without a time`;
  }
  for (const [field, rule] of Object.entries(Object.hasOwn(fields, event.type) ? fields[event.type]! : {})) {
    const optional = rule.endsWith('?');
    if (optional && event[field] === undefined) continue;
    if (!holds[rule.replace('?', '') as Kind](event[field])) {
      return `an event “${event.type}” whose ${field} is ${JSON.stringify(event[field])?.slice(0, 40) ?? 'missing'}`;
    }
  }
  return undefined;
}

function badLine(line: number, received: string): DataError {
  return new DataError({
    code: 'run_log_invalid',
    expected: `one event in each line of events.jsonl`,
    received: `line ${line}: ${received}`,
    fix: 'copy the run folder again from where it was trained; if the run is of a newer version of Ocelli, reload this page',
  });
}

function neverStarted(count: number): DataError {
  return new DataError({
    code: 'run_log_invalid',
    expected: 'an event “run_started” in events.jsonl',
    received: count === 0 ? 'no whole line' : `${count} other events`,
    fix: 'choose a run that has begun; this one ended before it did anything',
  });
}
