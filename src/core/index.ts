/** What every room above speaks of: errors, events, random numbers, the class map, and a few plain shapes and words. */
export * from './class-map.ts';
export * from './class-metrics.ts';
export * from './counted.ts';
export * from './errors.ts';
export * from './events.ts';
export * from './geometry.ts';
export * from './half.ts';
export * from './model-classes.ts';
export * from './random.ts';
export * from './signals.ts';
export * from './task-name.ts';
