"""Nobody signs in to a database before TLS has shown that it is the one that was meant."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from express_batch.adapters.mysql import MysqlDatabase
from express_batch.errors import DatabaseUnavailableError

from batchctl.migrate.connection import open_connection
from batchctl.migrate.errors import ConnectError
from emulator.services.server_account import find_server_account
from tests.database.server import Server, make_target
from tests.fakes.certificates import Authority


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the server's account reaches; pytest's own are closed to it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder, "trusted")


@pytest.fixture(scope="module")
def tls_server(folder: Path, authority: Authority) -> Iterator[Server]:
    """A server that shows a certificate for 127.0.0.1, of the authority."""
    certificate = authority.issue("127.0.0.1")
    find_server_account().own(certificate.key)
    server = Server(f"--ssl-cert={certificate.chain}", f"--ssl-key={certificate.key}")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def trust(monkeypatch: pytest.MonkeyPatch) -> Callable[[Authority], None]:
    """Makes an authority the one that this process trusts."""
    return lambda authority: monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))


def read_cipher(server: Server, host: str, tls: str) -> str:
    """How the connection is encrypted that a function has, "" where it is not."""
    settings = replace(server.settings, database_host=host, database_tls=tls)
    database = MysqlDatabase(settings, lambda: settings.database_password)
    try:
        rows = database.run_transaction(lambda tx: tx.query("SHOW SESSION STATUS LIKE 'Ssl_cipher'"))
    finally:
        database.close()
    return str(rows[0][1])


def test_connection_is_encrypted_when_the_certificate_holds(
    tls_server: Server, authority: Authority, trust: Callable[[Authority], None]
) -> None:
    trust(authority)

    assert read_cipher(tls_server, "127.0.0.1", "verify").startswith("TLS_")


def test_database_is_refused_when_its_authority_is_unknown(
    tls_server: Server, folder: Path, trust: Callable[[Authority], None]
) -> None:
    trust(Authority(folder, "another"))

    with pytest.raises(DatabaseUnavailableError) as refused:
        read_cipher(tls_server, "127.0.0.1", "verify")

    assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value.__cause__)


def test_database_is_refused_when_its_certificate_is_for_another_host(
    tls_server: Server, authority: Authority, trust: Callable[[Authority], None]
) -> None:
    trust(authority)

    with pytest.raises(DatabaseUnavailableError) as refused:
        read_cipher(tls_server, "localhost", "verify")

    assert "Hostname mismatch" in str(refused.value.__cause__)


def test_database_is_refused_when_it_speaks_no_tls_and_tls_is_demanded(server: Server) -> None:
    """PyMySQL can be asked for TLS where there is some; then a go-between would only have to say that there is none."""
    assert read_cipher(server, "127.0.0.1", "off") == ""

    with pytest.raises(DatabaseUnavailableError) as refused:
        read_cipher(server, "127.0.0.1", "verify")

    assert "SSL is required" in str(refused.value.__cause__)


def test_database_is_refused_before_a_password_is_sent(
    tls_server: Server, folder: Path, trust: Callable[[Authority], None]
) -> None:
    """A wrong password makes no difference: it is the certificate that is complained of."""
    trust(Authority(folder, "another"))
    settings = replace(tls_server.settings, database_tls="verify", database_password="wrong")

    with pytest.raises(DatabaseUnavailableError) as refused:
        MysqlDatabase(settings, lambda: settings.database_password).run_transaction(lambda _: None)

    assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value.__cause__)


def test_migrations_verify_as_the_functions_do(
    tls_server: Server, server: Server, authority: Authority, folder: Path
) -> None:
    target = replace(make_target(tls_server.settings), verifies_tls=True, ca_file=str(authority.bundle))
    open_connection(target).close()

    for refused, why in (
        (replace(target, ca_file=str(Authority(folder, "third").bundle)), "CERTIFICATE_VERIFY_FAILED"),
        (replace(target, host="localhost"), "Hostname mismatch"),
        (replace(make_target(server.settings), verifies_tls=True), "SSL is required"),
    ):
        with pytest.raises(ConnectError, match=why):
            open_connection(refused)
