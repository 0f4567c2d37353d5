/** Every kind of reference case and who checks it. A handler is loaded when a case of its kind is met. */
import type { KindHandler } from '../case.ts';

export const kinds: Readonly<Record<string, () => Promise<KindHandler>>> = {};
