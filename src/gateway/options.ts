/** How a gateway is set up, with what is usual filled in. */
import type { Endpoint } from '../storage/index.ts';

export interface OfferedVolume {
  /** A place as recipes name it: `/Volumes/main/default/images`, `s3://bucket/data`, a local folder. */
  readonly place: string;
  /** Whether pages may write and remove there. */
  readonly write: boolean;
}

export interface GatewayOptions {
  readonly volumes: readonly OfferedVolume[];
  /** MLflow that calls are passed to; left out: none is. */
  readonly mlflow?: Endpoint | undefined;
  /** Folder of the built page; left out: no page is served. */
  readonly page?: string | undefined;
  /** Pages of these origins may use the gateway, beside its own. */
  readonly origins?: readonly string[] | undefined;
  /** 0: any free one. */
  readonly port?: number | undefined;
  /** Address to listen at (127.0.0.1). */
  readonly listen?: string | undefined;
  /** Somebody in front decides who comes here, and names the user: `Host` is theirs to check. */
  readonly behindProxy?: boolean | undefined;
  /** Volumes are opened with the token of each request's user (`X-Forwarded-Access-Token`), in this workspace. */
  readonly userTokensFor?: string | undefined;
  readonly limits?: Partial<Limits> | undefined;
  /** One object per line for programs; no secrets, ever. */
  readonly log?: ((entry: LogEntry) => void) | undefined;
}

export interface Limits {
  /** Requests per second and client, in the long run; `burst` at once. */
  readonly rate: number;
  readonly burst: number;
  /** Paths in one request to sign. */
  readonly paths: number;
  /** Bytes of a file that is written. */
  readonly upload: number;
  /** Files that are written at one time: each is held in memory. */
  readonly uploads: number;
  /** Bytes of a call to MLflow. */
  readonly call: number;
  /** Milliseconds for an answer to begin; for uploads and listings ten times as long to end. */
  readonly patience: number;
}

export const usualLimits: Limits = {
  rate: 200,
  burst: 1000,
  paths: 256,
  upload: 2 ** 30,
  uploads: 4,
  call: 4 * 2 ** 20,
  patience: 60_000,
};

export interface LogEntry {
  readonly type: 'listening' | 'request' | 'ended';
  /** ISO 8601. */
  readonly time: string;
  readonly [detail: string]: unknown;
}
