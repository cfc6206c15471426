export { DrawbridgeError, type DrawbridgeErrorCode } from '../errors.ts';
export type { Logger } from '../log.ts';
export { type Bridge, type BridgeOptions, createBridge } from './bridge.ts';
