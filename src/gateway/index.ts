export { DrawbridgeError, type DrawbridgeErrorCode } from '../errors.ts';
export type { Logger } from '../log.ts';
export { createGateway, type DrainOptions, type Gateway, type GatewayRouter } from './gateway.ts';
export type { GatewayOptions, RateLimitCount, RateLimitStore } from './gateway-options.ts';
