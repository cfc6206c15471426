export { DrawbridgeError, type DrawbridgeErrorCode } from '../errors.ts';
export type { Logger } from '../log.ts';
export { type Bridge, createBridge } from './bridge.ts';
export type { BridgeOptions, SshOptions } from './bridge-options.ts';
