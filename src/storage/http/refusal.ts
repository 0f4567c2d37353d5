/**
 * What a storage server means by an answer that is not the bytes. AWS, Azure and Google tell it in small XML
 * bodies, Unity Catalog and Databricks in JSON, proxies in HTML; the status alone does not tell an expired URL
 * (ask for another one) from a missing right (give up).
 */
import { XMLParser } from 'fast-xml-parser';
import { withoutSecrets } from './redact.ts';
import type { HttpAnswer } from './types.ts';

export interface Refusal {
  /**
   * - `expired`: the signature or the session ended; another one helps
   * - `skew`: the clocks differ; `serverTime` says what the server's shows
   * - `denied`: no right, or credentials that nobody knows
   * - `missing`, `changed`: 404, 412
   * - `range`: 416
   * - `full`: no room for what is written
   * - `busy`: 408, 429, other 5xx
   */
  readonly kind: 'expired' | 'skew' | 'denied' | 'missing' | 'changed' | 'range' | 'full' | 'busy' | 'other';
  readonly status: number;
  /** The server's own: `AccessDenied`, `RESOURCE_NOT_FOUND`; '' when it gave none. */
  readonly code: string;
  /** Without secrets, at most 300 characters. */
  readonly message: string;
  /** Milliseconds since 1970 by the answer's `Date`, where it is visible. */
  readonly serverTime: number | undefined;
}

/** Reads an answer whose status is 300 or more. */
export function refusalOf(answer: HttpAnswer): Refusal {
  const { code, message } = wordsOf(new TextDecoder().decode(answer.body.subarray(0, 64 * 1024)));
  const date = Date.parse(answer.headers.get('date') ?? '');
  return {
    kind: kindOf(answer.status, code, message),
    status: answer.status,
    code,
    message: withoutSecrets(message).replaceAll(/\s+/g, ' ').trim().slice(0, 300),
    serverTime: Number.isNaN(date) ? undefined : date,
  };
}

/** Of AWS (also as others spell them), Azure, and our own gateway's: the keys are unknown, or ended. */
const signInCodes = new Set([
  'AccountProblem',
  'AuthFailure',
  'AuthenticationFailed',
  'InvalidAccessKeyId',
  'InvalidAuthenticationInfo',
  'InvalidClientTokenId',
  'InvalidSecurity',
  'InvalidToken',
  'SignatureDoesNotMatch',
  'access_expired',
  'clock_skew',
  'databricks_sign_in_refused',
]);

/** Whether a server refuses the credentials, and with them everything; not only one object. */
export function refusesSignIn({ kind, status, code, message }: Refusal): boolean {
  if (kind === 'expired' || kind === 'skew' || status === 401) return true;
  return signInCodes.has(code) || (status === 403 && /invalid (access )?token/i.test(message));
}

/** For messages: `403 AccessDenied: Request has expired`. */
export function refusalText({ status, code, message }: Refusal): string {
  return [`status ${status}${code ? ` ${code}` : ''}`, message].filter((part) => part !== '').join(': ');
}

/** Of AWS (also as others spell them), Azure, Google. */
const expiredCodes = new Set([
  'ExpiredToken',
  'TokenRefreshRequired',
  'RequestExpired',
  'ExpiredTokenException',
]);
const expiredMessage =
  /request has expired|signature not valid in the specified time frame|token has expired|token is expired|expired token|signature has expired/i;

/**
 * There is no room: MinIO's (507, and its quotas), Ceph's (403), Huawei's (403), Azurite's (409), our own gateway's. Amazon's
 * and Azure's stores have no end; Databricks and Unity Catalog pass on what the store says.
 */
const fullCodes = new Set([
  'InsufficientStorage',
  'InsufficientStorageSpace',
  'MemoryExtentStoreAtSizeLimit',
  'QuotaExceeded',
  'XMinioAdminBucketQuotaExceeded',
  'XMinioStorageFull',
  'disk_full',
  'volume_full',
]);
const fullMessage = /no space left on device/i;

function kindOf(status: number, code: string, message: string): Refusal['kind'] {
  if (status === 507 || fullCodes.has(code) || fullMessage.test(message)) return 'full';
  if (status === 408 || status === 429 || status >= 500) return 'busy';
  if (status === 404 || status === 410) return 'missing';
  if (status === 412) return 'changed';
  if (status === 416) return 'range';
  if (status !== 400 && status !== 401 && status !== 403) return 'other';
  if (code === 'RequestTimeTooSkewed' || /not yet valid|not valid yet/i.test(message)) return 'skew';
  if (expiredCodes.has(code) || expiredMessage.test(message)) return 'expired';
  return status === 400 ? 'other' : 'denied';
}

const parser = new XMLParser({ parseTagValue: false, ignoreAttributes: true, processEntities: true });

/** Code and message of a body in any of the forms. */
function wordsOf(text: string): { code: string; message: string } {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) return jsonWords(trimmed);
  if (/^(<\?xml[^>]*>\s*)?<(\w+:)?Error\b/i.test(trimmed.replace(/^\uFEFF/, ''))) return xmlWords(trimmed);
  // HTML of a proxy, or plain text.
  return { code: '', message: trimmed.replaceAll(/<(style|script)[\s\S]*?<\/\1>|<[^>]*>/gi, ' ').trim() };
}

function jsonWords(text: string): { code: string; message: string } {
  try {
    const body = JSON.parse(text) as Record<string, unknown>;
    const inner = typeof body.error === 'object' && body.error !== null ? body.error : body;
    const pick = (...names: string[]): string => {
      for (const name of names) {
        const value = (inner as Record<string, unknown>)[name];
        if (typeof value === 'string' || typeof value === 'number') return String(value);
      }
      return '';
    };
    return {
      code: pick('error_code', 'errorCode', 'code', 'error'),
      message: pick('message', 'error_description', 'errorSummary', 'detail'),
    };
  } catch {
    return { code: '', message: text };
  }
}

function xmlWords(text: string): { code: string; message: string } {
  try {
    const { Error: error } = parser.parse(text) as { Error?: Record<string, unknown> };
    const part = (name: string): string => (typeof error?.[name] === 'string' ? error[name] : '');
    // Azure puts the reason beside a general message; S3 repeats the whole request elsewhere, which isn't shown.
    const detail = part('AuthenticationErrorDetail') || part('Details');
    return { code: part('Code'), message: [part('Message'), detail].filter(Boolean).join(' ') };
  } catch {
    return { code: '', message: 'an XML body that does not parse' };
  }
}
