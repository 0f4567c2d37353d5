/**
 * COCO's annotation files: bytes to objects, and what is wrong with them.
 *
 *     const file = parseCoco(bytes, 'instances_train2017.json');
 *     const problems = [...findCocoProblems(file)];
 */
export { CocoColumns, type CocoColumnsData, type CocoColumnsFile } from './columns.ts';
export { CocoPieces, parseCoco, readCoco, withoutComplaints } from './parse.ts';
export { boxProblem, type CocoProblem, findCocoProblems, findReadingProblems } from './problems.ts';
export { areNumbers, readCocoTable, type TableRow, type TableSource, TableWriter } from './table.ts';
export type * from './types.ts';
