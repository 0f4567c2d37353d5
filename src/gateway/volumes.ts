/**
 * The routes of volumes. Every one takes `volume`, an offered place, and paths below it.
 *
 *   POST   /gw/sign   {"volume","paths":[…]} → {"signed":[{url,headers,expires} | {error}]}
 *   GET    /gw/list   ?volume&prefix → a JSON object per line, the last one {"end":<how many>}
 *   GET    /gw/bytes  ?volume&path, one Range → bytes, for stores that a page can't read by itself
 *   PUT    /gw/bytes  ?volume&path → 204
 *   DELETE /gw/bytes  ?volume&path → 204
 */
import { type Context, Hono } from 'hono';
import { stream } from 'hono/streaming';
import { anySignal, RemoteError } from '../core/index.ts';
import type { ByteSource, SignedUrl } from '../storage/index.ts';
import type { Offer, Offers } from './offers.ts';
import type { Limits } from './options.ts';
import { Refusal, type RefusalBody, refusalBody } from './refusals.ts';

/** What the routes know of a request; `userToken` only where it counts. */
export interface GatewayVariables {
  readonly userToken: string | undefined;
  /** For the log. */
  details: Record<string, unknown>;
}
export type GatewayContext = Context<{ Variables: GatewayVariables }>;

/** Bytes that are read at once for somebody. */
const pieceSize = 8 * 2 ** 20;

export function volumeRoutes(offers: Offers, limits: Limits): Hono<{ Variables: GatewayVariables }> {
  const routes = new Hono<{ Variables: GatewayVariables }>();
  let uploads = 0;

  routes.post('/sign', async (context) => {
    const { volume: place, paths } = await jsonBody(context, 256 * limits.paths * 8);
    if (!Array.isArray(paths) || !paths.every((path) => typeof path === 'string')) throw invalid('paths');
    if (paths.length > limits.paths) throw tooLarge(`${limits.paths} paths`);
    const offer = await offerOf(context, place);
    context.get('details').paths = paths.length;
    const signal = patienceOf(context, limits);
    const each = (path: string): Promise<SignedUrl | RefusalBody> => {
      // Of its own: a hundred listeners at one signal look like a leak to the engine, which warns.
      const own = anySignal([signal]);
      return within(sign(offer, path, own), own).catch(refusalBody);
    };
    const signed = await Promise.all(paths.map(each));
    return context.json({ signed });
  });

  routes.get('/list', async (context) => {
    const offer = await offerOf(context, context.req.query('volume'));
    const prefix = context.req.query('prefix') ?? '';
    // A prefix may end within a name: only what is before the last slash is a path.
    const cut = prefix.lastIndexOf('/') + 1;
    const folder = offer.inside(prefix.slice(0, cut));
    const from = `${folder}${folder === '' ? '' : '/'}${prefix.slice(cut)}`;
    offer.inside(prefix);
    context.get('details').path = prefix;
    const signal = patienceOf(context, { patience: 10 * limits.patience });
    const entries = offer.volume.list(from, signal)[Symbol.asyncIterator]();
    // The first one tells whether there is a listing at all, while a status can still be chosen.
    let next = await within(entries.next(), signal);
    const skip = offer.path === '' ? 0 : offer.path.length + 1;
    context.header('Content-Type', 'application/x-ndjson');
    return stream(context, async (out) => {
      let count = 0;
      try {
        let lines = '';
        for (; !next.done; next = await within(entries.next(), signal)) {
          lines += `${JSON.stringify({ ...next.value, path: next.value.path.slice(skip) })}\n`;
          count++;
          if (lines.length > 65_536) {
            await out.write(lines);
            lines = '';
          }
          if (out.aborted) return void (await entries.return?.());
        }
        await out.write(`${lines}${JSON.stringify({ end: count })}\n`);
      } catch (error) {
        await out.write(`${JSON.stringify(refusalBody(error))}\n`);
      }
    });
  });

  routes.get('/bytes', async (context) => {
    const { offer, path } = await fileOf(context);
    const signal = patienceOf(context, { patience: 10 * limits.patience });
    const source = offer.volume.open(path);
    const size = await within(source.size(), signal);
    const range = rangeOf(context.req.header('range'), size);
    const { start, end } = range ?? { start: 0, end: size };
    context.header('Content-Type', 'application/octet-stream');
    context.header('Accept-Ranges', 'bytes');
    context.header('Content-Length', String(end - start));
    if (range) context.header('Content-Range', `bytes ${start}-${end - 1}/${size}`);
    context.status(range ? 206 : 200);
    context.get('details').bytes = end - start;
    if (context.req.method === 'HEAD') return context.body(null);
    return context.body(piecesOf(source, start, end, signal));
  });

  routes.put('/bytes', async (context) => {
    const { offer, path } = await fileOf(context);
    if (!offer.write) throw readOnly();
    if (path === offer.path) throw invalid('path');
    const length = context.req.header('content-length');
    if (length === undefined || !/^\d+$/.test(length)) throw lengthMissing();
    if (Number(length) > limits.upload) throw tooLarge(`${limits.upload} bytes`);
    if (uploads >= limits.uploads) throw busy();
    uploads++;
    try {
      const bytes = new Uint8Array(await context.req.arrayBuffer());
      if (bytes.byteLength !== Number(length)) throw invalid('a body of the announced length');
      context.get('details').bytes = bytes.byteLength;
      const signal = patienceOf(context, { patience: 10 * limits.patience });
      await within(offer.volume.write(path, bytes, { signal }), signal);
    } finally {
      uploads--;
    }
    return context.body(null, 204);
  });

  routes.delete('/bytes', async (context) => {
    const { offer, path } = await fileOf(context);
    if (!offer.write) throw readOnly();
    if (path === offer.path) throw invalid('path');
    await within(offer.volume.remove(path), patienceOf(context, limits));
    return context.body(null, 204);
  });

  const offerOf = async (context: GatewayContext, place: unknown): Promise<Offer> => {
    const offer = await offers.find(place, context.get('userToken'));
    context.get('details').volume = offer.place;
    return offer;
  };
  const fileOf = async (context: GatewayContext): Promise<{ offer: Offer; path: string }> => {
    const offer = await offerOf(context, context.req.query('volume'));
    const path = offer.inside(context.req.query('path') ?? '');
    context.get('details').path = path;
    return { offer, path };
  };
  return routes;
}

async function sign(offer: Offer, path: string, signal: AbortSignal): Promise<SignedUrl> {
  const inside = offer.inside(path);
  if (offer.volume.sign) return offer.volume.sign(inside, signal);
  throw new Refusal(501, {
    code: 'not_signable',
    expected: 'a volume that hands out addresses',
    received: offer.place,
    fix: 'read its bytes through the gateway',
  });
}

/** Reads a piece when the one before was taken: a slow client takes no memory. */
function piecesOf(
  source: ByteSource,
  start: number,
  end: number,
  signal: AbortSignal,
): ReadableStream<Uint8Array> {
  let position = start;
  return new ReadableStream({
    async pull(controller) {
      if (position >= end) return controller.close();
      const until = Math.min(end, position + pieceSize);
      controller.enqueue(await within(source.read({ start: position, end: until }, signal), signal));
      position = until;
      if (position >= end) controller.close();
    },
  });
}

/** One range, as `[start, end)`; several are refused, as stores do. */
function rangeOf(header: string | undefined, size: number): { start: number; end: number } | undefined {
  if (header === undefined) return undefined;
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header);
  if (!match || (match[1] === '' && match[2] === '')) throw invalid('a Range of one part');
  const [first, last] = [match[1]!, match[2]!];
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(size, Number(last) + 1);
  if (start >= end) {
    throw new Refusal(
      416,
      {
        code: 'range_outside_file',
        expected: `bytes within ${size}`,
        received: 'a range outside of them',
        fix: 'the file is shorter than what refers to it says: copy it there again',
      },
      { 'Content-Range': `bytes */${size}` },
    );
  }
  return { start, end };
}

async function jsonBody(context: GatewayContext, limit: number): Promise<Record<string, unknown>> {
  // Forms can't send this type to another site without being asked for first.
  if (!/^application\/json\b/i.test(context.req.header('content-type') ?? ''))
    throw invalid('application/json');
  const text = await limitedText(context, limit);
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Told below.
  }
  throw invalid('a JSON object');
}

/** The body, unless it is longer: it is not read any further then. */
export async function limitedText(context: GatewayContext, limit: number): Promise<string> {
  return new TextDecoder().decode(await limitedBytes(context, limit));
}

export async function limitedBytes(context: GatewayContext, limit: number): Promise<Uint8Array> {
  const announced = Number(context.req.header('content-length') ?? 0);
  if (announced > limit) throw tooLarge(`${limit} bytes`);
  const pieces: Uint8Array[] = [];
  let length = 0;
  const reader = context.req.raw.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || !value) break;
    length += value.byteLength;
    if (length > limit) {
      await reader?.cancel().catch(() => undefined);
      throw tooLarge(`${limit} bytes`);
    }
    pieces.push(value);
  }
  return Buffer.concat(pieces);
}

/** Ends when the client goes away, too. */
function patienceOf(context: GatewayContext, { patience }: Pick<Limits, 'patience'>): AbortSignal {
  return anySignal([context.req.raw.signal, AbortSignal.timeout(patience)]);
}

/** The work, as long as there is patience: not everything behind listens to a signal. */
async function within<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let end = (): void => {};
  const ended = new Promise<never>((_, reject) => {
    end = () => reject(signal.reason);
    signal.addEventListener('abort', end, { once: true });
  });
  // What is left alone here may still fail later.
  work.catch(() => {});
  try {
    signal.throwIfAborted();
    return await Promise.race([work, ended]);
  } catch (error) {
    if (signal.aborted && (signal.reason as Error | undefined)?.name === 'TimeoutError') throw tooSlow();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

export function invalid(what: string): Refusal {
  return new Refusal(400, {
    code: 'request_invalid',
    expected: `a request with ${what}`,
    received: 'another one',
    fix: 'docs/gateway.md describes every route',
  });
}

export function tooLarge(limit: string): Refusal {
  return new Refusal(413, {
    code: 'request_too_large',
    expected: `at most ${limit}`,
    received: 'more',
    fix: 'send less at once, or raise the limit when the gateway is started (--max-upload)',
  });
}

function lengthMissing(): Refusal {
  return new Refusal(411, {
    code: 'length_missing',
    expected: 'a Content-Length',
    received: 'none',
    fix: 'send the file whole',
  });
}

function readOnly(): Refusal {
  return new Refusal(403, {
    code: 'volume_read_only',
    expected: 'a volume that may be written',
    received: 'one that is offered for reading',
    fix: 'start the gateway with --writable <place>',
  });
}

/** Told like other troubles behind the gateway: whoever tried again at once would only wait again. */
function tooSlow(): RemoteError {
  return new RemoteError({
    code: 'gateway_timeout',
    expected: 'the store behind the gateway to answer in time',
    received: 'nothing for too long',
    fix: 'try again later; `ocelli doctor` on the machine of the gateway says whether the store answers there',
  });
}

function busy(): Refusal {
  return new Refusal(
    503,
    {
      code: 'gateway_busy',
      expected: 'a gateway that has room for another file',
      received: 'as many uploads as it holds at a time',
      fix: 'try again in a moment',
    },
    { 'Retry-After': '1' },
  );
}
