import type { DrawbridgeError } from '../../errors.ts';

/** Where a connection to the server is dialled when that is not the URL's host and port: the near end of a tunnel. */
export interface NearEnd {
  readonly host: string;
  readonly port: number;
  /** Says why a connection through the tunnel failed where the tunnel knows better; else gives the error back. */
  readonly explain?: (error: DrawbridgeError) => Promise<DrawbridgeError>;
}
