/** What a row of the table of kernels is: rows/index.ts puts them together, one for each kernel of a recording. */
import type { Lowering } from '../lowering.ts';
import type { ProgramNode } from '../program.ts';

/** Lowers one kernel: reads its inputs from the lowering, emits nodes, defines its outputs. */
export type Row = (lowering: Lowering, node: ProgramNode) => void;
export type Rows = Readonly<Record<string, Row>>;
