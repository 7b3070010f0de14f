"""Samples in a database: SQLite, MariaDB or MySQL, PostgreSQL."""
