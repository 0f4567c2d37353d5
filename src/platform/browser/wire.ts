/** Requests of a page: by `fetch`, looked up at each call because pages exchange it. */
import { type SendRequest, sendByFetch } from '../wire.ts';

export const sendRequest: SendRequest = sendByFetch((input, init) => globalThis.fetch(input, init));
