/**
 * Data sets and batches: what lies in folders becomes records with one class map, and records become batches
 * of fixed shapes, in an order that seed and epoch decide.
 *
 *     const { train, val } = await openSplits(recipe.data, { task: 'detection' });
 *     const loader = new Loader({ dataset: train, task: 'detection', processorConfig, batchSize: 8, sampler: 'shuffle', seed });
 *     for await (const batch of loader.epoch(0)) …          // [8, 3, height, width], padded, with pixel mask
 */
export { batchShapes, shapeNumbers } from './batch-plan.ts';
export {
  type CheckedSplit,
  type CheckOptions,
  checkDataset,
  type DataProblem,
  type DataReport,
  formatDataReport,
} from './check.ts';
export { classCounts, classWeights } from './class-weights.ts';
export { type Converted, type ConvertOptions, convertDataset } from './convert.ts';
export { Loader, type LoaderOptions, type LoaderStatistics } from './loader.ts';
export { openDataset, openSplits, type Splits } from './open.ts';
export { createSamplesService } from './pool.ts';
export { createPrepare, type PrepareRequest, type PrepareResult, type PrepareSettings } from './prepare.ts';
export { createAnnotationsService } from './readers/annotation-file.ts';
export { type GeneratedDataset, type GenerateOptions, generateSampleDataset } from './sample/generate.ts';
export { createSampler, imageWeights, type SamplerKind } from './sampler.ts';
export type { DataSettings, DatasetOptions } from './settings.ts';
export { type ShardedSplit, type ShardOptions, shardDataset } from './shards/shard-dataset.ts';
export {
  type ClassStatistics,
  type DatasetStatistics,
  datasetStatistics,
  type Histogram,
  type Summary,
} from './statistics.ts';
export type * from './types.ts';
