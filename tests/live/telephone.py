"""A SIP telephone for the live tests: registers over UDP with a right or a wrong password, and may scan."""

import asyncio
import hashlib
import re
import secrets
from typing import Final, Self

DOMAIN: Final = "lab.local"
PASSWORD: Final = "1234"  # of the lab's users
_PATIENCE: Final = 5.0  # seconds
_PORT: Final = 5060  # of the profile `internal`


class Telephone(asyncio.DatagramProtocol):
    """One telephone, of a user of the lab's directory."""

    def __init__(self, user: str) -> None:
        self.user = user
        self._call_id = secrets.token_hex(16)
        self._sequence = 0
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls, user: str, address: str = "127.0.0.1") -> Self:
        """A telephone at a loopback address."""
        loop = asyncio.get_running_loop()
        _, phone = await loop.create_datagram_endpoint(
            lambda: cls(user), local_addr=(address, 0), remote_addr=("127.0.0.1", _PORT)
        )
        return phone

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if data.startswith(b"SIP/2.0"):
            self._answers.put_nowait(data.decode())

    def close(self) -> None:
        """Without a word to FreeSWITCH."""
        self._transport.close()

    async def register(self, password: str = PASSWORD, *, expires: int = 3600) -> int:
        """REGISTER, and again with the password; the final SIP status."""
        extra = f"Expires: {expires}\r\n"
        challenge = await self._ask("REGISTER", f"sip:{DOMAIN}", extra)
        fields = dict(re.findall(r'(\w+)="?([^",\r]+)"?', challenge.partition("WWW-Authenticate:")[2]))
        answer = self._digest(password, fields)
        return int((await self._ask("REGISTER", f"sip:{DOMAIN}", extra + answer)).split()[1])

    def start_again(self) -> None:
        """As after a loss of power: without a word, and with another Call-ID."""
        self._call_id = secrets.token_hex(16)

    async def scan(self, number: str) -> None:
        """An INVITE; its challenge is not answered."""
        await self._ask("INVITE", f"sip:{number}@{DOMAIN}", "")

    async def _ask(self, method: str, uri: str, extra: str) -> str:
        """The first answer above 1xx."""
        self._sequence += 1
        address, port = self._transport.get_extra_info("sockname")
        me, to = f"sip:{self.user}@{DOMAIN}", uri if method == "INVITE" else f"sip:{self.user}@{DOMAIN}"
        self._transport.sendto(
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {address}:{port};branch=z9hG4bK{secrets.token_hex(8)};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <{me}>;tag={self._call_id[:8]}\r\nTo: <{to}>\r\n"
            f"Call-ID: {self._call_id}\r\nCSeq: {self._sequence} {method}\r\n"
            f"Contact: <sip:{self.user}@{address}:{port}>\r\nUser-Agent: livephone/1.0\r\n{extra}"
            "Content-Length: 0\r\n\r\n".encode()
        )
        async with asyncio.timeout(_PATIENCE):
            while (answer := await self._answers.get()).startswith("SIP/2.0 1"):
                pass
        return answer

    def _digest(self, password: str, fields: dict[str, str]) -> str:
        uri, client = f"sip:{DOMAIN}", secrets.token_hex(4)
        account = _md5(f"{self.user}:{fields['realm']}:{password}")
        response = _md5(f"{account}:{fields['nonce']}:00000001:{client}:auth:{_md5(f'REGISTER:{uri}')}")
        return (
            f'Authorization: Digest username="{self.user}", realm="{fields["realm"]}", '
            f'nonce="{fields["nonce"]}", uri="{uri}", response="{response}", algorithm=MD5, '
            f'cnonce="{client}", qop=auth, nc=00000001\r\n'
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()
