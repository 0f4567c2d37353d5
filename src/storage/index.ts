export * from './databricks/index.ts';
export * from './http/index.ts';
export * from './hub/index.ts';
export * from './local.ts';
export { cleanPath, comparePaths, escapePart, escapePath, joinPath } from './paths.ts';
export * from './place.ts';
export * from './volume.ts';
