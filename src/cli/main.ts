/** The entry of the binary. Everything it does is in `program.ts`. */
import { runProgram } from './program.ts';

await runProgram(process.argv.slice(2));
