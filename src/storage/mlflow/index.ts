export { databricksEndpoint, type Endpoint, resolveEndpoint } from './endpoint.ts';
