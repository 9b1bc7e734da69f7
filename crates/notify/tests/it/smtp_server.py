"""A mail server for tests: prints its port, then one JSON line per mail; reads orders on stdin.

Orders are lines of JSON: {"rcpt": "450 busy"} answers the next RCPT so, {"data": ...} the next
DATA; {"reject": "address"} refuses that recipient always.
"""

import asyncio
import base64
import email
import email.policy
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

options = json.loads(sys.argv[1])
orders = {"rcpt": [], "data": []}
rejected = set()


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if orders["rcpt"]:
            return orders["rcpt"].pop(0)
        if address in rejected:
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if orders["data"]:
            return orders["data"].pop(0)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = {p.get_content_type(): p.get_content() for p in mail.walk() if not p.is_multipart()}
        print(json.dumps({
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "headers": {name.lower(): str(value) for name, value in mail.items()},
            "text": part.get("text/plain"),
            "html": part.get("text/html"),
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "raw": base64.b64encode(envelope.content).decode(),
            "defects": [str(d) for p in mail.walk() for d in p.defects],
        }), flush=True)
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = data.login.decode() == options["user"] and data.password.decode() == options["password"]
    return AuthResult(success=right, auth_data=data.login.decode() if right else None, handled=False)


async def read_orders():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        for name, value in order.items():
            if name == "reject":
                rejected.add(value)
            else:
                orders[name].append(value)
        print(json.dumps({"obeyed": True}), flush=True)


async def main():
    context = None
    if options.get("cert"):
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options["cert"], options["key"])
    mode = options.get("mode", "none")
    arguments = {"hostname": "mail.test"}
    if options.get("user"):
        arguments |= {
            "authenticator": authenticate,
            "auth_required": True,
            "auth_require_tls": False,
        }
    if mode == "starttls":
        arguments |= {"tls_context": context, "require_starttls": True}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Handler(), **arguments), "127.0.0.1", 0,
        ssl=context if mode == "tls" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await read_orders()  # The end of stdin is the end.


asyncio.run(main())
