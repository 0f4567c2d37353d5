/** The recipe's `image_size` in a processor's terms. */
import type { Size } from '../core/index.ts';
import type { ProcessorConfig } from './types.ts';

/**
 * The processor with another size: where it keeps the aspect ratio, `shortest_edge` becomes the smaller side and
 * `longest_edge` grows or shrinks alike (for a size that is not square it becomes the larger side); else the size
 * is the fixed one. A centre crop crops to it.
 */
export function withImageSize(processor: ProcessorConfig, { height, width }: Size): ProcessorConfig {
  const short = Math.min(height, width);
  const before = processor.size;
  let size: unknown;
  if (typeof before === 'object' && before !== null && 'shortest_edge' in before) {
    const { shortest_edge: edge, longest_edge: longest } = before as Record<string, number | undefined>;
    const scaled = longest && edge ? Math.round((longest * short) / edge) : undefined;
    const long = height === width ? scaled : Math.max(height, width);
    size = { shortest_edge: short, ...(longest && long ? { longest_edge: long } : {}) };
  } else size = { height, width };
  const crop = processor.do_center_crop && processor.crop_size ? { crop_size: { height, width } } : {};
  return { ...processor, size, ...crop };
}
