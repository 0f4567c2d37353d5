/**
 * What may be shown of a URL and of a server's words. Signed URLs are bearer secrets: whoever reads one in a log
 * may fetch the object. So messages never carry a query, a user and password, or anything that looks like a token.
 */

/** Text of others (an answer's body, a library's message) without what could be used by a reader. */
export function withoutSecrets(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/"'<>]*@/gi, '$1…@')
    .replace(/([a-z][a-z0-9+.-]*:\/\/[^\s?"'<>]*)\?[^\s"'<>]*/gi, '$1?…')
    .replace(/\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}/gi, '$1…')
    .replace(secretParameters, '$1…');
}

/** Parameters of AWS, Azure and Google signatures, and tokens under their usual names. */
const secretParameters =
  /\b((?:x-(?:amz|goog)-(?:signature|credential|security-token)|awsaccesskeyid|signature|sig|(?:access_|refresh_|session_?|sas_|id_)?token|client_secret|secret_access_key|password)["']?\s*[=:]\s*["']?)[^\s&"',<>]+/gi;
