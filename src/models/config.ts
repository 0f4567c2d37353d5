/**
 * Reading `config.json`: the fields that a family uses with Hugging Face's defaults for those that are left out
 * (or null), everything wrong with them reported at once. Fields that a family does not use stay in the file.
 */
import { z } from 'zod';
import { ConfigError } from '../core/index.ts';

export { labelCount } from '../core/index.ts';

export const positive = z.number().int().positive();
export const rate = z.number().min(0).lt(1);

/** One number for both axes or [height, width]. */
export const sizePair = z.union([
  positive.transform((size): [number, number] => [size, size]),
  z.tuple([positive, positive]),
]);

export function readConfig<Shape extends z.ZodRawShape>(
  config: Readonly<Record<string, unknown>>,
  shape: Shape,
  where = 'config.json',
): z.infer<z.ZodObject<Shape>> {
  const given = Object.fromEntries(Object.entries(config).filter(([, value]) => value !== null));
  const result = z.object(shape).safeParse(given);
  if (result.success) return result.data as z.infer<z.ZodObject<Shape>>;
  throw new ConfigError({
    code: 'model_config_invalid',
    expected: `a ${where} that describes a ${String(config.model_type)} model`,
    received: `${result.error.issues.length} field(s) that don't`,
    fix: "correct the fields below, or take the checkpoint's own config.json",
    problems: result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  });
}

/** For a field whose value is valid in Hugging Face, but which this version does not compute. */
export function unsupported(field: string, value: unknown, expected: string): ConfigError {
  return new ConfigError({
    code: 'model_config_unsupported',
    expected: `${field} in config.json to be ${expected}`,
    received: JSON.stringify(value) ?? 'nothing',
    fix: 'choose a checkpoint without it; the weights would mean something else here',
  });
}

/** Attention splits the width evenly over its heads. */
export function requireDivisible(width: number, heads: number, names: string): void {
  if (width % heads === 0) return;
  throw new ConfigError({
    code: 'model_config_invalid',
    expected: `${names}: a width that its heads divide`,
    received: `${width} and ${heads} heads`,
    fix: 'correct config.json',
  });
}
