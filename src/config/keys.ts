/** The schema's keys as dotted names, read from the schema itself. */
import { z } from 'zod';
import { recipeSchema } from './schema/index.ts';

let names: readonly string[] | undefined;

export function schemaKeys(): readonly string[] {
  names ??= [...objectKeys(recipeSchema, '')];
  return names;
}

/** Sections and leaves, depth first, in the schema's order. */
function* objectKeys(schema: z.ZodType, prefix: string): Generator<string> {
  const object = unwrap(schema);
  if (!(object instanceof z.ZodObject)) return;
  for (const [key, value] of Object.entries(object.shape as Record<string, z.ZodType>)) {
    yield prefix + key;
    yield* objectKeys(value, `${prefix}${key}.`);
  }
}

/** The schema below default, nullable, optional and transforms. */
export function unwrap(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodOptional
  ) {
    inner = inner.unwrap() as z.ZodType;
  }
  return inner;
}
