export { openHttpsPlace } from './place.ts';
export { HttpsVolume } from './volume.ts';
