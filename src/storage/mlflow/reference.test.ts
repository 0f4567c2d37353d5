/** Names of models as MLflow's own clients read them. */
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../core/index.ts';
import { isModelReference, isMoving, parseModelReference, writeModelReference } from './reference.ts';

describe('a reference', () => {
  it.each([
    ['models:/shapes@champion', { kind: 'alias', name: 'shapes', alias: 'champion' }],
    ['models:/shapes/3', { kind: 'version', name: 'shapes', version: '3' }],
    ['models:/shapes/007', { kind: 'version', name: 'shapes', version: '7' }],
    ['models:/shapes/latest', { kind: 'latest', name: 'shapes' }],
    ['models:/shapes/LATEST', { kind: 'latest', name: 'shapes' }],
    ['models:/m-0123456789abcdef', { kind: 'logged', modelId: 'm-0123456789abcdef' }],
    ['models:/my model@a-b_1', { kind: 'alias', name: 'my model', alias: 'a-b_1' }],
    ['models:/main.vision.shapes@x', { kind: 'alias', name: 'main.vision.shapes', alias: 'x' }],
  ])('%s', (place, reference) => {
    expect(isModelReference(place)).toBe(true);
    expect(parseModelReference(place)).toEqual(reference);
    expect(parseModelReference(writeModelReference(parseModelReference(place)))).toEqual(reference);
  });

  it('means the same tomorrow, or not', () => {
    const moving = (place: string): boolean => isMoving(parseModelReference(place));
    expect(['models:/a@b', 'models:/a/latest', 'models:/a/1', 'models:/m-1'].map(moving)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it.each([
    'models:',
    'models:/',
    'models:shapes/1',
    'models:/shapes',
    'models:/shapes/',
    'models:/shapes@',
    'models:/@champion',
    'models:/shapes@champion/3',
    'models:/shapes/3/model',
    'models:/shapes@a b',
    'models://profile/shapes/3',
    'models:/../3',
    'models:/a%2fb/3',
    'models:/a\nb/3',
    'models:/m-1/../2',
  ])('is refused: %j', (place) => {
    expect(() => parseModelReference(place)).toThrowError(
      expect.objectContaining({ code: 'model_reference_invalid', exitCode: 2 }),
    );
  });

  it('says how to get from a stage to an alias', () => {
    const parse = (): unknown => parseModelReference('models:/shapes/Production');
    expect(parse).toThrowError(ConfigError);
    expect(parse).toThrowError(/stages are deprecated.*models:\/shapes@production/s);
  });
});

it.each(['facebook/detr-resnet-50', './models:/x', '/Volumes/a/b/c', 'models/shapes'])(
  'is none: %s',
  (place) => {
    expect(isModelReference(place)).toBe(false);
  },
);
