import type { Option } from './option.ts';

/** Options of the bridge about signing in with OAuth. */
export const OAUTH_OPTIONS = [
  {
    name: 'host',
    heading: 'Signing in (checked, not acted on yet)',
    kind: 'text',
    value: 'name',
    default: 'localhost',
    help: 'Host of the redirect URL',
  },
  { name: 'callback-path', kind: 'text', value: 'path', default: '/oauth/callback', help: 'Path of the redirect URL' },
  { name: 'auth-timeout', kind: 'seconds', min: 1, default: 30, help: 'How long a sign-in is waited for' },
  { name: 'auth-success-url', kind: 'text', value: 'url', help: 'Where the browser goes after the sign-in' },
  {
    name: 'resource',
    kind: 'text',
    value: 'uri',
    mayBeEmpty: true,
    help: 'Resource that the token is for (RFC 8707); empty for none',
  },
  { name: 'disable-resource-parameter', kind: 'flag', help: 'Send no resource' },
  {
    name: 'authorize-param',
    kind: 'list',
    value: 'name=value',
    isSecret: true,
    separator: '=',
    help: 'Added to the authorization URL; repeatable',
  },
  {
    name: 'static-oauth-client-metadata',
    kind: 'text',
    value: 'json|@file',
    isJson: true,
    help: 'Added to what we register as',
  },
  {
    name: 'static-oauth-client-info',
    kind: 'text',
    value: 'json|@file',
    isJson: true,
    isSecret: true,
    help: 'A client that is registered already; ${NAME} is taken from the environment',
  },
  { name: 'client-metadata-url', kind: 'text', value: 'url', help: 'Our metadata, as the client id' },
  { name: 'device-code', kind: 'flag', help: 'Sign in with a code on another device (RFC 8628)' },
  { name: 'client-credentials', kind: 'flag', help: 'Sign in as the client itself, with its secret' },
  { name: 'token-endpoint', kind: 'text', value: 'url', help: 'With --client-credentials: where tokens come from' },
  { name: 'use-id-token', kind: 'flag', help: 'Send the ID token in place of the access token' },
] as const satisfies readonly Option[];
