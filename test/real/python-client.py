"""Python's own MCP client, mcp 1.x or 2.x: python-client.py TRANSPORT URL HEADERS_AS_JSON CALLS_AS_JSON

TRANSPORT is `sse` or `http`; `auto` is what 2.x does of itself, which asks for the revision of 2026-07-28 first.
CALLS is a list of [tool, arguments]. Prints one line of JSON: the server, the version agreed upon, the names of its
tools, and the first text of each result.
"""

import asyncio
import json
import sys
from importlib.metadata import version

from mcp import ClientSession
from mcp.client.sse import sse_client

DEADLINE_S = 45
IS_SECOND = version('mcp').startswith('2.')


def seen(name, protocol, tools, results):
    texts = [result.content[0].text for result in results]
    return {'server': name, 'protocol': protocol, 'tools': [tool.name for tool in tools.tools], 'texts': texts}


async def ask_session(streams, calls):
    async with ClientSession(streams[0], streams[1]) as session:
        opened = await session.initialize()
        tools = await session.list_tools()
        results = [await session.call_tool(name, arguments) for name, arguments in calls]
        info = opened.server_info if IS_SECOND else opened.serverInfo
        protocol = opened.protocol_version if IS_SECOND else opened.protocolVersion
        return seen(info.name, protocol, tools, results)


async def ask_auto(url, headers, calls):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    async with httpx2.AsyncClient(headers=headers) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            tools = await client.list_tools()
            results = [await client.call_tool(name, arguments) for name, arguments in calls]
            return seen(client.server_info.name, client.protocol_version, tools, results)


async def ask(transport, url, headers, calls):
    if transport == 'auto':
        return await ask_auto(url, headers, calls)
    if transport == 'sse':
        async with sse_client(url, headers=headers) as streams:
            return await ask_session(streams, calls)
    if IS_SECOND:
        import httpx2
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(headers=headers) as http:
            async with streamable_http_client(url, http_client=http) as streams:
                return await ask_session(streams, calls)
    from mcp.client.streamable_http import streamablehttp_client

    async with streamablehttp_client(url, headers=headers) as streams:
        return await ask_session(streams, calls)


async def main():
    transport, url, headers, calls = sys.argv[1:]
    answer = await asyncio.wait_for(ask(transport, url, json.loads(headers), json.loads(calls)), DEADLINE_S)
    print(json.dumps(answer))


asyncio.run(main())
