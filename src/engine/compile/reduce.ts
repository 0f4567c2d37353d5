/** How elements are combined in WGSL. */
import type { GraphDtype } from '../graph/index.ts';
import type { Combine } from './lowering.ts';

/** What changes nothing when it is combined. */
export function combineIdentity(combine: Combine, dtype: GraphDtype): string {
  const float = dtype === 'float32';
  switch (combine) {
    case 'sum':
      return float ? '0.0' : '0';
    case 'prod':
      return float ? '1.0' : '1';
    case 'max':
      return float ? '-3.40282346e38' : '-2147483647 - 1';
    case 'min':
      return float ? '3.40282346e38' : '2147483647';
    case 'any':
      return 'false';
    case 'all':
      return 'true';
  }
}

export function combineTwo(combine: Combine, a: string, b: string): string {
  switch (combine) {
    case 'sum':
      return `${a} + ${b}`;
    case 'prod':
      return `${a} * ${b}`;
    case 'max':
      return `max(${a}, ${b})`;
    case 'min':
      return `min(${a}, ${b})`;
    case 'any':
      return `(${a} || ${b})`;
    case 'all':
      return `(${a} && ${b})`;
  }
}
