/**
 * A run's events to MLflow while it trains. Training never waits for the server and never dies with it: events
 * are queued, one loop sends them, and while the server is away the loop waits and the run folder keeps
 * everything. Only a refusal before the first step (wrong address, no right) stops a run, because nobody wants
 * to learn that hours later.
 */
import { environmentVariable } from '#platform';
import type { RunEvent, RunEventBody, RunListener } from '../core/index.ts';
import { type Environment, resolveEndpoint } from '../storage/index.ts';
import { localFiles, uploadRunFiles } from './artifacts.ts';
import { MlflowClient, MlflowError, retryDelay, sleep } from './client.ts';
import { readEvents, readPlan, type TrackingPlan } from './plan.ts';
import type { MetricPoint } from './points.ts';
import { knownState, push } from './push.ts';
import { Session } from './session.ts';
import { SystemLog } from './system.ts';

export interface TrackerOptions {
  readonly environment?: Environment;
  /** With user and password, which the recipe in the run folder doesn't have. */
  readonly trackingUri?: string;
  /** Where `tracked` and `warning` events go. */
  readonly emit?: (event: RunEventBody) => void;
  /** Milliseconds between two sends (1,000). */
  readonly interval?: number;
}

export interface TrackingResult {
  /** Everything is on the server. Otherwise `ocelli push` completes it. */
  readonly complete: boolean;
  readonly url?: string;
  readonly message?: string;
}

/** Events that may wait in memory; beyond it the run folder alone keeps them until the end. */
const queueLimit = 50_000;

export class Tracker {
  private readonly queue: RunEvent[] = [];
  /** Of a run that is resumed: a process that was killed may not have sent all that it wrote. */
  private earlier: readonly RunEvent[] = [];
  private readonly systemQueue: MetricPoint[] = [];
  private readonly ended = new AbortController();
  private session: Session | undefined;
  private live = true;
  private system: SystemLog | undefined;
  private pumping: Promise<void> = Promise.resolve();

  private constructor(
    private readonly plan: TrackingPlan,
    private readonly client: MlflowClient,
    private readonly options: TrackerOptions,
  ) {}

  /**
   * Starts tracking the run in a folder whose `recipe.yaml` and first event are written. Undefined when the
   * recipe names no server. Throws a `RemoteError` when the server refuses.
   */
  static async start(runFolder: string, options: TrackerOptions = {}): Promise<Tracker | undefined> {
    const plan = await readPlan(runFolder);
    const trackingUri = options.trackingUri ?? plan.trackingUri;
    if (!trackingUri) return undefined;
    const endpoint = await resolveEndpoint(trackingUri, options.environment ?? environmentVariable);
    const tracker = new Tracker({ ...plan, trackingUri }, new MlflowClient(endpoint), options);
    try {
      await tracker.open();
    } catch (error) {
      if (!(error instanceof MlflowError) || !error.transient) throw error;
      tracker.warn(
        'mlflow_unavailable',
        `MLflow does not answer (${error.received}): the run goes on and is recorded in its folder`,
      );
    }
    tracker.earlier = await readEvents(runFolder);
    tracker.system = await SystemLog.start(runFolder, (points) => void tracker.systemQueue.push(...points));
    tracker.pumping = tracker.pump(tracker.session ? 0 : 1);
    return tracker;
  }

  readonly listener: RunListener = (event) => {
    if (!this.live) return;
    this.queue.push(event);
    if (this.queue.length > queueLimit) {
      this.live = false;
      this.queue.length = 0;
    }
  };

  /** Sends what is left after the run's last event was written. Never throws: says what is missing instead. */
  async finish(): Promise<TrackingResult> {
    this.ended.abort();
    await this.system?.dispose();
    await this.pumping;
    try {
      const { url } = await push(this.plan.description.runFolder, {
        trackingUri: this.plan.trackingUri!,
        attempts: 3,
        ...(this.options.environment ? { environment: this.options.environment } : {}),
      });
      return { complete: true, url };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return { complete: false, message, ...(this.session ? { url: this.session.url } : {}) };
    }
  }

  private async open(): Promise<Session> {
    const known = await knownState(this.plan.description.runFolder, this.client.host);
    this.session = await Session.open(this.client, this.plan.description, known);
    const { experimentId, runId } = this.session.state;
    this.options.emit?.({
      type: 'tracked',
      uri: this.client.host,
      experimentId,
      runId,
      url: this.session.url,
    });
    return this.session;
  }

  /** `attempt` counts the failures in a row; the first is told, the rest is silence until the server is back. */
  private async pump(failures: number): Promise<void> {
    let attempt = failures;
    while (!this.ended.signal.aborted && this.live) {
      try {
        await this.sendQueued();
        if (attempt > 0) this.warn('mlflow_back', 'MLflow answers again');
        attempt = 0;
        await sleep(this.options.interval ?? 1000, this.ended.signal);
      } catch (error) {
        attempt++;
        if (!(error instanceof MlflowError) || !error.transient) {
          this.live = false;
          this.warn(
            'mlflow_stopped',
            `live tracking stopped: ${error instanceof Error ? error.message : String(error)}`,
          );
          return;
        }
        if (attempt === 1)
          this.warn(
            'mlflow_unavailable',
            `MLflow does not answer (${error.received}): trying again while the run goes on`,
          );
        await sleep(retryDelay(error, attempt), this.ended.signal);
      }
    }
  }

  private async sendQueued(): Promise<void> {
    const session = this.session ?? (await this.open());
    // First: metrics behind the last step that was sent count as sent.
    if (this.earlier.length > 0) await session.send(this.earlier);
    this.earlier = [];
    const events = this.queue.slice();
    await session.send(events);
    const system = this.systemQueue.slice();
    await session.sendPoints(system);
    this.queue.splice(0, events.length);
    this.systemQueue.splice(0, system.length);
    if (this.plan.logModel !== 'all') return;
    for (const event of events) {
      // Kept checkpoints are removed when better ones come, so each is sent while it is there.
      if (event.type !== 'checkpoint' || event.kind !== 'step') continue;
      const name = event.path.split('/').at(-1)!;
      await uploadRunFiles(session, await localFiles(event.path, `checkpoints/${name}`));
    }
  }

  private warn(code: string, message: string): void {
    this.options.emit?.({ type: 'warning', code, message });
  }
}
