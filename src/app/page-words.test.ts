/** No error that a page can show tells its reader to type a command or to set a variable. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../core/index.ts';
import { fixOnPage, speaksOfCommandLine, wordsOnPage } from './page-words.ts';

/** Rooms whose errors never come to this page. */
const elsewhere = /^src\/(?:cli|gateway|widget|platform\/node|engine\/testing)\//;

interface Written {
  readonly file: string;
  readonly code: string;
  /** The sentences that `fix` may be. */
  readonly fixes: readonly string[];
}

/** Every error of the source with a code that is written out, and what its `fix` may say. */
function errorsOfSource(): Written[] {
  const found: Written[] = [];
  for (const entry of readdirSync('src', { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (!/\.ts$/.test(file) || /\.test\.ts$/.test(file) || elsewhere.test(file)) continue;
    const text = readFileSync(file, 'utf8');
    for (const [, body] of text.matchAll(/new \w+\(\{\n(.*?)\n\s*\}\)/gs)) {
      const code = /\bcode: ([^\n]*),/.exec(body!)?.[1];
      const fix = /\bfix:(.*?)(?:\n\s*(?:cause|problems)\b|$)/s.exec(body!)?.[1];
      if (code === undefined || fix === undefined) continue;
      const fixes = literalsOf(fix);
      for (const name of literalsOf(code)) found.push({ file, code: name, fixes });
    }
  }
  return found;
}

const literalsOf = (code: string): string[] =>
  [...code.matchAll(/'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`((?:[^`\\]|\\.)*)`/g)].map(
    ([, single, double, template]) => single ?? double ?? template!.replaceAll(/\$\{[^}]*\}/g, 'this'),
  );

describe('what a page says to do', () => {
  const all = errorsOfSource();

  it('finds the errors of the house', () => {
    expect(all.length).toBeGreaterThan(150);
    expect(all.filter(({ fixes }) => fixes.some(speaksOfCommandLine)).length).toBeGreaterThan(30);
  });

  it('names no option, command or variable', () => {
    const wrong = all.flatMap(({ file, code, fixes }) =>
      fixes.map((hint) => ({ file, code, said: fixOnPage({ code, hint }) })),
    );
    expect(wrong.filter(({ said }) => speaksOfCommandLine(said) || said.trim() === '')).toEqual([]);
  });

  it('has something better than “try again” for each of them', () => {
    const helpless = all.flatMap(({ file, code, fixes }) =>
      fixes.filter((hint) => fixOnPage({ code, hint }).startsWith('reload the page')).map(() => [file, code]),
    );
    // A new error whose fix is a command needs a row in page-words.ts.
    expect(helpless).toEqual([]);
  });

  it('leaves out the parts that only work elsewhere, and nothing else', () => {
    const said = (hint: string): string => fixOnPage({ code: 'of_nobody', hint });
    expect(said('check the name, or set HF_TOKEN')).toBe('check the name');
    expect(said('set HF_TOKEN, or check the name')).toBe('check the name');
    expect(said('correct the file (`ocelli data check` lists all); or choose another')).toBe(
      'correct the file; or choose another',
    );
    expect(said('lower data.batch_size, or use COCO_2017 pictures')).toBe('lower data.batch_size');
    expect(said('sort pictures into folders, one per class')).toBe(
      'sort pictures into folders, one per class',
    );
  });

  it('says what was expected without variables, too', () => {
    const error = new ConfigError({
      code: 'credentials_missing',
      expected: 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, for s3://a/b',
      received: 'no AWS_ACCESS_KEY_ID',
      fix: 'set them',
    });
    expect(Object.values(wordsOnPage(error)).filter(speaksOfCommandLine)).toEqual([]);
  });

  it('names only commands that there are, where it tells what a command line does with a download', () => {
    const sources = readdirSync('src/app', { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.tsx$/.test(name),
    );
    const named = sources.flatMap((name) =>
      [...readFileSync(join('src/app', name), 'utf8').matchAll(/\bocelli ([a-z]+)\b/g)].map(
        ([, verb]) => verb,
      ),
    );
    expect(named.length).toBeGreaterThan(0);
    const verbs = readdirSync('src/cli/commands').map((file) => file.replace('.ts', ''));
    expect(named.filter((verb) => !verbs.includes(verb!))).toEqual([]);
  });
});
