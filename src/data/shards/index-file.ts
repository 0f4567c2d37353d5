/**
 * A data set in shards: tar archives of pictures in WebDataset's layout (`000000012.jpg` beside `000000012.json`),
 * the annotations of all of them as one COCO file, and an index that says where each picture lies, so that
 * pictures are read by byte ranges of a few large files instead of by a signed address each.
 *
 *     <folder>/shards.json  annotations.json  00000.tar  00001.tar  …
 */
import { z } from 'zod';
import { DataError } from '../../core/index.ts';

export const indexName = 'shards.json';
export const annotationsName = 'annotations.json';

const wholeNumber = z.int().min(0);

const schema = z.object({
  format: z.literal('ocelli-shards'),
  version: z.literal(1),
  annotations: z.string().min(1),
  /** Without boxes an annotation gives an image's class. */
  has_boxes: z.boolean(),
  shards: z.array(
    z.object({
      path: z.string().min(1),
      size: wholeNumber,
      /** As the annotations name the picture; where its bytes begin, and how many there are. */
      files: z.array(z.tuple([z.string().min(1), wholeNumber, wholeNumber])),
    }),
  ),
});

export type ShardIndex = z.infer<typeof schema>;

/** @param source the index's place, for messages */
export function parseShardIndex(bytes: Uint8Array, source: string): ShardIndex {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw invalid(source, error instanceof Error ? error.message : String(error));
  }
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw invalid(source, `${issue?.path.join('.')}: ${issue?.message}`);
  }
  for (const { path, size, files } of result.data.shards) {
    const outside = files.find(([, start, length]) => start + length > size);
    if (outside) throw invalid(source, `${outside[0]} reaches past the end of ${path}`);
  }
  return result.data;
}

function invalid(source: string, received: string): DataError {
  return new DataError({
    code: 'shards_invalid',
    expected: `the index of a data set in shards in ${source}`,
    received,
    fix: 'pack the data set again with `ocelli data shard`',
  });
}
