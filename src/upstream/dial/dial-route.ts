/** Which addresses of a name are dialled: `4` and `6` prefer that family and use the other only where it is alone. */
export type Family = '4' | '6' | 'any';

export interface DialTarget {
  /** As in a URL, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
}

/** An HTTP proxy on the way to a server. */
export interface HttpProxy {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** What Proxy-Authorization says, where the proxy's URL has a user. */
  readonly authorization: string | undefined;
}

/** How a server is reached: by itself, through an HTTP proxy, or through a tunnel that was opened for it. */
export type DialWay = 'direct' | 'proxy' | 'tunnel';

/** The way of one connection. */
export interface DialRoute {
  readonly target: DialTarget;
  readonly way: DialWay;
  /** What is dialled: the target, the proxy, or the near end of the tunnel. */
  readonly hop: DialTarget;
  readonly proxy: HttpProxy | undefined;
}

/** What failed: reaching the hop, TLS with the hop, or TLS with the target through a proxy. */
export type DialStep = 'connect' | 'hop-tls' | 'target-tls';

/** Takes the bytes that a dialled connection brings; each chunk is the taker's own. */
export type TakeBytes = (chunk: Buffer) => void;
