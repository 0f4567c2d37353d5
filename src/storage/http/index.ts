export { Http, isWorthRetrying, sharedHttp } from './client.ts';
export {
  type ObjectAddress,
  type ObjectBytes,
  type ObjectRead,
  objectFailure,
  objectSize,
  readObject,
} from './object.ts';
export { isPrivateHost } from './private-hosts.ts';
export { withoutSecrets } from './redact.ts';
export { type Refusal, refusalOf, refusalText } from './refusal.ts';
export { SignedUrls, type SignedUrlsOptions, type SignPaths } from './signed-urls.ts';
export { type SignedSource, signedSource } from './source.ts';
export type { HttpAnswer, HttpOptions, HttpRequest } from './types.ts';
