export { type ArtifactOwner, putSignedArtifact } from './artifacts.ts';
export { MlflowClient } from './client.ts';
export { databricksEndpoint, type Endpoint, resolveEndpoint } from './endpoint.ts';
export { type PushOptions, type PushResult, push } from './push.ts';
export { SystemLog } from './system.ts';
export { Tracker, type TrackerOptions, type TrackingResult } from './tracker.ts';
