/**
 * Signed URLs for S3 (Signature Version 4 in the query, by aws4fetch). Only the host is signed beside the method
 * and the address, so one URL for GET serves every range. Addresses are path-style, which every S3-compatible
 * server knows.
 */

import { AwsV4Signer } from 'aws4fetch';
import { hmacSha256, sha256 } from '#platform';
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

/** Signing keys of a day, by secret: deriving them takes four digests. */
const keys = new Map<string, Uint8Array>();

/** With the digests of the platform: pictures are signed one by one, a thousand in a few seconds. */
class Signer extends AwsV4Signer {
  override async signature(): Promise<string> {
    const canonical = hex(await sha256(await this.canonicalString()));
    const text = ['AWS4-HMAC-SHA256', this.datetime, this.credentialString, canonical].join('\n');
    return hex(await hmacSha256(await this.key(), text));
  }

  private async key(): Promise<Uint8Array> {
    const name = [this.secretAccessKey, this.credentialString].join();
    let key = keys.get(name);
    if (!key) {
      key = new TextEncoder().encode(`AWS4${this.secretAccessKey}`);
      for (const part of this.credentialString.split('/')) key = await hmacSha256(key, part);
      if (keys.size > 100) keys.clear();
      keys.set(name, key);
    }
    return key;
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export async function signS3(access: S3Access, at: S3Endpoint, request: SignRequest): Promise<string> {
  const query = Object.entries(request.query ?? {}).map(
    ([name, value]) => `${escapePart(name)}=${escapePart(value)}`,
  );
  const path = request.key === '' ? request.bucket : `${request.bucket}/${escapePath(request.key)}`;
  query.push(`X-Amz-Expires=${request.expiresIn}`);
  const signer = new Signer({
    method: request.method,
    url: `${at.endpoint}/${path}?${query.join('&')}`,
    accessKeyId: access.accessKeyId,
    secretAccessKey: access.secretAccessKey,
    ...(access.sessionToken ? { sessionToken: access.sessionToken } : {}),
    service: 's3',
    region: at.region,
    datetime: new Date(request.now).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    signQuery: true,
  });
  const { url } = await signer.sign();
  // A query writes spaces as +, which not every server reads back as a space.
  return url.href.replace(/\+/g, '%20');
}
