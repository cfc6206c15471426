"""An MCP server of Python's own SDK, mcp 2.x: python-mcp-server.py TRANSPORT PORT, with `sse` or `streamable-http`."""

import sys
from typing import Annotated

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Elicit, Resolve
from pydantic import BaseModel

server = MCPServer('python-mcp-2', version='1.0.0')


class Colour(BaseModel):
    colour: str


async def which_colour() -> Elicit[Colour]:
    return Elicit('Which colour?', Colour)


@server.tool()
def echo(text: str) -> str:
    """Gives back its text"""
    return text


@server.tool()
async def progress(ctx: Context) -> str:
    """Tells its progress three times"""
    for step in (1, 2, 3):
        await ctx.report_progress(step, 3)
        await anyio.sleep(0.02)
    return 'done'


@server.tool()
async def slow(ms: int) -> str:
    """Answers after so many milliseconds"""
    await anyio.sleep(ms / 1000)
    return 'done'


@server.tool()
async def ask(answer: Annotated[Colour, Resolve(which_colour)]) -> str:
    """Asks the client for a colour"""
    return answer.colour


transport, port = sys.argv[1:]
server.run(transport, host='127.0.0.1', port=int(port))
