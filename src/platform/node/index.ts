export * from '../types.ts';
