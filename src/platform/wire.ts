/**
 * One request as it goes over the wire, and what comes back while it comes: no redirect is followed, nothing is
 * tried again and nothing is kept. Browsers have `fetch` for it; Node has something leaner (node/wire.ts), because
 * pictures come one by one and `fetch` takes half a millisecond of a core for each.
 */

export interface WireRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string | undefined;
  /** Ends the request, and the answer while it is read. */
  readonly signal: AbortSignal;
  /** Follow redirects where they can't be looked at: in pages. Elsewhere they are answers as any other. */
  readonly followHidden?: boolean;
}

export interface WireAnswer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** A redirect that a page may not look at. */
  readonly hidden: boolean;
  /** The decoded body, to be read once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface AnswerHeaders {
  /** Whatever the case of the name; several of one name are joined by commas. */
  get(name: string): string | null;
}

/** Rejects as `fetch` does when there is no answer: with an error whose `cause`, or itself, has a code. */
export type SendRequest = (request: WireRequest) => Promise<WireAnswer>;

/** By `fetch`. */
export function sendByFetch(fetcher: typeof fetch): SendRequest {
  return async ({ url, method, headers, body, signal, followHidden }) => {
    const response = await fetcher(url, {
      method,
      headers,
      // Signatures are the only right that is sent; a page's cookies are none of the store's business.
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
      redirect: followHidden ? 'follow' : 'manual',
      cache: 'no-store',
      signal,
      ...(body === undefined ? {} : { body: body as BodyInit }),
    });
    return {
      status: response.status,
      headers: response.headers,
      hidden: response.type === 'opaqueredirect',
      chunks: chunksOf(response),
    };
  };
}

async function* chunksOf(response: Response): AsyncIterable<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
