/**
 * What MLflow already has of a run, kept in the run folder as `tracking.json`, so that a push or a resumed run
 * sends the rest and nothing twice. It names the server and the run, and holds no token.
 */
import { type Files, files as platformFiles } from '#platform';
import { DataError } from '../core/index.ts';

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
  const text = new TextDecoder().decode(await files.read(path));
  try {
    const state = JSON.parse(text) as TrackingState;
    if (typeof state.runId === 'string' && typeof state.lastStep === 'object') return state;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error;
  }
  throw new DataError({
    code: 'tracking_state_broken',
    expected: `what was sent to MLflow in ${path}`,
    received: text.slice(0, 80) || 'an empty file',
    fix: 'restore the file from a copy; without it, `ocelli push` sends the whole run again as a new one',
  });
}

export async function writeState(
  runFolder: string,
  state: TrackingState,
  files: Files = platformFiles,
): Promise<void> {
  await files.write(`${runFolder}/${fileName}`, `${JSON.stringify(state, null, 2)}\n`);
}
