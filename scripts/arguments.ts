/**
 * Arguments of the repository's own tools (`npm run bench`, `npm run parity`): `--help` prints a page and ends
 * with 0; what a tool does not know is one sentence on stderr and ends with 2.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;
type Arguments<Known extends Options> = ReturnType<
  typeof parseArgs<{ allowPositionals: true; options: Known & { help: { type: 'boolean'; short: 'h' } } }>
>;

/** @param tool as it is called: `npm run bench` */
export function readArguments<Known extends Options>(
  tool: string,
  options: Known,
  page: string,
): Arguments<Known> {
  let read: Arguments<Known>;
  try {
    read = parseArgs({
      allowPositionals: true,
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    });
  } catch (error) {
    // Node adds how to pass a name that begins with a dash, which no case or folder has.
    const reason = error instanceof Error ? error.message.split('. ')[0] : String(error);
    wrongUse(tool, `options of ${Object.keys(options).join(', ')}`, reason ?? 'others');
  }
  if ((read.values as { help?: boolean }).help) {
    console.log(page);
    process.exit(0);
  }
  return read;
}

export function wrongUse(tool: string, expected: string, received: string, exitCode = 2): never {
  const help = tool.startsWith('npm run') ? `${tool} -- --help` : `${tool} --help`;
  console.error(`Expected ${expected}. Received: ${received}. Fix: ${help}`);
  process.exit(exitCode);
}
