/** Signed in to a workspace, however that was done. */
export interface DatabricksAccess {
  /** Origin of the workspace. */
  readonly host: string;
  readonly method: 'pat' | 'oauth-m2m' | 'forwarded';
  /** Value of the `Authorization` header, good for 40 seconds at least. */
  authorization(signal?: AbortSignal): Promise<string>;
  /** To be called after a 401. True when the next `authorization` may give another token: try once more. */
  renew(): boolean;
  /** The text without the secrets that this access has used: servers and proxies repeat headers in their errors. */
  redact(text: string): string;
}
