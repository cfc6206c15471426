"""Asks an MCP server over SSE with Python's own client: python-sse-client.py URL HEADERS_AS_JSON SQL

Prints one line of JSON: the server's name and version, the names of its tools, the first text that execute_sql gives.
"""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.sse import sse_client

DEADLINE_S = 45


async def ask(url, headers, sql):
    async with sse_client(url, headers=headers) as (read, write):
        async with ClientSession(read, write) as session:
            server = (await session.initialize()).serverInfo
            tools = (await session.list_tools()).tools
            result = await session.call_tool('execute_sql', {'sql': sql})
            return {
                'server': {'name': server.name, 'version': server.version},
                'tools': [tool.name for tool in tools],
                'text': result.content[0].text,
            }


async def main():
    url, headers, sql = sys.argv[1:]
    print(json.dumps(await asyncio.wait_for(ask(url, json.loads(headers), sql), DEADLINE_S)))


asyncio.run(main())
