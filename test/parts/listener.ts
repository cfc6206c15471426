/** The gateway behind a listener of its own, as the command starts both. */
import { createGateway } from '../../src/gateway/gateway.ts';
import type { GatewayOptions } from '../../src/gateway/gateway-options.ts';
import { listen } from '../../src/gateway/listener/listener.ts';
import type { ListenerOptions } from '../../src/gateway/listener/listener-options.ts';
import { silentLogger } from '../../src/log.ts';
import { writeKeyFile } from './gateway-server.ts';

export interface ListeningGateway {
  readonly url: string;
  readonly port: number;
  readonly redirectUrl: string | undefined;
  readonly alice: { readonly authorization: string };
  reloadCertificates(): void;
  close(): Promise<void>;
}

export async function startListeningGateway(
  options: Omit<GatewayOptions, 'keyFile'>,
  listenerOptions: Partial<ListenerOptions> = {},
): Promise<ListeningGateway> {
  const { path, keys, remove } = writeKeyFile(['alice']);
  const gateway = createGateway({ keyFile: path, ...options });
  const listener = await listen(gateway.handler, { port: 0, logger: silentLogger, ...listenerOptions });
  return {
    url: listener.url,
    port: listener.port,
    redirectUrl: listener.redirectUrl,
    alice: { authorization: `Bearer ${keys['alice']}` },
    reloadCertificates: () => listener.reloadCertificates(),
    close: async () => {
      const closed = listener.close();
      await gateway.close();
      await closed;
      remove();
    },
  };
}
