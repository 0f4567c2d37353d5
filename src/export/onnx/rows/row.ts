import type { Lowering } from '../lowering.ts';
import type { ProgramNode } from '../program.ts';

/** Lowers one kernel: reads its inputs from the lowering, emits nodes, defines its outputs. */
export type Row = (lowering: Lowering, node: ProgramNode) => void;
export type Rows = Readonly<Record<string, Row>>;
