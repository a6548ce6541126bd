"""A real SMTP server (aiosmtpd) with STARTTLS and sign-in, on a port that was free, for tests of what sends mail."""

import asyncio
import email
import email.policy
import ssl
import subprocess
import threading

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "signalbox", "a secret of the test"


def make_certificate(folder):
    """A certificate for 127.0.0.1 that is its own authority."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                    "-subj", "/CN=mail.test", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return key, cert


class Server:
    """Keeps every mail that it took, parsed. `implicit`: TLS from the first byte."""

    def __init__(self, folder, implicit=False):
        key, self.cert = make_certificate(folder)
        self.mails = []
        self.signed_in = []
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.cert, key)
        self.loop = asyncio.new_event_loop()
        options = dict(hostname="mail.test", auth_required=True, authenticator=self.authenticate)
        if implicit:  # the connection is safe already, which aiosmtpd cannot know
            make = lambda: SMTP(self, auth_require_tls=False, **options)
        else:
            make = lambda: SMTP(self, tls_context=tls, require_starttls=True, **options)
        started = threading.Event()

        def run():
            asyncio.set_event_loop(self.loop)
            server = self.loop.run_until_complete(
                self.loop.create_server(make, "127.0.0.1", 0, ssl=tls if implicit else None))
            self.port = server.sockets[0].getsockname()[1]
            started.set()
            self.loop.run_forever()
            server.close()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()
        assert started.wait(10)
        self.url = f"{'smtps' if implicit else 'smtp'}://127.0.0.1:{self.port}"

    def authenticate(self, server, session, envelope, mechanism, data):
        right = data.login == USER.encode() and data.password == PASSWORD.encode()
        self.signed_in.append((mechanism, right, session.ssl is not None))
        return AuthResult(success=right, handled=False)  # it says 535 itself

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody@"):
            return "550 5.1.1 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), mail))
        return "250 taken"

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
