/**
 * `s3://bucket/path`, by the variables that AWS' own tools read: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
 * `AWS_SESSION_TOKEN`, `AWS_REGION` (or `AWS_DEFAULT_REGION`), and `AWS_ENDPOINT_URL_S3` (or `AWS_ENDPOINT_URL`)
 * for another server than Amazon's.
 */
import { environmentVariable } from '#platform';
import { ConfigError } from '../../core/index.ts';
import { Renewable } from '../grant.ts';
import { type Http, sharedHttp, withoutSecrets } from '../http/index.ts';
import type { Environment, Place } from '../kind.ts';
import { cleanPath } from '../paths.ts';
import type { S3Access, S3Endpoint } from './signer.ts';
import { S3Volume } from './volume.ts';

export function openS3Place(
  place: string,
  environment: Environment = environmentVariable,
  http: Http = sharedHttp(),
): Place {
  const match = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]*)(?:\/(.*))?$/.exec(place);
  if (!match) {
    throw new ConfigError({
      code: 'place_invalid',
      expected: 's3://<bucket>/<path>',
      received: JSON.stringify(withoutSecrets(place)),
      fix: 'name a bucket and a path; keys go into the environment (AWS_ACCESS_KEY_ID, …)',
    });
  }
  const [, bucket, path = ''] = match;
  const location = `s3://${bucket}`;
  const access = Renewable.fixed(s3Access(environment, place));
  const volume = new S3Volume({ location, bucket: bucket!, at: s3Endpoint(environment), access, http });
  return { volume, path: cleanPath(path, location) };
}

/** The server: Amazon's of the region, or the one that is named. */
export function s3Endpoint(environment: Environment): S3Endpoint {
  const region = environment('AWS_REGION') ?? environment('AWS_DEFAULT_REGION') ?? 'us-east-1';
  const endpoint =
    environment('AWS_ENDPOINT_URL_S3') ??
    environment('AWS_ENDPOINT_URL') ??
    `https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  if (!/^https?:\/\/[^/?#@]+(\/[^?#]*)?$/.test(endpoint)) {
    throw new ConfigError({
      code: 'endpoint_invalid',
      expected: 'AWS_ENDPOINT_URL_S3 as https://host[:port]',
      received: JSON.stringify(endpoint.replace(/\/\/[^/]*@/, '//…@').replace(/\?.*$/s, '?…')),
      fix: 'write the address of the S3 server without user, bucket or query',
    });
  }
  return { endpoint: endpoint.replace(/\/+$/, ''), region };
}

function s3Access(environment: Environment, place: string): S3Access {
  const accessKeyId = environment('AWS_ACCESS_KEY_ID');
  const secretAccessKey = environment('AWS_SECRET_ACCESS_KEY');
  if (!accessKeyId || !secretAccessKey) {
    throw new ConfigError({
      code: 'credentials_missing',
      expected: `AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, for ${place}`,
      received: accessKeyId ? 'no AWS_SECRET_ACCESS_KEY' : 'no AWS_ACCESS_KEY_ID',
      fix: 'set them (and AWS_SESSION_TOKEN for temporary keys; AWS_ENDPOINT_URL_S3 for another server)',
    });
  }
  const sessionToken = environment('AWS_SESSION_TOKEN');
  return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) };
}
