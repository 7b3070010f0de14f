"""The server extension: wires the monitor to Jupyter's web server and serves what it sees."""
