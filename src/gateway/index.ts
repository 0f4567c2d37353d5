/** The HTTP server between pages and what lets no page in: it holds the tokens, signs addresses, forwards MLflow. */
export { type Gateway, startGateway } from './gateway.ts';
export type { GatewayOptions, LogEntry, OfferedVolume } from './options.ts';
