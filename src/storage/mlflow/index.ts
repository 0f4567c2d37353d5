export { databricksEndpoint, type Endpoint, resolveEndpoint } from './endpoint.ts';
export {
  type ModelServer,
  openRegisteredModel,
  pinModelReference,
  type RegisteredModel,
  type RegistryOptions,
} from './open.ts';
export { isModelReference, isMoving, parseModelReference } from './reference.ts';
