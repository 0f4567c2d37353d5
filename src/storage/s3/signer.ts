/**
 * Signed URLs for S3 (Signature Version 4 in the query, by aws4fetch). Only the host is signed beside the method
 * and the address, so one URL for GET serves every range. Addresses are path-style, which every S3-compatible
 * server knows.
 */
import { AwsV4Signer } from 'aws4fetch';
import { escapePart, escapePath } from '../paths.ts';

export interface S3Access {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Endpoint {
  /** Without a slash at the end: `https://s3.eu-west-1.amazonaws.com`. */
  readonly endpoint: string;
  readonly region: string;
}

export interface SignRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly bucket: string;
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Seconds, at most a week. */
  readonly expiresIn: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Signing keys of a day, by secret: deriving them is most of the work. */
const keys = new Map<string, ArrayBuffer>();

export async function signS3(access: S3Access, at: S3Endpoint, request: SignRequest): Promise<string> {
  const query = Object.entries(request.query ?? {}).map(
    ([name, value]) => `${escapePart(name)}=${escapePart(value)}`,
  );
  const path = request.key === '' ? request.bucket : `${request.bucket}/${escapePath(request.key)}`;
  query.push(`X-Amz-Expires=${request.expiresIn}`);
  if (keys.size > 100) keys.clear();
  const signer = new AwsV4Signer({
    method: request.method,
    url: `${at.endpoint}/${path}?${query.join('&')}`,
    accessKeyId: access.accessKeyId,
    secretAccessKey: access.secretAccessKey,
    ...(access.sessionToken ? { sessionToken: access.sessionToken } : {}),
    service: 's3',
    region: at.region,
    cache: keys,
    datetime: new Date(request.now).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    signQuery: true,
  });
  const { url } = await signer.sign();
  // A query writes spaces as +, which not every server reads back as a space.
  return url.href.replace(/\+/g, '%20');
}
