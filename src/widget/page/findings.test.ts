import { describe, expect, test } from 'vitest';
import type { Answer, Finding } from '../protocol.ts';
import { chosenFindings, outputText, summary, unknownLabels } from './findings.ts';
import type { Settings } from './settings.ts';

const times = { decode: 0, prepare: 0, model: 0, total: 0 };
const box = { x: 0, y: 0, width: 1, height: 1 };
const answer = (findings: readonly Finding[], more: Partial<Answer> = {}): Answer => ({
  ...{ width: 4, height: 4, times, findings },
  ...more,
});
const classes = answer([
  { label: 'cat', index: 0, score: 0.7 },
  { label: 'dog', index: 1, score: 0.3 },
  { label: 'cow', index: 2, score: 0 },
]);
const objects = answer([
  { label: 'cat', index: 0, score: 0.5, box },
  { label: 'dog', index: 1, score: 0.6, box },
  { label: 'cat', index: 0, score: 0.9, box },
]);
const all = { threshold: undefined, topK: 5, labels: [] };

describe('chosenFindings', () => {
  const names = (given: Answer, settings: Partial<Settings>): string[] =>
    chosenFindings(given, { ...all, ...settings }).map(({ label, score }) => `${label} ${score}`);

  test('classes: the best, whatever their scores', () => {
    expect(names(classes, {})).toEqual(['cat 0.7', 'dog 0.3', 'cow 0']);
    expect(names(classes, { topK: 1 })).toEqual(['cat 0.7']);
    expect(names(classes, { threshold: 0.3 })).toEqual(['cat 0.7']);
  });

  test('objects: strictly above the threshold, 0.5 if none is given, best first, all of them', () => {
    expect(names(objects, { topK: 1 })).toEqual(['cat 0.9', 'dog 0.6']);
    expect(names(objects, { threshold: 0.4 })).toEqual(['cat 0.9', 'dog 0.6', 'cat 0.5']);
  });

  test('a class that is a list of names is chosen by any of them', () => {
    const fish = answer([
      { label: 'tench, Tinca tinca', index: 0, score: 0.6 },
      { label: 'goldfish, Carassius auratus', index: 1, score: 0.4 },
    ]);
    const labels = 'Tench, tinca tinca'.split(', ');
    expect(names(fish, { labels: ['tinca TINCA'] })).toEqual(['tench, Tinca tinca 0.6']);
    expect(names(fish, { labels })).toEqual(['tench, Tinca tinca 0.6']);
    expect(unknownLabels(labels, ['tench, Tinca tinca'])).toBeUndefined();
    expect(unknownLabels(['Tinca'], ['tench, Tinca tinca'])).toMatchObject({ code: 'labels_unknown' });
  });

  test('only some labels, in any case', () => {
    expect(names(objects, { labels: ['DOG'] })).toEqual(['dog 0.6']);
  });
});

test('sentences', () => {
  expect(summary(classes, classes.findings.slice(0, 2))).toBe('cat 70 %, dog 30 %.');
  expect(summary(objects, objects.findings)).toBe('3 found: cat 50 %, dog 60 %, cat 90 %.');
  expect(summary(objects, [])).toBe('Nothing above the threshold.');
  expect(summary(answer([]), [])).toBe('Nothing found.');
  expect(summary(answer([], { output: [{ generated_text: 'a red car' }] }), [])).toBe(
    'The model says: a red car',
  );
  expect(outputText({ shape: [1, 3], data: [] })).toBe('numbers of shape 1 × 3');
});

test('labels of which the model knows none are an error that names its classes', () => {
  const classes = ['Cat', 'dog'];
  expect(unknownLabels(['cta', 'dgo'], classes)).toMatchObject({
    code: 'labels_unknown',
    expected: 'the attribute labels to name classes of the model: Cat, dog',
    received: 'cta, dgo',
  });
  // Pages may have one list for several models; pipelines name their classes in the answer only.
  expect(unknownLabels(['cta', 'CAT'], classes)).toBeUndefined();
  expect(unknownLabels([], classes)).toBeUndefined();
  expect(unknownLabels(['cta'], [])).toBeUndefined();
});
