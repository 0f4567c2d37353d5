export { type HubOptions, isHubName, openHub } from './hub.ts';
