/** Signed in to a workspace, however that was done. */
export interface DatabricksAccess {
  /** Origin of the workspace. */
  readonly host: string;
  readonly method: 'pat' | 'oauth-m2m' | 'forwarded';
  /** Value of the `Authorization` header, good for 40 seconds at least. */
  authorization(signal?: AbortSignal): Promise<string>;
  /** After a 401 to a request with this header: true when `authorization` gives another now, to try once more. */
  renew(refused: string): Promise<boolean>;
  /** The text without the secrets that this access has used: servers and proxies repeat headers in their errors. */
  redact(text: string): string;
}
