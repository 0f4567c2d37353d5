/** What a lowering writes its WGSL into. */
import type { Position } from './position.ts';

/** WGSL under construction: a block of statements, and what values are called in it. */
export interface Scope {
  /**
   * An expression for an element of a graph value: f32, i32 or bool by its dtype. It loads from memory, or computes
   * in place what the planner did not put into memory. `own`: computed here even if it lies in memory.
   */
  element(value: number, at: Position, own?: boolean): string;
  /** Gives an expression a name, so that it is computed once. */
  let(expression: string): string;
  line(statement: string): void;
  /** `otherwise`, or where `condition` holds what `write` computes in a block of its own, only then. */
  when(
    condition: string,
    type: 'f32' | 'i32' | 'bool',
    otherwise: string,
    write: (inner: Scope) => string,
  ): string;
  /** Module-scope text under a name of its own, a function (`erf`): written once per kernel. */
  helper(name: string, text: string): void;
  /** The statements so far. */
  text(): string;
}
