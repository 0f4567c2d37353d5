/**
 * What MLflow already has of a run, kept in the run folder as `tracking.json`, so that a push or a resumed run
 * sends the rest and nothing twice. It names the server and the run, and holds no token.
 */
import { type Files, files as platformFiles } from '#platform';

export interface TrackingState {
  readonly uri: string;
  experimentId: string;
  runId: string;
  /** The last step that was sent, by metric: MLflow shows each step once. */
  lastStep: Record<string, number>;
  /** Uploaded files by artifact path, with size and time of what was sent. */
  artifacts: Record<string, string>;
  paramsSent: boolean;
  inputsSent: boolean;
  model?: { modelId: string; artifactUri: string; ready: boolean; registeredVersion?: string };
  /** MLflow's status once it was set. */
  status?: 'FINISHED' | 'FAILED' | 'KILLED';
}

const fileName = 'tracking.json';

export async function readState(
  runFolder: string,
  files: Files = platformFiles,
): Promise<TrackingState | undefined> {
  const path = `${runFolder}/${fileName}`;
  if (!(await files.stat(path))) return undefined;
  return JSON.parse(new TextDecoder().decode(await files.read(path))) as TrackingState;
}

export async function writeState(
  runFolder: string,
  state: TrackingState,
  files: Files = platformFiles,
): Promise<void> {
  await files.write(`${runFolder}/${fileName}`, `${JSON.stringify(state, null, 2)}\n`);
}
