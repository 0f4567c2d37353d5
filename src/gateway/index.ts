export { type Gateway, startGateway } from './gateway.ts';
export type { GatewayOptions, LogEntry, OfferedVolume } from './options.ts';
