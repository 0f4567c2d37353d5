export { openHttpsPlace } from './place.ts';
