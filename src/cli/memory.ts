/** What training a recipe takes of the device's memory, in lines: of `ocelli doctor` and `ocelli data check`. */
import type { Recipe } from '../config/index.ts';
import { counted, OcelliError } from '../core/index.ts';
import type { MemoryReport } from '../runs/index.ts';
import type { Context } from './command.ts';
import { showDownloads } from './downloads.ts';
import { columns, megabytes } from './format.ts';

/** The report, or why there is none: the model's description may not be there, or not one image fits. */
export type ToldMemory =
  | MemoryReport
  | { readonly code: string; readonly error: string; readonly fix: string };

export async function memoryOf(recipe: Recipe, context: Context): Promise<ToldMemory> {
  const { estimateMemory } = await import('../runs/index.ts');
  const onDownload = showDownloads(context.output);
  try {
    return await estimateMemory({ recipe, device: context.device, onDownload }, context.signal);
  } catch (error) {
    if (!(error instanceof OcelliError) || context.signal.aborted) throw error;
    const { code, expected, received, hint } = error;
    return { code, error: `expected ${expected}, received ${received}`, fix: hint };
  }
}

export function memoryLines(memory: ToldMemory): string[] {
  if ('error' in memory) {
    const title = memory.code === 'model_too_large' ? 'the recipe does not fit' : 'not told';
    return ['', 'Memory', `  ${title}: ${memory.error}`, `  to do: ${memory.fix}`];
  }
  const { device, weights, gradients, moments, step, evaluation, exact, largestBatch, images } = memory;
  const about = (bytes: number): string => `${exact ? 'about' : 'at least'} ${megabytes(bytes)}`;
  const kept = `${megabytes(weights)} of weights, ${megabytes(gradients)} of gradients, ${megabytes(moments)} of the optimiser`;
  const rows = [
    ['  kept', kept],
    ...(step
      ? [
          [
            '  a step',
            `${about(step.bytes)}, with ${counted(step.images, 'image')} of ${step.height} × ${step.width} at once`,
          ],
        ]
      : []),
    ...(evaluation
      ? [
          [
            '  an evaluation',
            `${about(evaluation.bytes)}, with ${counted(evaluation.images, 'image')} at once and what steps keep`,
          ],
        ]
      : []),
    ['  fits', step ? fitting(memory) : 'not told: the step can not be traced'],
    ...(largestBatch === undefined
      ? []
      : [
          [
            '  largest batch',
            `${exact ? '' : 'at most '}${counted(largestBatch, 'image')} at once${largestBatch === images ? ', all of the data' : ''}`,
          ],
        ]),
  ];
  return ['', `Memory on ${device}`, ...columns(rows)];
}

function fitting({ parts, batch, step, exact, limit, binding }: MemoryReport): string {
  if (parts > 1)
    return `a batch of ${batch} does not: it is computed in ${parts} parts of ${step!.images}, gradients accumulated`;
  if (!limit)
    return `as far as the adapter tells: no value is above the ${megabytes(binding!)} that it binds at once; how much memory it has, a graphics card does not tell`;
  const into = `the ${megabytes(limit.bytes)} of ${limit.of}`;
  return exact ? `yes, into ${into}` : `as far as shapes tell, into ${into}`;
}
