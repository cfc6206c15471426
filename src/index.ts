export { type Bridge, createBridge } from './bridge/bridge.ts';
export type { BridgeOptions } from './bridge/bridge-options.ts';
export { DrawbridgeError, type DrawbridgeErrorCode } from './errors.ts';
export { createGateway, type DrainOptions, type Gateway, type GatewayRouter } from './gateway/gateway.ts';
export type { GatewayOptions, RateLimitCount, RateLimitStore } from './gateway/gateway-options.ts';
export type { Logger } from './log.ts';
