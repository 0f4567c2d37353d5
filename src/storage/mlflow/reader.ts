/**
 * Questions to an MLflow server, which change nothing there: with the server's own credentials, repeated as all
 * requests of this room are. What a refusal means is for the one who asked.
 */
import { RemoteError } from '../../core/index.ts';
import { type Http, type HttpAnswer, type Refusal, refusalOf, refusalText } from '../http/index.ts';
import type { Endpoint } from './endpoint.ts';

/** The server's answer to a question that it refuses. */
export class MlflowRefusal extends Error {
  override readonly name = 'MlflowRefusal';

  constructor(readonly refusal: Refusal) {
    super(refusalText(refusal));
  }
}

export interface Question {
  /** What is asked about, for messages: `models:/shapes@champion`. */
  readonly label: string;
  readonly signal?: AbortSignal | undefined;
  /** Of a question that is put as a POST. */
  readonly body?: unknown;
}

export class MlflowReader {
  constructor(
    readonly endpoint: Endpoint,
    /** For files. */
    readonly http: Http,
    private readonly questions: Http = http,
  ) {}

  /** A JSON answer. @param path below `/api/2.0/` */
  async ask<Answer>(
    path: string,
    query: Readonly<Record<string, string>>,
    question: Question,
  ): Promise<Answer> {
    const parameters = new URLSearchParams(query).toString();
    const url = `${this.endpoint.host}/api/2.0/${path}${parameters && `?${parameters}`}`;
    const answer = await this.get(url, question);
    try {
      const value: unknown = JSON.parse(new TextDecoder().decode(answer.body) || '{}');
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Answer;
    } catch {
      // Sign-in pages of proxies answer 200 with HTML.
    }
    throw this.notMlflow('an answer that is no JSON object');
  }

  /** With the server's token; with another one when that has ended and there is one. */
  private async get(url: string, { label, signal, body }: Question): Promise<HttpAnswer> {
    const json = { 'Content-Type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    for (let renewed = false; ; renewed = true) {
      const headers = await this.endpoint.headers();
      let answer: HttpAnswer;
      try {
        answer = await this.questions.send({
          url,
          label: `${label} on the MLflow server`,
          signal,
          ...sent,
          headers: { Accept: 'application/json', ...(body === undefined ? {} : json), ...headers },
          // A redirect could carry the token away.
          redirects: 'none',
        });
      } catch (error) {
        throw this.explained(error, label);
      }
      if (answer.status >= 200 && answer.status < 300) return answer;
      if (answer.status === 401 && !renewed && (await this.endpoint.renew(headers))) continue;
      throw this.refusal(answer);
    }
  }

  /** Of the server's words only those that are safe to repeat. */
  private refusal(answer: HttpAnswer): Error {
    const refusal = refusalOf(answer);
    const isHtml = !/^\s*\{/.test(new TextDecoder().decode(answer.body.subarray(0, 64)));
    if (answer.status === 404 && isHtml) return this.notMlflow('404 for a path that every MLflow server has');
    return new MlflowRefusal({
      ...refusal,
      message: isHtml ? '' : this.endpoint.redact(refusal.message),
    });
  }

  /** Whoever asks is refused, not only this one question. */
  signInRefused({ status, code, message }: Refusal): RemoteError {
    const { databricks, host } = this.endpoint;
    return new RemoteError({
      code: 'mlflow_sign_in_refused',
      expected: `the MLflow server at ${host} to let this account read its models`,
      received: `status ${[status, code, message].filter(Boolean).join(' ')}`,
      fix: databricks
        ? 'check DATABRICKS_TOKEN or the service principal, and its right to the model (in Unity Catalog EXECUTE, USE SCHEMA and USE CATALOG)'
        : 'set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, to an account that may read',
      signInRefused: true,
    });
  }

  /** A server that doesn't answer is told with the settings that name it. */
  private explained(error: unknown, label: string): unknown {
    if (!(error instanceof RemoteError)) return error;
    const { code, received, cause } = error;
    if (code !== 'remote_unreachable' && code !== 'remote_unavailable') return error;
    return new RemoteError({
      code: 'mlflow_unreachable',
      expected: `${label} from the MLflow server at ${this.endpoint.host}`,
      received: this.endpoint.redact(received),
      fix: `start the server at ${this.endpoint.host}, or correct mlflow.registry_uri or mlflow.tracking_uri (MLFLOW_REGISTRY_URI, MLFLOW_TRACKING_URI)`,
      cause,
    });
  }

  notMlflow(received: string): RemoteError {
    return new RemoteError({
      code: 'mlflow_answer_invalid',
      expected: `an MLflow server at ${this.endpoint.host}`,
      received,
      fix: 'check mlflow.registry_uri or mlflow.tracking_uri (MLFLOW_REGISTRY_URI, MLFLOW_TRACKING_URI)',
    });
  }
}
