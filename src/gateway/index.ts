export { type Gateway, startGateway } from './gateway.ts';
export { type GatewayOptions, type LogEntry, type OfferedVolume, usualLimits } from './options.ts';
