import type { ProxyOptions } from '../upstream/dial/proxy-route.ts';

/**
 * The proxies that the environment names; of a name in both cases the lower one counts, as for curl. ALL_PROXY stands in
 * for what is missing where it is an HTTP proxy; often it is one for SOCKS, which is not spoken here.
 */
export function proxyFromEnvironment(env: Readonly<Record<string, string | undefined>>): ProxyOptions | undefined {
  const read = (name: string): string | undefined => env[name] || env[name.toUpperCase()] || undefined;
  const all = read('all_proxy');
  const fallback = all !== undefined && /^(https?:\/\/|[^:/]+(:\d+)?$)/i.test(all) ? all : undefined;
  const httpProxy = read('http_proxy') ?? fallback;
  const httpsProxy = read('https_proxy') ?? fallback;
  const noProxy = read('no_proxy');
  if (httpProxy === undefined && httpsProxy === undefined) return undefined;
  return {
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    ...(noProxy === undefined ? {} : { noProxy }),
  };
}

/** What must not be shown of them. */
export function proxySecrets(proxy: ProxyOptions | undefined): string[] {
  return [proxy?.httpProxy, proxy?.httpsProxy].flatMap((text) => {
    const password = /^(?:[a-z]+:\/\/)?[^@/]*?:([^@/]+)@/i.exec(text ?? '')?.[1];
    return password === undefined ? [] : [password, safelyDecoded(password)];
  });
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
