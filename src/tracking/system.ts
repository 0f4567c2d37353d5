/**
 * How busy the machine was during a run: one line every ten seconds in `system.jsonl`, under MLflow's names for
 * system metrics, so that it reaches MLflow live or by a later push.
 */
import { files, systemMonitor } from '#platform';
import { readJsonLines } from './plan.ts';
import type { MetricPoint } from './points.ts';

interface SystemLine {
  readonly time: string;
  readonly sample: number;
  readonly metrics: Readonly<Record<string, number>>;
}

const fileName = 'system.jsonl';

/** Samples until it is disposed. */
export class SystemLog {
  private readonly timer: ReturnType<typeof setInterval>;
  private writing: Promise<void> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private sample: number,
    private readonly onPoints: (points: readonly MetricPoint[]) => void,
    private readonly read: ReturnType<typeof systemMonitor>,
    intervalSeconds: number,
  ) {
    this.timer = setInterval(() => {
      this.writing = this.writing.then(() => this.take());
    }, intervalSeconds * 1000);
  }

  /** Goes on counting where an earlier part of the run stopped. */
  static async start(
    runFolder: string,
    onPoints: (points: readonly MetricPoint[]) => void = () => {},
    intervalSeconds = 10,
  ): Promise<SystemLog> {
    const path = `${runFolder}/${fileName}`;
    const lines = await readJsonLines<SystemLine>(path);
    return new SystemLog(
      path,
      (lines.at(-1)?.sample ?? -1) + 1,
      onPoints,
      systemMonitor(runFolder),
      intervalSeconds,
    );
  }

  async dispose(): Promise<void> {
    clearInterval(this.timer);
    await this.writing;
  }

  private async take(): Promise<void> {
    try {
      const usage = await this.read();
      const line: SystemLine = {
        time: new Date().toISOString(),
        sample: this.sample++,
        metrics: {
          'system/cpu_utilization_percentage': usage.cpuPercent,
          'system/system_memory_usage_megabytes': usage.memoryMegabytes,
          'system/system_memory_usage_percentage': usage.memoryPercent,
          'system/disk_usage_percentage': usage.diskPercent,
          'system/process_memory_usage_megabytes': usage.processMegabytes,
        },
      };
      await files.append(this.path, `${JSON.stringify(line)}\n`);
      this.onPoints(pointsOf(line));
    } catch {
      // A run must not end because its load could not be measured: the sample is missing from the file, nothing else.
    }
  }
}

function pointsOf(line: SystemLine): MetricPoint[] {
  const timestamp = Date.parse(line.time);
  return Object.entries(line.metrics).map(([key, value]) => ({ key, value, timestamp, step: line.sample }));
}

/** What was recorded so far. */
export async function systemPoints(runFolder: string): Promise<MetricPoint[]> {
  return (await readJsonLines<SystemLine>(`${runFolder}/${fileName}`)).flatMap(pointsOf);
}
