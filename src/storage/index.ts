export * from './hub/index.ts';
export * from './local.ts';
export * from './place.ts';
export * from './volume.ts';
