/** Errors that cross a wire and come out as they went in. */
import { expect, test } from 'vitest';
import { ConfigError, DataError, exitCodeOf } from '../core/index.ts';
import { packError, unpackError } from './errors.ts';

const sent = (error: unknown): Error => unpackError(structuredClone(packError(error)));

test('keeps class, code, parts, problems and causes', () => {
  const error = new ConfigError({
    code: 'recipe_invalid',
    expected: 'a recipe',
    received: 'another text',
    fix: 'correct it',
    problems: ['line 1', 'line 2'],
    cause: new DataError({
      code: 'file_missing',
      expected: 'a file',
      received: 'nothing',
      fix: 'put it there',
      cause: new TypeError('fetch failed'),
    }),
  });
  const arrived = sent(error);
  expect(arrived).toBeInstanceOf(ConfigError);
  expect(arrived).toMatchObject({
    name: 'ConfigError',
    message: error.message,
    stack: error.stack,
    code: 'recipe_invalid',
    hint: 'correct it',
    problems: ['line 1', 'line 2'],
  });
  expect(exitCodeOf(arrived)).toBe(2);
  expect(arrived.cause).toBeInstanceOf(DataError);
  expect((arrived.cause as Error).cause).toMatchObject({ name: 'TypeError', message: 'fetch failed' });
});

test('takes anything that was thrown', () => {
  expect(sent('a text')).toMatchObject({ name: 'Error', message: 'a text' });
  expect(sent(new DOMException('gone', 'AbortError'))).toMatchObject({ name: 'AbortError', message: 'gone' });
  const circle = new Error('outer');
  circle.cause = circle;
  expect(sent(circle).message).toBe('outer');
});
