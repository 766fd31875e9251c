import asyncio
import os
import signal
import sys
import unittest

from fakes import FakeRegistry, serving

PROGRAM = """
from weir.provider import Provider, run
import sys
wiki = Provider("wiki", version="1.0.0")
wiki.context("Page", version="1.0.0")(lambda query: "x")
run(wiki, sys.argv[1], "key")
"""


async def begin(url: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, url, stderr=asyncio.subprocess.PIPE
    )


class Runs(unittest.IsolatedAsyncioTestCase):
    async def test_a_program_that_is_told_to_stop_drains_and_ends_well(self) -> None:
        registry = FakeRegistry(lease=60)
        async with serving(registry) as url, asyncio.timeout(60):
            program = await begin(url)
            while "RegisterEndpoint" not in registry.calls:
                await asyncio.sleep(0.01)
            program.send_signal(signal.SIGTERM)
            _, errors = await program.communicate()
        self.assertEqual((program.returncode, errors), (0, b""))
        self.assertEqual(registry.calls[-1], "DeregisterEndpoint drain=False")

    async def test_a_program_that_waits_for_weir_can_be_stopped(self) -> None:
        async with asyncio.timeout(60):
            program = await begin("http://127.0.0.1:1")
            assert program.stderr is not None
            self.assertIn(b"is not registered", await program.stderr.readline())
            os.kill(program.pid, signal.SIGINT)
            self.assertEqual(await program.wait(), 0)
