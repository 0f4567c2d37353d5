/** The browser's face has everything that Node's has, with types that fit: `#platform` may be either. */
import { expect, expectTypeOf, test } from 'vitest';
import type * as Browser from './browser/index.ts';
import type * as Node from './node/index.ts';

test('a browser can stand in for Node', async () => {
  expectTypeOf<typeof Browser>().toExtend<typeof Node>();
  const [node, browser] = await Promise.all([import('./node/index.ts'), import('./browser/index.ts')]);
  expect(Object.keys(node).filter((name) => !(name in browser))).toEqual([]);
});
