/** MLflow: runs are followed while they go on, and sent afterwards; both by the files of the run folder. */
export { type ArtifactOwner, putSignedArtifact } from './artifacts.ts';
export { MlflowClient } from './client.ts';
export { readEvents } from './plan.ts';
export { type PushOptions, type PushResult, push } from './push.ts';
export { SystemLog } from './system.ts';
export { Tracker, type TrackerOptions, type TrackingResult } from './tracker.ts';
