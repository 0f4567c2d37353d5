/** Training steps and forward passes that are traced once and then executed. */
export { CompiledStep } from './compiled-step.ts';
export { planOfStep } from './plans.ts';
