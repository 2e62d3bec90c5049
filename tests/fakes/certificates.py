"""Certificates of authorities that exist for one test, and a server that bears one."""

import datetime
import ipaddress
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)
_SIGNING = x509.KeyUsage(
    key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
)  # fmt: skip


class Certificate(NamedTuple):
    """Where a server finds what it shows and how it proves it."""

    chain: Path
    key: Path


class Authority:
    """Signs certificates; `bundle` is what one must trust to trust them."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            _begin(name, name, self._key.public_key(), ends=datetime.datetime.now(datetime.UTC) + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_SIGNING, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.bundle = folder / f"{name}.pem"
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, host: str, *, expired: bool = False) -> Certificate:
        """A certificate for a host name or an address, and its key."""
        now = datetime.datetime.now(datetime.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _begin(host, self._name, key.public_key(), ends=now - _DAY if expired else now + 30 * _DAY)
            .add_extension(x509.SubjectAlternativeName([_alternative(host)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        place = self._folder / f"{self._name}-{host}{'-expired' if expired else ''}"
        issued = Certificate(place.with_suffix(".crt"), place.with_suffix(".key"))
        issued.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        issued.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return issued


class TlsServer:
    """An HTTPS server on 127.0.0.1 that answers `{}` to whatever gets through its handshake; `requests` counts."""

    def __init__(self, certificate: Certificate) -> None:
        self.requests: list[str] = []
        self.connections = 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_any(self) -> None:
                owner.requests.append(self.path)
                length = int(self.headers.get("Content-Length", 0))
                self.rfile.read(length)
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_PUT = do_any  # noqa: N815  # http.server looks for these

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def finish_request(self, request: object, client_address: object) -> None:
                owner.connections += 1
                try:
                    with context.wrap_socket(request, server_side=True) as wrapped:  # type: ignore[arg-type]
                        super().finish_request(wrapped, client_address)
                except OSError:  # the client does not trust us
                    pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="TLS server")
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "TlsServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, place: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _begin(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey, *, ends: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - 60 * _DAY)
        .not_valid_after(ends)
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
