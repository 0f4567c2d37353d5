export { openUnityPlace } from './place.ts';
