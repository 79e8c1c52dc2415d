"""For what connects to an address literal: a look-up that fails the test if anything calls it."""

from typing import NoReturn


async def no_look_up(host: str, port: int) -> NoReturn:
    """Stands in for the look-up of names."""
    raise AssertionError(f"{host} port {port} was looked up")
