export { GatewayClient, type GatewayInfo } from './client.ts';
export { isGatewayPlace, openGatewayPlace } from './place.ts';
export { GatewayVolume } from './volume.ts';
