/** What the gateway answers when it does not do what it was asked: a status, and the words of the error as JSON. */
import { ConfigError, type ErrorDetails, OcelliError, RemoteError } from '../core/index.ts';
import { withoutSecrets } from '../storage/index.ts';

/** An error with the status that it is told with. */
export class Refusal extends ConfigError {
  constructor(
    readonly status: number,
    details: ErrorDetails,
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    super(details);
  }
}

/** As a page reads it back: class, code and fix stay, causes don't leave. `error_code` and `message` are MLflow's names. */
export interface RefusalBody {
  readonly error: {
    readonly kind: string;
    readonly code: string;
    readonly expected: string;
    readonly received: string;
    readonly fix: string;
    readonly signInRefused?: boolean;
  };
  readonly error_code: string;
  readonly message: string;
}

export function refusalBody(error: unknown): RefusalBody {
  const told = error instanceof OcelliError ? error : unexpected();
  const { code } = told;
  const [expected, received, fix] = [told.expected, told.received, told.hint].map(withoutSecrets) as [
    string,
    string,
    string,
  ];
  const kind = told instanceof Refusal ? 'RemoteError' : told.name;
  return {
    error: {
      kind,
      code,
      expected,
      received,
      fix,
      ...(told instanceof RemoteError && told.signInRefused && { signInRefused: true }),
    },
    error_code: code,
    message: `${received} (${fix})`,
  };
}

function unexpected(): RemoteError {
  return new RemoteError({
    code: 'gateway_failed',
    expected: 'the gateway to answer',
    received: 'an unexpected failure',
    fix: "look into the gateway's log",
  });
}

/** A status that says whether the same request may be tried again. */
export function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (!(error instanceof OcelliError)) return 500;
  const known: Readonly<Record<string, number>> = {
    file_missing: 404,
    path_outside_root: 400,
    range_outside_file: 416,
    file_changed: 409,
    access_denied: 403,
    databricks_sign_in_refused: 403,
    disk_full: 507,
    volume_full: 507,
    mlflow_unavailable: 502,
  };
  // 502 and 503 would be tried again: what is behind was asked often enough.
  return known[error.code] ?? (error instanceof RemoteError ? 424 : 400);
}
