/**
 * Tells who wants to know which plans are made: `ocelli bench --explain` prints them, a profile needs the
 * arithmetic and the bytes of each kernel beside its time. Nobody listens in a normal run.
 */
import type { KernelPlan } from '../compile/types.ts';
import type { Graph } from '../graph/index.ts';

type Listener = (plan: KernelPlan, graph: Graph) => void;

const listeners = new Set<Listener>();

/** Calls `listener` with every plan that is made from now on; returns the function that ends this. */
export function watchPlans(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** A plan was made of a recorded graph and will be executed. */
export function announcePlan(plan: KernelPlan, graph: Graph): void {
  for (const listener of listeners) listener(plan, graph);
}
