export { type AccessOptions, databricksAccess, forwardedAccess } from './access.ts';
export type { DatabricksAccess } from './types.ts';
export {
  DatabricksVolume,
  type DatabricksVolumeOptions,
  openDatabricks,
  splitVolumePlace,
} from './volume.ts';
