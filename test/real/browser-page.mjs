/** What the pages of browser.test.ts run: a browser's own fetch and the SDK's client, as a web application has them. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const TRANSPORTS = { sse: SSEClientTransport, http: StreamableHTTPClientTransport };

/** @param {string} text */
function show(text) {
  const line = document.createElement('p');
  line.textContent = text;
  document.body.append(line);
}

/** Connects, lists the tools and calls one; the error's name and text where that fails. */
globalThis.useTools = async ({ kind, url, headers, text }) => {
  const transport = new TRANSPORTS[kind](new URL(url), { requestInit: { headers } });
  const client = new Client({ name: 'page', version: '1.0.0' });
  try {
    await client.connect(transport);
    const { tools } = await client.listTools();
    const { content } = await client.callTool({ name: 'echo', arguments: { text } });
    show(`${kind}: ${content[0].text}`);
    return { tools: tools.map(({ name }) => name), text: content[0].text };
  } catch (error) {
    show(`${kind}: ${error}`);
    return { error: String(error) };
  } finally {
    await client.close();
  }
};

/** What a page can read of the answer to one request. */
globalThis.ask = async ({ url, ...init }) => {
  try {
    const answer = await fetch(url, init);
    const body = await answer.text();
    return { status: answer.status, headers: Object.fromEntries(answer.headers), body };
  } catch (error) {
    return { error: String(error) };
  }
};
