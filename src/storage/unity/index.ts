export { UnityClient } from './client.ts';
export { openUnityPlace } from './place.ts';
