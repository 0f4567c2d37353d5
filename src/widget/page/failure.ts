/** Errors as an element tells them: ours as they are, anything else as what it is, unexpected. */
import { OcelliError, RunError } from '../../core/index.ts';
import type { ErrorDetail } from './events.ts';

export function asOurs(reason: unknown): OcelliError {
  if (reason instanceof OcelliError) return reason;
  return new RunError({
    code: 'widget_failed',
    expected: 'an answer of the model',
    received: reason instanceof Error ? reason.message : String(reason),
    fix: "try again; if it happens again, tell the page's author",
    cause: reason,
  });
}

export function errorDetail(error: OcelliError): ErrorDetail {
  const { code, message, expected, received, hint: fix } = error;
  return { code, message, expected, received, fix, error };
}

/** An element that left the page, or another picture. */
export const isGivenUp = (reason: unknown): reason is DOMException =>
  reason instanceof DOMException && reason.name === 'AbortError';

/** Whether another model would not help: the picture itself is wrong, or is not there. */
export function isOfPicture(reason: unknown): boolean {
  return reason instanceof OcelliError && /^(?:image|picture)_/.test(reason.code);
}

/** Whether an attribute is wrong: said until one changes. */
export const isOfAttribute = ({ code }: OcelliError): boolean =>
  code === 'attribute_invalid' || code === 'labels_unknown';
