"""Values that a MariaDB server tells about itself."""

import pymysql

from emulator.services.mariadb_address import DatabaseAddress


def query_status(address: DatabaseAddress, name: str) -> str:
    """The global status variable `name`, such as Max_used_connections; blocks, so call it in a thread."""
    connection = pymysql.connect(unix_socket=address.socket, user=address.user, password=address.password)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS WHERE Variable_name = %s", (name,))
            row = cursor.fetchone()
    finally:
        connection.close()
    if row is None:
        raise LookupError(f"MariaDB has no status variable {name}")
    return str(row[1])
