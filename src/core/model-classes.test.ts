import { describe, expect, it } from 'vitest';
import { classesOf, labelCount } from './model-classes.ts';

describe('the classes of a config.json', () => {
  it('are those of id2label, else as many as num_labels says, else two', () => {
    expect(classesOf({ id2label: { 1: 'dog', 0: 'cat' } }).names).toEqual(['cat', 'dog']);
    expect(classesOf({ num_labels: 3 }).names).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    expect(labelCount({ num_labels: null })).toBe(2);
    expect(classesOf({}).size).toBe(2);
  });

  it('may have any name', () => {
    const names = ['__proto__', 'constructor', '<b>', ''];
    const classes = classesOf({ id2label: Object.fromEntries(names.entries()) });
    expect(classes.names).toEqual(names);
    expect(classes.labelOfName('constructor')).toBe(1);
    expect(Object.values(classes.toId2Label())).toEqual(names);
  });

  it.each([
    [{ num_labels: 4e9 }],
    [{ num_labels: -1 }],
    [{ num_labels: 2.5 }],
    [{ num_labels: '3' }],
    [{ id2label: { 0: 'cat', 2: 'dog' } }],
    [{ id2label: { 0: 'cat', length: 'dog' } }],
    [{ id2label: { 0: 'cat', 1: { name: 'dog' } } }],
    [{ id2label: { 0: 'cat', 1: null } }],
    [JSON.parse('{ "id2label": { "0": "cat", "__proto__": "dog" } }') as object],
  ])('are refused: %j', (config) => {
    expect(() => classesOf(config as Record<string, unknown>)).toThrow(
      expect.objectContaining({ code: 'model_config_invalid', exitCode: 2 }),
    );
  });
});
