/** What the worker answers to a call that comes before what it is about: data that is open, a run that is under way. */
import { ConfigError } from '../../core/index.ts';

export function noData(split: string): ConfigError {
  return new ConfigError({
    code: 'no_data',
    expected: `a ${split} split of data that is open`,
    received: 'none',
    fix: 'describe the data of a recipe first, or start a run',
  });
}

export function noRun(received: string): ConfigError {
  return new ConfigError({
    code: 'no_run',
    expected: 'a run that is under way',
    received,
    fix: 'start or resume a run first',
  });
}
