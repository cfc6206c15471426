import { LISTENER_OPTIONS } from '../config/listener-options.ts';
import { toDrawbridgeError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { GatewayValues } from './gateway-settings.ts';

export interface GatewayReload {
  /** Reads the configuration again, as at the start. Throws `usage` or `config`. */
  readonly read: () => GatewayValues;
  /** Makes it count. Throws `config`, and changes nothing, where it cannot be used. */
  readonly apply: (values: GatewayValues) => void;
  readonly logger: Logger;
}

/** Of the command alone: they are what they were until the next start. */
const AT_START_ALONE = new Set<string>([
  ...LISTENER_OPTIONS.map(({ name }) => name),
  'proxy-protocol',
  'log-level',
  'log-format',
]);

/** For policies they change at once, for handshakes, redirects and PROXY lines at the next start. */
const PARTLY_AT_START = new Set(['public-url', 'mtls', 'trust-proxies']);

/**
 * Takes a changed configuration while the gateway runs. One that is broken is told in the log, and what is running
 * stays; what only a new start can change is named.
 */
export class ConfigReloader {
  readonly #reload: GatewayReload;
  #values: GatewayValues;

  constructor(running: GatewayValues, reload: GatewayReload) {
    this.#reload = reload;
    this.#values = running;
  }

  /** `why` begins the log's line, such as `SIGHUP`. */
  run(why: string): void {
    const { logger, read, apply } = this.#reload;
    let values: GatewayValues;
    try {
      values = read();
      apply(values);
    } catch (thrown) {
      const error = toDrawbridgeError(thrown);
      logger.error(`${why}: the new configuration cannot be used, the running one stays: ${error.sentence}`);
      return;
    }
    const changed = changedNames(this.#values, values);
    const late = changed.filter((name) => AT_START_ALONE.has(name));
    const partly = changed.filter((name) => PARTLY_AT_START.has(name));
    const now = changed.filter((name) => !AT_START_ALONE.has(name));
    if (now.length > 0) logger.info(`${why}: now counts: ${now.join(', ')}`);
    else if (late.length === 0) logger.info(`${why}: read again, nothing has changed`);
    if (late.length > 0) logger.warn(`${late.join(', ')} can be changed by a new start alone`);
    if (partly.length > 0)
      logger.warn(`${partly.join(', ')}: redirects, handshakes and PROXY lines follow at the next start`);
    this.#values = values;
  }
}

function changedNames(before: GatewayValues, after: GatewayValues): string[] {
  const [old, fresh] = [before, after] as Readonly<Record<string, unknown>>[];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => JSON.stringify(old?.[name]) !== JSON.stringify(fresh?.[name]),
  );
}
