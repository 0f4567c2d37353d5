export * from './databricks/index.ts';
export * from './http/index.ts';
export * from './hub/index.ts';
export type { Place, VolumeKind } from './kind.ts';
export * from './local.ts';
export { cleanPath, comparePaths, escapePart, escapePath, joinPath } from './paths.ts';
export * from './place.ts';
export { S3Volume, type S3VolumeOptions } from './s3/index.ts';
export * from './volume.ts';
