export * from './class-map.ts';
export * from './counted.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './geometry.ts';
export * from './model-classes.ts';
export * from './random.ts';
export * from './task-name.ts';
