/** acme-client, loaded by nothing but a dynamic import: it is larger than the rest of the gateway. */
import { axios, Client, crypto } from 'acme-client';
import { exchangeWithAuthority } from './acme-exchange.ts';

type Prepare = NonNullable<Parameters<typeof axios.interceptors.request.use>[0]>;
type Adapter = Extract<Awaited<ReturnType<Prepare>>['adapter'], (...args: never[]) => unknown>;

const exchange: Adapter = async (config) => ({
  ...(await exchangeWithAuthority({
    url: config.url ?? '',
    method: config.method ?? 'get',
    data: config.data as unknown,
    headers: Object.entries(config.headers.toJSON()) as [string, unknown][],
  })),
  config,
});

axios.interceptors.request.use((config) => Object.assign(config, { adapter: exchange }));

export { Client, crypto };
