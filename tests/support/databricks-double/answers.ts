/** Answers of a Databricks workspace and of object stores, as documented: bodies word for word where a source has them. */

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** Google's ErrorInfo, as Databricks' errors carry it. */
function refusal(status: number, code: string, message: string, reason?: string): Answer {
  const details = reason
    ? [
        {
          '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
          reason,
          domain: 'filesystem.databricks.com',
          metadata: {},
        },
      ]
    : [];
  return { status, body: { error_code: code, message, details } };
}

export const answers = {
  notEnabled: refusal(
    403,
    'PERMISSION_DENIED',
    'Presigned URLs API is not enabled',
    'FILES_API_API_IS_NOT_ENABLED',
  ),
  networkZoneUnknown: refusal(
    500,
    'INTERNAL_ERROR',
    'Cannot determine the network zone of the requester',
    'FILES_API_REQUESTER_NETWORK_ZONE_UNKNOWN',
  ),
  internal: refusal(500, 'INTERNAL_ERROR', 'Something went wrong'),
  unavailable: refusal(503, 'TEMPORARILY_UNAVAILABLE', 'The service is temporarily unavailable'),
  tooManyRequests: (seconds: number): Answer => ({
    ...refusal(429, 'RESOURCE_EXHAUSTED', 'Too many requests'),
    headers: { 'Retry-After': String(seconds) },
  }),
  html: {
    status: 502,
    headers: { 'Content-Type': 'text/html' },
    body: '<html><head><title>502 Bad Gateway</title></head><body><pre>upstream error</pre></body></html>',
  },
  fileMissing: refusal(404, 'NOT_FOUND', 'The file being accessed is not found.'),
  folderMissing: refusal(404, 'NOT_FOUND', 'The directory being accessed is not found.'),
  folderNotEmpty: refusal(400, 'DIRECTORY_NOT_EMPTY', 'The directory being deleted is not empty.'),
  exists: refusal(409, 'ALREADY_EXISTS', 'The file being created already exists.'),
  invalid: (message: string) => refusal(400, 'INVALID_PARAMETER_VALUE', message),
  unknownRoute: refusal(404, 'ENDPOINT_NOT_FOUND', 'No API found'),
  noToken: refusal(
    401,
    'UNAUTHENTICATED',
    'Credential was not sent or was of an unsupported type for this API.',
  ),
  badToken: refusal(403, 'PERMISSION_DENIED', 'Invalid access token.'),
  noRight: refusal(403, 'PERMISSION_DENIED', 'User does not have READ VOLUME on this volume.'),
  badClient: {
    status: 401,
    body: { error: 'invalid_client', error_description: 'Client authentication failed' },
  },
} as const;

const xml = (status: number, body: string): Answer => ({
  status,
  headers: { 'Content-Type': 'application/xml' },
  body: `<?xml version="1.0" encoding="UTF-8"?>\n${body}`,
});

/** What object stores answer instead of bytes. */
export const storeAnswers = {
  expiredAws: xml(
    403,
    '<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>3600</X-Amz-Expires><RequestId>1</RequestId></Error>',
  ),
  expiredAzure: xml(
    403,
    '<Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.</Message><AuthenticationErrorDetail>Signature not valid in the specified time frame: Start [Thu, 01 Jan 2026 00:00:00 GMT] - Expiry [Thu, 01 Jan 2026 01:00:00 GMT] - Current [Thu, 01 Jan 2026 02:00:00 GMT]</AuthenticationErrorDetail></Error>',
  ),
  expiredGoogle: xml(
    400,
    '<Error><Code>ExpiredToken</Code><Message>Invalid argument.</Message><Details>The provided token has expired. Request signature expired at: 2026-01-01T01:00:00+00:00</Details></Error>',
  ),
  /** A firewall: not about time. */
  forbidden: xml(
    403,
    '<Error><Code>AuthorizationFailure</Code><Message>This request is not authorized to perform this operation.</Message></Error>',
  ),
  busy: xml(503, '<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'),
} as const;
