export { type AccessOptions, databricksAccess, forwardedAccess } from './access.ts';
export type { Environment } from './configuration.ts';
export type { DatabricksAccess } from './types.ts';
export {
  DatabricksVolume,
  type DatabricksVolumeOptions,
  openDatabricks,
  splitVolumePlace,
} from './volume.ts';
