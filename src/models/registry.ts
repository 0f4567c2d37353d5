/** The families that there are, by `model_type`. A plugin adds a row with `registerFamily`. */
import { ConfigError, type TaskName } from '../core/index.ts';
import { detr } from './detr/index.ts';
import { resnet } from './resnet/index.ts';
import type { Family, HfConfig } from './types.ts';
import { vit } from './vit/index.ts';
import { vitpose } from './vitpose/index.ts';
import { yolos } from './yolos/index.ts';

const registered = new Map<string, Family>(
  [vit, resnet, detr, yolos, vitpose].map((family) => [family.modelType, family]),
);

/** Adds a family; one of the same `model_type` is replaced. Returns how to take it away again. */
export function registerFamily(family: Family): () => void {
  const before = registered.get(family.modelType);
  registered.set(family.modelType, family);
  return () => {
    if (before) registered.set(family.modelType, before);
    else registered.delete(family.modelType);
  };
}

export function families(): readonly Family[] {
  return [...registered.values()];
}

/** The family of a `config.json`, which lies in `where`. Throws a ConfigError that lists the known ones. */
export function familyOf(config: Readonly<Record<string, unknown>>, where?: string): Family {
  const modelType = config.model_type;
  const family = typeof modelType === 'string' ? registered.get(modelType) : undefined;
  if (family) return family;
  throw new ConfigError({
    code: 'unknown_model_type',
    expected: `a model_type that is one of ${[...registered.keys()].sort().join(', ')}`,
    received: `${modelType === undefined ? 'no model_type' : `model_type=${String(modelType)}`} in ${where ?? 'the config'}`,
    fix: 'choose a checkpoint of a known family, or register the family with registerFamily',
  });
}

/** The task to build for: the one asked for, or the only one that the config's class and family allow. */
export function taskOf(family: Family, config: HfConfig, asked?: TaskName): TaskName {
  const offered = Object.keys(family.architectures) as TaskName[];
  if (asked) {
    if (offered.includes(asked)) return asked;
    const able = families().filter((other) => asked in other.architectures);
    throw new ConfigError({
      code: 'task_not_supported',
      expected: `a model for ${asked}: ${able.map((other) => other.modelType).join(', ') || 'none yet'}`,
      received: `model_type=${family.modelType}, which does ${offered.join(', ')}`,
      fix: 'choose another model_name, or another task_type',
    });
  }
  const [architecture] = Array.isArray(config.architectures) ? (config.architectures as unknown[]) : [];
  return offered.find((task) => family.architectures[task] === architecture) ?? offered[0]!;
}

/** The model of a config, without memory: compare it, initialise it or load it. */
export function buildModel(config: Readonly<Record<string, unknown>>, task?: TaskName) {
  const family = familyOf(config);
  const typed = config as HfConfig;
  return family.build(typed, taskOf(family, typed, task));
}
